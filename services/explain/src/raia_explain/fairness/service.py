"""Use cases of fairness reports: ask for one, list, get, watch, cancel."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from raia_kit.changes import Changes
from raia_kit.context import Call, final_unit
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import NotFound
from raia_kit.jobs import JobQueue
from raia_kit.pagination import ListRequest

from raia_explain.errors import training_data_unknown
from raia_explain.fairness import events
from raia_explain.fairness.domain import (
    CANCELLED,
    AttributeDefinition,
    FairnessReport,
    Favourable,
    ReportRequest,
    settled_definitions,
    settled_outcome,
)
from raia_explain.fairness.jobs import FAIRNESS_JOB
from raia_explain.fairness.repository import FairnessRepository
from raia_explain.sources.access import ModelAccess
from raia_explain.sources.datasets import DatasetSource

_WATCH_SECONDS = 0.5


class FairnessService:
    """Fairness reports of model versions."""

    def __init__(
        self,
        *,
        database: Database,
        reports: FairnessRepository,
        jobs: JobQueue,
        models: ModelAccess,
        datasets: DatasetSource,
        changes: Changes,
    ) -> None:
        self._database, self._reports, self._jobs = database, reports, jobs
        self._models, self._datasets, self._changes = models, datasets, changes

    def analyze(
        self,
        call: Call,
        *,
        model_id: UUID,
        version: int,
        definitions: Sequence[AttributeDefinition],
        favourable: Favourable,
    ) -> FairnessReport:
        """Starts a report on a model version and its hold-out rows.

        Raises ``NotFound``, ``PermissionDenied``, ``AttributeUnusable``, ``FavourableOutcomeMissing``,
        ``ClassUnknown``, ``ColumnsMissing``.
        """
        model = self._models.require(call, model_id, version)
        if model.dataset_id is None or not model.target:
            raise training_data_unknown(model_id)
        outcome = settled_outcome(favourable, model)
        dataset = self._datasets.get(model.dataset_id, model.dataset_version)
        dataset.require([*model.columns, model.target], model.numeric)
        wanted = ReportRequest(model, dataset, settled_definitions(definitions, dataset), outcome)
        unit = final_unit()
        report_id = self._reports.create(unit, wanted)
        job_id = self._jobs.enqueue(unit, FAIRNESS_JOB, {"report_id": str(report_id)}, unit.tenant, call.user_id)
        self._reports.set_job(unit, report_id, job_id)
        call.audit_details |= {
            "report_id": str(report_id),
            "version": model.version,
            "protected_attributes": [each.name for each in wanted.definitions],
        }
        return self._found(unit, report_id)

    def page(self, call: Call, model_id: UUID, request: ListRequest) -> tuple[list[FairnessReport], str]:
        """A page of a model's reports and the token of the next; raises ``NotFound``, ``PermissionDenied``."""
        self._models.require_model(call, model_id)
        with self._database.unit_of_work(call.org_id) as unit:
            return self._reports.page(unit, model_id, request)

    def get(self, unit: UnitOfWork, model_id: UUID, report_id: UUID) -> FairnessReport:
        """One report of a model; raises ``NotFound``."""
        report = self._found(unit, report_id)
        if report.model_id != model_id:
            raise NotFound.of("fairness_report", report_id)
        return report

    def watch(self, call: Call, model_id: UUID, report_id: UUID) -> Iterator[FairnessReport]:
        """The report now and whenever status or progress change, until it has ended."""
        last: tuple[str, float] | None = None
        while call.is_active():
            seen = self._changes.seen
            with self._database.unit_of_work(call.org_id) as unit:
                report = self.get(unit, model_id, report_id)
            state = (report.status, report.progress)
            if state != last:
                yield report
                last = state
            if report.finished:
                return
            self._changes.pause(seen, _WATCH_SECONDS)

    def cancel(self, unit: UnitOfWork, model_id: UUID, report_id: UUID) -> FairnessReport:
        """Ends a report that is neither finished nor being recorded as evidence; raises ``NotFound``."""
        report = self._reports.find(unit, report_id, lock=True)
        if report is None or report.model_id != model_id:
            raise NotFound.of("fairness_report", report_id)
        if report.finished or report.recording:
            return report
        if report.job_id is not None:
            self._jobs.cancel(unit, report.job_id)
        if self._reports.cancel(unit, report_id):
            events.analyzed(unit, report, CANCELLED)
        unit.after_commit(self._changes.notify)
        return self._found(unit, report_id)

    def _found(self, unit: UnitOfWork, report_id: UUID) -> FairnessReport:
        report = self._reports.find(unit, report_id)
        if report is None:
            raise NotFound.of("fairness_report", report_id)
        return report
