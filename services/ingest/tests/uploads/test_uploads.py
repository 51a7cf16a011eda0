"""Uploads in parts through the running service."""

from hashlib import sha256

import grpc
import httpx
import pytest
from raia.ingest.v1 import upload_service_pb2 as pb2

from ..rig import Rig, failure_of, wait_until

CODE = grpc.StatusCode
CONTENT = ("n,text\n" + "".join(f"{n},row number {n}\n" for n in range(50_000))).encode()
PARTS = [CONTENT[start : start + 300_000] for start in range(0, len(CONTENT), 300_000)]


def opened(rig, person, **wanted):
    return rig.uploads.CreateUpload(pb2.CreateUploadRequest(**wanted), metadata=person.metadata)


def looked_at(rig, person, upload_id):
    return rig.uploads.GetUpload(pb2.GetUploadRequest(id=upload_id), metadata=person.metadata)


def completed(rig, person, upload_id):
    rig.uploads.CompleteUpload(pb2.CompleteUploadRequest(id=upload_id), metadata=person.metadata)
    wait_until(lambda: looked_at(rig, person, upload_id).status in ("completed", "failed"), 60)
    return looked_at(rig, person, upload_id)


def test_parts_in_any_order_become_a_dataset(rig, analyst):
    upload = opened(
        rig, analyst, filename="large.csv", file_size=len(CONTENT), sha256=sha256(CONTENT).hexdigest(), description="d"
    )
    assert (upload.status, upload.name) == ("open", "large")
    for number in reversed(range(len(PARTS))):
        part = rig.put_part(analyst, upload.id, number + 1, PARTS[number], sha256(PARTS[number]).hexdigest())
        assert (part.number, part.size) == (number + 1, len(PARTS[number]))
    seen = looked_at(rig, analyst, upload.id)
    assert [part.number for part in seen.parts] == list(range(1, len(PARTS) + 1))
    assert seen.received_bytes == len(CONTENT)
    done = completed(rig, analyst, upload.id)
    assert (done.status, done.version) == ("completed", 1)
    dataset = rig.settled(analyst, rig.get(analyst, done.dataset_id))
    assert (dataset.status, dataset.row_count, dataset.sha256) == ("ready", 50_000, sha256(CONTENT).hexdigest())
    assert dataset.description == "d"
    again = rig.uploads.CompleteUpload(pb2.CompleteUploadRequest(id=upload.id), metadata=analyst.metadata)
    assert again.dataset_id == done.dataset_id


def test_what_is_missing_is_told_and_a_part_can_be_sent_anew(rig, analyst):
    upload = opened(rig, analyst, filename="a.csv", file_size=8)
    rig.put_part(analyst, upload.id, 1, b"a,b\n")
    rig.put_part(analyst, upload.id, 3, b"wrong")

    def complete():
        return rig.uploads.CompleteUpload(pb2.CompleteUploadRequest(id=upload.id), metadata=analyst.metadata)

    failure = failure_of(complete)
    assert (failure.code, failure.reason, failure.metadata) == (
        CODE.FAILED_PRECONDITION,
        "UPLOAD_PARTS_MISSING",
        {"missing": "2"},
    )
    rig.put_part(analyst, upload.id, 2, b"1,")
    assert failure_of(complete).reason == "UPLOAD_PARTS_MISSING"
    rig.put_part(analyst, upload.id, 3, b"2\n")
    assert completed(rig, analyst, upload.id).status == "completed"
    failure = failure_of(lambda: rig.put_part(analyst, upload.id, 4, b"late"))
    assert (failure.reason, failure.metadata["status"]) == ("UPLOAD_CLOSED", "completed")


def test_a_file_that_is_not_the_stated_one_fails(rig, analyst):
    upload = opened(rig, analyst, filename="a.csv", sha256="0" * 64)
    rig.put_part(analyst, upload.id, 1, b"a\n1\n")
    done = completed(rig, analyst, upload.id)
    assert done.status == "failed"
    assert "sha256" in done.error
    failure = failure_of(lambda: rig.put_part(analyst, upload.id, 2, b"x", "0" * 64))
    assert failure.reason in ("UPLOAD_CLOSED", "DIGEST_MISMATCH")


