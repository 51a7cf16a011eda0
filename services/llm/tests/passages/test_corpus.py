"""Counts of words, and vectors that follow them."""

import pytest
from raia_llm.embedding.words import words_of

from ..rig import Rig, wait_until

FIRST = "Contracts are kept for ten years. The commercial code demands it."
SECOND = "Contracts end. Contracts begin."


def counts(rig, person):
    return dict(rig.rows("select word, chunks from word where org_id = %s", person.org_id))


def test_words_are_counted_by_chunk_and_taken_off_again(rig, analyst):
    one = rig.upload(analyst, FIRST, "one.txt")
    alone = counts(rig, analyst)
    assert alone == dict.fromkeys(words_of(FIRST), 1)
    two = rig.upload(analyst, SECOND, "two.txt")
    assert counts(rig, analyst)["contracts"] == 2
    assert rig.rows("select chunks from corpus where org_id = %s", analyst.org_id) == [(2,)]
    rig.delete(analyst, two.id)
    assert counts(rig, analyst) == alone
    rig.delete(analyst, one.id)
    assert counts(rig, analyst) == {}


def test_a_document_of_endless_words_is_counted_in_part(rig, analyst):
    """A list of codes, say: what is counted stays bounded, and what is not counted is found all the same."""
    text = " ".join(f"{number:x}q" for number in range(1 << 18, (1 << 18) + 150_000))
    document = rig.upload(analyst, text, "codes.txt")
    assert document.status == "ready"
    assert len(counts(rig, analyst)) == 100_000
    last = text.rpartition(" ")[2]
    assert last in rig.search(analyst, last)[0].text
    rig.delete(analyst, document.id)
    assert counts(rig, analyst) == {}


def test_other_organisations_weigh_their_own_words(rig, analyst):
    rig.upload(analyst, FIRST, "one.txt")
    stranger = rig.hire()
    rig.upload(stranger, SECOND, "two.txt")
    assert "commercial" not in counts(rig, stranger)


def test_vectors_are_made_anew_when_the_corpus_has_doubled(rig, analyst):
    rig.upload(analyst, FIRST, "one.txt")
    before = rig.rows("select embedding::text from chunk where org_id = %s", analyst.org_id)
    text = "\n\n".join(f"# Part {n}\n\n" + f"Contracts of kind {n} are special. " * 16 for n in range(30))
    rig.upload(analyst, text, "many.md")

    def weighed():
        rows = rig.rows("select chunks, weighed_chunks, job_id from corpus where org_id = %s", analyst.org_id)
        return rows[0][0] == rows[0][1] and rows[0][2] is None

    wait_until(weighed, 30)
    after = rig.rows(
        "select embedding::text from chunk c join document d on d.id = c.document_id where d.filename = 'one.txt' "
        "and c.org_id = %s",
        analyst.org_id,
    )
    assert after != before
    assert rig.search(analyst, "commercial code")[0].filename == "one.txt"


@pytest.mark.slow
def test_uploads_at_once_count_right(rig, analyst):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda n: rig.upload(analyst, f"{FIRST} Number {n}.", f"{n}.txt"), range(16)))
    assert counts(rig, analyst)["contracts"] == 16
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda document: rig.delete(analyst, document.id), made))
    assert counts(rig, analyst) == {}


def test_another_embedder_makes_every_vector_anew(postgres, tmp_path):
    with postgres.service_database("llm", pool_size=8) as database:
        rig = Rig(database, tmp_path)
        try:
            person = rig.hire()
            rig.upload(person, FIRST, "one.txt")
            with database.database.unit_of_work(person.org_id) as unit:
                from sqlalchemy import text

                unit.session.execute(text("update chunk set embedder = 'older'"))
                unit.session.execute(text("update corpus set embedder = 'older'"))
            found = rig.search(person, "commercial code")
            assert [(p.text_rank, p.vector_rank) for p in found] == [(1, 0)]
            wait_until(lambda: rig.rows("select 1 from corpus where embedder = 'hashed-1024-v1'"), 30)
            found = rig.search(person, "commercial code")
            assert [(p.text_rank, p.vector_rank) for p in found] == [(1, 1)]
        finally:
            rig.close()
