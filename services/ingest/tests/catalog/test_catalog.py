"""Datasets are described and tagged through the running service."""

from uuid import uuid4

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from raia.auth.v1 import access_pb2
from raia.ingest.v1 import catalog_service_pb2 as pb2
from raia.ingest.v1 import catalog_service_pb2_grpc, dataset_service_pb2

from ..rig import failure_of

CODE = grpc.StatusCode
ROWS = "a,b\n1,2\n"


@pytest.fixture
def catalog(rig):
    return catalog_service_pb2_grpc.CatalogServiceStub(rig.channel)


@pytest.fixture
def update(catalog):
    def asked(person, dataset_id, mask=(), **values):
        request = pb2.UpdateDatasetRequest(id=dataset_id, update_mask=FieldMask(paths=mask), **values)
        return catalog.UpdateDataset(request, metadata=person.metadata)

    return asked


def listed(rig, person, text):
    request = dataset_service_pb2.ListDatasetsRequest(filter=text, order_by="name")
    return [each.name for each in rig.datasets.ListDatasets(request, metadata=person.metadata).datasets]


def test_a_dataset_is_described_and_tagged(rig, analyst, update):
    dataset = rig.ready(analyst, ROWS, name="claims", description="old")
    found = update(analyst, dataset.id, name=" claims 2026 ", tags=["motor ", "2026", "motor", " "])
    assert (found.name, found.description, list(found.tags)) == ("claims 2026", "old", ["2026", "motor"])
    assert found.etag != dataset.etag
    assert rig.get(analyst, dataset.id) == found
    assert rig.events(dataset.id)[-1] == "DatasetUpdated"
    assert len(rig.audited(analyst, "dataset.update")) == 1
    same = update(analyst, dataset.id, name="claims 2026")
    assert same.etag == found.etag
    assert rig.events(dataset.id).count("DatasetUpdated") == 1
    cleared = update(analyst, dataset.id, ["tags", "description"])
    assert (cleared.name, cleared.description, list(cleared.tags)) == ("claims 2026", "", [])


def test_lists_are_filtered_by_tag_and_tags_are_counted(rig, analyst, catalog, update):
    for name, tags in (("a", ["motor", "daily"]), ("b", ["motor"]), ("c", [])):
        update(analyst, rig.ready(analyst, ROWS, name=name).id, tags=tags)
    assert listed(rig, analyst, 'tags : "motor"') == ["a", "b"]
    assert listed(rig, analyst, "tags:motor AND tags:daily") == ["a"]
    assert listed(rig, analyst, "NOT tags:*") == ["c"]
    assert listed(rig, analyst, 'tags : "mot"') == []
    page = catalog.ListDatasetTags(pb2.ListDatasetTagsRequest(page_size=1), metadata=analyst.metadata)
    assert [(each.tag, each.dataset_count) for each in page.tags] == [("motor", 2)]
    rest = pb2.ListDatasetTagsRequest(page_size=1, page_token=page.next_page_token)
    page = catalog.ListDatasetTags(rest, metadata=analyst.metadata)
    assert ([(each.tag, each.dataset_count) for each in page.tags], page.next_page_token) == ([("daily", 1)], "")
    assert not catalog.ListDatasetTags(pb2.ListDatasetTagsRequest(), metadata=rig.hire().metadata).tags


def test_names_are_not_taken_from_others(rig, analyst, update):
    rig.ready(analyst, ROWS, name="first")
    second = rig.ready(analyst, ROWS, name="second")
    failure = failure_of(lambda: update(analyst, second.id, name="first"))
    assert (failure.code, failure.reason) == (CODE.ALREADY_EXISTS, "DATASET_NAME_TAKEN")
    assert rig.get(analyst, second.id).name == "second"
    for mask, values in ((["name"], {"name": "  "}), (["file_size"], {}), ([], {"tags": ["x\x00"]})):
        assert failure_of(lambda m=mask, v=values: update(analyst, second.id, m, **v)).code is CODE.INVALID_ARGUMENT


def test_an_old_etag_is_refused(rig, analyst, update):
    dataset = rig.ready(analyst, ROWS)
    update(analyst, dataset.id, description="meanwhile", etag=dataset.etag)
    assert failure_of(lambda: update(analyst, dataset.id, description="late", etag=dataset.etag)).code is CODE.ABORTED


def test_moving_needs_the_permission_in_the_other_project(rig, analyst, update):
    dataset = rig.ready(analyst, ROWS)
    hidden, project = str(uuid4()), str(uuid4())
    rig.everybody.restrictions.append(
        access_pb2.ProjectRestriction(org_id=str(analyst.org_id), project_id=hidden, restricted=True)
    )
    rig.reload()
    assert failure_of(lambda: update(analyst, dataset.id, project_id=hidden)).code is CODE.NOT_FOUND
    assert update(analyst, dataset.id, project_id=project).project_id == project
    assert update(analyst, dataset.id, ["project_id"]).project_id == ""
    viewer = rig.hire("viewer", analyst.org_id)
    assert failure_of(lambda: update(viewer, dataset.id, name="mine")).code is CODE.PERMISSION_DENIED
    assert failure_of(lambda: update(rig.hire(), dataset.id, name="mine")).code is CODE.NOT_FOUND
