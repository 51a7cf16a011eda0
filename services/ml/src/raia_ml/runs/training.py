"""The job that trains: reads the rows, has a compute child fit the model, stores it, and makes the version."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from raia_kit.changes import Changes
from raia_kit.database import UnitOfWork
from raia_kit.errors import RaiaError
from raia_kit.identity import ServiceIdentity
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore, StoredObject
from raia_kit.scratch import scratch_prefix

from raia_ml.errors import NameTaken
from raia_ml.models.domain import NewVersion
from raia_ml.models.repository import ModelRepository
from raia_ml.runs import events
from raia_ml.runs.datasets import Datasets, Rows
from raia_ml.runs.domain import CANCELLED, FAILED, SUCCEEDED, Run
from raia_ml.runs.repository import RunRepository
from raia_ml.settings import MlSettings

TRAINING_JOB = "ml.train"
_TRAIN = "raia_ml.workers.train:train"


class TrainingJobs:
    """Does the trainings that were started."""

    def __init__(
        self,
        *,
        jobs: JobQueue,
        runs: RunRepository,
        models: ModelRepository,
        datasets: Datasets,
        objects: ObjectStore,
        identity: ServiceIdentity,
        changes: Changes,
        settings: MlSettings,
    ) -> None:
        self._runs, self._models, self._datasets, self._objects = runs, models, datasets, objects
        self._identity, self._changes = identity, changes
        self._most_rows, self._scratch = settings.training_max_rows, settings.scratch_folder
        jobs.task(
            TRAINING_JOB,
            time_limit=settings.training_time_limit,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)

    def run(self, job: Job) -> None:
        """Trains; what an earlier attempt left undone is begun anew, and a version is made once."""
        run_id = UUID(job.args["run_id"])
        with job.unit() as unit:
            run = self._runs.find(unit, run_id, lock=True)
            if run is None or run.finished:
                return
            if self._runs.begin(unit, run_id):
                events.started(unit, run)
            unit.after_commit(self._changes.notify)
        with tempfile.TemporaryDirectory(prefix=scratch_prefix("ml"), dir=self._scratch) as name:
            folder = Path(name)
            rows = self._fetch(job, run, folder / "rows.arrow")
            arguments = {
                "rows": str(folder / "rows.arrow"),
                "folder": name,
                "plan": {key: value for key, value in run.plan.items() if key != "columns"},
                "most_rows": self._most_rows,
            }
            result = job.compute(_TRAIN, arguments)
            artefact = self._objects.put_file(job.org_id, folder / "model")
            holdout = self._objects.put_file(job.org_id, folder / "holdout_rows")
        version = _version(run, rows, result, artefact, holdout)
        with job.complete() as unit:
            self._finish(unit, run_id, result, version)
            unit.after_commit(self._changes.notify)

    def _fetch(self, job: Job, run: Run, path: Path) -> Rows:
        token = self._identity.exchange(job.user_id, job.org_id, str(job.id), ["datasets.read"])
        columns = run.plan.get("columns", [])
        return self._datasets.fetch(token, run.dataset_id, run.dataset_version, path, columns=columns, check=job.check)

    def _finish(self, unit: UnitOfWork, run_id: UUID, result: Mapping[str, Any], version: NewVersion) -> None:
        found = self._runs.find(unit, run_id)
        model = self._models.lock(unit, found.model_id) if found is not None else None
        run = self._runs.find(unit, run_id, lock=True)
        if run is None or model is None or run.finished:
            return
        if model.type and model.type != result["task"]:
            raise NameTaken(
                f"the data makes this a {result['task']}, and {model.name!r} is a model for {model.type}: choose "
                "another name, or name the type",
                reason="NAME_TAKEN",
                metadata={"name": model.name},
            )
        number = self._models.add_version(unit, model.id, result["task"], version, run.created_by)
        self._runs.succeed(unit, run_id, number, result["parameters"], result["warnings"])
        events.finished(unit, run, SUCCEEDED, version=number)

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, message: str) -> None:
        self._runs.set_progress(unit, UUID(record.args["run_id"]), fraction, message)
        unit.after_commit(self._changes.notify)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        run = self._runs.find(unit, UUID(record.args["run_id"]), lock=True)
        if run is not None and self._runs.fail(unit, run.id, error.message):
            events.finished(unit, run, FAILED, error=error.message)
        unit.after_commit(self._changes.notify)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        run = self._runs.find(unit, UUID(record.args["run_id"]), lock=True)
        if run is not None and self._runs.cancel(unit, run.id):
            events.finished(unit, run, CANCELLED)
        unit.after_commit(self._changes.notify)


def _version(
    run: Run, rows: Rows, result: Mapping[str, Any], artefact: StoredObject, holdout: StoredObject
) -> NewVersion:
    accuracy = next(
        (each["value"] for each in result["metrics"] if (each["name"], each["scope"]) == ("accuracy", "holdout")), None
    )
    plan = run.plan
    return NewVersion(
        algorithm=run.algorithm,
        framework=result["framework"],
        digest=artefact.sha256,
        object_key=artefact.key,
        size_bytes=artefact.size,
        holdout_key=holdout.key,
        holdout_sha256=holdout.sha256,
        accuracy=accuracy,
        signature=result["signature"],
        metrics=result["metrics"],
        training_data_info={
            "dataset_id": str(run.dataset_id),
            "dataset_version": run.dataset_version,
            "dataset_sha256": rows.sha256,
            "target": run.target,
            "favourable_class": plan["favourable_class"],
            "seed": run.seed,
            "test_fraction": plan["test_fraction"],
            "folds": plan["folds"],
            "excluded_columns": plan["excluded"],
            "holdout_sha256": holdout.sha256,
            **result["data"],
        },
        metadata={
            "parameters": result["parameters"],
            "libraries": result["libraries"],
            "encoded_columns": result["encoded_columns"],
            "margin_scale": result["margin_scale"],
            "precision": result["precision"],
            "artifact_bytes": artefact.size,
            "warnings": result["warnings"],
        },
        training_run_id=run.id,
    )
