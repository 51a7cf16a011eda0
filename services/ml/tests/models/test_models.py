"""The registry through the running service."""

import grpc
import pytest
from raia.ml.v1 import model_service_pb2 as pb2

from ..rig import failure_of

CODE = grpc.StatusCode


def listed(rig, person, **request):
    return rig.models.ListModels(pb2.ListModelsRequest(**request), metadata=person.metadata)


def versions(rig, person, model_id, **request):
    request = pb2.ListModelVersionsRequest(model_id=model_id, **request)
    return rig.models.ListModelVersions(request, metadata=person.metadata)


def test_a_model_tells_what_it_is(rig, scientist, loans):
    model = rig.trained(scientist, loans, name="credit", seed=3, favourable_class="good")
    assert (model.name, model.type, model.status, model.version) == ("credit", "classification", "draft", "1")
    assert model.framework.startswith("scikit-learn ")
    assert list(model.feature_names) == ["income", "city"] == [spec.name for spec in model.signature.inputs]
    assert list(model.signature.classes) == ["bad", "good"]
    assert list(model.signature.inputs[1].categories) == ["Lima", "Oslo", "Rome"]
    assert not model.signature.inputs[1].HasField("minimum")
    accuracy = next(each for each in model.metrics if (each.name, each.scope) == ("accuracy", "holdout"))
    assert model.accuracy == accuracy.value
    assert accuracy.lower < accuracy.value < accuracy.upper
    assert accuracy.count == 50
    info = model.training_data_info
    assert (info["target"], info["favourable_class"], info["seed"]) == ("y", "good", 3)
    assert (info["rows"], info["training_rows"], info["holdout_rows"]) == (200, 150, 50)
    assert len(info["dataset_sha256"]) == 64
    assert model.metadata["parameters"]["max_iter"] == 1000
    assert {"python", "scikit-learn"} <= set(model.metadata["libraries"].keys())
    assert model.created_by == str(scientist.id)
    assert (model.latest_version, model.production_version) == (1, 0)


def test_a_regressor_has_no_accuracy(rig, scientist, loans):
    model = rig.trained(scientist, loans, target="income", algorithm="ridge")
    assert model.type == "regression"
    assert not model.HasField("accuracy")
    assert {each.name for each in model.metrics} == {"r2", "rmse", "mae"}
    assert list(model.signature.classes) == []


def test_the_same_name_gets_the_next_version(rig, scientist, loans):
    first = rig.trained(scientist, loans, name="growing", seed=1)
    second = rig.trained(scientist, loans, name="growing", seed=2)
    assert (first.id, first.version, second.version) == (second.id, "1", "2")
    assert first.digest != second.digest
    assert rig.get(scientist, first.id).version == "2"
    again = rig.get(scientist, first.id, 1)
    assert (again.version, again.digest, again.latest_version) == ("1", first.digest, 2)
    assert [each.version for each in versions(rig, scientist, first.id).versions] == ["2", "1"]
    page = versions(rig, scientist, first.id, page_size=1)
    rest = versions(rig, scientist, first.id, page_size=1, page_token=page.next_page_token)
    assert [each.version for each in (*page.versions, *rest.versions)] == ["2", "1"]
    assert rest.next_page_token == ""
    assert failure_of(lambda: rig.get(scientist, first.id, 3)).code == CODE.NOT_FOUND


def test_the_same_training_gives_the_same_digest(rig, scientist, loans):
    digests = {rig.trained(scientist, loans, algorithm="lightgbm", seed=9).digest for _ in range(2)}
    assert len(digests) == 1


def test_lists_filter_and_order(rig, scientist, loans):
    for name, algorithm in (("b", "ridge"), ("a", "linear_regression"), ("c", "ridge")):
        rig.trained(scientist, loans, name=name, target="income", algorithm=algorithm)
    assert [model.name for model in listed(rig, scientist, order_by="name").models] == ["a", "b", "c"]
    found = listed(rig, scientist, filter='algorithm = "ridge" AND status = "draft"', order_by="name desc")
    assert [model.name for model in found.models] == ["c", "b"]
    assert list(listed(rig, scientist, filter='status = "production"').models) == []
    page = listed(rig, scientist, page_size=2, order_by="name")
    rest = listed(rig, scientist, page_size=2, order_by="name", page_token=page.next_page_token)
    assert [model.name for model in (*page.models, *rest.models)] == ["a", "b", "c"]
    assert not page.models[0].HasField("signature")
    failure = failure_of(lambda: listed(rig, scientist, filter="digest = 1"))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "INVALID_FILTER")


def test_a_model_being_trained_is_a_draft_without_a_version(rig, scientist, loans):
    rig.tables.open.clear()
    try:
        run = rig.begin(scientist, loans)
        model = rig.get(scientist, run.model_id)
        assert (model.version, model.status, model.latest_version, model.algorithm) == ("", "draft", 0, "")
        assert run.model_id in {each.id for each in listed(rig, scientist).models}
        failure = failure_of(lambda: rig.predict(scientist, run.model_id, {"income": 1}))
        assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "MODEL_NOT_READY")
        failure = failure_of(lambda: rig.deploy(scientist, run.model_id))
        assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "MODEL_NOT_READY")
        assert failure_of(lambda: rig.gate(scientist, run.model_id)).reason == "MODEL_NOT_READY"
    finally:
        rig.tables.open.set()


def test_other_organisations_see_nothing(rig, scientist, loans):
    model = rig.trained(scientist, loans)
    stranger = rig.hire()
    calls = [
        lambda: rig.get(stranger, model.id),
        lambda: versions(rig, stranger, model.id),
        lambda: rig.gate(stranger, model.id),
        lambda: rig.deploy(stranger, model.id),
        lambda: rig.retire(stranger, model.id),
        lambda: rig.predict(stranger, model.id, {"income": 1}),
        lambda: rig.run(stranger, model.training_run_id),
    ]
    assert {failure_of(call).code for call in calls} == {CODE.NOT_FOUND}
    assert list(listed(rig, stranger).models) == []


@pytest.mark.parametrize("statement", ["update model_version set digest = 'x'", "delete from model_version"])
def test_versions_never_change(rig, scientist, loans, statement):
    model = rig.trained(scientist, loans)
    with pytest.raises(Exception, match="never changed"):
        rig.rows(f"{statement} where model_id = %s", model.id)
    assert rig.get(scientist, model.id, 1) == model
