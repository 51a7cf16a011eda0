"""SHAP values of trees against the shap library, on the same models and rows, one thread each.

Each line is a fresh process that loads what it needs, as a compute child does, and explains ROWS rows; seconds are
processor time. "Cold" includes importing and preparing, "warm" is a second explanation in the same process. Both
answers are compared: the largest difference is shown.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS = (1, 250, 5_000)
TRAIN = """
import pathlib, numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
import lightgbm, xgboost, joblib
rows, target = make_classification(5000, 30, n_informative=15, random_state=0)
folder = pathlib.Path('{folder}')
np.save(folder / 'rows.npy', rows)
models = {{
    'lightgbm': lightgbm.train(
        dict(objective='binary', num_leaves=64, max_depth=6, num_threads=1, verbosity=-1),
        lightgbm.Dataset(rows, target), 200,
    ),
    'xgboost': xgboost.train(
        dict(objective='binary:logistic', max_depth=6, nthread=1), xgboost.DMatrix(rows, target), 200
    ),
    'random_forest': RandomForestClassifier(100, random_state=0).fit(rows[:1000], target[:1000]),
    'hist_gradient_boosting': HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(rows, target),
}}
for name, model in models.items():
    joblib.dump(model, folder / name)
"""
TIMED = """
import json, pathlib, sys, time, warnings
warnings.simplefilter('ignore')
import joblib, lightgbm, numpy as np, sklearn.ensemble, xgboost
folder = pathlib.Path('{folder}')
model, rows = joblib.load(folder / '{model}'), np.load(folder / 'rows.npy')[:{rows}]
began = time.process_time()
{code}
cold = time.process_time() - began
began = time.process_time()
found = explain(rows)
warm = time.process_time() - began
found = np.asarray(found[-1] if isinstance(found, list) else found)
found = found[:, :, -1] if found.ndim == 3 else found
np.save(folder / '{name}.npy', found)
print(json.dumps([cold, warm]))
"""
OURS = """
from raia_explain.workers import forest
from raia_explain.workers.tree_shap import TreeShap
explain = TreeShap(forest.read('{model}', model)).values
explain(rows)
"""
SHAP = """
import shap
explainer = shap.TreeExplainer(model, feature_perturbation='tree_path_dependent')
explain = lambda rows: explainer.shap_values(rows, check_additivity=False)
explain(rows)
"""


def timed(folder: Path, model: str, rows: int, name: str, code: str) -> tuple[float, float]:
    """Seconds of a cold and of a warm explanation."""
    script = TIMED.format(folder=folder, model=model, rows=rows, name=name, code=code.format(model=model))
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    cold, warm = json.loads(done.stdout.splitlines()[-1])
    return cold, warm


def main() -> None:
    """Prints the table."""
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="raia-bench-") as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", TRAIN.format(folder=folder)], check=True)
        # Compiled loops are kept on disk after their first use on a machine.
        timed(folder, "lightgbm", 5_000, "ours", OURS)
        print("| model | rows | ours cold | shap cold | ratio | ours warm | shap warm | ratio | difference |")
        print("|---|---|---|---|---|---|---|---|---|")
        for model in ("lightgbm", "xgboost", "random_forest", "hist_gradient_boosting"):
            for rows in ROWS:
                cold, warm = timed(folder, model, rows, "ours", OURS)
                shap_cold, shap_warm = timed(folder, model, rows, "shap", SHAP)
                difference = np.abs(np.load(folder / "ours.npy") - np.load(folder / "shap.npy")).max()
                print(
                    f"| {model} | {rows:,} | {cold:.3f} s | {shap_cold:.3f} s | {shap_cold / cold:.1f} "
                    f"| {warm:.4f} s | {shap_warm:.4f} s | {shap_warm / warm:.1f} | {difference:.1e} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
