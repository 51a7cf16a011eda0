"""Uploads through the running service."""

import grpc
import pytest

from ..rig import Rig, failure_of, messages, pb2

CODE = grpc.StatusCode
CSV = "id,name,amount\n1,Ann,2.5\n2,Bob,\n"


def test_a_small_file_is_ready_in_the_answer(rig, analyst):
    dataset = rig.upload(analyst, CSV, "claims.csv", description="what was claimed")
    assert (dataset.name, dataset.description, dataset.filename) == ("claims", "what was claimed", "claims.csv")
    assert (dataset.status, dataset.file_type, dataset.version) == ("ready", "csv", 1)
    assert (dataset.row_count, dataset.column_count, dataset.file_size) == (2, 3, len(CSV))
    assert [column["type"] for column in dataset.schema_info["columns"]] == ["integer", "string", "float"]
    assert dataset.schema_info["ledger"]["records_read"] == 2
    assert dataset.uploaded_by == str(analyst.id)
    assert rig.get(analyst, dataset.id) == dataset
    assert rig.events(dataset.id) == ["DatasetUploaded", "DatasetReady"]
    assert rig.audited(analyst, "dataset.upload")[0]["sha256"] == dataset.sha256


def test_the_raw_file_is_kept_as_it_came(rig, analyst):
    raw = "a;b\n1;é\n".encode("cp1252")
    dataset = rig.upload(analyst, raw)
    kept = [path for path in rig.stored_files() if path.name == dataset.sha256]
    assert [path.read_bytes() for path in kept] == [raw]


def test_a_larger_file_is_read_by_a_job(rig, analyst):
    content = "n,text\n" + "".join(f"{n},row number {n} of a file that is larger\n" for n in range(300_000))
    dataset = rig.upload(analyst, content, "large.csv")
    assert dataset.status in ("processing", "ready")
    done = rig.settled(analyst, dataset)
    assert (done.status, done.row_count, done.error) == ("ready", 300_000, "")
    assert rig.events(dataset.id) == ["DatasetUploaded", "DatasetReady"]


def test_the_same_name_gets_a_new_version(rig, analyst):
    first = rig.upload(analyst, "a\n1\n", name="prices")
    second = rig.upload(analyst, "a\n1\n2\n", name="prices", description="more")
    assert (second.id, second.version, second.row_count, second.description) == (first.id, 2, 2, "more")
    assert rig.get(analyst, first.id).version == 2
    assert rig.get(analyst, first.id, 1).row_count == 1
    assert second.etag != first.etag
    other = rig.hire()
    assert rig.upload(other, "a\n1\n", name="prices").id != first.id


def test_a_repeated_upload_with_its_key_is_done_once(rig, analyst):
    first = rig.upload(analyst, CSV, key="k1")
    assert rig.upload(analyst, CSV, key="k1") == first
    assert failure_of(lambda: rig.upload(analyst, CSV + "3,x,1\n", key="k1")).reason == "IDEMPOTENCY_KEY_REUSED"
    by_field = rig.upload(analyst, CSV, request_id="k2")
    assert rig.upload(analyst, CSV, request_id="k2") == by_field
    assert (first.version, by_field.version) == (1, 2)


def test_a_stream_without_an_end_stores_nothing(rig, analyst):
    before = len(rig.stored_files())
    failure = failure_of(
        lambda: rig.datasets.UploadDataset(messages(CSV, "a.csv", finish=False), metadata=analyst.metadata)
    )
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "UPLOAD_INCOMPLETE")
    assert len(rig.stored_files()) == before
    assert not rig.rows("select 1 from dataset where org_id = %s", analyst.org_id)


def test_bytes_that_were_changed_on_the_way_are_refused(rig, analyst):
    def changed():
        yield pb2.UploadDatasetRequest(chunk=b"a\n1\n")
        yield pb2.UploadDatasetRequest(finish=pb2.UploadDatasetFinish(sha256="0" * 64))

    failure = failure_of(lambda: rig.datasets.UploadDataset(changed(), metadata=analyst.metadata))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "DIGEST_MISMATCH")
    assert not rig.rows("select 1 from dataset where org_id = %s", analyst.org_id)


