"""The job that runs a recipe and makes its rows a version."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.errors import RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore, StoredObject

from raia_ingest import metrics
from raia_ingest.changes import Changes
from raia_ingest.datasets.domain import Dataset, ReadOutcome, Upload
from raia_ingest.datasets.making import VersionMaker
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing as missing_dataset
from raia_ingest.recipe_runs import events
from raia_ingest.recipe_runs.domain import CANCELLED, FAILED, REUSE, SUCCEEDED, RecipeRun, RunResult
from raia_ingest.recipe_runs.repository import BindingRepository, RecipeRunRepository
from raia_ingest.recipe_runs.service import RUN_JOB, spark_holds
from raia_ingest.recipes.joining import Joined, columns_of, tables
from raia_ingest.recipes.repository import RecipeRepository
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings

_DELETED = "the dataset was deleted while the recipe ran"
_RUN = "raia_ingest.workers.recipe.run:run_recipe"


@dataclass(frozen=True)
class _Work:
    """All that a run needs to compute."""

    run: RecipeRun
    dataset: Dataset
    steps: Sequence[dict[str, Any]]
    joined: Joined
    engine: str
    fitted: Sequence[Any] | None


@dataclass(frozen=True)
class _Made:
    """What computing gave: the rows as an upload that was read, and the run's own part."""

    found: dict[str, Any]
    upload: Upload
    outcome: ReadOutcome
    lineage_key: str
    removed_key: str


