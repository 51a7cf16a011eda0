import numpy as np
import pytest
from raia_explain.errors import AttributeUnusable, ClassUnknown, ColumnsMissing, RowOutOfRange
from raia_explain.workers import advice, fairness, parity

from ..models import fitted, numbers, stored

pytestmark = pytest.mark.fast

SEX = {"name": "sex", "column": "sex"}
AGE = {"name": "age", "column": "age", "bins": [30, 60]}


def silent(_fraction, _message=""):
    """Takes progress."""


def analysed(arguments, rows, definitions=(SEX, AGE), favourable=None, **changes):
    options = {
        "holdout": numbers(rows),
        "target": "label",
        "definitions": list(definitions),
        "favourable": favourable or {"favourable_class": "yes"},
        "progress": silent,
        **changes,
    }
    return fairness.analyse(**arguments, **options)


def test_the_report_of_a_classifier_counts_its_decisions_on_hold_out_rows_alone(tmp_path):
    model, frame = fitted("logistic_regression", "classification", 2)
    arguments = stored(tmp_path, model, frame)
    rows = np.arange(100, 500)
    content = analysed(arguments, rows)["content"]
    held = frame.iloc[rows]
    assert content["row_count"] == 400
    selected = model.predict(held) == "yes"
    for attribute in content["attributes"]:
        for group in attribute["groups"]:
            inside = (
                held["sex"] == group["group"]
                if attribute["attribute"] == "sex"
                else {"<30": held["age"] < 30, "30–<60": held["age"].between(30, 59), "≥60": held["age"] >= 60}[
                    group["group"]
                ]
            )
            assert group["count"] == inside.sum()
            assert group["selection_rate"]["value"] == pytest.approx(selected[inside].mean())
            right = selected[inside] == (held["label"] == "yes")[inside]
            assert group["accuracy"] == pytest.approx(right.mean())


def test_a_threshold_replaces_the_models_own_decision(tmp_path):
    model, frame = fitted("lightgbm", "classification", 2)
    arguments = stored(tmp_path, model, frame)
    content = analysed(arguments, range(600), [SEX], {"favourable_class": "yes", "threshold": 0.9})["content"]
    chosen = model.predict_proba(frame)[:, 1] >= 0.9
    for group in content["attributes"][0]["groups"]:
        assert group["selection_rate"]["value"] == pytest.approx(chosen[frame["sex"] == group["group"]].mean())


@pytest.mark.parametrize("side", ["above", "below"])
def test_a_regressor_favours_one_side_of_a_threshold(tmp_path, side):
    model, frame = fitted("ridge", "regression", 0)
    arguments = stored(tmp_path, model, frame)
    favourable = {"regression_threshold": 3.0, "side": side}
    content = analysed(arguments, range(600), [SEX], favourable)["content"]
    predicted = model.predict(frame)
    chosen = predicted >= 3.0 if side == "above" else predicted <= 3.0
    deserving = frame["label"] >= 3.0 if side == "above" else frame["label"] <= 3.0
    for group in content["attributes"][0]["groups"]:
        inside = (frame["sex"] == group["group"]).to_numpy()
        assert group["selection_rate"]["value"] == pytest.approx(chosen[inside].mean())
        assert group["true_positive_rate"] == pytest.approx(chosen[inside & deserving].mean())


def test_rows_without_a_label_are_left_out(tmp_path):
    model, frame = fitted("logistic_regression", "classification", 2)
    frame.loc[:99, "label"] = None
    assert analysed(stored(tmp_path, model, frame), range(600))["content"]["row_count"] == 500


def test_equal_input_gives_an_equal_report(tmp_path):
    model, frame = fitted("xgboost", "classification", 2)
    arguments = stored(tmp_path, model, frame)
    assert analysed(arguments, range(600)) == analysed(arguments, range(600))


def test_figures_tell_what_the_gate_needs(tmp_path):
    model, frame = fitted("logistic_regression", "classification", 2)
    found = analysed(stored(tmp_path, model, frame), range(600))
    by_name = {each["attribute"]: each for each in found["content"]["attributes"]}
    assert set(found["figures"]) == {"sex", "age"}
    for name, figures in found["figures"].items():
        assert figures["judged"]
        assert figures["disparate_impact"] == by_name[name]["disparate_impact"]["value"]
        assert figures["favourable_outcome"] == {"favourable_class": "yes"}
        assert figures["groups"].keys() == {group["group"] for group in by_name[name]["groups"]}


def test_what_cannot_be_analysed_is_refused(tmp_path):
    model, frame = fitted("logistic_regression", "classification", 2)
    arguments = stored(tmp_path, model, frame)
    with pytest.raises(ColumnsMissing):
        analysed(arguments, range(10), [{"name": "race", "column": "race"}])
    with pytest.raises(ClassUnknown):
        analysed(arguments, range(10), [SEX], {"favourable_class": "perhaps"})
    with pytest.raises(RowOutOfRange):
        analysed(arguments, [600])
    with pytest.raises(AttributeUnusable, match="reference group"):
        analysed(arguments, range(600), [{**SEX, "reference_group": "X"}])


def judged(impact, lower, upper, low=0.3, high=0.6):
    rate = {"lower": 0.0, "upper": 1.0}
    return {
        "attribute": "sex",
        "judged": True,
        "not_judged_because": "",
        "disparate_impact": {"value": impact, "lower": lower, "upper": upper},
        "groups": [
            {"group": "M", "judged": True, "count": 100, "selection_rate": {"value": high, **rate}},
            {"group": "F", "judged": True, "count": 50, "selection_rate": {"value": low, **rate}},
        ],
        "ungrouped_row_count": 0,
    }


def test_recommendations_are_sentences_with_figures():
    text = advice.recommendations([judged(0.5, 0.4, 0.6)])
    assert "F has the favourable outcome in 30.0 % of cases, M in 60.0 %" in text
    assert "0.500 (95 % interval 0.400 to 0.600), below the 0.80" in text
    assert "9 more of 50 F hold-out rows" in text  # 0.8 × 60 % of 50 rows is 24; 15 have it
    assert "reaches below" in advice.recommendations([judged(0.85, 0.7, 0.95, 0.51)])
    assert "over the whole interval" in advice.recommendations([judged(0.95, 0.85, 1, 0.57)])
    assert "sex: every judged group has the favourable outcome in 60.0 % of cases; disparate impact 1.000" in (
        advice.recommendations([judged(1.0, 1.0, 1.0, 0.6)])
    )
    not_judged = {"attribute": "age", "judged": False, "not_judged_because": "only one group has rows"}
    assert "age: not judged, because only one group has rows." in advice.recommendations([not_judged])


def test_bias_is_an_impact_below_four_fifths_or_none():
    assert not advice.bias_detected([judged(0.80, 0.7, 0.9)])
    assert advice.bias_detected([judged(0.799, 0.7, 0.9)])
    assert advice.bias_detected([judged(0.9, 0.8, 1), {"judged": False}])


def test_the_bootstrap_is_as_large_as_promised():
    assert parity.RESAMPLES >= 1000
