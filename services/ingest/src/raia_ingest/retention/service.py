"""Use cases of retention, and the job that carries policies out."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from raia.ingest.events.v1 import life_cycle_events_pb2
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound, RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord

from raia_ingest import errors
from raia_ingest.datasets.domain import ARCHIVED, Dataset
from raia_ingest.datasets.events import TOPIC
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.retention.domain import Policy, outlived
from raia_ingest.retention.repository import RetentionRepository

RETENTION_JOB = "ingest.retention"
_EVERY = timedelta(days=1)
_SECONDS = 3600.0


class RetentionService:
    """Policies, and what they do."""

    def __init__(self, datasets: DatasetRepository, retention: RetentionRepository, jobs: JobQueue) -> None:
        self._datasets, self._retention, self._jobs = datasets, retention, jobs
        jobs.task(RETENTION_JOB, time_limit=_SECONDS, on_failed=self._failed)(self.run)

    def policy(self, unit: UnitOfWork, dataset_id: UUID | None) -> Policy:
        """The policy that holds for a dataset, or the organisation's for None; without limits when there is none."""
        own = self._retention.find(unit, dataset_id)
        found = own or (self._retention.find(unit, None) if dataset_id is not None else None)
        return found or Policy(None, 0, 0, force=False)

    def put(self, unit: UnitOfWork, policy: Policy) -> Policy:
        """Sets a policy and has it carried out now, and every day."""
        if policy.dataset_id is not None and self._datasets.lock(unit, policy.dataset_id) is None:
            raise NotFound.of("dataset", policy.dataset_id)
        earlier = self._retention.find(unit, policy.dataset_id)
        if earlier is not None and earlier.job_id is not None:
            self._jobs.cancel(unit, earlier.job_id)
        policy_id = self._retention.put(unit, policy)
        self._schedule(unit, policy_id, unit.actor.user_id, datetime.now(UTC))
        return self.policy(unit, policy.dataset_id)

    def archive(self, unit: UnitOfWork, dataset_id: UUID, number: int, *, force: bool) -> Dataset:
        """Archives a version; raises ``NotFound``, ``NotReady``, ``VersionKept``. An archived one is left as it is."""
        shown = self._datasets.lock(unit, dataset_id)
        found = self._datasets.find(unit, dataset_id, number)
        if shown is None or found is None:
            raise missing(dataset_id, number)
        if found.version.status == ARCHIVED:
            return found
        found.version.require_ready(dataset_id)
        if number == shown.version.number:
            raise errors.version_kept(number, "it is the one that the dataset shows")
        held = {each.number: each for each in self._retention.ready(unit, dataset_id)}
        if held[number].referred and not force:
            raise errors.version_kept(number, "models were trained on it or reports tell of it")
        self._archive(unit, found, "somebody archived it", forced=force and held[number].referred)
        return self._datasets.find(unit, dataset_id, number) or found

    def run(self, job: Job) -> None:
        """Carries one policy out; repeated, it archives nothing twice."""
        policy_id = UUID(job.args["policy_id"])
        with job.unit() as unit:
            policy = self._retention.by_id(unit, policy_id)
            if policy is None or policy.job_id != job.id:
                return
            datasets = self._retention.datasets(unit, policy) if policy.keep_versions or policy.keep_days else []
        for dataset_id in datasets:
            job.check()
            with job.unit() as unit:
                self._carry_out(unit, policy, dataset_id)
        with job.complete() as unit:
            current = self._retention.by_id(unit, policy_id)
            if current is not None and current.job_id == job.id:
                self._schedule(unit, policy_id, job.user_id, datetime.now(UTC) + _EVERY)

    def _carry_out(self, unit: UnitOfWork, policy: Policy, dataset_id: UUID) -> None:
        shown = self._datasets.lock(unit, dataset_id)
        if shown is None:
            return
        held = self._retention.ready(unit, dataset_id)
        referred = {each.number for each in held if each.referred}
        for number, reason in outlived(policy, held, shown.version.number, datetime.now(UTC)):
            found = self._datasets.find(unit, dataset_id, number)
            if found is not None:
                self._archive(unit, found, reason, forced=number in referred)
                details = {"version": number, "reason": reason, "policy_id": str(policy.id)}
                unit.audit(
                    "dataset_version.archive", resource_type="dataset", resource_id=str(dataset_id), details=details
                )

    def _archive(self, unit: UnitOfWork, found: Dataset, reason: str, *, forced: bool) -> None:
        version, now = found.version, datetime.now(UTC)
        receipt: dict[str, Any] = {
            "archived_at": now.isoformat(),
            "reason": reason,
            "forced": forced,
            "by": str(unit.actor.user_id or ""),
            "file_sha256": version.sha256,
            "file_bytes": version.file_size,
            "rows_sha256": version.stored_sha256,
            "rows_bytes": version.stored_bytes,
        }
        error = f"its file and rows were deleted on {now:%Y-%m-%d}, since {reason}"
        self._retention.archive(unit, found.id, version.number, error, receipt)
        message = life_cycle_events_pb2.DatasetVersionArchived(
            dataset_id=str(found.id),
            version=version.number,
            name=found.name,
            reason=reason,
            project_id=str(found.project_id or ""),
        )
        unit.emit(message, key=str(found.id), topic=TOPIC)

    def _schedule(self, unit: UnitOfWork, policy_id: UUID, user_id: UUID | None, due: datetime) -> None:
        arguments = {"policy_id": str(policy_id)}
        job_id = self._jobs.enqueue(unit, RETENTION_JOB, arguments, unit.tenant, user_id, not_before=due)
        self._retention.set_job(unit, policy_id, job_id)

    def _failed(self, unit: UnitOfWork, record: JobRecord, _error: RaiaError) -> None:
        policy = self._retention.by_id(unit, UUID(record.args["policy_id"]))
        if policy is not None and policy.id is not None and policy.job_id == record.id:
            self._schedule(unit, policy.id, record.user_id, datetime.now(UTC) + _EVERY)
