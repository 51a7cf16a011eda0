"""What a serving process imports, and what it must not."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.fast
HEAVY = ("pyarrow", "duckdb", "polars", "pandas", "numpy", "python_calamine", "charset_normalizer", "sklearn")


def test_the_serving_process_imports_nothing_to_compute_with():
    code = "import sys, raia_ingest.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert {name.partition(".")[0] for name in done.stdout.split()} & set(HEAVY) == set()
