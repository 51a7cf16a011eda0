"""Documents that describe datasets, through the running service."""

import grpc
import pytest
from raia.ingest.v1 import attachment_service_pb2 as pb2

from ..rig import failure_of

CODE = grpc.StatusCode
CSV = "PolNum,claim_amount,Region\n1,2.5,x\n2,3.5,y\n"
DICTIONARY = b"""# Motor claims

Claims of private motor policies, one row a claim.

## Format

- **`PolNum`**: The policy number.
- **`Claim Amount`** (numeric): What was paid,
  in euro.
- `Other`: Not in this table.
"""


def descriptions(dataset):
    return {column["name"]: dict(column).get("description", "") for column in dataset.schema_info["columns"]}


@pytest.fixture
def described(rig, analyst):
    dataset = rig.upload(analyst, CSV, "claims.csv")
    return analyst, dataset, rig.attach(analyst, dataset.id, DICTIONARY, "about.md")


def test_a_dictionary_describes_the_columns(rig, described):
    person, dataset, attachment = described
    assert (attachment.kind, attachment.described_column_count) == ("markdown", 2)
    assert [(field.name, field.type, field.column) for field in attachment.fields] == [
        ("PolNum", "", "PolNum"),
        ("Claim Amount", "numeric", "claim_amount"),
        ("Other", "", ""),
    ]
    assert "Motor claims" in attachment.summary
    shown = rig.get(person, dataset.id)
    expected = {"PolNum": "The policy number.", "claim_amount": "What was paid, in euro.", "Region": ""}
    assert descriptions(shown) == expected
    assert shown.etag != dataset.etag
    assert rig.audited(person, "dataset.attach")


def test_versions_to_come_are_described_too_and_later_documents_win(rig, described):
    person, dataset, _ = described
    later = rig.upload(person, CSV + "3,4,z\n", "claims.csv")
    assert (later.id, descriptions(later)["PolNum"]) == (dataset.id, "The policy number.")
    rig.attach(person, dataset.id, b"column,description\nregion,Where it was\npolnum,Number\n", "fields.csv")
    assert descriptions(rig.get(person, dataset.id)) == {
        "PolNum": "Number",
        "claim_amount": "What was paid, in euro.",
        "Region": "Where it was",
    }


def test_what_is_taken_off_says_nothing_more(rig, described):
    person, dataset, attachment = described
    request = pb2.DeleteAttachmentRequest(dataset_id=dataset.id, id=attachment.id)
    rig.attachments.DeleteAttachment(request, metadata=person.metadata)
    assert set(descriptions(rig.get(person, dataset.id)).values()) == {""}
    listed = rig.attachments.ListAttachments(
        pb2.ListAttachmentsRequest(dataset_id=dataset.id), metadata=person.metadata
    )
    assert not listed.attachments
    assert (
        failure_of(lambda: rig.attachments.DeleteAttachment(request, metadata=person.metadata)).code is CODE.NOT_FOUND
    )


def test_documents_are_listed_and_come_back_as_they_came(rig, described):
    person, dataset, attachment = described
    listed = rig.attachments.ListAttachments(
        pb2.ListAttachmentsRequest(dataset_id=dataset.id), metadata=person.metadata
    )
    assert [found.id for found in listed.attachments] == [attachment.id]
    request = pb2.GetAttachmentRequest(dataset_id=dataset.id, id=attachment.id)
    assert rig.attachments.GetAttachment(request, metadata=person.metadata) == attachment
    wanted = pb2.DownloadAttachmentRequest(dataset_id=dataset.id, id=attachment.id)
    call = rig.attachments.DownloadAttachment(wanted, metadata=person.metadata)
    assert b"".join(body.data for body in call) == DICTIONARY


def test_strangers_and_viewers_attach_nothing(rig, described):
    person, dataset, _ = described
    assert failure_of(lambda: rig.attach(rig.hire(), dataset.id, b"x: y", "a.txt")).code is CODE.NOT_FOUND
    viewer = rig.hire("viewer", person.org_id)
    assert failure_of(lambda: rig.attach(viewer, dataset.id, b"x: y", "a.txt")).code is CODE.PERMISSION_DENIED
    failure = failure_of(lambda: rig.attach(person, dataset.id, b"\x89PNG\r\n\x1a\n" + bytes(100), "a.png"))
    assert failure.reason == "FILE_UNREADABLE"
    assert failure_of(lambda: rig.attach(person, dataset.id, b"%PDF-1.7 no", "a.pdf")).reason == "FILE_CORRUPT"
