"""Use cases of training runs: start, look at, watch, cancel."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.changes import Changes
from raia_kit.context import Call, Caller, final_unit
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import InvalidArgument, NotFound, PermissionDenied
from raia_kit.jobs import JobQueue
from raia_kit.pagination import ListRequest

from raia_ml.errors import NameTaken, target_unusable
from raia_ml.models.domain import Model
from raia_ml.models.repository import ModelRepository
from raia_ml.runs import events
from raia_ml.runs.datasets import Datasets
from raia_ml.runs.domain import CANCELLED, DEFAULT_FOLDS, DEFAULT_TEST_FRACTION, Order, Run
from raia_ml.runs.parameters import REGRESSION, complete, task_of
from raia_ml.runs.repository import RunRepository
from raia_ml.runs.training import TRAINING_JOB

_PERMISSION = "models.train"
_WATCH_SECONDS = 0.5


@dataclass(frozen=True)
class Wanted:
    """A request to train."""

    dataset_id: UUID
    dataset_version: int
    target: str
    type: str
    algorithm: str
    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    test_fraction: float = DEFAULT_TEST_FRACTION
    folds: int = DEFAULT_FOLDS
    seed: int = 0
    favourable_class: str = ""
    project_id: UUID | None = None


class RunService:
    """Training runs."""

    def __init__(
        self,
        *,
        database: Database,
        runs: RunRepository,
        models: ModelRepository,
        datasets: Datasets,
        jobs: JobQueue,
        access: AccessIndex,
        changes: Changes,
    ) -> None:
        self._database, self._runs, self._models, self._datasets = database, runs, models, datasets
        self._jobs, self._access, self._changes = jobs, access, changes

    def start(self, call: Call, wanted: Wanted) -> Run:
        """Starts to train a version of the model of that name, which is made if it is new.

        Raises ``ParameterInvalid``, ``Unsuitable``, ``DataUnusable``, ``NameTaken``, ``NotFound`` and
        ``PermissionDenied`` for dataset, project and model, ``DatasetNotReady``.
        """
        task = task_of(wanted.algorithm, wanted.type)
        parameters = complete(wanted.algorithm, task, wanted.parameters)
        if wanted.favourable_class and task == REGRESSION:
            raise InvalidArgument.of_field("favourable_class", "a regression has no classes: leave it empty")
        found = self._datasets.describe(wanted.dataset_id, wanted.dataset_version)
        _check_columns(wanted, found.columns)
        excluded = {*wanted.excluded} - {wanted.target}
        plan = {
            "target": wanted.target,
            "task": task,
            "algorithm": wanted.algorithm,
            "parameters": wanted.parameters,
            "excluded": list(wanted.excluded),
            "columns": [name for name in found.columns if name not in excluded] if excluded else [],
            "test_fraction": wanted.test_fraction,
            "folds": wanted.folds,
            "seed": wanted.seed,
            "favourable_class": wanted.favourable_class,
        }
        order = Order(
            dataset_id=wanted.dataset_id,
            dataset_version=found.version,
            target=wanted.target,
            algorithm=wanted.algorithm,
            plan=plan,
            parameters=parameters,
            seed=wanted.seed,
        )
        return self._enqueue(call, final_unit(), wanted, task, order)

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[Run], str]:
        """A page of the runs that the caller may see, and the token of the next."""
        return self._runs.page(unit, self._access.visible_projects(caller, "models.read", "model"), request)

    def get(self, unit: UnitOfWork, run_id: UUID) -> Run:
        """One run; raises ``NotFound``."""
        return _required(self._runs.find(unit, run_id), run_id)

    def watch(self, call: Call, run_id: UUID) -> Iterator[Run]:
        """The run now and whenever it changes, until it has ended."""
        last: Run | None = None
        while call.is_active():
            seen = self._changes.seen
            with self._database.unit_of_work(call.org_id) as unit:
                run = self.get(unit, run_id)
            if run != last:
                yield run
                last = run
            if run.finished:
                return
            self._changes.pause(seen, _WATCH_SECONDS)

    def cancel(self, unit: UnitOfWork, run_id: UUID) -> Run:
        """Ends a run that is not finished, without a version."""
        run = _required(self._runs.find(unit, run_id, lock=True), run_id)
        if not run.finished:
            if run.job_id is not None:
                self._jobs.cancel(unit, run.job_id)
            if self._runs.cancel(unit, run_id):
                events.finished(unit, run, CANCELLED)
            unit.after_commit(self._changes.notify)
        return self.get(unit, run_id)

    def _enqueue(self, call: Call, unit: UnitOfWork, wanted: Wanted, task: str, order: Order) -> Run:
        model = self._model(call, unit, wanted, task)
        run_id = self._runs.create(unit, model.id, order, call.user_id)
        job_id = self._jobs.enqueue(unit, TRAINING_JOB, {"run_id": str(run_id)}, unit.tenant, call.user_id)
        self._runs.set_job(unit, run_id, job_id)
        call.audit_resource_type = "training_run"
        call.audit_details.update(
            {
                "model_id": str(model.id),
                "model_name": model.name,
                "dataset_id": str(order.dataset_id),
                "dataset_version": order.dataset_version,
                "algorithm": order.algorithm,
                "seed": order.seed,
            }
        )
        return self.get(unit, run_id)

    def _model(self, call: Call, unit: UnitOfWork, wanted: Wanted, task: str) -> Model:
        name = wanted.name.strip()
        if not name:
            raise InvalidArgument.of_field("name", "must hold more than white space")
        found = self._models.named(unit, name)
        if found is None:
            self._check_project(call.authenticated, wanted.project_id)
            created = self._models.create(unit, name, wanted.project_id, call.user_id)
            if created is not None:
                return created
            found = self._models.named(unit, name)
        if found is None:
            raise NameTaken(f"the name {name!r} is being taken", reason="NAME_TAKEN", metadata={"name": name})
        self._check_model(call.authenticated, found)
        if wanted.project_id is not None and wanted.project_id != found.project_id:
            raise _taken(name, "belongs to a model outside of that project")
        if found.type and task and found.type != task:
            raise _taken(name, f"belongs to a model for {found.type}")
        return found

    def _check_project(self, caller: Caller, project_id: UUID | None) -> None:
        """The caller must be allowed to train in the very project, or in the organisation for none."""
        if self._access.allows(caller, _PERMISSION, project_id=project_id):
            return
        if project_id is not None and not self._access.sees(caller, project_id=project_id):
            raise NotFound.of("project", project_id)
        raise _denied("in this project")

    def _check_model(self, caller: Caller, model: Model) -> None:
        place = {"resource_type": "model", "resource_id": str(model.id)}
        if self._access.allows(caller, _PERMISSION, project_id=model.project_id, **place):
            return
        if not self._access.sees(caller, project_id=model.project_id, **place):
            raise _taken(model.name, "is taken")
        raise _denied("on the model of this name")


def _check_columns(wanted: Wanted, columns: tuple[str, ...]) -> None:
    if wanted.target not in columns:
        shown = ", ".join(columns[:50]) + (" …" if len(columns) > 50 else "")
        raise target_unusable(wanted.target, f"the dataset has no such column; it has {shown}")
    known = set(columns)
    for name in wanted.excluded:
        if name not in known:
            raise InvalidArgument.of_field("excluded_columns", f"the dataset has no column {name[:200]!r}")
    if not known - {wanted.target, *wanted.excluded}:
        raise InvalidArgument.of_field("excluded_columns", "no column is left to learn from")


def _denied(where: str) -> PermissionDenied:
    return PermissionDenied(
        f"{_PERMISSION} is needed {where}", reason="PERMISSION_MISSING", metadata={"permission": _PERMISSION}
    )


def _taken(name: str, why: str) -> NameTaken:
    return NameTaken(f"the name {name!r} {why}: choose another", reason="NAME_TAKEN", metadata={"name": name})


def _required(run: Run | None, run_id: UUID) -> Run:
    if run is None:
        raise NotFound.of("training run", run_id)
    return run
