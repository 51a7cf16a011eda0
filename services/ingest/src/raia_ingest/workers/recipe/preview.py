"""The compute function that shows what a recipe does to the first rows."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raia_ingest.recipes.schema import Schema
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.recipe.duck import DuckEngine
from raia_ingest.workers.recipe.engine import REMOVED, OtherTable
from raia_ingest.workers.recipe.output import arrow_type, canonical
from raia_ingest.workers.recipe.run import shown_column, walk
from raia_ingest.workers.rows import page

_MOST_COMPARED_BYTES = 32 * 1024**2
_MOST_SHOWN_BYTES = 2 * 1024**2


def preview_recipe(
    *,
    path: str,
    columns: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    others: dict[str, dict[str, Any]],
    sample_rows: int,
    limit: int,
    memory_bytes: int,
    folder: str,
) -> dict[str, Any]:
    """The first ``sample_rows`` rows before and after the steps, of which ``limit`` are shown, changed ones first.

    Returns ``columns`` (after), ``rows`` (row, before, after, changed, step, reason), ``compared``, ``changed`` (rows),
    ``cells`` (changed ones by column) and ``removed`` (step, reason, count). Steps learn of all rows.
    """
    tables = {key: OtherTable(each["path"], each["columns"]) for key, each in others.items()}
    with explained(), DuckEngine(path, columns, memory_bytes, folder) as table:
        outcome = walk(table, columns, steps, tables, None, lambda _done: None)
        batches = list(table.first_rows(outcome.schema, sample_rows))
    before = page(path, 0, sample_rows, _MOST_COMPARED_BYTES)["rows"]
    after, codes = _after(batches, outcome.schema, Path(folder))
    reasons = outcome.reasons.listed
    comparison = _Comparison([column["name"] for column in columns], outcome.schema)
    for number, values in enumerate(before[: len(codes)]):
        code = codes[number]
        reason = reasons[code - 1] if code is not None else None
        comparison.add(number + 1, values, after[number], reason)
    return {
        "columns": [shown_column(column) for column in outcome.schema.columns],
        "rows": comparison.shown(limit),
        "compared": len(comparison.rows),
        "changed": comparison.changed,
        "cells": comparison.cells,
        "removed": comparison.removed(reasons),
    }


def _after(batches: list[pa.RecordBatch], schema: Schema, folder: Path) -> tuple[list[list[Any]], list[int | None]]:
    """The rows after the steps as JSON values, and why each goes."""
    if not batches:
        return [], []
    table = pa.Table.from_batches(batches)
    fields = [pa.field(column.name, arrow_type(column)) for column in schema.columns]
    arrays = [
        canonical(table.column(column.alias), field.type) for column, field in zip(schema.columns, fields, strict=True)
    ]
    target = folder / "after.parquet"
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), target)
    rows = page(str(target), 0, table.num_rows, _MOST_COMPARED_BYTES)["rows"]
    return rows, table.column(REMOVED).to_pylist()[: len(rows)]


class _Comparison:
    """Rows before and after, compared cell by cell."""

    def __init__(self, names: list[str], schema: Schema) -> None:
        places = {name: place for place, name in enumerate(names)}
        self._pairs = [
            (places[column.origin], place, column.name)
            for place, column in enumerate(schema.columns)
            if column.origin in places
        ]
        self.rows: list[dict[str, Any]] = []
        self.changed = 0
        self.cells: dict[str, int] = {}

    def add(self, number: int, before: list[Any], after: list[Any], reason: dict[str, Any] | None) -> None:
        """Compares one row."""
        changed: list[str] = []
        if reason is None:
            changed = [name for old, new, name in self._pairs if _differs(before[old], after[new])]
            for name in changed:
                self.cells[name] = self.cells.get(name, 0) + 1
            self.changed += bool(changed)
        self.rows.append(
            {
                "row": number,
                "before": before,
                "after": after if reason is None else None,
                "changed": changed,
                "step": reason["step"] if reason else 0,
                "reason": reason["reason"] if reason else "",
            }
        )

    def removed(self, reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """How many rows go for each reason."""
        found = []
        for each in reasons:
            count = sum(row["step"] == each["step"] and row["reason"] == each["reason"] for row in self.rows)
            if count:
                found.append({"step": each["step"], "reason": each["reason"], "count": count})
        return found

    def shown(self, limit: int) -> list[dict[str, Any]]:
        """At most ``limit`` rows in row order, those that change or go first, and not more than an answer holds."""
        touched = [row for row in self.rows if row["changed"] or row["step"]]
        others = [row for row in self.rows if not (row["changed"] or row["step"])]
        wanted = sorted([*touched, *others][:limit], key=lambda row: int(row["row"]))
        size, fitting = 0, list[dict[str, Any]]()
        for row in wanted:
            size += sum(
                len(value) * 4 if isinstance(value, str) else 12 for value in (*row["before"], *(row["after"] or ()))
            )
            if fitting and size > _MOST_SHOWN_BYTES:
                break
            fitting.append(row)
        return fitting


def _differs(before: Any, after: Any) -> bool:
    return (type(before) is not type(after) and not _both_numbers(before, after)) or before != after


def _both_numbers(before: Any, after: Any) -> bool:
    return all(isinstance(each, int | float) and not isinstance(each, bool) for each in (before, after))
