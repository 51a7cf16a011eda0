"""An exact profile of 1M × 20 against pandas and DuckDB doing as much as they offer.

Ours: types, missing, exact distincts, quantiles, moments, histograms, top values, duplicate rows, correlations. pandas:
``describe``, ``nunique``, ``isna``, ``value_counts``, ``duplicated``, ``corr``. DuckDB: ``SUMMARIZE``, whose distincts
and quantiles are approximate and which has no top values, histograms, duplicates or correlations.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from upload import make_table

ROWS, RUNS = 1_000_000, 3
CODE = {
    "ours, reading": """
from raia_ingest.workers.read import read_file
work = lambda: read_file('{csv}', '{parquet}', 'table.csv', {{}}, lambda fraction, message: None)
""",
    "ours, profile": """
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
TIMED = """
import time, resource
best = 1e9
for _ in range({runs}):
    began = time.monotonic()
    work()
    best = min(best, time.monotonic() - began)
print(best, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""


def run(code: str, **paths: object) -> tuple[float, float]:
    """Seconds of the best run, and megabytes."""
    script = code.format(**paths) + TIMED.format(runs=RUNS)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    seconds, megabytes = map(float, done.stdout.split()[-2:])
    return seconds, megabytes


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory(prefix="raia-bench-") as folder:
        paths = {name: Path(folder) / f"table.{name}" for name in ("csv", "parquet", "columns")}
        make_table(ROWS, paths["csv"])
        note = (
            "import json, pathlib\nfrom raia_ingest.workers.read import read_file\n"
            f"found = read_file('{paths['csv']}', '{paths['parquet']}', 'table.csv', {{}}, lambda f, m: None)\n"
            f"pathlib.Path('{paths['columns']}').write_text(json.dumps(found['columns']))\n"
        )
        subprocess.run([sys.executable, "-c", note], check=True)
        print(f"{ROWS:,} rows, 20 columns, {paths['csv'].stat().st_size / 1e6:.0f} MB of CSV\n")
        print("| what | seconds | memory |\n|---|---|---|")
        for name, code in CODE.items():
            seconds, megabytes = run(code, **paths)
            print(f"| {name} | {seconds:.2f} | {megabytes:.0f} MB |")


if __name__ == "__main__":
    main()
