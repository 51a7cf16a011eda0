"""Rules on 1M × 20 with the number of every failing row, against Great Expectations without row ids.

Both run the same ten rules on the same rows in the same kind of process, twice, and the better run counts; failing
counts must be equal first. Great Expectations reads the rows into pandas, which is counted apart: "rules alone"
is the time of ``validate`` on a frame that is in memory already. It needs an environment of its own:

    uv venv /tmp/gx && uv pip install --python /tmp/gx/bin/python great-expectations pyarrow
    python benchmarks/rules.py --peer /tmp/gx/bin/python
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from upload import make_table

ROWS, RUNS = 1_000_000, 2
AIM = 1.5
CHECKS = [
    {"not_null": {"columns": ["kind"]}},
    {"not_null": {"columns": ["sparse"]}},
    {"unique": {"columns": ["id"]}},
    {"unique": {"columns": ["code"]}},
    {"range": {"column": "amount", "minimum": 0, "maximum": 990}},
    {"range": {"column": "price", "minimum": 100}},
    {"set": {"column": "kind", "values": ["kind0", "kind1", "kind2", "kind3", "kind4", "kind5"]}},
    {"pattern": {"column": "code", "pattern": "[0-9a-e][0-9a-f]{11}"}},
    {"length": {"column": "remark", "minimum": 20, "maximum": 22}},
    {"set": {"column": "three", "values": [0, 1, 2]}},
]
OURS = """
import json, pathlib, sys, tempfile, time
from raia_ingest.workers.rules import validate_file
path, columns, checks, runs = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
best = 1e9
for _ in range(runs):
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        found = validate_file(
            path=path, columns=columns, rules=[{"check": check} for check in checks], others=[],
            target=folder + "/failing.parquet", now="2025-01-01T00:00:00+00:00", memory_bytes=512 << 20,
            spill_folder=folder, progress=lambda fraction, message: None)
        best = min(best, time.monotonic() - began)
print(json.dumps([best, 0.0, [result["failing_row_count"] for result in found["results"]]]))
"""
PEER = """
import json, logging, os, sys, time, warnings
warnings.simplefilter("ignore")
os.environ["GX_ANALYTICS_ENABLED"] = "false"
import great_expectations as gx
import pandas as pd
from great_expectations import expectations as gxe
logging.disable(logging.CRITICAL)
path, runs = sys.argv[1], int(sys.argv[4])
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
suite = gx.ExpectationSuite(name="rules", expectations=[
    gxe.ExpectColumnValuesToNotBeNull(column="kind"),
    gxe.ExpectColumnValuesToNotBeNull(column="sparse"),
    gxe.ExpectColumnValuesToBeUnique(column="id"),
    gxe.ExpectColumnValuesToBeUnique(column="code"),
    gxe.ExpectColumnValuesToBeBetween(column="amount", min_value=0, max_value=990),
    gxe.ExpectColumnValuesToBeBetween(column="price", min_value=100),
    gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["kind%d" % n for n in range(6)]),
    gxe.ExpectColumnValuesToMatchRegex(column="code", regex="^[0-9a-e][0-9a-f]{11}$"),
    gxe.ExpectColumnValueLengthsToBeBetween(column="remark", min_value=20, max_value=22),
    gxe.ExpectColumnValuesToBeInSet(column="three", value_set=[0, 1, 2]),
])
best = read = 1e9
batches = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
for _ in range(runs):
    began = time.monotonic()
    frame = pd.read_parquet(path)
    read = min(read, time.monotonic() - began)
    batch = batches.get_batch({"dataframe": frame})
    began = time.monotonic()
    found = batch.validate(suite, result_format="SUMMARY")
    best = min(best, time.monotonic() - began)
print(json.dumps([best, read, [result.result["unexpected_count"] for result in found.results]]))
"""


def run(python: str, code: str, *arguments: str) -> tuple[float, float, list[int]]:
    """Seconds of the rules, seconds of reading beside them, and how many rows fail each rule."""
    done = subprocess.run([python, "-c", code, *arguments], check=True, capture_output=True, text=True)
    seconds, reading, counts = json.loads(done.stdout.splitlines()[-1])
    return seconds, reading, counts


def main() -> None:
    """Prints the table; exits with 1 when failing counts differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", default="", help="the Python that has great-expectations; ours alone when empty")
    parser.add_argument("--rows", type=int, default=ROWS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="raia-bench-") as folder:
        csv, parquet = Path(folder) / "table.csv", Path(folder) / "table.parquet"
        make_table(chosen.rows, csv)
        reading = (
            "import json\nfrom raia_ingest.workers.read import read_file\n"
            f"found = read_file('{csv}', '{parquet}', 'table.csv', {{}}, lambda f, m: None)\n"
            "print(json.dumps(found['columns']))"
        )
        columns = subprocess.run([sys.executable, "-c", reading], check=True, capture_output=True, text=True).stdout
        arguments = (str(parquet), columns.strip(), json.dumps(CHECKS), str(RUNS))
        ours, _, counts = run(sys.executable, OURS, *arguments)
        print(f"{chosen.rows:,} rows, 20 columns, {len(CHECKS)} rules, {sum(counts):,} failing rows\n")
        print("| what | seconds | ratio |\n|---|---|---|")
        print(f"| ours, from the file, every failing row's number stored | {ours:.2f} | 1.00 |")
        if not chosen.peer:
            return
        peer, read, theirs = run(chosen.peer, PEER, *arguments)
        print(f"| Great Expectations, rules alone, without row ids | {peer:.2f} | {ours / peer:.2f} (aim ≤ {AIM}) |")
        print(f"| Great Expectations, with reading the file | {peer + read:.2f} | {ours / (peer + read):.2f} |")
        if sorted(theirs) != sorted(counts):
            print(f"\nfailing counts differ: {counts} and {theirs}")
            sys.exit(1)
        print("\nfailing counts are equal")


if __name__ == "__main__":
    main()
