"""A job as it stands in its row, and what its kind does when it ends other than well."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.errors import Aborted, RaiaError

if TYPE_CHECKING:
    from raia_kit.jobs.job import Job


class JobTakenOver(Aborted):
    """Another worker has the job by now, or it has ended: nothing that this one does may take effect."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"job {job_id} is no longer this worker's", reason="JOB_TAKEN_OVER")


@dataclass(frozen=True)
class JobRecord:
    """What is known of a job without running it."""

    id: int
    kind: str
    args: Mapping[str, Any]
    org_id: UUID | None
    """None for a job of the platform itself."""
    user_id: UUID | None
    """On whose behalf it runs."""
    attempt: int
    """The fencing token: grows whenever the job is taken up again."""
    correlation_id: str = ""
    traceparent: str = ""
    retries: int = 0
    """How often it was tried again after an error that may pass."""
    takeovers: int = 0
    """How often its worker died or stalled."""
    cancelled: bool = False
    """Cancelling was asked for before this attempt began."""

    @classmethod
    def read(cls, job_id: int, kind: str, attempt: int, payload: Mapping[str, Any]) -> "JobRecord":
        """The job that ``payload``, the row's args, describes."""
        return cls(
            id=job_id,
            kind=kind,
            args=payload.get("args", {}),
            org_id=UUID(payload["org_id"]) if payload.get("org_id") else None,
            user_id=UUID(payload["user_id"]) if payload.get("user_id") else None,
            attempt=attempt,
            correlation_id=payload.get("correlation_id", ""),
            traceparent=payload.get("traceparent", ""),
            retries=payload.get("retries", 0),
            takeovers=payload.get("takeovers", 0),
            cancelled=payload.get("cancelled", False),
        )


OnFailed = Callable[[UnitOfWork, JobRecord, RaiaError], None]
OnCancelled = Callable[[UnitOfWork, JobRecord], None]
OnProgress = Callable[[UnitOfWork, JobRecord, float, str], None]


@dataclass(frozen=True)
class JobTask:
    """A kind of job: what runs it and what happens to the owning resource when it ends otherwise."""

    kind: str
    handler: "Callable[[Job], None]" = field(repr=False)
    time_limit: float
    """Seconds that one attempt may take."""
    retries: int
    retry_seconds: float
    """Pause before the first retry; doubles with each."""
    queue: str
    cron: str = ""
    """When a periodic job is due; empty for any other."""
    on_failed: OnFailed | None = None
    on_cancelled: OnCancelled | None = None
    on_progress: OnProgress | None = None
