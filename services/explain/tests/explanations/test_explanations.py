import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import psycopg
import pytest
from raia.explain.v1 import explanation_service_pb2
from raia_explain.explanations import jobs
from raia_explain.workers.attribution import Explainer

from ..rig import failure_of, wait_until


def test_a_row_is_explained_in_one_call(rig, analyst):
    owned = rig.model(analyst, "lightgbm")
    found = rig.shap(analyst, owned, rows=[5, 3])
    assert found.status == "succeeded"
    assert [row.row for row in found.rows] == [3, 5]
    assert (found.scope, found.method, found.margin_scale) == ("rows", "tree", "log_odds")
    assert found.explained_class == "yes"
    assert found.digest == owned.digest
    assert found.additivity_error <= 1e-9
    wanted = Explainer(owned.model).of_class(owned.model.encode(owned.frame.iloc[[3, 5]]), "yes")
    for place, row in enumerate(found.rows):
        values = {each.feature: each.attribution for each in row.features}
        np.testing.assert_allclose(
            [values[name] for name in owned.model.signature.names], wanted.values[place], rtol=1e-12
        )
        assert found.base_value + sum(values.values()) == pytest.approx(row.margin, rel=1e-9)
    ages = {each.feature: each.feature_value.number_value for each in found.rows[0].features}
    assert ages["age"] == owned.frame["age"].iloc[3]


def test_without_rows_the_hold_out_rows_are_summed_up(rig, analyst):
    owned = rig.model(analyst, "random_forest")
    found = rig.shap(analyst, owned)
    assert (found.status, found.scope, found.row_count) == ("succeeded", "global", 300)
    assert found.margin_scale == "probability"
    assert not found.rows
    wanted = Explainer(owned.model).of_class(owned.model.encode(owned.frame.iloc[::2]), "yes").values
    by_name = {each.feature: each.attribution for each in found.features}
    np.testing.assert_allclose(
        [by_name[name] for name in owned.model.signature.names], np.abs(wanted).mean(axis=0), rtol=1e-9
    )


def test_equal_parameters_have_one_explanation_which_never_changes(rig, analyst):
    owned = rig.model(analyst)
    with ThreadPoolExecutor(8) as many:
        found = list(many.map(lambda _: rig.shap(analyst, owned, rows=[1, 2]), range(8)))
    assert len({each.id for each in found}) == 1
    again = rig.shap(analyst, owned, rows=[2, 1], explained_class="yes", dataset_id=owned.dataset_id)
    assert again == found[0]
    assert rig.rows("select count(*) from explanation where org_id = %s", analyst.org_id) == [(1,)]
    other = rig.shap(analyst, owned, rows=[1, 2], explained_class="no")
    assert other.id != again.id
    assert other.rows[0].margin == -again.rows[0].margin
    with pytest.raises(psycopg.errors.CheckViolation, match="never changes"):
        rig.rows("update explanation set error = 'x' where id = %s", again.id)
    assert rig.events(again.id) == ["ExplanationFinished"]


def test_a_call_waits_no_longer_than_it_is_told_and_the_work_goes_on(rig, analyst):
    owned = rig.model(analyst)
    rig.owners.hold_reading.clear()
    try:
        began = time.monotonic()
        found = rig.shap(analyst, owned, rows=[0], wait={"nanos": 200_000_000})
        assert time.monotonic() - began < 2
        assert found.status in ("pending", "running")
    finally:
        rig.owners.hold_reading.set()
    assert rig.shap(analyst, owned, rows=[0]).status == "succeeded"


def test_rows_beyond_the_dataset_are_refused(rig, analyst):
    owned = rig.model(analyst)
    failure = failure_of(lambda: rig.shap(analyst, owned, rows=[599, 600]))
    assert (failure.code, failure.reason) == (grpc.StatusCode.OUT_OF_RANGE, "ROW_OUT_OF_RANGE")
    assert failure.metadata == {"row": "600", "row_count": "600"}


