"""Predictions through the running service."""

import math

import grpc
import pyarrow as pa
import pytest
from raia_scoring import load

from ..rig import failure_of

CODE = grpc.StatusCode
ROW = {"income": 25.0, "city": "Rome"}


@pytest.fixture
def model(rig, scientist, loans):
    return rig.trained(scientist, loans)


def artefact(rig, model):
    ((key,),) = rig.rows("select object_key from model_version where model_id = %s", model.id)
    return load(rig.runtime.objects.local_path(key), model.digest)


def test_predictions_are_those_of_the_artefact(rig, scientist, model, loans):
    frame = loans.to_pandas().head(20)
    rows = [{"income": row.income, "city": row.city} for row in frame.itertuples()]
    answer = rig.predict(scientist, model.id, *rows)
    scoring = artefact(rig, model)
    assert [each.prediction.string_value for each in answer.predictions] == list(scoring.predict(frame))
    expected = scoring.predict_proba(frame)
    for each, row in zip(answer.predictions, expected, strict=True):
        assert each.probabilities == {"bad": row[0], "good": row[1]}
        assert each.confidence == row.max()
    assert (answer.model_id, answer.version) == (model.id, 1)


def test_predictions_are_kept(rig, scientist, model):
    answer = rig.predict(scientist, model.id, ROW, {"income": None, "city": "Atlantis"})
    assert list(answer.predictions[0].warnings) == []
    assert [text.partition(":")[0] for text in answer.predictions[1].warnings] == ["income", "city"]
    kept = rig.rows(
        "select id, version, input_data, prediction, confidence, probabilities, warnings, created_by "
        "from model_prediction where model_id = %s order by id",
        model.id,
    )
    for each, row in zip(answer.predictions, kept, strict=True):
        assert str(row[0]) == each.id
        assert row[1] == 1
        assert row[2] == dict(each.input_data.items())
        assert row[3] == each.prediction.string_value
        assert (row[4], row[5], row[6]) == (each.confidence, dict(each.probabilities), list(each.warnings))
        assert row[7] == scientist.id
    (audited,) = rig.audited(scientist, "model.predict")
    assert (audited["version"], audited["digest"], audited["rows"]) == (1, model.digest, 2)


def test_a_regressor_answers_numbers(rig, scientist, loans):
    model = rig.trained(scientist, loans, target="income", algorithm="ridge")
    (found,) = rig.predict(scientist, model.id, {"city": "Rome", "y": "good"}).predictions
    assert math.isfinite(found.prediction.number_value)
    assert not found.HasField("confidence")
    assert found.probabilities == {}


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"height": 1}, "height"),
        ({"income": "25"}, "income"),
        ({"income": True}, "income"),
        ({"income": math.inf}, "income"),
        ({"income": math.nan}, "income"),
        ({"city": 5}, "city"),
        ({"city": ["Rome"]}, "city"),
        ({"city": {"a": 1}}, "city"),
    ],
)
def test_bad_rows_name_row_and_column_and_keep_nothing(rig, scientist, model, row, column):
    failure = failure_of(lambda: rig.predict(scientist, model.id, ROW, ROW | row))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "ROW_INVALID")
    assert failure.metadata == {"row": "1", "column": column}
    assert rig.rows("select 1 from model_prediction where model_id = %s", model.id) == []


ALGORITHMS = ["logistic_regression", "random_forest", "hist_gradient_boosting", "xgboost", "lightgbm"]


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "ridge", "linear_regression"])
def test_absurd_numbers_get_an_answer_and_a_warning(rig, scientist, loans, algorithm):
    regression = algorithm not in ALGORITHMS
    wanted = {"target": "z"} if regression else {"excluded_columns": ["z"]}
    table = loans.append_column("z", pa.array([float(number % 17) for number in range(loans.num_rows)]))
    model = rig.trained(scientist, table, algorithm=algorithm, **wanted)
    rows = [{"income": value} for value in (1.7e308, -1.7e308, 3.5e38, 5e-324)]
    for each in rig.predict(scientist, model.id, *rows).predictions:
        assert any("outside the range" in text for text in each.warnings)
        assert math.isfinite(each.prediction.number_value if regression else each.confidence)


def test_columns_of_absurd_numbers_are_learnt_from(rig, scientist, loans):
    for algorithm in ALGORITHMS:
        huge = pa.array([(-1) ** number * 1.7e308 for number in range(loans.num_rows)])
        model = rig.trained(scientist, loans.append_column("huge", huge), algorithm=algorithm)
        assert len(rig.predict(scientist, model.id, ROW | {"huge": 1e300}).predictions) == 1


def test_texts_that_cannot_be_kept_are_refused(rig, scientist, model):
    failure = failure_of(lambda: rig.predict(scientist, model.id, ROW | {"city": "Ro\0me"}))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "INVALID_FIELD")


def test_an_empty_row_is_all_missing(rig, scientist, model):
    (found,) = rig.predict(scientist, model.id, {}).predictions
    assert len(found.warnings) == 2


def test_no_rows_are_refused(rig, scientist, model):
    assert failure_of(lambda: rig.predict(scientist, model.id)).code == CODE.INVALID_ARGUMENT


def test_many_models_take_turns(rig, scientist, loans):
    models = [rig.trained(scientist, loans, seed=seed) for seed in range(6)]
    for model in [*models, *models]:
        assert rig.predict(scientist, model.id, ROW).predictions[0].prediction.string_value in ("good", "bad")


def test_who_may_not_predict(rig, scientist, model):
    viewer = rig.hire("viewer", scientist.org_id)
    assert failure_of(lambda: rig.predict(viewer, model.id, ROW)).code == CODE.PERMISSION_DENIED


def test_a_changed_file_is_not_loaded(rig, scientist, loans):
    model = rig.trained(scientist, loans, seed=77)
    ((key,),) = rig.rows("select object_key from model_version where model_id = %s", model.id)
    path = rig.runtime.objects.local_path(key)
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    failure = failure_of(lambda: rig.predict(scientist, model.id, ROW))
    assert failure.reason == "ARTIFACT_INVALID"