class RecipeWork:
    """Runs recipes."""

    def __init__(
        self,
        *,
        datasets: DatasetRepository,
        recipes: RecipeRepository,
        runs: RecipeRunRepository,
        bindings: BindingRepository,
        versions: VersionMaker,
        jobs: JobQueue,
        objects: ObjectStore,
        changes: Changes,
        settings: IngestSettings,
    ) -> None:
        self._datasets, self._recipes, self._runs, self._bindings = datasets, recipes, runs, bindings
        self._versions, self._objects, self._changes, self._settings = versions, objects, changes, settings
        jobs.task(
            RUN_JOB,
            time_limit=settings.recipe_time_limit,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)

    def run(self, job: Job) -> None:
        """Does one run; repeated, it changes nothing twice."""
        run_id = UUID(job.args["run_id"])
        with job.unit() as unit:
            run = self._runs.find(unit, run_id)
            if run is None or run.finished or run.job_id != job.id:
                return
            work = self._gather(unit, run)
            self._runs.begin(unit, run.id, work.engine, self._teacher(unit, run))
            unit.after_commit(self._changes.notify)
        made = self._compute(job, work)
        with job.complete() as unit:
            locked = self._runs.find(unit, run_id, lock=True)
            if locked is not None and not locked.finished:
                self._finish(unit, locked, made)
            unit.after_commit(self._changes.notify)

    def _gather(self, unit: UnitOfWork, run: RecipeRun) -> _Work:
        dataset = self._datasets.find(unit, run.dataset_id, run.dataset_version)
        if dataset is None:
            raise missing_dataset(run.dataset_id, run.dataset_version)
        dataset.version.require_ready(run.dataset_id)
        steps = self._recipes.steps(unit, run.recipe_id, run.recipe_version)
        joined: dict[str, Dataset] = {}
        for dataset_id, version in run.joined:
            other = self._datasets.find(unit, dataset_id, version)
            if other is None:
                raise missing_dataset(dataset_id, version)
            joined[str(dataset_id)] = other
        teacher = self._teacher(unit, run)
        taught = self._runs.find(unit, teacher) if teacher is not None else None
        fitted = taught.fitted if taught is not None else None
        return _Work(run, dataset, steps, joined, self._engine(run, dataset, steps, joined), fitted)

    def _teacher(self, unit: UnitOfWork, run: RecipeRun) -> UUID | None:
        """The run whose knowledge this one uses: the one it names, or its binding's first."""
        if run.fitted_by_run_id is not None or run.binding_id is None:
            return run.fitted_by_run_id
        binding = self._bindings.find(unit, run.binding_id)
        if binding is None or binding.fitting != REUSE or binding.fitted_by_run_id is None:
            return None
        first = self._runs.find(unit, binding.fitted_by_run_id)
        same = first is not None and first.recipe_version == run.recipe_version
        return binding.fitted_by_run_id if same else None

    def _engine(self, run: RecipeRun, dataset: Dataset, steps: Sequence[dict[str, Any]], joined: Joined) -> str:
        if run.wanted_engine:
            return run.wanted_engine
        large = (dataset.version.stored_bytes or 0) >= self._settings.spark_threshold_bytes
        fits = bool(self._settings.spark_master) and spark_holds(steps, [dataset, *joined.values()])
        return "spark" if large and fits else "duckdb"

    def _compute(self, job: Job, work: _Work) -> _Made:
        key = work.dataset.version.stored_key or ""
        with (
            self._objects.materialise(key) as path,
            tables(self._objects, work.joined) as others,
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._settings.scratch_folder) as folder,
        ):
            arguments = {
                "path": str(path),
                "columns": columns_of(work.dataset.version),
                "steps": list(work.steps),
                "others": others,
                "fitted": list(work.fitted) if work.fitted is not None else None,
                "folder": folder,
                "memory_bytes": self._settings.recipe_memory_bytes,
                "engine": work.engine,
                "spark": self._spark(),
            }
            found = job.compute(_RUN, arguments, affinity=key)
            rows, lineage, removed, ledger = (
                self._objects.put_file(job.org_id, Path(folder) / f"{name}.parquet")
                for name in ("rows", "lineage", "removed", "ledger")
            )
        outcome = ReadOutcome(
            file_type="parquet",
            row_count=found["row_count"],
            column_count=len(found["columns"]),
            rejected_row_count=found["rows_read"] - found["row_count"],
            schema_info=_schema_info(found),
            stored_key=rows.key,
            stored_sha256=rows.sha256,
            stored_bytes=rows.size,
            ledger_key=ledger.key if found["removed"] else None,
        )
        return _Made(found, _upload(work.run, rows), outcome, lineage.key, removed.key)

    def _spark(self) -> dict[str, Any]:
        return {
            "master": self._settings.spark_master,
            "options": dict(self._settings.spark_options),
            "packages": str(self._settings.spark_packages or ""),
        }

    def _finish(self, unit: UnitOfWork, run: RecipeRun, made: _Made) -> None:
        if self._datasets.lock(unit, run.dataset_id) is None:
            # Its rows must not live on under another name.
            self._runs.fail(unit, run.id, _DELETED)
            events.ended(unit, run, FAILED, error=_DELETED)
            return
        dataset = self._versions.make(unit, made.upload, made.outcome, run.created_by)
        found = made.found
        result = RunResult(
            ledger={
                "rows_read": found["rows_read"],
                "rows_written": found["row_count"],
                "rows_removed": sum(each["count"] for each in found["removed"]),
                "removals": [{name: each[name] for name in ("step", "reason", "count")} for each in found["removed"]],
            },
            fitted=found["fitted"],
            reasons=found["reasons"],
            lineage_key=made.lineage_key,
            removed_key=made.removed_key,
            output_dataset_id=dataset.id,
            output_version=dataset.version.number,
        )
        self._runs.succeed(unit, run.id, result)
        if run.binding_id is not None and run.fitted_by_run_id is None:
            self._bindings.learnt(unit, run.binding_id, run.id)
        metrics.RECIPE_RUNS.labels(run.engine, SUCCEEDED).inc()
        events.ended(unit, run, SUCCEEDED, result=result)

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._runs.set_progress(unit, UUID(record.args["run_id"]), fraction)
        unit.after_commit(self._changes.notify)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        run = self._runs.find(unit, UUID(record.args["run_id"]), lock=True)
        if run is not None and self._runs.fail(unit, run.id, error.message):
            metrics.RECIPE_RUNS.labels(run.engine or "none", FAILED).inc()
            events.ended(unit, run, FAILED, error=error.message)
        unit.after_commit(self._changes.notify)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        run = self._runs.find(unit, UUID(record.args["run_id"]), lock=True)
        if run is not None and self._runs.cancel(unit, run.id):
            events.ended(unit, run, CANCELLED)
        unit.after_commit(self._changes.notify)


def _schema_info(found: dict[str, Any]) -> dict[str, Any]:
    ledger = {
        "records_read": found["rows_read"],
        "stored": found["row_count"],
        "repaired": 0,
        "reasons": [
            {"outcome": "rejected", "reason": each["kind"], "entries": each["count"]} for each in found["removed"]
        ],
        "rejected": found["rows_read"] - found["row_count"],
        "rejections": found["removals"],
    }
    return {"columns": found["columns"], "reading": {}, "ledger": ledger, "notes": []}


def _upload(run: RecipeRun, rows: StoredObject) -> Upload:
    return Upload(
        name=run.target_name,
        description="",
        filename=f"{run.target_name[:490]}.parquet",
        project_id=run.project_id,
        object_key=rows.key,
        sha256=rows.sha256,
        file_size=rows.size,
        file_type="parquet",
        origin=_origin(run),
    )


def _origin(run: RecipeRun) -> dict[str, Any]:
    return {
        "kind": "recipe",
        "run_id": str(run.id),
        "recipe_id": str(run.recipe_id),
        "recipe_version": run.recipe_version,
        "dataset_id": str(run.dataset_id),
        "dataset_version": run.dataset_version,
    }
