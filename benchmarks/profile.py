"""An exact profile of 1M × 20 against pandas, DuckDB, ydata-profiling and whylogs; answers are compared first.

Ours: types and meanings, missing values and their patterns, exact distincts, quantiles, moments, outliers, histograms,
top values, spellings, duplicate rows, correlations; from stored rows, which it decodes. pandas: ``describe``,
``nunique``, ``isna``, ``value_counts``, ``duplicated``, ``corr``. DuckDB: ``SUMMARIZE``, whose distincts and quantiles
are approximate and which has no top values, histograms, duplicates or correlations. ydata-profiling: its description,
without rendering, interactions and samples, with the correlations that it chooses. whylogs: its approximate sketches.
Both of these are given a frame that is in memory already.

The last two are no part of the lock file; uv installs them apart when they are asked for (``--peers``).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from upload import make_table

ROWS, RUNS = 1_000_000, 3
OURS = "ours, profile"
CODE = {
    "ours, reading": """
from raia_ingest.workers.read import read_file
work = lambda: read_file('{csv}', '{parquet}', 'table.csv', {{}}, lambda fraction, message: None)
""",
    OURS: """
from raia_ingest.workers.profile import profile_file
import json, pathlib, tempfile
columns = json.loads(pathlib.Path('{columns}').read_text())
work = lambda: profile_file('{parquet}', columns, 1 << 30, tempfile.gettempdir(), lambda fraction, message: None)
""",
    "pandas, same figures from CSV": """
import pandas as pd
def work():
    frame = pd.read_csv('{csv}')
    frame.describe(include='all'), frame.isna().sum(), frame.nunique(), frame.duplicated().sum()
    [frame[name].value_counts().head(20) for name in frame]
    frame.select_dtypes('number').corr()
""",
    "DuckDB SUMMARIZE from CSV (approximate)": """
import duckdb
def work():
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute("create table t as from read_csv('{csv}')")
        connection.execute('summarize t').fetchall()
""",
}
PEERS = {
    "ydata-profiling": (
        ("ydata-profiling", "setuptools<81"),
        8.0,
        """
import warnings; warnings.simplefilter('ignore')
import pandas as pd
from ydata_profiling import ProfileReport
frame = pd.read_csv('{csv}')
def work():
    ProfileReport(frame, progress_bar=False, interactions=None, samples=None).get_description()
""",
    ),
    "whylogs (approximate)": (
        ("whylogs", "numpy<2", "pandas<2.3"),
        1 / 1.2,
        """
import pandas as pd, whylogs
frame = pd.read_csv('{csv}')
work = lambda: whylogs.log(pandas=frame).view().to_pandas()
""",
    ),
}
TIMED = """
import time, resource
best = 1e9
for _ in range({runs}):
    began = time.monotonic()
    work()
    best = min(best, time.monotonic() - began)
print(best, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""
SAME = """
import json, pathlib, tempfile
import pandas as pd
from raia_ingest.workers.profile import profile_file
columns = json.loads(pathlib.Path('{columns}').read_text())
found = profile_file('{parquet}', columns, 1 << 30, tempfile.gettempdir(), lambda fraction, message: None)
frame = pd.read_csv('{csv}')
assert found['duplicate_row_count'] == frame.duplicated().sum()
for column in found['columns']:
    values = frame[column['name']]
    assert column['missing_count'] == values.isna().sum(), column['name']
    assert column['distinct_count'] == values.nunique(), column['name']
    if 'numeric' in column:
        assert abs(column['numeric']['mean'] - values.mean()) <= 1e-9 * max(1, abs(values.mean())), column['name']
        for quantile in column['numeric']['quantiles']:
            expected = values.quantile(quantile['probability'])
            assert abs(quantile['value'] - expected) <= 1e-9 * max(1, abs(expected)), column['name']
"""


def run(code: str, command: list[str], facts: dict[str, Path], runs: int = RUNS) -> tuple[float, float]:
    """Seconds of the best run, and megabytes."""
    script = code.format(**facts) + TIMED.format(runs=runs)
    done = subprocess.run([*command, "-c", script], check=True, capture_output=True, text=True)
    seconds, megabytes = map(float, done.stdout.split()[-2:])
    return seconds, megabytes


def apart(packages: tuple[str, ...]) -> list[str]:
    """A Python of its own that has ``packages``."""
    wanted = [argument for package in packages for argument in ("--with", package)]
    return ["uv", "run", "-q", "--no-project", "--isolated", "--python", "3.11", *wanted, "python"]


def prepare(paths: dict[str, Path]) -> None:
    """Writes the table as CSV and as stored rows, and compares the figures with those of pandas."""
    make_table(ROWS, paths["csv"])
    note = (
        "import json, pathlib\nfrom raia_ingest.workers.read import read_file\n"
        f"found = read_file('{paths['csv']}', '{paths['parquet']}', 'table.csv', {{}}, lambda f, m: None)\n"
        f"pathlib.Path('{paths['columns']}').write_text(json.dumps(found['columns']))\n"
    )
    for script in (note, SAME.format(**paths)):
        subprocess.run([sys.executable, "-c", script], check=True)


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--peers", action="store_true", help="also ydata-profiling and whylogs, installed by uv")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="raia-bench-") as folder:
        paths = {name: Path(folder) / f"table.{name}" for name in ("csv", "parquet", "columns")}
        prepare(paths)
        columns = len(json.loads(paths["columns"].read_text()))
        print(f"{ROWS:,} rows, {columns} columns, {paths['csv'].stat().st_size / 1e6:.0f} MB of CSV\n")
        print("| what | seconds | memory | time of ours : theirs | target |\n|---|---|---|---|---|")
        ours = 0.0
        for name, code in CODE.items():
            seconds, megabytes = run(code, [sys.executable], paths)
            ours = seconds if name == OURS else ours
            print(f"| {name} | {seconds:.2f} | {megabytes:.0f} MB | | |", flush=True)
        for name, (packages, target, code) in PEERS.items() if chosen.peers else ():
            seconds, megabytes = run(code, apart(packages), paths, 1)
            ratio = f"{ours / seconds:.3f} ({seconds / ours:.1f} × as fast)"
            print(f"| {name} | {seconds:.2f} | {megabytes:.0f} MB | {ratio} | ≤ {1 / target:.3f} |", flush=True)


if __name__ == "__main__":
    main()
