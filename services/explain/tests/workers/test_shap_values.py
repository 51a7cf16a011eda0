import numpy as np
import pytest
from raia_explain.errors import ClassUnknown, ColumnsMissing, RowOutOfRange
from raia_explain.workers import shap_values
from raia_explain.workers.attribution import Explainer

from ..models import fitted, numbers, stored

pytestmark = pytest.mark.fast


def silent(_fraction, _message=""):
    """Takes progress."""


def test_rows_come_in_the_order_asked_for_with_their_values(tmp_path):
    model, frame = fitted("lightgbm", "classification", 2)
    arguments = stored(tmp_path, model, frame)
    found = shap_values.explain_rows(**arguments, rows=[7, 0, 599], label="yes", progress=silent)
    assert [entry["row"] for entry in found["rows"]] == [7, 0, 599]
    wanted = Explainer(model).of_class(model.encode(frame.iloc[[7, 0, 599]]), "yes")
    predicted = model.predict(frame.iloc[[7, 0, 599]])
    for place, entry in enumerate(found["rows"]):
        by_name = {feature["feature"]: feature for feature in entry["features"]}
        assert [by_name[name]["attribution"] for name in model.signature.names] == list(wanted.values[place])
        assert entry["margin"] == wanted.margin[place]
        assert entry["prediction"] == predicted[place]
        sizes = [abs(feature["attribution"]) for feature in entry["features"]]
        assert sizes == sorted(sizes, reverse=True)
        assert by_name["age"]["feature_value"] == frame["age"].iloc[entry["row"]]
        assert by_name["member"]["feature_value"] is bool(frame["member"].iloc[entry["row"]])
    assert found["row_count"] == 3
    assert found["method"] == "tree"
    assert found["margin_scale"] == "log_odds"
    assert found["additivity_error"] <= 1e-9


def test_a_summary_is_the_mean_absolute_value_over_hold_out_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(shap_values, "CHUNK", 70)
    model, frame = fitted("logistic_regression", "classification", 3)
    arguments = stored(tmp_path, model, frame)
    held = np.arange(0, 600, 3)
    found = shap_values.explain_all(**arguments, holdout=numbers(held), label="more", progress=silent)
    wanted = np.abs(Explainer(model).of_class(model.encode(frame.iloc[held]), "more").values).mean(axis=0)
    by_name = {feature["feature"]: feature["attribution"] for feature in found["features"]}
    np.testing.assert_allclose([by_name[name] for name in model.signature.names], wanted, rtol=1e-12)
    assert found["row_count"] == len(held)
    assert found["rows"] == []
    every = shap_values.explain_all(**arguments, holdout=None, label=None, progress=silent)
    assert every["row_count"] == 600
    monkeypatch.setattr(shap_values, "CHUNK_BYTES", 1)
    narrow = shap_values.explain_all(**arguments, holdout=numbers(held[:3]), label=None, progress=silent)
    of_all = [each.values for each in Explainer(model).explain(model.encode(frame.iloc[held[:3]]))]
    by_name = {feature["feature"]: feature["attribution"] for feature in narrow["features"]}
    wanted = np.abs(of_all).mean(axis=(0, 1))
    np.testing.assert_allclose([by_name[name] for name in model.signature.names], wanted, rtol=1e-12)


def test_what_is_not_there_is_refused(tmp_path):
    model, frame = fitted("ridge", "regression", 0)
    arguments = stored(tmp_path, model, frame)
    for rows in ([600], [-1]):
        with pytest.raises(RowOutOfRange) as refused:
            shap_values.explain_rows(**arguments, rows=rows, label="", progress=silent)
        assert refused.value.metadata == {"row": str(rows[0]), "row_count": "600"}
    (tmp_path / "less").mkdir()
    with pytest.raises(ColumnsMissing) as missing:
        shap_values.explain_rows(
            **stored(tmp_path / "less", model, frame.drop(columns=["age", "city"])), rows=[0], label="", progress=silent
        )
    assert missing.value.metadata == {"columns": "age,city"}
    classifier, rows = fitted("lightgbm", "classification", 2)
    with pytest.raises(ClassUnknown):
        shap_values.explain_rows(**stored(tmp_path, classifier, rows), rows=[0], label="maybe", progress=silent)
