"""Use cases of data quality reports: assess, read, list issues."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Call, Caller
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import NotFound
from raia_kit.jobs import Job, JobQueue
from raia_kit.pagination import ListRequest

from raia_ingest.changes import Changes
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.derived.service import DerivedService
from raia_ingest.quality.plans import columns_of
from raia_ingest.quality_reports.domain import SHOWN_ISSUES, Issue, Report
from raia_ingest.quality_reports.events import assessed
from raia_ingest.quality_reports.repository import QualityReportRepository
from raia_ingest.quality_rules.domain import Rule
from raia_ingest.quality_rules.repository import QualityRuleRepository
from raia_ingest.quality_validations.running import RuleRunning
from raia_ingest.settings import IngestSettings

ASSESS_JOB = "ingest.assess"
_ASSESS = "raia_ingest.workers.assess:assess_file"
_WATCH_SECONDS = 0.5


class QualityReportService(DerivedService):
    """Reports of dataset versions."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        rules: QualityRuleRepository,
        reports: QualityReportRepository,
        running: RuleRunning,
        jobs: JobQueue,
        access: AccessIndex,
        changes: Changes,
        settings: IngestSettings,
    ) -> None:
        super().__init__(
            noun="data quality report",
            kind=ASSESS_JOB,
            time_limit=settings.validation_time_limit,
            database=database,
            datasets=datasets,
            repository=reports,
            jobs=jobs,
            changes=changes,
        )
        self._rules, self._reports, self._running, self._access = rules, reports, running, access

    def assess(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Report:
        """Starts an assessment unless one is under way; raises ``NotFound``, ``NotReady``."""
        dataset = self._datasets.find(unit, dataset_id, version)
        if dataset is None:
            raise missing(dataset_id, version)
        dataset.version.require_ready(dataset_id)
        number = dataset.version.number
        if self._reports.create(unit, dataset_id, number):
            self._start(unit, dataset)
        return self._newest(unit, dataset_id, number)

    def arrived(self, unit: UnitOfWork, dataset: Dataset) -> None:
        """Assesses a version that has just become ready, if another version of its dataset has been assessed."""
        if self._reports.any_of(unit, dataset.id) and self._reports.create(unit, dataset.id, dataset.version.number):
            self._start(unit, dataset)

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[Report], str]:
        """A page of the reports of datasets that the caller may see, and the token of the next."""
        return self._reports.page(unit, self._access.visible_projects(caller, "datasets.read", "dataset"), request)

    def by_id(self, unit: UnitOfWork, report_id: UUID) -> Report:
        """One report; raises ``NotFound``."""
        found = self._reports.by_id(unit, report_id)
        if found is None:
            raise NotFound.of("data_quality_report", report_id)
        return found

    def shown_issues(self, unit: UnitOfWork, report: Report) -> list[Issue]:
        """The gravest issues of a report."""
        return self._reports.gravest(unit, report.id, SHOWN_ISSUES)

    def newest(self, call: Call, dataset_id: UUID, version: int, seconds: float) -> tuple[Report, list[Issue]]:
        """The newest report of a version with its gravest issues, after waiting up to ``seconds`` for it to end.

        An assessment is started if there is none. Raises ``NotFound``, ``NotReady``.
        """
        dataset, _ = self.get(call, dataset_id, version, seconds)
        with self._database.unit_of_work(call.org_id) as unit:
            report = self._newest(unit, dataset_id, dataset.version.number)
            return report, self.shown_issues(unit, report)

    def issues(
        self, call: Call, dataset_id: UUID, version: int, seconds: float, request: ListRequest
    ) -> tuple[Report, list[Issue], str]:
        """A page of the issues of a version's newest report, and the token of the next; waits as ``newest`` does."""
        dataset, _ = self.get(call, dataset_id, version, seconds)
        with self._database.unit_of_work(call.org_id) as unit:
            report = self._newest(unit, dataset_id, dataset.version.number)
            found, token = self._reports.issues(unit, report.id, request, f"issues {report.id}")
            return report, found, token

    def watch_one(self, call: Call, report_id: UUID) -> Iterator[tuple[Report, list[Issue]]]:
        """One report now and whenever status or progress change, until it has ended."""
        last: tuple[str, float] | None = None
        while call.is_active():
            seen = self._changes.seen
            with self._database.unit_of_work(call.org_id) as unit:
                found = self.by_id(unit, report_id)
                issues = self.shown_issues(unit, found)
            if (found.status, found.progress) != last:
                yield found, issues
                last = (found.status, found.progress)
            if found.finished:
                return
            self._changes.pause(seen, _WATCH_SECONDS)

    def cancel_one(self, unit: UnitOfWork, report_id: UUID) -> Report:
        """Ends an assessment that is not finished; raises ``NotFound``."""
        found = self.by_id(unit, report_id)
        if not found.finished:
            self.cancel(unit, found.dataset_id, found.version)
        return self.by_id(unit, report_id)

    def compute(self, job: Job, dataset: Dataset) -> dict[str, Any]:
        """The report of the version."""
        with job.unit() as unit:
            rules = self._rules.of_dataset(unit, dataset.id, enabled=True)
        ledger = (dataset.version.schema_info or {}).get("ledger", {})
        with self._running.material(job, dataset, [rule.spec.check for rule in rules]) as material:
            found: dict[str, Any] = job.compute(
                _ASSESS,
                {
                    **material.arguments,
                    "rules": [_as_argument(rule) for rule in rules],
                    "ledger": {name: int(ledger.get(name, 0)) for name in ("records_read", "rejected")},
                },
                affinity=dataset.version.stored_key or "",
            )
        return found

    def announce(self, unit: UnitOfWork, dataset: Dataset, version: int, status: str) -> None:
        """Tells that an assessment has ended."""
        report = self._reports.find(unit, dataset.id, version)
        if report is not None:
            assessed(unit, dataset, report, status)

    def _newest(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Report:
        found = self._reports.find(unit, dataset_id, version)
        if found is None:
            raise NotFound.of("data_quality_report", f"{dataset_id}/{version}")
        return found


def _as_argument(rule: Rule) -> dict[str, Any]:
    named = columns_of(rule.spec.check)
    return {
        "rule_id": str(rule.id),
        "name": rule.spec.name,
        "severity": rule.spec.severity,
        "tolerance": rule.spec.tolerance,
        "check": dict(rule.spec.check),
        "column": named[0] if len(named) == 1 else "",
    }
