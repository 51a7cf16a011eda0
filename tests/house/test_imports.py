"""What a serving process must not have imported: computing happens in child processes."""

import subprocess
import sys

import pytest

HEAVY = [
    *("pandas", "sklearn", "xgboost", "lightgbm", "shap", "lime", "transformers"),
    *("polars", "duckdb", "pyarrow", "scipy", "numpy", "onnxruntime"),
]
SERVING = [
    "raia_kit.service",
    "raia_gateway.__main__",
    "raia_auth.bootstrap",
    "raia_ingest.bootstrap",
    "raia_ml.bootstrap",
    "raia_llm.bootstrap",
    "raia_explain.bootstrap",
    "raia_workspace.bootstrap",
]


@pytest.mark.fast
@pytest.mark.parametrize("module", SERVING)
def test_serving_modules_import_nothing_heavy(module: str) -> None:
    code = (
        f"import sys, importlib; importlib.import_module({module!r}); print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []
