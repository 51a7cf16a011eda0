"""A training, everything a version records included, against a script that fits and measures with scikit-learn alone.

Ours: rows from an Arrow stream, kinds of columns, hold-out split, 5-fold cross-validation with preprocessing fitted
in each fold, six metrics, 95 % intervals of 1,000 resamples, the artefact with its digest. The peer: pandas, a
scikit-learn pipeline of the same steps and the same estimator with the same parameters, ``cross_validate`` with the
same metrics on the training rows, and the hold-out metrics without intervals. One thread each, a fresh process a run,
the best of three.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, RUNS = 20_000, 3
ALGORITHMS = ("logistic_regression", "random_forest", "hist_gradient_boosting", "xgboost", "lightgbm")
OURS = """
from raia_ml.workers.train import train
plan = {{"target": "y", "task": "classification", "algorithm": "{algorithm}", "parameters": {{}}, "excluded": [],
        "test_fraction": 0.25, "folds": 5, "seed": 0, "favourable_class": ""}}
work = lambda: train("{arrow}", "{folder}", plan, 10**9, lambda fraction, message: None)
"""
PEER = """
import json
import numpy as np, pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn import metrics
def estimator():
    if "{algorithm}" == "logistic_regression": return LogisticRegression(max_iter=1000, tol=1e-6)
    if "{algorithm}" == "random_forest": return RandomForestClassifier(200, n_jobs=1, random_state=0)
    if "{algorithm}" == "hist_gradient_boosting": return HistGradientBoostingClassifier(early_stopping=False)
    if "{algorithm}" == "xgboost":
        from xgboost import XGBClassifier
        return XGBClassifier(n_estimators=100, learning_rate=0.1, max_depth=6, n_jobs=1)
    from lightgbm import LGBMClassifier
    return LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=1, verbosity=-1, force_row_wise=True)
def work():
    frame = pd.read_parquet("{parquet}")
    y = (frame.pop("y") == "yes").astype(int)
    numeric = list(frame.select_dtypes("number"))
    text = [name for name in frame if name not in numeric]
    steps = ColumnTransformer([
        ("numeric", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numeric),
        ("text", OneHotEncoder(handle_unknown="ignore", sparse_output=False), text)])
    model = make_pipeline(steps, estimator()).set_output(transform="default")
    a, b, y_a, y_b = train_test_split(frame, y, test_size=0.25, stratify=y, random_state=0)
    scores = ["accuracy", "balanced_accuracy", "roc_auc", "f1", "neg_log_loss", "neg_brier_score"]
    cross_validate(model, a, y_a, cv=StratifiedKFold(5, shuffle=True, random_state=0), scoring=scores)
    model.fit(a, y_a)
    p = model.predict_proba(b)[:, 1]
    metrics.accuracy_score(y_b, p > 0.5), metrics.roc_auc_score(y_b, p), metrics.log_loss(y_b, p)
"""
TIMED = """
import json, time, resource
from threadpoolctl import threadpool_limits
with threadpool_limits(1):
    began = time.process_time()
    work()
    print(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""


def make_table() -> pa.Table:
    """Numbers, some missing, and texts; a target that depends on some of them."""
    random = np.random.default_rng(0)
    numbers = {f"number {position}": random.normal(size=ROWS) for position in range(12)}
    texts = {f"text {position}": random.choice([f"value {n}" for n in range(8)], ROWS) for position in range(6)}
    score = numbers["number 0"] + numbers["number 1"] ** 2 + (texts["text 0"] == "value 3") + random.normal(size=ROWS)
    for values in list(numbers.values())[:4]:
        values[random.random(ROWS) < 0.05] = np.nan
    return pa.table({**numbers, **texts, "y": np.where(score > 1.5, "yes", "no")})


def run(code: str, **names: object) -> tuple[float, float]:
    """Seconds of processor time of the best run, and megabytes."""
    found = []
    for _ in range(RUNS):
        script = code.format(**names) + TIMED
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script], check=True, capture_output=True, text=True
        )
        found.append(tuple(map(float, done.stdout.split()[-2:])))
    seconds, megabytes = min(found)
    return seconds, megabytes


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as name:
        folder, table = Path(name), make_table()
        with pa.OSFile(str(folder / "rows.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=10_000)
        pq.write_table(table, folder / "rows.parquet")
        names = {"arrow": folder / "rows.arrow", "parquet": folder / "rows.parquet", "folder": folder}
        print(f"{ROWS:,} rows, 18 columns; seconds of processor time and peak MB, imports left out of the time")
        print(f"{'algorithm':<24}{'ours':>10}{'MB':>7}{'scikit-learn':>14}{'MB':>7}{'ratio':>8}")
        results = {}
        for algorithm in ALGORITHMS:
            ours, our_mb = run(OURS, algorithm=algorithm, **names)
            peer, peer_mb = run(PEER, algorithm=algorithm, **names)
            results[algorithm] = ours / peer
            print(f"{algorithm:<24}{ours:>10.2f}{our_mb:>7.0f}{peer:>14.2f}{peer_mb:>7.0f}{ours / peer:>8.2f}")
        print(json.dumps({name: round(ratio, 2) for name, ratio in results.items()}))


if __name__ == "__main__":
    main()
