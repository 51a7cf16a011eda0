"""Lineage through the running service."""

from types import SimpleNamespace
from uuid import UUID, uuid4

import grpc
import psycopg
import pytest
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from raia.auth.v1 import access_pb2
from raia.ingest.v1 import dataset_service_pb2 as datasets
from raia.ingest.v1 import lineage_service_pb2 as pb2
from raia.ingest.v1 import (
    lineage_service_pb2_grpc,
    recipe_pb2,
    recipe_run_requests_pb2,
    recipe_run_service_pb2,
    recipe_run_service_pb2_grpc,
    recipe_service_pb2,
    recipe_service_pb2_grpc,
    report_service_pb2,
    report_service_pb2_grpc,
)
from raia.ml.events.v1 import model_events_pb2
from raia_kit.events.envelope import Event

from ..rig import ROLES, failure_of, wait_until

CODE = grpc.StatusCode
ROWS = "id,amount\n" + "".join(f"{n},{n * 2}\n" for n in range(20))
NAMES = "id,name\n" + "".join(f"{n},n{n}\n" for n in range(20))
TIDY = [{"convert_type": {"columns": ["amount"], "to": "float"}}]


@pytest.fixture
def stubs(rig):
    return SimpleNamespace(
        lineage=lineage_service_pb2_grpc.LineageServiceStub(rig.channel),
        recipes=recipe_service_pb2_grpc.RecipeServiceStub(rig.channel),
        runs=recipe_run_service_pb2_grpc.RecipeRunServiceStub(rig.channel),
        reports=report_service_pb2_grpc.ReportServiceStub(rig.channel),
    )


def cleaned(stubs, person, dataset, documents, name):
    """Makes a recipe and runs it; answers the recipe and the run."""
    steps = [json_format.ParseDict(each, recipe_pb2.RecipeStep()) for each in documents]
    request = recipe_service_pb2.CreateRecipeRequest(name=name, steps=steps)
    recipe = stubs.recipes.CreateRecipe(request, metadata=person.metadata)
    order = recipe_run_service_pb2.RunRecipeRequest(recipe_id=recipe.id, dataset_id=dataset.id, target_name=name)
    started = stubs.runs.RunRecipe(order, metadata=person.metadata)
    watched = recipe_run_requests_pb2.WatchRecipeRunRequest(id=started.id)
    run = list(stubs.runs.WatchRecipeRun(watched, metadata=person.metadata, timeout=60))[-1]
    assert run.status == "succeeded", run.error
    return recipe, run


def trained(rig, person, dataset_id, version, model_id):
    """Has ml tell that a model learnt from a version."""
    message = model_events_pb2.TrainingFinished(
        training_run_id=str(uuid4()), model_id=model_id, model_name="risk", status="succeeded", version=1,
        dataset_id=dataset_id, dataset_version=version,
    )  # fmt: skip
    event = Event(
        id=uuid4(),
        topic="raia.ml.training_run",
        key=message.training_run_id,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        headers={"orgid": str(person.org_id)},
    )
    with psycopg.connect(rig.service_database.admin_url) as connection:
        rig.runtime.log.publish([event], connection)
    wait_until(lambda: rig.rows("select 1 from trained_model where model_id = %s", UUID(model_id)))


def graph(stubs, person, dataset_id, **values):
    request = pb2.GetDatasetLineageRequest(dataset_id=dataset_id, **values)
    return stubs.lineage.GetDatasetLineage(request, metadata=person.metadata)


def nodes(found):
    return sorted((node.kind, node.name, node.distance) for node in found.nodes)


def edges(found):
    kinds = {node.key: f"{node.kind} {node.name}".strip() for node in found.nodes}
    return sorted((kinds[getattr(edge, "from")], edge.kind, kinds[edge.to]) for edge in found.edges)


