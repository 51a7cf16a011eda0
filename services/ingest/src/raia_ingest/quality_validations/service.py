"""Use cases of validations: start, list, watch, cancel; and the job that runs the rules."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

from raia_kit.context import Call
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import NotFound, RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore
from raia_kit.pagination import ListRequest

from raia_ingest import metrics
from raia_ingest.changes import Changes
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.quality_rules.domain import Rule, RuleSpec
from raia_ingest.quality_rules.repository import QualityRuleRepository
from raia_ingest.quality_validations import events
from raia_ingest.quality_validations.domain import (
    CANCELLED,
    FAILED,
    REQUEST,
    SCHEDULE,
    SUCCEEDED,
    VERSION,
    Ran,
    Validation,
    passes,
)
from raia_ingest.quality_validations.gates import GateService
from raia_ingest.quality_validations.repository import Outcome, QualityValidationRepository
from raia_ingest.quality_validations.running import RuleRunning
from raia_ingest.settings import IngestSettings

VALIDATE_JOB = "ingest.validate"
_VALIDATE = "raia_ingest.workers.rules:validate_file"
_WATCH_SECONDS = 0.5


class QualityValidationService:
    """Validations of dataset versions."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        rules: QualityRuleRepository,
        validations: QualityValidationRepository,
        gates: GateService,
        running: RuleRunning,
        jobs: JobQueue,
        objects: ObjectStore,
        changes: Changes,
        settings: IngestSettings,
    ) -> None:
        self._database, self._datasets, self._rules = database, datasets, rules
        self._validations, self._gates, self._running = validations, gates, running
        self._jobs, self._objects, self._changes = jobs, objects, changes
        jobs.task(
            VALIDATE_JOB,
            time_limit=settings.validation_time_limit,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)

    def start(
        self,
        unit: UnitOfWork,
        dataset_id: UUID,
        version: int,
        *,
        rule_ids: Sequence[UUID],
        specs: Sequence[RuleSpec],
        check: Callable[[Dataset, RuleSpec], None],
    ) -> Validation:
        """Starts a validation by the rules named and those given, or by all that are enabled when there are neither.

        ``check`` looks at the rules given. Raises ``NotFound``, ``NotReady``, ``RuleInvalid``.
        """
        dataset = self._datasets.find(unit, dataset_id, version)
        if dataset is None:
            raise missing(dataset_id, version)
        dataset.version.require_ready(dataset_id)
        named = self._rules.chosen(unit, dataset_id, rule_ids) if rule_ids else []
        absent = set(rule_ids) - {rule.id for rule in named}
        if absent:
            raise NotFound.of("quality_rule", min(absent))
        if not rule_ids and not specs:
            named = self._rules.of_dataset(unit, dataset_id, enabled=True)
        for spec in specs:
            check(dataset, spec)
        ran = [_ran(rule) for rule in named] + [Ran(None, spec.document()) for spec in specs]
        return self._begin(unit, dataset, ran, REQUEST)

    def arrived(self, unit: UnitOfWork, dataset: Dataset) -> None:
        """Starts the validation of a version that has just become ready, if its dataset has rules."""
        rules = self._rules.of_dataset(unit, dataset.id, enabled=True)
        if not rules:
            return
        if any(rule.spec.blocks for rule in rules):
            self._gates.hold(unit, dataset)
        self._begin(unit, dataset, [_ran(rule) for rule in rules], VERSION)

    def due(self, unit: UnitOfWork, dataset: Dataset, rules: list[Rule]) -> None:
        """Starts a validation because the time of some rules has come."""
        self._begin(unit, dataset, [_ran(rule) for rule in rules], SCHEDULE)

    def page(self, unit: UnitOfWork, dataset_id: UUID, request: ListRequest) -> tuple[list[Validation], str]:
        """A page of a dataset's validations, and the token of the next."""
        return self._validations.page(unit, dataset_id, request)

    def get(self, unit: UnitOfWork, validation_id: UUID) -> Validation:
        """One validation; raises ``NotFound``."""
        found = self._validations.find(unit, validation_id)
        if found is None:
            raise NotFound.of("dataset_validation", validation_id)
        return found

    def watch(self, call: Call, validation_id: UUID) -> Iterator[Validation]:
        """The validation now and whenever status or progress change, until it has ended."""
        last: tuple[str, float] | None = None
        while call.is_active():
            seen = self._changes.seen
            with self._database.unit_of_work(call.org_id) as unit:
                found = self.get(unit, validation_id)
            if (found.status, found.progress) != last:
                yield found
                last = (found.status, found.progress)
            if found.finished:
                return
            self._changes.pause(seen, _WATCH_SECONDS)

    def cancel(self, unit: UnitOfWork, validation_id: UUID) -> Validation:
        """Ends a validation that is not finished; raises ``NotFound``."""
        found = self.get(unit, validation_id)
        dataset = self._datasets.lock(unit, found.dataset_id)
        locked = self._validations.find(unit, validation_id, lock=True)
        if dataset is not None and locked is not None and not locked.finished:
            if locked.job_id is not None:
                self._jobs.cancel(unit, locked.job_id)
            self._end_cancelled(unit, dataset, locked)
            unit.after_commit(self._changes.notify)
        return self.get(unit, validation_id)

    def _begin(self, unit: UnitOfWork, dataset: Dataset, rules: Sequence[Ran], trigger: str) -> Validation:
        user_id = unit.actor.user_id
        made = self._validations.add(
            unit, dataset.id, dataset.version.number, rules=rules, trigger=trigger, user_id=user_id
        )
        job_id = self._jobs.enqueue(unit, VALIDATE_JOB, {"validation_id": str(made)}, unit.tenant, user_id)
        self._validations.set_job(unit, made, job_id)
        return self.get(unit, made)

    def run(self, job: Job) -> None:
        """Runs one validation."""
        with job.unit() as unit:
            validation = self._validations.find(unit, _subject(job.record))
            if validation is None or validation.finished:
                return
            dataset = self._datasets.find(unit, validation.dataset_id, validation.version)
            if dataset is None:
                return
            self._validations.set_progress(unit, validation.id, 0.0)
        outcome = self._compute(job, dataset, validation)
        with job.complete() as unit:
            locked = self._datasets.lock(unit, dataset.id)
            if locked is not None:
                gate = self._gates.judge(unit, locked, validation, outcome.results)
                if self._validations.succeed(unit, validation.id, outcome, gate):
                    metrics.VALIDATIONS.labels("passed" if outcome.passed else "not_passed").inc()
                    events.validated(
                        unit,
                        locked,
                        validation,
                        SUCCEEDED,
                        passed=outcome.passed,
                        failing=outcome.failing_row_count,
                    )
            unit.after_commit(self._changes.notify)

    def _compute(self, job: Job, dataset: Dataset, validation: Validation) -> Outcome:
        rules = [rule.document for rule in validation.rules]
        with self._running.material(job, dataset, [rule["check"] for rule in rules]) as material:
            target = material.folder / "failing.parquet"
            found = job.compute(
                _VALIDATE,
                {
                    **material.arguments,
                    "rules": [{"check": rule["check"], "tolerance": rule.get("tolerance", 0.0)} for rule in rules],
                    "target": str(target),
                },
                affinity=dataset.version.stored_key or "",
            )
            key = self._objects.put_file(job.org_id, target).key if Path(target).exists() else None
        return Outcome(
            results=found["results"],
            passed=passes(validation.rules, found["results"]),
            row_count=found["row_count"],
            failing_row_count=found["failing_row_count"],
            failing_key=key,
        )

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._validations.set_progress(unit, _subject(record), fraction)
        unit.after_commit(self._changes.notify)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        validation = self._validations.of_job(unit, _subject(record))
        dataset = self._datasets.lock(unit, validation.dataset_id) if validation is not None else None
        if validation is not None and dataset is not None:
            why = f"its rules could not be run: {error.message}"[:2000]
            gate = self._gates.unjudged(unit, dataset, validation.version, why)
            if self._validations.fail(unit, validation.id, error.message, gate):
                metrics.VALIDATIONS.labels(FAILED).inc()
                events.validated(unit, dataset, validation, FAILED)
        elif validation is not None:
            self._validations.fail(unit, validation.id, error.message, "")
        unit.after_commit(self._changes.notify)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        validation = self._validations.of_job(unit, _subject(record))
        dataset = self._datasets.lock(unit, validation.dataset_id) if validation is not None else None
        if validation is not None and dataset is not None:
            self._end_cancelled(unit, dataset, validation)
        elif validation is not None:
            self._validations.cancel(unit, validation.id, "")
        unit.after_commit(self._changes.notify)

    def _end_cancelled(self, unit: UnitOfWork, dataset: Dataset, validation: Validation) -> None:
        gate = self._gates.unjudged(
            unit, dataset, validation.version, "the validation that it waited for was cancelled"
        )
        if self._validations.cancel(unit, validation.id, gate):
            metrics.VALIDATIONS.labels(CANCELLED).inc()
            events.validated(unit, dataset, validation, CANCELLED)


def _ran(rule: Rule) -> Ran:
    return Ran(rule.id, rule.spec.document())


def _subject(record: JobRecord) -> UUID:
    return UUID(record.args["validation_id"])
