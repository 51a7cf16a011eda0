"""The compute function that runs a recipe over a canonical file."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from raia_ingest import errors
from raia_ingest.recipes.faults import DataFault
from raia_ingest.recipes.plan import BadStep, Step, compiled_step, kind_of
from raia_ingest.recipes.schema import Col, Schema
from raia_ingest.recipes.stages import Fitted, Stage
from raia_ingest.recipes.steps.context import Context
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.recipe.duck import DuckEngine
from raia_ingest.workers.recipe.engine import Engine, OtherTable
from raia_ingest.workers.recipe.figures import evaluate, expression
from raia_ingest.workers.recipe.output import OutOfOrder, write_removed, write_rows

Progress = Callable[[float, str], None]
_SHOWN_REMOVALS = 1000


@dataclass
class Reasons:
    """Why rows go: each reason has a code, from 1."""

    listed: list[dict[str, Any]] = field(default_factory=list)

    def code(self, place: int, kind: str, reason: str) -> int:
        """The code of a reason that the step at ``place`` gives."""
        self.listed.append({"step": place + 1, "kind": kind, "reason": reason})
        return len(self.listed)


@dataclass(frozen=True)
class Outcome:
    """A table after all steps: its columns, what the steps learnt, and why rows went."""

    schema: Schema
    fitted: list[Fitted]
    reasons: Reasons


def run_recipe(
    *,
    path: str,
    columns: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    others: dict[str, dict[str, Any]],
    fitted: list[dict[str, Any]] | None,
    folder: str,
    memory_bytes: int,
    engine: str,
    spark: dict[str, Any],
    progress: Progress,
) -> dict[str, Any]:
    """Runs the steps and writes ``rows``, ``lineage``, ``removed`` and ``ledger`` as Parquet files into ``folder``.

    ``others`` are joined datasets by id: ``path`` and ``columns``. ``fitted`` is what an earlier run learnt, to be used
    again. Returns ``columns``, ``row_count``, ``rows_read``, ``removed`` (with counts), ``removals`` (the first
    1,000), ``reasons`` by code, and ``fitted``. Raises ``InvalidArgument`` and ``FailedPrecondition``.
    """
    tables = {key: OtherTable(each["path"], each["columns"]) for key, each in others.items()}
    target = Path(folder)
    with explained(), _opened(engine, path, columns, memory_bytes, folder, spark) as table:
        outcome = walk(table, columns, steps, tables, fitted, lambda done: progress(0.6 * done, "steps"))
        progress(0.6, "rows")
        rows_path, lineage = target / "rows.parquet", target / "lineage.parquet"
        try:
            rows = write_rows(table.output(outcome.schema), outcome.schema, table.joined, rows_path, lineage)
        except OutOfOrder:
            table.insist_on_order()
            rows = write_rows(table.output(outcome.schema), outcome.schema, table.joined, rows_path, lineage)
        progress(0.9, "removed rows")
        listed = outcome.reasons.listed
        counts = write_removed(table.fates(), listed, target / "removed.parquet", target / "ledger.parquet")
    with pq.ParquetFile(path) as file:
        rows_read = file.metadata.num_rows
    reasons = outcome.reasons.listed
    return {
        "columns": [shown_column(column) for column in outcome.schema.columns],
        "row_count": rows,
        "rows_read": rows_read,
        "removed": [{**reasons[code - 1], "count": count} for code, count in sorted(counts.items())],
        "removals": _first_removals(target / "removed.parquet", reasons),
        "reasons": reasons,
        "fitted": [dict(each) for each in outcome.fitted],
    }


def walk(  # noqa: PLR0917 - what a run consists of
    table: Engine,
    columns: Sequence[Mapping[str, Any]],
    steps: Sequence[Step],
    tables: Mapping[str, OtherTable],
    fitted: Sequence[Fitted] | None,
    progress: Callable[[float], None],
) -> Outcome:
    """Takes the table through the steps; raises ``InvalidArgument`` and ``FailedPrecondition`` naming the step."""
    context = Context({key: table.columns for key, table in tables.items()})
    schema, reasons, learnt = Schema.of(columns), Reasons(), list[Fitted]()
    for place, step in enumerate(steps):
        progress(place / len(steps))
        try:
            stage = compiled_step(place, step, schema, context)
            known = fitted[place] if fitted is not None else _learn(table, stage)
            _apply(table, stage, known, (place, kind_of(step)), reasons, tables)
        except BadStep as bad:
            raise errors.bad_step(bad.place, bad.kind, bad.fault.field, bad.fault.message) from bad
        except DataFault as fault:
            raise errors.step_failed(place, str(fault)) from fault
        learnt.append(known)
        schema = stage.schema(known)
    return Outcome(schema, learnt, reasons)


def _learn(table: Engine, stage: Stage) -> Fitted:
    return {fit.key: evaluate(fit, table.values(expression(fit))) for fit in stage.fits}


def _apply(  # noqa: PLR0917
    table: Engine,
    stage: Stage,
    known: Fitted,
    step: tuple[int, str],
    reasons: Reasons,
    tables: Mapping[str, OtherTable],
) -> None:
    place, kind = step
    for condition, message in stage.checks:
        count, first = table.count(condition, stage.prepared)
        if count:
            raise DataFault(f"{message} in {count:,} rows, the first of them row {first:,}")
    if stage.duplicates is not None:
        table.duplicates(stage.duplicates, reasons.code(place, kind, stage.duplicates.reason))
    for fill in stage.fills:
        table.fill(fill)
    if stage.lookup is not None:
        code = reasons.code(place, kind, stage.lookup.reason)
        repeated = table.lookup(stage.lookup, tables[stage.lookup.dataset_id], code)
        if repeated and not stage.lookup.first:
            raise DataFault(
                f"{repeated:,} keys stand in several rows of the joined dataset: make them unique, or take the first"
            )
    local = stage.local(known) if stage.local else None
    removals = [(condition, reasons.code(place, kind, reason)) for condition, reason in local.removals] if local else []
    table.local(stage.schema(known), local.sets if local else {}, removals, stage.prepared)


def _opened(  # noqa: PLR0917
    engine: str, path: str, columns: list[dict[str, Any]], memory_bytes: int, folder: str, spark: dict[str, Any]
) -> AbstractContextManager[Engine]:
    if engine == "spark":
        from raia_ingest.workers.recipe.cluster import SparkEngine

        return SparkEngine(path, columns, folder, spark)
    return DuckEngine(path, columns, memory_bytes, folder)


def shown_column(column: Col) -> dict[str, Any]:
    """A column as ``schema_info`` has it."""
    shown = {"name": column.name, "type": column.type, "original_name": column.origin or column.name}
    return {**shown, "timezone": column.timezone} if column.timezone else shown


def _first_removals(path: Path, reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        batch = next(iter(file.iter_batches(batch_size=_SHOWN_REMOVALS)), None)
    rows = batch.to_pylist() if batch is not None else []
    return [{"record": each["row"], "reason": reasons[each["code"] - 1]["reason"]} for each in rows]
