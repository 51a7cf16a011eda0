"""Cleaning a large CSV by a recipe of ten steps, against the same steps in pandas; the rows are compared first.

Both begin with the CSV file and end with a Parquet file. Ours reads the file with types decided on all of it, runs the
recipe and writes rows, lineage, removed rows and ledger. ``--rows`` makes the table larger (10 million rows are about
1.1 GB of CSV), ``--ours`` leaves pandas out, which needs several times the file's size in memory.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

ROWS, CHUNK = 1_000_000, 500_000
STEPS = [
    {"normalize_text": {"columns": ["name", "city"], "trim": True, "collapse_spaces": True, "case": "lower"}},
    {"convert_type": {"columns": ["price"], "to": "float", "ignored_characters": "$", "on_error": "remove_row"}},
    {"parse_dates": {"columns": ["day"], "formats": ["%d/%b/%Y"]}},
    {"replace_values": {"column": "city", "replacements": [{"old_values": ["nyc"], "new_value": "new york"}]}},
    {"fill_missing": {"columns": ["score"], "strategy": "median"}},
    {"handle_outliers": {"columns": ["score"], "method": "iqr", "action": "clip"}},
    {"deduplicate": {"columns": ["id"]}},
    {"derive_column": {"column": "total", "expression": "price * quantity"}},
    {"filter_rows": {"expression": "quantity > 0"}},
    {"scale_numbers": {"columns": ["score"], "method": "standard"}},
]
OURS = """
from pathlib import Path
from raia_ingest.workers.read import read_file
from raia_ingest.workers.recipe.run import run_recipe
def tell(fraction, message): pass
read = read_file('{csv}', '{parquet}', 'table.csv', {{}}, progress=tell)
Path('{out}').mkdir(exist_ok=True)
run_recipe(path='{parquet}', columns=read['columns'], steps={steps}, others={{}}, fitted=None, folder='{out}',
           memory_bytes=768 << 20, engine='duckdb', spark={{}}, progress=tell)
"""
PANDAS = """
import pandas as pd
frame = pd.read_csv('{csv}', dtype={{'price': str, 'name': str, 'city': str}})
for name in ('name', 'city'):
    frame[name] = frame[name].str.replace(r'\\s+', ' ', regex=True).str.strip().str.lower()
frame['price'] = pd.to_numeric(frame['price'].str.replace('$', '', regex=False).str.strip(), errors='coerce')
frame = frame[frame['price'].notna()]
frame['day'] = pd.to_datetime(frame['day'], format='%d/%b/%Y', errors='coerce')
frame['city'] = frame['city'].replace('nyc', 'new york')
frame['score'] = frame['score'].fillna(frame['score'].median())
low, high = frame['score'].quantile(0.25), frame['score'].quantile(0.75)
frame['score'] = frame['score'].clip(low - 1.5 * (high - low), high + 1.5 * (high - low))
frame = frame.drop_duplicates('id')
frame['total'] = frame['price'] * frame['quantity']
frame = frame[frame['quantity'] > 0]
frame['score'] = (frame['score'] - frame['score'].mean()) / frame['score'].std()
frame.to_parquet('{pandas}', compression='zstd', index=False)
"""
TIMED = """
import time, resource
began = time.monotonic()
{code}
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)
"""


def write_table(path: Path, rows: int) -> None:
    """Untidy sales, in chunks: blanks, currency signs, codes for cities, gaps, repetitions, outliers."""
    chance = np.random.default_rng(11)
    cities = np.array([" New York", "nyc", "Berlin ", "PARIS", "são  paulo"])
    days = np.array(["05/Jan/2024", "17/Feb/2024", "30/Jun/2024", "31/Feb/2024"])
    writer = None
    for start in range(0, rows, CHUNK):
        count = min(CHUNK, rows - start)
        numbers = np.arange(start, start + count)
        numbers[::50] = start // 2  # repetitions
        score = chance.normal(50, 10, count).round(3)
        score[::997] = 1e6
        table = pa.table(
            {
                "id": numbers,
                "name": pa.array([f" Customer  {n % 5000} " for n in numbers]),
                "city": pa.array(cities[chance.integers(0, 5, count)]),
                "price": pa.array([f"$ {n % 900 + 1}.{n % 10}0" if n % 83 else "on request" for n in numbers]),
                "quantity": chance.integers(0, 20, count),
                "day": pa.array(days[chance.integers(0, 4, count)]),
                "score": pa.array(score, mask=chance.random(count) < 0.05),
                "note": pa.array([f"note {n % 977} of the day" for n in numbers]),
            }
        )
        writer = writer or csv.CSVWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def timed(code: str) -> tuple[float, float, float]:
    """Seconds, seconds of processors and megabytes of a process of its own; imports of libraries count."""
    done = subprocess.run([sys.executable, "-c", TIMED.format(code=code)], check=True, capture_output=True, text=True)
    seconds, processors, megabytes = map(float, done.stdout.split()[-3:])
    return seconds, processors, megabytes


def told(name: str, found: tuple[float, float, float]) -> None:
    """Prints one line of the table."""
    print(f"{name:24} {found[0]:8.2f} s {found[1]:8.2f} s of processors {found[2]:8.0f} MB")


def compare(ours: Path, theirs: Path) -> None:
    """Raises unless both files hold the same rows."""
    import pandas as pd

    left, right = pd.read_parquet(ours), pd.read_parquet(theirs)
    right["day"] = right["day"].dt.date
    assert list(left) == list(right), (list(left), list(right))
    assert len(left) == len(right), (len(left), len(right))
    for name in left:
        if left[name].dtype.kind == "f":
            assert np.allclose(left[name], right[name], rtol=1e-9, equal_nan=True), name
        else:
            same = (left[name].to_numpy() == right[name].to_numpy()) | (left[name].isna() & right[name].isna())
            assert same.all(), name


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--ours", action="store_true", help="leave pandas out")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names = {"csv": "table.csv", "parquet": "rows.parquet", "out": "out", "pandas": "pandas.parquet"}
        facts = {name: str(Path(folder) / file) for name, file in names.items()}
        write_table(Path(facts["csv"]), chosen.rows)
        size = Path(facts["csv"]).stat().st_size / 1e6
        print(f"{chosen.rows:,} rows, {size:,.0f} MB of CSV, {len(STEPS)} steps")
        steps = repr(STEPS)
        ours = timed(OURS.format(**facts, steps=steps))
        told("ours", ours)
        if chosen.ours:
            return
        theirs = timed(PANDAS.format(**facts))
        compare(Path(facts["out"]) / "rows.parquet", Path(facts["pandas"]))
        told("pandas, the same rows", theirs)
        ratios = [peer / own for own, peer in zip(ours, theirs, strict=True)]
        print(f"pandas / ours: {ratios[0]:.2f} in time, {ratios[1]:.2f} in processors, {ratios[2]:.2f} in memory")


if __name__ == "__main__":
    main()
