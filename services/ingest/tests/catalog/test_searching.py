"""Datasets are found by words through the running service."""

from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from raia.auth.v1 import access_pb2
from raia.ingest.v1 import catalog_service_pb2 as pb2
from raia.ingest.v1 import catalog_service_pb2_grpc, dataset_service_pb2, profile_service_pb2

from ..rig import failure_of, wait_until

CODE = grpc.StatusCode
CLAIMS = "claim_id,holder,PerilType,city\n" + "".join(
    f"C{n:04},{('Anna Smith', 'Peter Jones', 'Maria Rossi')[n % 3]},{('hail', 'storm', 'fire')[n % 3]},"
    f"{('Zürich', 'Bern')[n % 2]}\n"
    for n in range(60)
)


@pytest.fixture
def catalog(rig):
    return catalog_service_pb2_grpc.CatalogServiceStub(rig.channel)


@pytest.fixture
def search(catalog):
    def asked(person, q, **values):
        return catalog.SearchDatasets(pb2.SearchDatasetsRequest(q=q, **values), metadata=person.metadata)

    return asked


def names(page):
    return [hit.dataset.name for hit in page.hits]


def places(page):
    return [(each.field, each.text, each.column) for each in page.hits[0].matches]


def test_names_columns_tags_descriptions_and_values_are_found(rig, analyst, catalog, search):
    dataset = rig.ready(analyst, CLAIMS, name="Motor claims 2026", description="Losses after bad weather")
    wait_until(lambda: names(search(analyst, "motor")))
    assert places(search(analyst, "MOT")) == [("name", "Motor claims 2026", "")]
    assert places(search(analyst, "peril")) == [("column", "PerilType", "")]
    assert places(search(analyst, "weath 2026")) == [
        ("name", "Motor claims 2026", ""), ("description", "Losses after bad weather", ""),
    ]  # fmt: skip
    assert names(search(analyst, "zurich")) == []
    request = profile_service_pb2.GetDatasetProfileRequest(dataset_id=dataset.id, wait=Duration(seconds=30))
    rig.profiles.GetDatasetProfile(request, metadata=analyst.metadata)
    wait_until(lambda: names(search(analyst, "zurich")))
    assert places(search(analyst, "zurich")) == [("value", "Zürich", "city")]
    assert names(search(analyst, "rossi")) == []
    update = pb2.UpdateDatasetRequest(id=dataset.id, name="Renamed", tags=["catastrophe"])
    catalog.UpdateDataset(update, metadata=analyst.metadata)
    wait_until(lambda: names(search(analyst, "catas hail")) == ["Renamed"])
    assert names(search(analyst, "motor")) == []


def test_the_best_come_first_and_pages_follow_each_other(rig, analyst, search):
    rig.ready(analyst, "hail,b\n1,2\n", name="columns")
    rig.ready(analyst, "a,b\n1,2\n", name="hail", description="hail")
    rig.ready(analyst, "a,b\n1,2\n", name="words", description="much hail")
    wait_until(lambda: len(search(analyst, "hail").hits) == 3)
    first = search(analyst, "hail", page_size=2)
    second = search(analyst, "hail", page_size=2, page_token=first.next_page_token)
    assert (names(first), names(second), second.next_page_token) == (["hail", "columns"], ["words"], "")
    failure = failure_of(lambda: search(analyst, "other", page_token=first.next_page_token))
    assert failure.code is CODE.INVALID_ARGUMENT


def test_nobody_finds_what_they_may_not_see(rig, analyst, search):
    project = str(uuid4())
    kept = rig.ready(analyst, CLAIMS, name="volcano")
    rig.ready(analyst, CLAIMS, name="volcano", project_id=project)
    wait_until(lambda: len(search(analyst, "volcano").hits) == 2)
    rig.everybody.restrictions.append(
        access_pb2.ProjectRestriction(org_id=str(analyst.org_id), project_id=project, restricted=True)
    )
    rig.reload()
    assert [hit.dataset.id for hit in search(analyst, "volcano").hits] == [kept.id]
    assert names(search(rig.hire(), "volcano")) == []
    rig.datasets.DeleteDataset(dataset_service_pb2.DeleteDatasetRequest(id=kept.id), metadata=analyst.metadata)
    assert names(search(analyst, "volcano")) == []


@pytest.mark.parametrize("query", ["'", "\\", "a':* | b", "!!", "&|()", "%"])
def test_signs_of_query_languages_mean_nothing(analyst, search, query):
    if any(letter.isalnum() for letter in query):
        assert names(search(analyst, query)) == []
    else:
        assert failure_of(lambda: search(analyst, query)).code is CODE.INVALID_ARGUMENT


def test_the_function_runs_as_the_owner_with_a_fixed_path(rig):
    definer = rig.rows(
        "select p.prosecdef, r.rolname, p.proconfig from pg_proc p join pg_roles r on r.oid = p.proowner "
        "where p.proname = 'search_datasets'"
    )
    assert definer == [(True, "raia_ingest_owner", ["search_path=pg_catalog, raia_ingest, pg_temp"])]
