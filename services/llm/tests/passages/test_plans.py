"""The search functions use their indexes, and find what an exact search finds for a small tenant among large ones."""

import random
import re
from uuid import UUID

import psycopg
import pytest
from raia_llm.embedding.embedder import literal
from raia_llm.embedding.hashed import HashedEmbedder

TENANTS = {UUID(int=1): 4_950, UUID(int=2): 50}
"""Two organisations, the second of which owns one percent of the rows."""
LARGE, SMALL = TENANTS
WORDS = [[f"{chr(97 + topic % 26)}{topic}word{n}" for n in range(40)] for topic in range(60)]
"""The vocabulary of each topic."""


def _text(numbers):
    """Some words of one topic and a few of another, as texts are."""
    topic, other = numbers.choice(WORDS), numbers.choice(WORDS)
    return " ".join([*numbers.choices(topic, k=18), *numbers.choices(other, k=6)])


@pytest.fixture(scope="module")
def filled(postgres):
    """A database with five thousand chunks."""
    numbers = random.Random(7)
    with postgres.service_database("llm") as database:
        with psycopg.connect(database.admin_url) as connection:
            connection.execute("set search_path to raia_llm, public")
            (index,) = connection.execute("select pg_get_indexdef('chunk_embedding'::regclass)").fetchone()
            connection.execute("drop index chunk_embedding")
            for org, size in TENANTS.items():
                _fill(connection, org, size, numbers)
            connection.execute(index)
            connection.commit()
            connection.execute("analyze raia_llm.chunk")
        yield database


def _fill(connection, org, size, numbers):
    connection.execute(
        "insert into document (org_id, id, filename, file_type, file_size, sha256, object_key, status) "
        "values (%s, %s, 'd', 'text', 1, '', '', 'ready')",
        (org, org),
    )
    columns = "org_id, document_id, number, text, start_at, end_at, terms, embedder, embedding"
    with connection.cursor().copy(f"copy chunk ({columns}) from stdin") as copy:
        for number in range(size):
            text = f"{_text(numbers)} rare{number}"
            terms = " ".join(sorted(set(text.split())))
            copy.write_row((org, org, number, text, 0, 1, terms, "e", _vector(text)))
    connection.execute(
        "insert into corpus (org_id, chunks, weighed_chunks, embedder) values (%s, %s, 1, 'e')", (org, size)
    )


def _vector(text):
    return literal(HashedEmbedder().embed([text], {})[0])


def _question(seed):
    return _vector(_text(random.Random(seed)))


def _plan(database, function, org, arguments, *settings):
    """The plan of a function's own statement, as its owner runs it."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("set role raia_llm_owner")
        connection.execute("set search_path to raia_llm, public")
        connection.execute("select set_config('raia.org_id', %s, false)", (str(org),))
        source, names, config = connection.execute(
            "select prosrc, pg_get_function_identity_arguments(oid), proconfig from pg_proc where proname = %s",
            (function,),
        ).fetchone()
        for setting in [*(each for each in config if not each.startswith("search_path")), *settings]:
            name, _, value = setting.partition("=")
            connection.execute("select set_config(%s, %s, false)", (name, value))
        connection.execute(f"prepare looked ({names}) as {source}")
        return "\n".join(row[0] for row in connection.execute(f"explain (analyze) execute looked ({arguments})"))


EVERYTHING = "true, '{}', '{}', '{}', null"


def test_the_vector_index_is_used(filled):
    arguments = f"'{_question(1)}', {EVERYTHING}, 'e', 10"
    assert "Index Scan using chunk_embedding" in _plan(filled, "nearest_by_index", LARGE, arguments)
    assert "chunk_embedding" not in _plan(filled, "nearest_by_scan", LARGE, arguments)


def test_the_text_index_is_used(filled):
    words = "array['''rare7''']::text[]::tsquery[], array[1.0::float8]"
    plan = _plan(filled, "matching_words", LARGE, f"'''rare7''', {EVERYTHING}, {words}, 10")
    assert "chunk_terms" in plan
    assert "Seq Scan on chunk" not in plan


def _nearest(database, function, org, vector, most):
    with psycopg.connect(database.url_of("raia_llm")) as connection:
        connection.execute("select set_config('raia.org_id', %s, false)", (str(org),))
        # A tenant of one percent would be sorted rather than walked to; the index must hold up where it is walked.
        connection.execute("set enable_bitmapscan = off")
        rows = connection.execute(
            f"select document_id, number, distance from {function}(%s, {EVERYTHING}, 'e', %s)", (vector, most)
        ).fetchall()
    assert all(row[0] == org for row in rows)
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)
    return [row[1] for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(("org", "recall"), [(SMALL, 0.95), (LARGE, 0.95)])
def test_the_index_finds_what_is_near_for_small_and_large_tenants(filled, org, recall):
    found = hits = 0
    for seed in range(20):
        vector = _question(seed)
        exact = _nearest(filled, "nearest_by_scan", org, vector, 10)
        walked = _nearest(filled, "nearest_by_index", org, vector, 10)
        assert len(exact) == len(walked) == 10
        found += 10
        hits += len(set(exact) & set(walked))
    assert hits / found >= recall


def test_without_a_tenant_nothing_can_be_searched(filled):
    query = f"select * from nearest_by_scan(%s, {EVERYTHING}, 'e', 1)"
    missing = pytest.raises(psycopg.errors.UndefinedObject, match=re.escape("raia.org_id"))
    with psycopg.connect(filled.url_of("raia_llm")) as connection, missing:
        connection.execute(query, (_question(1),))


def test_a_caller_who_may_see_nothing_finds_nothing(filled):
    nothing = "false, '{}', '{}', '{}', null"
    with psycopg.connect(filled.url_of("raia_llm")) as connection:
        connection.execute("select set_config('raia.org_id', %s, false)", (str(LARGE),))
        for function in ("nearest_by_scan", "nearest_by_index"):
            query = f"select * from {function}(%s, {nothing}, 'e', 10)"
            assert connection.execute(query, (_question(1),)).fetchall() == []
