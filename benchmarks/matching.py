"""Schema mapping measured on labelled tables: ranks, calibration, what accepts itself, and speed.

``python benchmarks/matching.py FOLDER`` with ``FOLDER/target_schema.json`` (field → description, values),
``FOLDER/tables/*.csv`` and ``FOLDER/truth/<start of the table's name>.csv`` (column, fields separated by ``;``). The
peer is COMA as ``valentine`` has it, in an environment of its own: ``--valentine PYTHON`` names its interpreter.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from raia_ingest.workers.matching.evidence import Schema
from raia_ingest.workers.matching.feedback import ACCEPTED, NONE, Verdict
from raia_ingest.workers.matching.match import Matcher
from raia_ingest.workers.matching.model import SourceColumn, TargetField, source_columns
from raia_ingest.workers.matching.summary import summaries
from raia_ingest.workers.read import read_file

ACCEPT_AT = 0.65
"""Candidates at least this likely accept themselves."""


@dataclass(frozen=True)
class Task:
    """A table and where its columns go."""

    name: str
    path: Path
    columns: list[SourceColumn]
    truth: dict[str, set[str]]


def load(folder: Path, scratch: Path) -> tuple[list[TargetField], list[Task]]:
    """The schema and the tables of a folder."""
    said = json.loads((folder / "target_schema.json").read_text())
    fields = [
        TargetField("", name, description=each["description"], values=tuple(map(str, each["values"])))
        for name, each in said.items()
    ]
    tasks = []
    for truth in sorted((folder / "truth").glob("*.csv")):
        path = next((folder / "tables").glob(f"{truth.stem}*.csv"))
        target = scratch / f"{truth.stem}.parquet"
        read = read_file(str(path), str(target), path.name, {}, lambda _fraction, _message: None)
        columns = source_columns(summaries(str(target), read["columns"]))
        originals = {each["original_name"]: each["name"] for each in read["columns"]}
        with truth.open(newline="") as lines:
            rows = list(csv.reader(lines))[1:]
        known = {originals.get(row[0], row[0]): {name.strip() for name in row[1].split(";")} for row in rows}
        tasks.append(Task(truth.stem, path, columns, known))
    return fields, tasks


def ranks(matcher: Matcher, schema: Schema, task: Task) -> list[float]:
    """The reciprocal rank of the first right field of each labelled column; 0 when the schema lacks them all."""
    found = []
    for at, column in enumerate(task.columns):
        if column.name not in task.truth:
            continue
        right = {schema.places[name] for name in task.truth[column.name] if name in schema.places}
        order = list(np.argsort(-matcher.probability[at], kind="stable"))
        found.append(max((1 / (1 + order.index(place)) for place in right), default=0.0))
    return found


def verdicts_of(task: Task, schema: Schema) -> list[Verdict]:
    """What an analyst who knows the truth says of every column of a table."""
    found = []
    for column in task.columns:
        right = [name for name in task.truth.get(column.name, ()) if name in schema.places]
        found += [Verdict(column, name, ACCEPTED) for name in right] or [Verdict(column, "", NONE)]
    return found


def judged(matcher: Matcher, schema: Schema, task: Task) -> list[tuple[float, bool, bool]]:
    """Of each column's likeliest field: its probability, whether it is right, whether the column is labelled."""
    found = []
    for at, column in enumerate(task.columns):
        place = int(np.argmax(matcher.probability[at]))
        right = schema.fields[place].path in task.truth.get(column.name, ())
        found.append((float(matcher.probability[at, place]), right, column.name in task.truth))
    return found


def accepted(found: Sequence[tuple[float, bool, bool]], possible: int) -> str:
    """Precision and coverage of what accepts itself, on labelled columns and on all."""
    labelled = [each for each in found if each[2]]
    mine = [each for each in labelled if each[0] >= ACCEPT_AT]
    every = [each for each in found if each[0] >= ACCEPT_AT]
    return (
        f"labelled columns: precision {_part(mine):.3f}, coverage {len(mine) / len(labelled):.2f} "
        f"({len(mine) / possible:.2f} of those whose field the schema has); "
        f"all columns: precision {_part(every):.3f} of {len(every)}"
    )


def _part(found: Sequence[tuple[float, bool, bool]]) -> float:
    return sum(each[1] for each in found) / max(1, len(found))


def calibration(found: Sequence[tuple[float, bool, bool]]) -> list[str]:
    """Rows of a table: how often what was said to be so likely was right."""
    lines = ["| said | columns | mean said | right |", "|---|---|---|---|"]
    for low, high in pairwise((0, 0.05, 0.2, 0.4, 0.6, 0.8, 1.01)):
        inside = [each for each in found if low <= each[0] < high]
        if inside:
            said = sum(each[0] for each in inside) / len(inside)
            lines.append(f"| {low:.2f}-{min(high, 1):.2f} | {len(inside)} | {said:.3f} | {_part(inside):.3f} |")
    return lines


