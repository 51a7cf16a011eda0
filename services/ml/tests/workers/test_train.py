"""Trainings in the compute function itself: repeatable, honest about what was held out."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from raia_kit.errors import RaiaError
from raia_ml.runs.parameters import TRAINABLE
from raia_ml.workers.train import train
from raia_scoring import load
from sklearn import metrics as reference

CASES = [(name, task) for name, each in TRAINABLE.items() for task in each.tasks]


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> tuple[str, pd.DataFrame]:
    """A file of rows with missing values, and the same as a frame."""
    random = np.random.default_rng(2)
    n = 240
    income = random.lognormal(3, 0.6, n)
    income[random.random(n) < 0.1] = np.nan
    city = random.choice(["Rome", "Oslo", "Lima", None], n)
    signal = np.nan_to_num(income) / 20 + (city == "Rome") + random.normal(0, 0.4, n)
    frame = pd.DataFrame(
        {
            "id": [f"row {number}" for number in range(n)],
            "income": income,
            "city": pd.Series(city, dtype="str"),
            "flag": random.random(n) < 0.5,
            "number": signal,
            "label": np.where(signal > np.median(signal), 2, 1),
        }
    )
    path = str(tmp_path_factory.mktemp("rows") / "rows.arrow")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return path, frame


def plan(algorithm, kind, /, **changes):
    target, other = ("label", "number") if kind == "classification" else ("number", "label")
    small = {name: 10 for name in ("n_estimators", "max_iter") if name in TRAINABLE[algorithm].parameters}
    if algorithm == "logistic_regression":
        small = {}
    return {
        "target": target,
        "task": kind,
        "algorithm": algorithm,
        "parameters": small,
        "excluded": [other],
        "test_fraction": 0.25,
        "folds": 3,
        "seed": 5,
        "favourable_class": "",
        **changes,
    }


def trained(rows, folder, algorithm, kind, /, **changes):
    folder.mkdir(exist_ok=True)
    return train(rows[0], str(folder), plan(algorithm, kind, **changes), 10**6, lambda fraction, message: None)


@pytest.mark.parametrize(("algorithm", "task"), CASES)
def test_figures_are_those_of_the_model_on_the_hold_out_rows(rows, tmp_path, algorithm, task):
    result = trained(rows, tmp_path, algorithm, task)
    model = load(tmp_path / "model", result["digest"])
    numbers = np.frombuffer((tmp_path / "holdout_rows").read_bytes(), dtype="<i8")
    assert np.array_equal(numbers, np.sort(numbers))
    assert len(numbers) == result["data"]["holdout_rows"] == 60
    held = rows[1].iloc[numbers]
    figures = {each["name"]: each for each in result["metrics"] if each["scope"] == "holdout"}
    if task == "classification":
        truth = held["label"].astype(str)
        assert figures["accuracy"]["value"] == pytest.approx((model.predict(held) == truth).mean())
        auc = reference.roc_auc_score(truth == "2", model.predict_proba(held)[:, 1])
        assert figures["roc_auc"]["value"] == pytest.approx(auc)
        assert figures["accuracy"]["value"] > 0.6
    else:
        assert figures["rmse"]["value"] == pytest.approx(
            reference.root_mean_squared_error(held["number"], model.predict(held))
        )
        assert figures["r2"]["value"] > 0.3
    assert all(each["lower"] <= each["value"] <= each["upper"] for each in result["metrics"])
    assert {each["scope"] for each in result["metrics"]} == {"holdout", "cross_validation"}


def test_the_hold_out_set_touches_nothing_that_is_fitted(rows, tmp_path):
    """Other values in the hold-out rows change neither model nor signature."""
    trained(rows, tmp_path / "a", "logistic_regression", "classification")
    numbers = np.frombuffer((tmp_path / "a" / "holdout_rows").read_bytes(), dtype="<i8")
    frame = rows[1].copy()
    frame.loc[frame.index[numbers], "income"] = 1e9
    frame.loc[frame.index[numbers], "city"] = "Atlantis"
    path = str(tmp_path / "other.arrow")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    first = (tmp_path / "a" / "model").read_bytes()
    trained((path, frame), tmp_path / "b", "logistic_regression", "classification")
    assert (tmp_path / "b" / "model").read_bytes() == first


_ELSEWHERE = """
import json, sys
from pathlib import Path
from raia_ml.workers.train import train
rows, folder, plans = json.loads(sys.argv[1])
for plan in plans:
    print(train(rows, folder, plan, 10**6, lambda fraction, message: None)["digest"])
