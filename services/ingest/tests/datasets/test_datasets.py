"""Lists, versions and deletion through the running service."""

from uuid import uuid4

import grpc
import pytest
from raia.auth.v1 import access_pb2

from ..rig import failure_of, pb2

CODE = grpc.StatusCode


def listed(rig, person, **request):
    return rig.datasets.ListDatasets(pb2.ListDatasetsRequest(**request), metadata=person.metadata)


@pytest.fixture(scope="module")
def shelf(rig):
    """An analyst with five datasets of one to five rows."""
    person = rig.hire()
    made = [rig.upload(person, "a\n" + "1\n" * (n + 1), name=f"table {n}") for n in range(5)]
    return person, made


def test_lists_are_newest_first_and_leave_the_schema_out(rig, shelf):
    person, made = shelf
    found = listed(rig, person).datasets
    assert [dataset.id for dataset in found] == [dataset.id for dataset in reversed(made)]
    assert not found[0].HasField("schema_info")
    assert found[0].row_count == 5


def test_pages_follow_each_other_in_any_order(rig, shelf):
    person, _ = shelf
    for order in ("", "name", "row_count desc", "file_size, name desc", "updated_at"):
        whole = [dataset.id for dataset in listed(rig, person, order_by=order).datasets]
        pages, token = [], ""
        while True:
            page = listed(rig, person, order_by=order, page_size=2, page_token=token)
            pages += [dataset.id for dataset in page.datasets]
            token = page.next_page_token
            if not token:
                break
        assert pages == whole
        assert len(whole) == 5


def test_filters_narrow_lists(rig, shelf):
    person, made = shelf
    for filter_, expected in [
        ("row_count > 3", [4, 3]),
        ('name = "table 1"', [1]),
        ('name : "TABLE" AND row_count < 3', [1, 0]),
        ('file_type = "tsv"', []),
        (f'uploaded_by = "{person.id}" AND status = "ready" AND row_count = 1', [0]),
        ("project_id = null AND row_count = 2", [1]),
        ("created_at < 2020-01-01", []),
    ]:
        found = listed(rig, person, filter=filter_).datasets
        assert [dataset.id for dataset in found] == [made[n].id for n in expected], filter_
    assert failure_of(lambda: listed(rig, person, filter="sha256 = 1")).reason == "INVALID_FILTER"
    assert failure_of(lambda: listed(rig, person, order_by="nothing")).reason == "INVALID_ORDER_BY"


def test_another_organisation_sees_and_touches_nothing(rig, shelf):
    _, made = shelf
    stranger = rig.hire()
    assert not listed(rig, stranger).datasets
    for call in (
        lambda: rig.get(stranger, made[0].id),
        lambda: rig.datasets.DeleteDataset(pb2.DeleteDatasetRequest(id=made[0].id), metadata=stranger.metadata),
        lambda: rig.datasets.PreviewDataset(pb2.PreviewDatasetRequest(id=made[0].id), metadata=stranger.metadata),
    ):
        assert failure_of(call).code is CODE.NOT_FOUND


def test_a_viewer_reads_and_may_not_delete(rig, shelf):
    person, made = shelf
    viewer = rig.hire("viewer", person.org_id)
    assert rig.get(viewer, made[0].id).name == "table 0"
    failure = failure_of(
        lambda: rig.datasets.DeleteDataset(pb2.DeleteDatasetRequest(id=made[0].id), metadata=viewer.metadata)
    )
    assert failure.code is CODE.PERMISSION_DENIED


def test_a_restricted_project_hides_its_datasets(rig, analyst):
    project = uuid4()
    dataset = rig.upload(analyst, "a\n1\n", project_id=str(project))
    assert dataset.project_id == str(project)
    rig.everybody.restrictions.append(
        access_pb2.ProjectRestriction(org_id=str(analyst.org_id), project_id=str(project), restricted=True)
    )
    rig.reload()
    assert failure_of(lambda: rig.get(analyst, dataset.id)).code is CODE.NOT_FOUND
    assert not listed(rig, analyst).datasets
    assert failure_of(lambda: rig.upload(analyst, "a\n1\n", project_id=str(project))).code is CODE.NOT_FOUND
    colleague = rig.hire("nobody", analyst.org_id)
    rig.everybody.project_grants.append(
        access_pb2.ProjectGrant(
            org_id=str(analyst.org_id), project_id=str(project), user_id=str(colleague.id), roles=["analyst"]
        )
    )
    rig.reload()
    assert [found.id for found in listed(rig, colleague).datasets] == [dataset.id]
    assert rig.upload(colleague, "a\n2\n", project_id=str(project)).version == 2
    assert failure_of(lambda: rig.upload(colleague, "a\n2\n")).code is CODE.PERMISSION_DENIED


def test_the_same_name_in_two_projects_is_two_datasets(rig, analyst):
    first = rig.upload(analyst, "a\n1\n", name="x", project_id=str(uuid4()))
    second = rig.upload(analyst, "a\n1\n", name="x", project_id=str(uuid4()))
    third = rig.upload(analyst, "a\n1\n", name="x")
    assert len({first.id, second.id, third.id}) == 3


def test_a_deleted_dataset_is_gone_from_everywhere(rig, analyst):
    dataset = rig.upload(analyst, "a\n1\n")
    rig.datasets.DeleteDataset(pb2.DeleteDatasetRequest(id=dataset.id), metadata=analyst.metadata)
    assert failure_of(lambda: rig.get(analyst, dataset.id)).code is CODE.NOT_FOUND
    assert not listed(rig, analyst).datasets
    request = pb2.DeleteDatasetRequest(id=dataset.id)
    assert failure_of(lambda: rig.datasets.DeleteDataset(request, metadata=analyst.metadata)).code is CODE.NOT_FOUND
    assert rig.events(dataset.id)[-1] == "DatasetDeleted"
    assert [path for path in rig.stored_files() if path.name == dataset.sha256]


def test_an_etag_guards_against_what_happened_meanwhile(rig, analyst):
    first = rig.upload(analyst, "a\n1\n", name="guarded")
    second = rig.upload(analyst, "a\n2\n", name="guarded")
    stale = pb2.DeleteDatasetRequest(id=first.id, etag=first.etag)
    failure = failure_of(lambda: rig.datasets.DeleteDataset(stale, metadata=analyst.metadata))
    assert (failure.code, failure.reason) == (CODE.ABORTED, "ETAG_MISMATCH")
    fresh = pb2.DeleteDatasetRequest(id=first.id, etag=second.etag)
    rig.datasets.DeleteDataset(fresh, metadata=analyst.metadata)


def test_a_version_that_is_not_there_is_not_found(rig, analyst):
    dataset = rig.upload(analyst, "a\n1\n")
    failure = failure_of(lambda: rig.get(analyst, dataset.id, 7))
    assert (failure.code, failure.reason) == (CODE.NOT_FOUND, "RESOURCE_NOT_FOUND")
