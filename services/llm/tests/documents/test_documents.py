"""Lists, gets and deletes through the running service."""

import grpc
from raia.auth.v1 import access_pb2

from ..rig import failure_of, pb2

CODE = grpc.StatusCode


def page(rig, person, **values):
    return rig.documents.ListDocuments(pb2.ListDocumentsRequest(**values), metadata=person.metadata)


def names(answer):
    return [document.filename for document in answer.documents]


def test_lists_are_newest_first_in_pages_and_without_texts(rig, analyst):
    for name in ("a.txt", "b.md", "c.txt"):
        rig.upload(analyst, f"Words of {name}.", name)
    assert names(page(rig, analyst)) == ["c.txt", "b.md", "a.txt"]
    first = page(rig, analyst, page_size=2)
    assert names(first) == ["c.txt", "b.md"]
    assert names(page(rig, analyst, page_size=2, page_token=first.next_page_token)) == ["a.txt"]
    assert all(document.content == "" for document in first.documents)


def test_lists_are_filtered_and_ordered(rig, analyst):
    for name in ("a.txt", "b.md", "c.txt"):
        rig.upload(analyst, f"Words of {name}.", name)
    assert names(page(rig, analyst, filter='file_type = "text"', order_by="filename")) == ["a.txt", "c.txt"]
    assert names(page(rig, analyst, filter=f'uploaded_by = "{analyst.id}" AND status = "ready"')) != []
    assert names(page(rig, analyst, filter="file_size > 1000000")) == []
    failure = failure_of(lambda: page(rig, analyst, filter="content : x"))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "INVALID_FILTER")


def test_lists_leave_out_what_the_caller_may_not_see(rig, analyst):
    project = "018f0000-0000-7000-8000-000000000003"
    org = str(analyst.org_id)
    rig.everybody.restrictions.append(access_pb2.ProjectRestriction(org_id=org, project_id=project, restricted=True))
    rig.everybody.project_grants.append(
        access_pb2.ProjectGrant(org_id=org, project_id=project, user_id=str(analyst.id), roles=["analyst"])
    )
    colleague, stranger = rig.hire("analyst", analyst.org_id), rig.hire()
    rig.upload(analyst, "Words.", "secret.txt", project_id=project)
    rig.upload(analyst, "Words.", "open.txt")
    assert names(page(rig, analyst)) == ["open.txt", "secret.txt"]
    assert names(page(rig, colleague)) == ["open.txt"]
    assert names(page(rig, stranger)) == []


def test_deleting(rig, analyst):
    document = rig.upload(analyst, "Words.", "a.txt")
    viewer = rig.hire("viewer", analyst.org_id)
    assert failure_of(lambda: rig.delete(viewer, document.id)).code is CODE.PERMISSION_DENIED
    rig.delete(analyst, document.id)
    assert failure_of(lambda: rig.get(analyst, document.id)).code is CODE.NOT_FOUND
    assert failure_of(lambda: rig.delete(analyst, document.id)).code is CODE.NOT_FOUND
    assert rig.events(document.id) == ["DocumentUploaded", "DocumentReady", "DocumentDeleted"]
    assert len(rig.audited(analyst, "document.delete")) == 1


def test_deleting_one_of_two_with_the_same_bytes_keeps_the_other(rig, analyst):
    first, second = rig.upload(analyst, "Same words.", "a.txt"), rig.upload(analyst, "Same words.", "b.txt")
    rig.delete(analyst, first.id)
    assert rig.get(analyst, second.id).content == "Same words."
    assert [passage.filename for passage in rig.search(analyst, "same words")] == ["b.txt"]
