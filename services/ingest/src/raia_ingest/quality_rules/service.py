"""Use cases of data quality rules: write, list, change, delete; and the schedule on which they run."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound
from raia_kit.jobs import Job, JobQueue
from raia_kit.pagination import ListRequest

from raia_ingest.datasets.domain import READY, Column, Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import EtagMismatch
from raia_ingest.errors import rule_exists, rule_invalid
from raia_ingest.quality.kinds import Table, Unfit
from raia_ingest.quality.plans import Data, other_dataset, plan
from raia_ingest.quality_rules.domain import Rule, RuleSpec, contradiction, due_after
from raia_ingest.quality_rules.repository import QualityRuleRepository

SCHEDULE_JOB = "ingest.quality_schedule"
_SECONDS = 60.0

RunRules = Callable[[UnitOfWork, Dataset, list[Rule]], object]
"""Starts a validation of a dataset's version by some of its rules, because their time has come."""


class QualityRuleService:
    """The rules of datasets."""

    def __init__(
        self,
        *,
        rules: QualityRuleRepository,
        datasets: DatasetRepository,
        jobs: JobQueue,
        access: AccessIndex,
        run_rules: RunRules,
    ) -> None:
        self._rules, self._datasets, self._jobs, self._access = rules, datasets, jobs, access
        self._run_rules = run_rules
        jobs.task(SCHEDULE_JOB, time_limit=_SECONDS)(self.run_due)

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[Rule], str]:
        """A page of the rules of datasets that the caller may see, and the token of the next."""
        return self._rules.page(unit, self._access.visible_projects(caller, "datasets.read", "dataset"), request)

    def get(self, unit: UnitOfWork, rule_id: UUID) -> Rule:
        """One rule; raises ``NotFound``."""
        return self._found(unit, rule_id)

    def create(self, unit: UnitOfWork, caller: Caller, dataset_id: UUID, spec: RuleSpec) -> Rule:
        """Adds a rule; raises ``RuleInvalid``, ``RuleExists``, ``NotFound`` for a dataset that it names."""
        dataset = self._dataset(unit, dataset_id)
        self.check(unit, caller, dataset, spec)
        rule_id = self._rules.add(unit, dataset_id, spec, caller.user_id)
        if rule_id is None:
            raise rule_exists(spec.name)
        self._reschedule(unit, rule_id, None, spec, caller.user_id)
        return self._found(unit, rule_id)

    def change(
        self, unit: UnitOfWork, caller: Caller, rule_id: UUID, changed: Callable[[RuleSpec], RuleSpec], etag: str
    ) -> Rule:
        """Changes a rule; raises ``EtagMismatch`` and what ``create`` raises."""
        rule = self._locked(unit, rule_id, etag)
        spec = changed(rule.spec)
        if spec == rule.spec:
            return rule
        self.check(unit, caller, self._dataset(unit, rule.dataset_id), spec)
        self._replace(unit, rule, spec, caller.user_id)
        return self._found(unit, rule_id)

    def delete(self, unit: UnitOfWork, rule_id: UUID, etag: str) -> None:
        """Deletes a rule; raises ``NotFound``, ``EtagMismatch``."""
        self._remove(unit, self._locked(unit, rule_id, etag))

    def replace_all(
        self,
        unit: UnitOfWork,
        caller: Caller,
        dataset_id: UUID,
        specs: Collection[RuleSpec],
        *,
        others: bool,
        dry: bool,
    ) -> tuple[int, int, int, int]:
        """Makes the dataset's rules those of a document, by name; ``others`` are deleted if asked, ``dry`` only counts.

        Returns how many were created, changed, deleted and left alone. Raises what ``create`` raises.
        """
        dataset = self._dataset(unit, dataset_id)
        present = {rule.spec.name: rule for rule in self._rules.of_dataset(unit, dataset_id)}
        for spec in specs:
            self.check(unit, caller, dataset, spec)
        new = [spec for spec in specs if spec.name not in present]
        differing = [spec for spec in specs if spec.name in present and spec != present[spec.name].spec]
        names = {spec.name for spec in specs}
        gone = [rule for name, rule in present.items() if name not in names] if others else []
        if not dry:
            for rule in gone:
                self._remove(unit, rule)
            for spec in differing:
                self._replace(unit, present[spec.name], spec, caller.user_id)
            for spec in new:
                self.create(unit, caller, dataset_id, spec)
        return len(new), len(differing), len(gone), len(specs) - len(new) - len(differing)

    def of_dataset(self, unit: UnitOfWork, dataset_id: UUID) -> list[Rule]:
        """All rules of a dataset, oldest first."""
        return self._rules.of_dataset(unit, dataset_id)

    def check(self, unit: UnitOfWork, caller: Caller, dataset: Dataset, spec: RuleSpec) -> None:
        """Raises ``RuleInvalid`` when the rule makes no sense, or none for the columns that the dataset shows."""
        wrong = contradiction(spec)
        if wrong is not None:
            raise rule_invalid(spec.name, *wrong)
        other = self._other(unit, caller, spec)
        if dataset.version.status != READY or (other is not None and other.version.status != READY):
            return  # what it names is checked when it runs
        try:
            plan(
                spec.check,
                Data(
                    table=table_of(dataset.version.columns),
                    now=datetime.now(UTC),
                    other=table_of(other.version.columns, "o") if other is not None else None,
                ),
            )
        except Unfit as error:
            raise rule_invalid(spec.name, f"check.{spec.kind}", str(error)) from error

    def run_due(self, job: Job) -> None:
        """Runs a rule whose time has come, and sees to its next time."""
        rule_id = UUID(job.args["rule_id"])
        with job.complete() as unit:
            rule = self._rules.find(unit, rule_id, lock=True)
            if rule is None or rule.schedule_job_id != job.id:
                return  # deleted, or on another schedule by now
            self._reschedule(unit, rule.id, None, rule.spec, job.user_id)
            dataset = self._datasets.find(unit, rule.dataset_id)
            if dataset is not None and dataset.version.status == READY and rule.spec.enabled:
                self._run_rules(unit, dataset, [rule])

    def _other(self, unit: UnitOfWork, caller: Caller, spec: RuleSpec) -> Dataset | None:
        """The other dataset that a rule names, which its author must be allowed to read."""
        wanted = other_dataset(spec.check)
        if wanted is None:
            return None
        dataset_id, version = UUID(wanted[0]), wanted[1]
        found = self._datasets.find(unit, dataset_id, version)
        if found is None or not self._access.allows(
            caller,
            "datasets.read",
            project_id=found.project_id,
            resource_type="dataset",
            resource_id=str(dataset_id),
        ):
            raise NotFound.of("dataset", dataset_id)
        return found

    def _dataset(self, unit: UnitOfWork, dataset_id: UUID) -> Dataset:
        found = self._datasets.find(unit, dataset_id)
        if found is None:
            raise NotFound.of("dataset", dataset_id)
        return found

    def _found(self, unit: UnitOfWork, rule_id: UUID) -> Rule:
        found = self._rules.find(unit, rule_id)
        if found is None:
            raise NotFound.of("quality_rule", rule_id)
        return found

    def _locked(self, unit: UnitOfWork, rule_id: UUID, etag: str) -> Rule:
        rule = self._rules.find(unit, rule_id, lock=True)
        if rule is None:
            raise NotFound.of("quality_rule", rule_id)
        if etag and etag != rule.etag:
            raise EtagMismatch(
                "the rule has changed meanwhile; read it again and retry",
                reason="ETAG_MISMATCH",
                metadata={"etag": rule.etag},
            )
        return rule

    def _replace(self, unit: UnitOfWork, rule: Rule, spec: RuleSpec, user_id: UUID | None) -> None:
        if spec.name != rule.spec.name and self._rules.named(unit, rule.dataset_id, spec.name) is not None:
            raise rule_exists(spec.name)
        self._rules.change(unit, rule.id, spec)
        if (spec.schedule, spec.enabled) != (rule.spec.schedule, rule.spec.enabled):
            self._reschedule(unit, rule.id, rule.schedule_job_id, spec, user_id)

    def _remove(self, unit: UnitOfWork, rule: Rule) -> None:
        if rule.schedule_job_id is not None:
            self._jobs.cancel(unit, rule.schedule_job_id)
        self._rules.delete(unit, rule.id)

    def _reschedule(
        self, unit: UnitOfWork, rule_id: UUID, waiting: int | None, spec: RuleSpec, user_id: UUID | None
    ) -> None:
        if waiting is not None:
            self._jobs.cancel(unit, waiting)
        job_id = None
        if spec.schedule and spec.enabled:
            due = due_after(spec.schedule, datetime.now(UTC))
            job_id = self._jobs.enqueue(
                unit, SCHEDULE_JOB, {"rule_id": str(rule_id)}, unit.tenant, user_id, not_before=due
            )
        self._rules.set_schedule_job(unit, rule_id, job_id)


def table_of(columns: Collection[Column], prefix: str = "c") -> Table:
    """The columns as rules see them."""
    return Table([{"name": column.name, "type": column.type} for column in columns], prefix)