def test_more_rows_than_fit_one_answer_are_refused(rig, analyst, monkeypatch):
    owned = rig.model(analyst)
    monkeypatch.setattr(rig.explaining, "_most_attributions", 52)
    assert rig.shap(analyst, owned, rows=range(10)).status == "succeeded"
    failure = failure_of(lambda: rig.shap(analyst, owned, rows=range(11)))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "at most 10 rows" in failure.message


def test_a_class_that_the_model_lacks_is_refused(rig, analyst):
    owned = rig.model(analyst)
    failure = failure_of(lambda: rig.shap(analyst, owned, explained_class="maybe"))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CLASS_UNKNOWN")
    regressor = rig.model(analyst, "ridge", "regression", 0, favourable_class="")
    assert failure_of(lambda: rig.shap(analyst, regressor, explained_class="yes")).reason == "CLASS_UNKNOWN"
    several = rig.model(analyst, "lightgbm", "classification", 3, favourable_class="")
    assert failure_of(lambda: rig.shap(analyst, several)).reason == "CLASS_UNKNOWN"
    favoured = rig.model(analyst, "lightgbm", "classification", 3, favourable_class="more")
    assert rig.shap(analyst, favoured, rows=[0]).explained_class == "more"


def test_a_dataset_without_the_models_columns_is_refused(rig, analyst):
    owned = rig.model(analyst)
    other = rig.model(analyst)
    other.columns.pop("age")
    failure = failure_of(lambda: rig.shap(analyst, owned, rows=[0], dataset_id=other.dataset_id))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "COLUMNS_MISSING")
    assert failure.metadata == {"columns": "age"}


def test_a_dataset_with_texts_where_the_model_takes_numbers_is_refused(rig, analyst):
    owned, other = rig.model(analyst), rig.model(analyst)
    other.columns["age"] = "string"
    failure = failure_of(lambda: rig.shap(analyst, owned, rows=[0], dataset_id=other.dataset_id))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "COLUMNS_UNSUITABLE")
    assert failure.metadata == {"columns": "age"}


def test_values_that_no_answer_could_hold_have_failed(rig, analyst, monkeypatch):
    owned = rig.model(analyst)
    monkeypatch.setattr(jobs, "LARGEST_MESSAGE", 5_000)
    assert rig.shap(analyst, owned, rows=range(2)).status == "succeeded"
    found = rig.shap(analyst, owned, rows=range(50))
    assert found.status == "failed"
    assert "ask for fewer rows" in found.error


def test_as_many_wait_as_leave_threads_for_others(rig, analyst):
    owned = rig.model(analyst)
    places = rig.settings.grpc_threads // 4
    rig.owners.hold_reading.clear()
    try:
        with ThreadPoolExecutor(places) as many:
            waiting = [many.submit(rig.shap, analyst, owned, rows=[0], wait={"seconds": 8}) for _ in range(places)]
            wait_until(lambda: rig.explaining._changes._places._value == 0)
            began = time.monotonic()
            assert rig.shap(analyst, owned, rows=[1]).status in ("pending", "running")
            assert time.monotonic() - began < 2
            rig.owners.hold_reading.set()
            assert {each.result().status for each in waiting} == {"succeeded"}
    finally:
        rig.owners.hold_reading.set()


def test_nobody_waits_for_a_client_that_has_gone(rig, analyst):
    owned = rig.model(analyst)
    places = rig.explaining._changes._places
    free = places._value
    rig.owners.hold_reading.clear()
    try:
        call = rig.explanations.GetShapExplanation.future(
            explanation_service_pb2.GetShapExplanationRequest(model_id=owned.id, rows=[0], wait={"seconds": 30}),
            metadata=analyst.metadata,
        )
        wait_until(lambda: places._value == free - 1)
        call.cancel()
        wait_until(lambda: places._value == free, 2)
    finally:
        rig.owners.hold_reading.set()


def test_another_dataset_is_summed_up_over_all_its_rows(rig, analyst):
    owned, other = rig.model(analyst), rig.model(analyst)
    found = rig.shap(analyst, owned, dataset_id=other.dataset_id)
    assert (found.row_count, found.dataset_id, found.dataset_version) == (600, other.dataset_id, 1)
    assert rig.shap(analyst, owned, dataset_id=other.dataset_id).id == found.id