def test_a_chain_is_followed_both_ways(rig, analyst, stubs, monkeypatch):
    source = rig.ready(analyst, ROWS, "claims.csv", name="claims")
    names = rig.ready(analyst, NAMES, "names.csv", name="names")
    _, first = cleaned(stubs, analyst, source, TIDY, "tidy")
    tidy = rig.get(analyst, first.output_dataset_id)
    join = [{"join_dataset": {"dataset_id": names.id, "on": [{"left": "id", "right": "id"}], "kind": "left"}}]
    _, second = cleaned(stubs, analyst, tidy, join, "joined")
    report = report_service_pb2.GetDatasetReportRequest(dataset_id=second.output_dataset_id, wait=Duration(seconds=30))
    stubs.reports.GetDatasetReport(report, metadata=analyst.metadata)
    model = str(uuid4())
    trained(rig, analyst, second.output_dataset_id, 1, model)

    above = graph(stubs, analyst, second.output_dataset_id, direction="upstream")
    assert edges(above) == [
        ("dataset_version claims", "input", "recipe_run tidy"),
        ("dataset_version names", "input", "recipe_run joined"),
        ("dataset_version tidy", "input", "recipe_run joined"),
        ("file claims.csv", "read", "dataset_version claims"),
        ("file names.csv", "read", "dataset_version names"),
        ("recipe joined", "applied", "recipe_run joined"),
        ("recipe tidy", "applied", "recipe_run tidy"),
        ("recipe_run joined", "output", "dataset_version joined"),
        ("recipe_run tidy", "output", "dataset_version tidy"),
    ]
    assert not above.truncated
    assert [node.distance for node in above.nodes if node.name == "claims"] == [-2]

    for start in (source, names):
        below = graph(stubs, analyst, start.id, direction="downstream")
        assert ("dataset_version joined", "described", "report") in edges(below)
        assert ("recipe_run joined", "output", "dataset_version joined") in edges(below)
    assert nodes(below) == [
        ("dataset_version", "joined", 1), ("dataset_version", "names", 0), ("recipe", "joined", 1),
        ("recipe_run", "joined", 1), ("report", "", 1),
    ]  # fmt: skip

    near = graph(stubs, analyst, source.id, depth=1)
    assert ("dataset_version", "joined", 2) not in nodes(near)
    assert near.truncated

    monkeypatch.setitem(ROLES, "modeller", ("datasets.read", "models.read"))
    rig.reload()
    scientist = rig.hire("modeller", analyst.org_id)
    whole = graph(stubs, scientist, source.id)
    assert ("dataset_version joined", "trained", "model risk") in edges(whole)
    assert [node.resource_id for node in whole.nodes if node.kind == "model"] == [model]
    assert not [node for node in graph(stubs, analyst, source.id).nodes if node.kind == "model"]


def test_what_the_caller_may_not_see_is_left_out(rig, analyst, stubs):
    project = str(uuid4())
    source = rig.ready(analyst, ROWS, "secret.csv", name="secret", project_id=project)
    _, run = cleaned(stubs, analyst, source, TIDY, "public")
    with rig.database.unit_of_work(analyst.org_id) as unit:
        unit.session.connection().exec_driver_sql(
            "update dataset set project_id = null where id = %s", (run.output_dataset_id,)
        )
    rig.everybody.restrictions.append(
        access_pb2.ProjectRestriction(org_id=str(analyst.org_id), project_id=project, restricted=True)
    )
    rig.reload()
    found = graph(stubs, analyst, run.output_dataset_id)
    assert [node.name for node in found.nodes if node.kind in ("dataset_version", "file")] == ["public"]
    assert failure_of(lambda: graph(stubs, analyst, source.id)).code is CODE.NOT_FOUND
    assert failure_of(lambda: graph(stubs, rig.hire(), run.output_dataset_id)).code is CODE.NOT_FOUND


def test_sources_that_were_deleted_are_shown_as_such(rig, analyst, stubs):
    source = rig.ready(analyst, ROWS, "gone.csv", name="gone")
    _, run = cleaned(stubs, analyst, source, TIDY, "kept")
    rig.datasets.DeleteDataset(datasets.DeleteDatasetRequest(id=source.id), metadata=analyst.metadata)
    shown = graph(stubs, analyst, run.output_dataset_id).nodes
    found = {node.name: node.status for node in shown if node.kind == "dataset_version"}
    assert (found["gone"], found["kept"]) == ("deleted", "ready")
    assert failure_of(lambda: graph(stubs, analyst, run.output_dataset_id, version=7)).code is CODE.NOT_FOUND
