import numpy as np
import pytest
from raia_explain.workers.importance import REPEATS, permute
from sklearn.metrics import roc_auc_score

from ..models import fitted, numbers, stored

pytestmark = pytest.mark.fast


def silent(_fraction, _message=""):
    """Takes progress."""


@pytest.mark.parametrize(
    ("algorithm", "kind", "classes", "score"),
    [
        ("logistic_regression", "classification", 2, "roc_auc"),
        ("lightgbm", "classification", 3, "accuracy"),
        ("ridge", "regression", 0, "r2"),
    ],
)
def test_what_the_label_rests_on_matters_most_and_repeats(tmp_path, algorithm, kind, classes, score):
    model, frame = fitted(algorithm, kind, classes)
    arguments = {**stored(tmp_path, model, frame), "holdout": numbers(range(400, 600)), "target": "label"}
    found = permute(**arguments, progress=silent)
    assert found["score"] == score
    assert found["row_count"] == 200
    assert {feature["feature"] for feature in found["features"]} == set(model.signature.names)
    assert found["features"][0]["feature"] == "age"
    sizes = [feature["importance"] for feature in found["features"]]
    assert sizes == sorted(sizes, reverse=True)
    assert found == permute(**arguments, progress=silent)


def test_the_drop_is_that_of_the_score_when_the_column_is_shuffled(tmp_path):
    model, frame = fitted("logistic_regression", "classification", 2)
    held = frame.iloc[:300].reset_index(drop=True)
    arguments = {**stored(tmp_path, model, frame), "holdout": numbers(range(300)), "target": "label"}
    found = {each["feature"]: each for each in permute(**arguments, progress=silent)["features"]}

    def auc(rows):
        return roc_auc_score(held["label"] == "yes", model.predict_proba(rows)[:, 1])

    random = np.random.default_rng(99)
    drops = []
    for _ in range(50):
        drops.append(auc(held) - auc(held.assign(age=random.permutation(held["age"]))))
    error = found["age"]["standard_deviation"] / np.sqrt(REPEATS)
    assert found["age"]["importance"] == pytest.approx(np.mean(drops), abs=4 * error)


def test_rows_without_a_label_are_left_out(tmp_path):
    model, frame = fitted("logistic_regression", "classification", 2)
    frame.loc[:49, "label"] = None
    arguments = {**stored(tmp_path, model, frame), "holdout": numbers(range(300)), "target": "label"}
    assert permute(**arguments, progress=silent)["row_count"] == 250