"""


def test_training_again_in_a_fresh_process_gives_the_same_bytes(rows, tmp_path):
    plans = [plan(*case, folds=0) for case in CASES]
    arguments = json.dumps([rows[0], str(tmp_path), plans])
    runs = [
        subprocess.run(
            [sys.executable, "-c", _ELSEWHERE, arguments],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PATH": "", "OMP_NUM_THREADS": threads},
        ).stdout.split()
        for seed, threads in (("1", "1"), ("77", "2"))
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == len(CASES)


def test_another_seed_gives_another_split(rows, tmp_path):
    first = trained(rows, tmp_path / "a", "ridge", "regression")
    second = trained(rows, tmp_path / "b", "ridge", "regression", seed=6)
    assert first["digest"] != second["digest"]
    assert (tmp_path / "a" / "holdout_rows").read_bytes() != (tmp_path / "b" / "holdout_rows").read_bytes()


def test_splits_are_stratified(rows, tmp_path):
    data = trained(rows, tmp_path, "logistic_regression", "classification")["data"]
    assert data["split"] == "stratified"
    assert {name: each["holdout"] for name, each in data["classes"].items()} == {"1": 30, "2": 30}


def test_facts_are_told(rows, tmp_path):
    result = trained(rows, tmp_path, "xgboost", "classification", favourable_class="2")
    assert result["framework"].startswith("xgboost ")
    assert {"python", "numpy", "pandas", "xgboost"} <= set(result["libraries"])
    assert [each["column"] for each in result["data"]["dropped_columns"]] == ["number", "id"]
    assert [each["name"] for each in result["signature"]["inputs"]] == ["income", "city", "flag"]
    assert result["parameters"]["max_depth"] == 6


def test_an_unknown_favourable_class_is_refused(rows, tmp_path):
    with pytest.raises(RaiaError, match="the classes are 1, 2"):
        trained(rows, tmp_path, "xgboost", "classification", favourable_class="yes")


def test_the_task_is_decided_from_the_target(rows, tmp_path):
    anything = {"task": ""}
    assert trained(rows, tmp_path, "lightgbm", "classification", **anything)["task"] == "classification"
    assert trained(rows, tmp_path, "lightgbm", "regression", **anything)["task"] == "regression"


def test_more_classes_than_can_be_folded(tmp_path):
    rare = pa.table({"a": np.arange(100.0), "y": ["x"] * 48 + ["y"] * 49 + ["z"] * 3})
    path = str(tmp_path / "rows")
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, rare.schema) as writer:
        writer.write_table(rare)
    wanted = plan("logistic_regression", "classification", target="y", excluded=[], folds=5)
    result = train(path, str(tmp_path), wanted, 10**6, lambda fraction, message: None)
    assert any("too few rows of the rarest class for 5 folds" in text for text in result["warnings"])


def test_a_solver_that_stops_early_is_told(rows, tmp_path):
    result = trained(
        rows, tmp_path, "logistic_regression", "classification", parameters={"max_iter": 10, "C": 1e6, "tol": 1e-12}
    )
    assert any("did not converge" in text for text in result["warnings"])


def test_progress_rises(rows, tmp_path):
    seen: list[float] = []
    train(rows[0], str(tmp_path), plan("ridge", "regression"), 10**6, lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert 0 < seen[0] <= seen[-1] <= 1