def test_an_upload_is_its_owners_alone(rig, analyst):
    upload = opened(rig, analyst, filename="a.csv")
    for other in (rig.hire(), rig.hire(org_id=analyst.org_id)):
        for call in (
            lambda other=other: looked_at(rig, other, upload.id),
            lambda other=other: rig.put_part(other, upload.id, 1, b"x"),
            lambda other=other: rig.uploads.AbortUpload(pb2.AbortUploadRequest(id=upload.id), metadata=other.metadata),
        ):
            assert failure_of(call).code is CODE.NOT_FOUND
        assert not rig.uploads.ListUploads(pb2.ListUploadsRequest(), metadata=other.metadata).uploads
    viewer = rig.hire("viewer", analyst.org_id)
    assert failure_of(lambda: opened(rig, viewer, filename="a.csv")).code is CODE.PERMISSION_DENIED


def test_an_aborted_upload_takes_nothing_more(rig, analyst):
    upload = opened(rig, analyst, filename="a.csv")
    rig.put_part(analyst, upload.id, 1, b"a\n")
    for _ in range(2):
        answer = rig.uploads.AbortUpload(pb2.AbortUploadRequest(id=upload.id), metadata=analyst.metadata)
        assert answer.status == "aborted"
    assert failure_of(lambda: rig.put_part(analyst, upload.id, 2, b"1\n")).reason == "UPLOAD_CLOSED"
    listed = rig.uploads.ListUploads(pb2.ListUploadsRequest(filter='status = "aborted"'), metadata=analyst.metadata)
    assert [found.id for found in listed.uploads] == [upload.id]


def test_an_upload_goes_on_after_a_restart_and_expires(postgres, tmp_path):
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path)
        try:
            person = rig.hire()
            upload = opened(rig, person, filename="a.csv", skip_lines=0)
            rig.put_part(person, upload.id, 1, b"a,b\n")
            rig.close()
            rig.start()
            rig.reload()
            assert looked_at(rig, person, upload.id).received_bytes == 4
            rig.put_part(person, upload.id, 2, b"1,2\n")
            assert completed(rig, person, upload.id).status == "completed"
            other = opened(rig, person, filename="b.csv")
            rig.change("update upload set expires_at = now() - interval '1 second' where id = %s", other.id)
            assert looked_at(rig, person, other.id).status == "expired"
            assert failure_of(lambda: rig.put_part(person, other.id, 1, b"x")).reason == "UPLOAD_CLOSED"
        finally:
            rig.close()


def test_limits_hold_for_all_parts_together(postgres, tmp_path):
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, max_upload_bytes=1000, quota_bytes=1500)
        try:
            person = rig.hire()
            assert failure_of(lambda: opened(rig, person, file_size=1001)).reason == "PAYLOAD_TOO_LARGE"
            upload = opened(rig, person, filename="a.csv")
            rig.put_part(person, upload.id, 1, b"x" * 600)
            assert failure_of(lambda: rig.put_part(person, upload.id, 2, b"x" * 600)).reason == "PAYLOAD_TOO_LARGE"
            rig.upload(person, "a\n" + "1\n" * 499, name="takes room")
            assert failure_of(lambda: rig.put_part(person, upload.id, 1, b"x" * 700)).reason == "QUOTA_EXCEEDED"
        finally:
            rig.close()


def test_a_folder_signs_no_address(rig, analyst):
    upload = opened(rig, analyst, filename="a.csv")
    request = pb2.SignUploadPartRequest(id=upload.id, number=1)
    failure = failure_of(lambda: rig.uploads.SignUploadPart(request, metadata=analyst.metadata))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "SIGNING_UNAVAILABLE")


@pytest.mark.servers("s3")
def test_parts_go_to_the_bucket_directly(postgres, tmp_path, s3_options, s3_bucket):
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, objects_url=f"s3://{s3_bucket}/files", objects_options=s3_options)
        try:
            person = rig.hire()
            upload = opened(rig, person, filename="direct.csv", file_size=len(CONTENT))
            rig.put_part(person, upload.id, 1, PARTS[0])
            for number, part in enumerate(PARTS[1:], 2):
                request = pb2.SignUploadPartRequest(id=upload.id, number=number)
                signed = rig.uploads.SignUploadPart(request, metadata=person.metadata)
                assert signed.method == "PUT"
                httpx.put(signed.url, content=part).raise_for_status()
            assert looked_at(rig, person, upload.id).received_bytes == len(CONTENT)
            done = completed(rig, person, upload.id)
            dataset = rig.settled(person, rig.get(person, done.dataset_id))
            assert (dataset.row_count, dataset.sha256) == (50_000, sha256(CONTENT).hexdigest())
        finally:
            rig.close()