COMA = """
import sys, time, json
import pandas as pd
from valentine import valentine_match
from valentine.algorithms import Coma
from valentine.algorithms.coma.similarity import tfidf
try:
    tfidf._english_stopwords()
except LookupError:  # the word lists of nltk are a download of their own
    words = "a an and are as at be by for from in is it of on or the to with"
    tfidf._english_stopwords = lambda: frozenset(words.split())
source, target, out = sys.argv[1:4]
left = pd.read_csv(source).head(200)
right = pd.read_csv(target)
began = time.monotonic()
found = valentine_match([left, right], Coma(use_instances=True))
seconds = time.monotonic() - began
pairs = [(key.source_column, key.target_column, float(value)) for key, value in found.items()]
json.dump({'seconds': seconds, 'pairs': pairs}, open(out, 'w'))
"""


def coma(python: str, task: Task, fields: Sequence[TargetField], scratch: Path) -> tuple[float, float]:
    """Seconds and mean reciprocal rank of COMA on the same table and a table of the fields' values."""
    target, out = scratch / "target.csv", scratch / "coma.json"
    longest = max(len(field.values) for field in fields)
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.path for field in fields])
        for row in range(longest):
            writer.writerow([field.values[row] if row < len(field.values) else "" for field in fields])
    subprocess.run([python, "-c", COMA, str(task.path), str(target), str(out)], check=True)
    answer = json.loads(out.read_text())
    by_column: dict[str, list[tuple[float, str]]] = {}
    for left, right, score in answer["pairs"]:
        by_column.setdefault(left, []).append((-score, right))
    reciprocal = []
    for name, right in task.truth.items():
        order = [field for _, field in sorted(by_column.get(name, ()))]
        reciprocal.append(max((1 / (1 + order.index(field)) for field in right if field in order), default=0.0))
    return answer["seconds"], float(np.mean(reciprocal))


def report(fields: list[TargetField], tasks: list[Task], *, details: bool) -> None:
    """Prints ranks without and with feedback, what accepts itself, and calibration."""
    schema = Schema(fields)
    every: list[float] = []
    judgements: list[tuple[float, bool, bool]] = []
    for task in tasks:
        matcher = Matcher(task.columns, schema)
        if details:
            _explain(matcher, schema, task)
        found = ranks(matcher, schema, task)
        every += found
        judgements += judged(matcher, schema, task)
        print(f"{task.name}: {len(task.columns)} columns, {len(found)} labelled, MRR {np.mean(found):.3f}")
    in_schema = [each for each in every if each > 0]
    print(f"\nwithout feedback: MRR {np.mean(every):.3f} of {len(every)}; {np.mean(in_schema):.3f} of the")
    print(f"{len(in_schema)} whose field the schema has; first right {np.mean([each == 1 for each in every]):.3f}")
    print(f"accepted by itself at {ACCEPT_AT}: {accepted(judgements, len(in_schema))}\n")
    print("\n".join(calibration(judgements)))
    print()
    for known in tasks:
        learnt = verdicts_of(known, schema)
        after, before = [], []
        later: list[tuple[float, bool, bool]] = []
        for task in tasks:
            if task is not known:
                matcher = Matcher(task.columns, schema, learnt)
                after += ranks(matcher, schema, task)
                later += judged(matcher, schema, task)
                before += ranks(Matcher(task.columns, schema), schema, task)
        print(f"after feedback on {known.name}: MRR of the others {np.mean(before):.3f} -> {np.mean(after):.3f}")
        print(f"  accepted by itself: {accepted(later, sum(each > 0 for each in after))}")


def _explain(matcher: Matcher, schema: Schema, task: Task) -> None:
    for at, column in enumerate(task.columns):
        right = {schema.places[name] for name in task.truth.get(column.name, ()) if name in schema.places}
        order = list(np.argsort(-matcher.probability[at], kind="stable"))
        if not right and matcher.probability[at].max() < 0.5:
            continue
        print(f"\n{task.name}.{column.name} ({column.kind}) no match {matcher.no_match[at]:.2f}")
        shown = dict.fromkeys([*order[:3], *right])
        for place in shown:
            told = matcher.suggestion(at, len(order)).candidates[order.index(place)]
            figures = " ".join(f"{name}={value:.2f}" for name, value in told.evidence.items() if value)
            mark = "*" if place in right else " "
            print(f"  {mark}{1 + order.index(place):4d} {told.probability:.3f} {told.field}: {figures}")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--valentine", default="", help="an interpreter with valentine installed")
    parser.add_argument("--details", action="store_true", help="show what was decided and why")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="raia-bench-") as folder:
        fields, tasks = load(chosen.folder, Path(folder))
        report(fields, tasks, details=chosen.details)
        print("\n| what | seconds | MRR |\n|---|---|---|")
        for task in tasks:
            began = time.monotonic()
            schema = Schema(fields)
            matcher = Matcher(task.columns, schema)
            seconds = time.monotonic() - began
            print(f"| ours, {task.name} | {seconds:.2f} | {np.mean(ranks(matcher, schema, task)):.3f} |")
            if chosen.valentine:
                peer, reciprocal = coma(chosen.valentine, task, fields, Path(folder))
                print(f"| COMA, {task.name} | {peer:.2f} | {reciprocal:.3f} |")
                print(f"| ratio | {peer / seconds:.1f} | |", file=sys.stdout)


if __name__ == "__main__":
    main()
