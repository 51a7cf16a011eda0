"""Uploads through the running service."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import psutil
import pytest
from raia_kit.errors import ResourceExhausted
from raia_llm.scratch import scratch_folder

from ..rig import Rig, failure_of, messages, pb2, wait_until
from ..workers.papers import bomb, encrypted_pdf, pdf, word

CODE = grpc.StatusCode
POLICY = """# Leave policy

## Annual leave

Every employee has 25 days of annual leave. Up to five days may be carried over to March of the following year.

## Sick leave

A doctor's certificate is needed from the fourth day of illness. Sick pay is granted for six weeks.
"""


def test_a_small_document_is_ready_in_the_answer(rig, analyst):
    document = rig.upload(analyst, POLICY, "leave.md")
    assert (document.filename, document.file_type, document.status) == ("leave.md", "markdown", "ready")
    assert (document.file_size, document.character_count) == (len(POLICY.encode()), len(POLICY))
    assert document.chunk_count == 1
    assert document.content == POLICY
    assert document.uploaded_by == str(analyst.id)
    assert rig.get(analyst, document.id) == document
    assert rig.events(document.id) == ["DocumentUploaded", "DocumentReady"]
    assert rig.audited(analyst, "document.upload")[0]["sha256"] == document.sha256


def test_it_is_found_and_asked(rig, analyst):
    document = rig.upload(analyst, POLICY, "leave.md")
    found = rig.search(analyst, "How many days of annual leave are there?")
    assert [passage.document_id for passage in found] == [document.id]
    assert POLICY[found[0].start : found[0].end] == found[0].text
    answer = rig.ask(analyst, "How many days of annual leave does an employee have?")
    assert answer.grounded
    assert "25 days of annual leave" in answer.answer
    for number, citation in enumerate(answer.citations, 1):
        assert f"[{number}]" in answer.answer
        assert POLICY[citation.start : citation.end] == citation.text
    silent = rig.ask(analyst, "What is the capital of France?")
    assert (silent.grounded, list(silent.citations), silent.answer) == (False, [], "The documents do not tell.")


def test_the_raw_file_is_kept_as_it_came_and_the_text_beside_it(rig, analyst):
    raw = "Räume für Gäste.\r\n".encode("utf-16")
    document = rig.upload(analyst, raw, "guests.txt")
    assert document.content == "Räume für Gäste.\n"
    kept = {path.name: path.read_bytes() for path in rig.stored_files() if str(analyst.org_id) in str(path)}
    assert kept[document.sha256] == raw
    assert "Räume für Gäste.\n".encode() in kept.values()


def test_structure_and_pages_reach_the_passages(rig, analyst):
    pages = [["Opening"], ["The treasurer keeps the books."], ["The auditor reads them."]]
    document = rig.upload(analyst, pdf(pages, outline=[("Opening", 0), ("Books", 1)]), "rules.pdf")
    assert (document.file_type, document.status) == ("pdf", "ready")
    assert (document.metadata["page_count"], document.metadata["title"]) == (3, "Rules")
    answer = rig.ask(analyst, "Who keeps the books?")
    citation = answer.citations[0]
    assert (citation.text, citation.page) == ("The treasurer keeps the books.", 2)
    assert document.content[citation.start : citation.end] == citation.text
    assert rig.ask(analyst, "Who is the auditor that reads?").citations[0].page == 3


def test_a_larger_document_is_read_by_a_job(rig, analyst):
    text = "".join(f"Paragraph {n} speaks about subject{n % 997} and nothing else.\n\n" for n in range(90_000))
    document = rig.upload(analyst, text, "large.txt")
    assert len(text) > 4 * 1024**2
    assert document.status in ("processing", "ready")
    done = rig.settled(analyst, document)
    assert (done.status, done.error, done.character_count) == ("ready", "", len(text))
    assert len(done.content) == 100_000
    assert done.chunk_count > 1_000
    assert rig.events(document.id) == ["DocumentUploaded", "DocumentReady"]
    found = rig.search(analyst, "subject813")[0]
    assert "subject813" in found.text
    assert text[found.start : found.end] == found.text


def test_a_large_document_that_cannot_be_read_fails_with_its_reason(rig, analyst):
    broken = b"%PDF-1.4\n" + b"nothing of a PDF\n" * 300_000 + b"%%EOF"
    document = rig.upload(analyst, broken, "broken.pdf")
    done = rig.settled(analyst, document)
    assert done.status == "failed"
    assert "damaged" in done.error
    assert rig.events(document.id) == ["DocumentUploaded", "DocumentFailed"]
    assert rig.rows("select count(*) from chunk where org_id = %s", analyst.org_id) == [(0,)]
    rig.delete(analyst, document.id)
    assert failure_of(lambda: rig.get(analyst, document.id)).code is CODE.NOT_FOUND


def test_a_document_that_is_deleted_while_it_is_read_stays_deleted(rig, analyst):
    text = "".join(f"Sentence {n} about something{n}. " for n in range(200_000))
    document = rig.upload(analyst, text, "large.txt")
    rig.delete(analyst, document.id)
    wait_until(lambda: not rig.rows("select 1 from procrastinate_jobs where status in ('todo', 'doing')"), 60)
    assert rig.rows("select count(*) from chunk where org_id = %s", analyst.org_id) == [(0,)]
    assert rig.events(document.id)[-1] == "DocumentDeleted"
    assert "DocumentFailed" not in rig.events(document.id)


def test_a_repeated_upload_with_its_key_is_done_once(rig, analyst):
    first = rig.upload(analyst, POLICY, "leave.md", key="k1")
    assert rig.upload(analyst, POLICY, "leave.md", key="k1") == first
    assert (
        failure_of(lambda: rig.upload(analyst, POLICY + "x", "leave.md", key="k1")).reason == "IDEMPOTENCY_KEY_REUSED"
    )
    by_field = rig.upload(analyst, POLICY, "leave.md", request_id="k2")
    assert rig.upload(analyst, POLICY, "leave.md", request_id="k2") == by_field
    assert rig.rows("select count(*) from document where org_id = %s", analyst.org_id) == [(2,)]


def test_a_stream_without_an_end_stores_nothing(rig, analyst):
    before = len(rig.stored_files())
    stream = messages(POLICY, "a.md", finish=False)
    failure = failure_of(lambda: rig.documents.UploadDocument(stream, metadata=analyst.metadata))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "UPLOAD_INCOMPLETE")
    assert len(rig.stored_files()) == before
    assert not rig.rows("select 1 from document where org_id = %s", analyst.org_id)


def test_bytes_that_were_changed_on_the_way_are_refused(rig, analyst):
    def changed():
        yield pb2.UploadDocumentRequest(chunk=b"some text")
        yield pb2.UploadDocumentRequest(finish=pb2.UploadDocumentFinish(sha256="0" * 64))

    failure = failure_of(lambda: rig.documents.UploadDocument(changed(), metadata=analyst.metadata))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "DIGEST_MISMATCH")
    assert not rig.rows("select 1 from document where org_id = %s", analyst.org_id)


def test_an_upload_keeps_its_file_when_another_of_the_same_bytes_is_refused(rig, analyst):
    def refused(_number):
        return failure_of(lambda: rig.documents.UploadDocument(iter(changed), metadata=analyst.metadata)).reason

    def kept(_number):
        try:
            return rig.upload(analyst, POLICY, "kept.md")
        except grpc.RpcError as error:  # told to send it again
            assert error.code() is CODE.ABORTED
            return None

    changed = [*messages(POLICY, "changed.md", finish=False)]
    changed.append(pb2.UploadDocumentRequest(finish=pb2.UploadDocumentFinish(sha256="0" * 64)))
    with ThreadPoolExecutor(8) as threads:
        refusals, uploads = threads.map(refused, range(24)), threads.map(kept, range(24))
        assert {*refusals} == {"DIGEST_MISMATCH"}
        made = [document for document in uploads if document is not None]
    keys = rig.rows("select object_key from document where org_id = %s", analyst.org_id)
    assert len(keys) == len(made)
    assert all(rig.runtime.objects.exists(key) for (key,) in keys)


@pytest.mark.fast
def test_a_full_disk_is_told_as_such(tmp_path):
    with pytest.raises(ResourceExhausted) as raised, scratch_folder(tmp_path):
        Path("/dev/full").write_bytes(b"more than fits")
    assert raised.value.reason == "STORAGE_FULL"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "filename", "code", "reason"),
    [
        (b"", "empty.txt", CODE.INVALID_ARGUMENT, "DOCUMENT_EMPTY"),
        (b"... --- ...", "no-words.txt", CODE.INVALID_ARGUMENT, "DOCUMENT_EMPTY"),
        (b"<html><script>alert(1)</script></html>", "scripts.html", CODE.INVALID_ARGUMENT, "DOCUMENT_EMPTY"),
        (pdf([[], []]), "scan.pdf", CODE.INVALID_ARGUMENT, "DOCUMENT_EMPTY"),
        (pdf([["words"]])[:-80], "cut.pdf", CODE.INVALID_ARGUMENT, "DOCUMENT_UNREADABLE"),
        (encrypted_pdf(pdf([["words"]]), "secret"), "secret.pdf", CODE.INVALID_ARGUMENT, "DOCUMENT_ENCRYPTED"),
        (bytes(range(256)) * 200, "binary.txt", CODE.INVALID_ARGUMENT, "DOCUMENT_UNREADABLE"),
        (word(("Normal", "words"))[:-500], "cut.docx", CODE.INVALID_ARGUMENT, "DOCUMENT_UNREADABLE"),
        (bomb(64 * 1024**2), "bomb.docx", CODE.RESOURCE_EXHAUSTED, "PAYLOAD_TOO_LARGE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_refused_and_nothing_is_stored(rig, analyst, content, filename, code, reason):
    before = {path.name for path in rig.stored_files()}
    failure = failure_of(lambda: rig.upload(analyst, content, filename))
    assert (failure.code, failure.reason) == (code, reason)
    assert {path.name for path in rig.stored_files()} == before
    assert not rig.rows("select 1 from document where org_id = %s", analyst.org_id)
    assert not rig.rows("select 1 from corpus where org_id = %s", analyst.org_id)
    assert not rig.rows("select 1 from audit_entry where org_id = %s and outcome = 'success'", analyst.org_id)


def test_a_document_over_the_limit_is_refused(postgres, tmp_path):
    with postgres.service_database("llm", pool_size=8) as database:
        rig = Rig(database, tmp_path, document_max_bytes=1000, document_max_characters=500)
        try:
            person = rig.hire()
            for size in (600, 2000):
                failure = failure_of(lambda size=size: rig.upload(person, b"words " * (size // 6), "long.txt"))
                assert (failure.code, failure.reason) == (CODE.RESOURCE_EXHAUSTED, "PAYLOAD_TOO_LARGE")
            assert rig.stored_files() == []
        finally:
            rig.close()


def test_what_hides_in_a_page_is_never_found(rig, analyst):
    page = "<html><body><p>Visible words.</p><script>var hiddenplan = 'moonbase'</script><p hidden>moonbase</p></body>"
    document = rig.upload(analyst, page, "page.html")
    assert "moonbase" not in document.content
    assert all("moonbase" not in passage.text for passage in rig.search(analyst, "moonbase", 100))


def test_names_come_without_folders(rig, analyst):
    assert rig.upload(analyst, POLICY, "C:\\docs\\leave.md").filename == "leave.md"
    assert rig.upload(analyst, POLICY, "").filename == "document"


def test_viewers_and_strangers_may_not_upload(rig, analyst):
    viewer = rig.hire("viewer", analyst.org_id)
    assert failure_of(lambda: rig.upload(viewer, POLICY)).code is CODE.PERMISSION_DENIED
    assert failure_of(lambda: rig.documents.UploadDocument(messages(POLICY, "a.md"))).code is CODE.UNAUTHENTICATED


@pytest.mark.slow
def test_a_reader_that_is_killed_is_started_again_and_works_once(rig, analyst):
    text = "".join(f"Sentence {n} about something{n % 500}. " for n in range(150_000))
    document = rig.upload(analyst, text, "large.txt")
    wait_until(lambda: rig.runtime.compute.stats().busy, 30)
    for child in psutil.Process().children(recursive=True):
        if any("compute_child" in part for part in child.cmdline()):
            child.kill()
    done = rig.settled(analyst, document)
    assert (done.status, done.error) == ("ready", "")
    assert rig.rows("select count(*) from chunk where org_id = %s", analyst.org_id) == [(done.chunk_count,)]
    assert rig.rows("select chunks from corpus where org_id = %s", analyst.org_id) == [(done.chunk_count,)]
    assert rig.events(document.id) == ["DocumentUploaded", "DocumentReady"]