@pytest.mark.parametrize(
    ("content", "filename", "reason"),
    [
        (b"", "empty.csv", "FILE_EMPTY"),
        (b"\n\n", "blank.csv", "FILE_EMPTY"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "picture.csv", "FILE_UNREADABLE"),
        (b"PK\x03\x04" + bytes(50), "book.xlsx", "FILE_CORRUPT"),
        (b"PAR1" + bytes(50), "table.parquet", "FILE_CORRUPT"),
        (b'a,b\n1,"x\n', "cut.csv", "FILE_CORRUPT"),
        (",".join(f"c{n}" for n in range(20_000)).encode() + b"\n", "wide.csv", "TOO_MANY_COLUMNS"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_nothing_is_stored(rig, analyst, content, filename, reason):
    before = {path.name for path in rig.stored_files()}
    failure = failure_of(lambda: rig.upload(analyst, content, filename))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, reason)
    assert {path.name for path in rig.stored_files()} == before
    assert not rig.rows("select 1 from dataset where org_id = %s", analyst.org_id)
    assert not rig.rows("select 1 from audit_entry where org_id = %s and outcome = 'success'", analyst.org_id)


def test_names_come_from_the_file_when_none_is_given(rig, analyst):
    assert rig.upload(analyst, CSV, "C:\\data\\Q1 report.final.csv").name == "Q1 report.final"
    assert rig.upload(analyst, CSV, "").name == "dataset"


def test_viewers_and_strangers_may_not_upload(rig, analyst):
    viewer = rig.hire("viewer", analyst.org_id)
    assert failure_of(lambda: rig.upload(viewer, CSV)).code is CODE.PERMISSION_DENIED
    assert failure_of(lambda: rig.datasets.UploadDataset(messages(CSV, "a.csv"))).code is CODE.UNAUTHENTICATED


def test_a_deleted_name_is_free_again(rig, analyst):
    first = rig.upload(analyst, CSV, name="again")
    rig.datasets.DeleteDataset(pb2.DeleteDatasetRequest(id=first.id), metadata=analyst.metadata)
    second = rig.upload(analyst, CSV, name="again")
    assert second.id != first.id
    assert second.version == 1


def test_an_organisation_keeps_no_more_than_its_quota(postgres, tmp_path):
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, quota_bytes=100)
        try:
            person = rig.hire()
            dataset = rig.upload(person, "a\n" + "1\n" * 30, name="first")
            failure = failure_of(lambda: rig.upload(person, "a\n" + "2\n" * 30, name="second"))
            assert (failure.code, failure.reason) == (CODE.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
            rig.datasets.DeleteDataset(pb2.DeleteDatasetRequest(id=dataset.id), metadata=person.metadata)
            rig.upload(person, "a\n" + "2\n" * 30, name="second")
            rig.upload(rig.hire(), "a\n" + "2\n" * 30, name="another organisation's")
        finally:
            rig.close()


def test_a_file_over_the_limit_is_refused(postgres, tmp_path):
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, max_upload_bytes=1000)
        try:
            failure = failure_of(lambda: rig.upload(rig.hire(), "a\n" + "1\n" * 1000))
            assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "PAYLOAD_TOO_LARGE")
            assert not rig.stored_files()
        finally:
            rig.close()


@pytest.mark.servers("s3")
def test_files_and_rows_in_a_bucket(postgres, tmp_path, s3_options, s3_bucket):
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, objects_url=f"s3://{s3_bucket}/files", objects_options=s3_options)
        try:
            person = rig.hire()
            dataset = rig.upload(person, CSV, "claims.csv")
            assert dataset.status == "ready"
            request = pb2.PreviewDatasetRequest(id=dataset.id)
            assert len(rig.datasets.PreviewDataset(request, metadata=person.metadata).rows) == 2
            large = rig.ready(person, "n,t\n" + "".join(f"{n},row {n} of a larger file\n" for n in range(400_000)))
            assert (large.status, large.row_count) == ("ready", 400_000)
        finally:
            rig.close()