def test_others_models_are_not_found_and_permission_is_needed(rig, analyst):
    owned = rig.model(analyst)
    stranger = rig.hire()
    assert failure_of(lambda: rig.shap(stranger, owned)).code is grpc.StatusCode.NOT_FOUND
    assert failure_of(lambda: rig.importance(stranger, owned)).code is grpc.StatusCode.NOT_FOUND
    nobody = rig.hire("nobody", analyst.org_id)
    assert failure_of(lambda: rig.shap(nobody, owned)).code is grpc.StatusCode.PERMISSION_DENIED


def test_a_viewer_sees_summaries_that_others_asked_for_but_no_rows(rig, analyst):
    owned = rig.model(analyst)
    viewer = rig.hire("viewer", analyst.org_id)
    assert failure_of(lambda: rig.shap(viewer, owned)).code is grpc.StatusCode.PERMISSION_DENIED
    found = rig.shap(analyst, owned)
    assert rig.shap(viewer, owned) == found
    rig.shap(analyst, owned, rows=[0])
    assert failure_of(lambda: rig.shap(viewer, owned, rows=[0])).code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("algorithm", "kind", "classes", "score"),
    [("lightgbm", "classification", 2, "roc_auc"), ("ridge", "regression", 0, "r2")],
)
def test_feature_importance_by_permutation_and_by_shap(rig, analyst, algorithm, kind, classes, score):
    owned = rig.model(analyst, algorithm, kind, classes)
    permuted = rig.importance(analyst, owned)
    assert (permuted.status, permuted.method, permuted.score) == ("succeeded", "permutation", score)
    assert permuted.row_count == 300
    assert permuted.features[0].feature == "age"
    assert permuted.features[0].importance > 0
    assert permuted.features[0].standard_deviation > 0
    assert rig.importance(analyst, owned, method="permutation") == permuted
    by_shap = rig.importance(analyst, owned, method="shap")
    summary = rig.shap(analyst, owned)
    assert by_shap.score == ""
    assert [(each.feature, each.importance) for each in by_shap.features] == [
        (each.feature, each.attribution) for each in summary.features
    ]


def test_what_fails_says_why_and_is_tried_again_when_asked_a_minute_later(rig, analyst):
    owned = rig.model(analyst)
    owned.most_bytes = 200
    found = rig.shap(analyst, owned, rows=[0])
    assert found.status == "failed"
    assert found.error
    owned.most_bytes = None
    assert rig.shap(analyst, owned, rows=[0]).status == "failed"
    rig.rows("update explanation set completed_at = completed_at - interval '2 minutes' where id = %s", found.id)
    again = rig.shap(analyst, owned, rows=[0])
    assert (again.id, again.status, again.error) == (found.id, "succeeded", "")
    assert rig.events(found.id) == ["ExplanationFinished", "ExplanationFinished"]


def test_large_results_lie_in_objects(rig, analyst, monkeypatch):
    owned = rig.model(analyst)
    monkeypatch.setattr(rig.results, "_inline_bytes", 1000)
    found = rig.shap(analyst, owned, rows=list(range(50)))
    assert found.status == "succeeded"
    ((result, key),) = rig.rows("select result, result_key from explanation where id = %s", found.id)
    assert result is None
    assert key
    assert len(found.rows) == 50
    assert rig.shap(analyst, owned, rows=list(range(50))) == found


def test_rows_are_fetched_once_for_one_reader_while_they_are_kept(rig, analyst):
    owned = rig.model(analyst)
    before = rig.owners.read
    for row in range(3):
        assert rig.shap(analyst, owned, rows=[row]).status == "succeeded"
    assert rig.importance(analyst, owned).status == "succeeded"
    assert rig.owners.read - before == 4
    assert rig.owners.columns_read[-1] == sorted([*owned.model.signature.names, "label"])
    wait_until(lambda: not list(rig.folder.glob("raia-explain-*/use-*")), 5)
