"""What a data quality rule is, and what its author may write."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from croniter import croniter

from raia_ingest.quality.plans import columns_of, kind_of

ERROR = "error"
_LONGEST_NAME = 255
_CRON_FIELDS = 5


@dataclass(frozen=True)
class RuleSpec:
    """A rule as its author writes it."""

    name: str
    description: str
    check: Mapping[str, Any]
    """The contract's ``QualityCheck`` as JSON, one kind set."""
    severity: str
    enabled: bool
    gates: bool
    tolerance: float
    schedule: str

    @property
    def kind(self) -> str:
        """Which demand it is."""
        return kind_of(self.check)

    @property
    def blocks(self) -> bool:
        """Whether a version that fails it is quarantined."""
        return self.gates and self.severity == ERROR

    def document(self) -> dict[str, Any]:
        """The contract's ``QualityRuleSpec`` as JSON, without what is as if unset."""
        written: dict[str, Any] = {"name": self.name, "check": dict(self.check), "severity": self.severity}
        if self.description:
            written["description"] = self.description
        if not self.enabled:
            written["enabled"] = False
        if self.gates:
            written["gates"] = True
        if self.tolerance:
            written["tolerance"] = self.tolerance
        if self.schedule:
            written["schedule"] = self.schedule
        return written


@dataclass(frozen=True)
class Rule:
    """A rule of a dataset."""

    id: UUID
    dataset_id: UUID
    spec: RuleSpec
    schedule_job_id: int | None
    revision: int
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.revision)


def spec_of(written: Mapping[str, Any]) -> RuleSpec:
    """The rule that the contract's ``QualityRuleSpec``, as JSON, states, with what it leaves out filled in."""
    check = written["check"]
    return RuleSpec(
        name=written.get("name", "").strip() or named(check),
        description=written.get("description", ""),
        check=check,
        severity=written.get("severity", "") or ERROR,
        enabled=written.get("enabled", True),
        gates=written.get("gates", False),
        tolerance=float(written.get("tolerance", 0.0)),
        schedule=" ".join(written.get("schedule", "").split()),
    )


def named(check: Mapping[str, Any]) -> str:
    """A name for a rule whose author gave none."""
    kind = kind_of(check)
    subject = ", ".join(columns_of(check)) or str(check[kind].get("expression", ""))
    return f"{kind} {subject}".strip()[:_LONGEST_NAME]


def contradiction(spec: RuleSpec) -> tuple[str, str] | None:
    """The field that contradicts another, or makes no sense, and how to mend it; None when all is well."""
    if spec.gates and spec.severity != ERROR:
        return "gates", 'only a rule of severity "error" can keep a version back'
    if spec.schedule and not _is_cron(spec.schedule):
        return "schedule", 'write five cron fields (minute, hour, day, month, weekday; UTC), such as "0 6 * * 1"'
    return None


def _is_cron(schedule: str) -> bool:
    return len(schedule.split()) == _CRON_FIELDS and croniter.is_valid(schedule)


def due_after(schedule: str, moment: datetime) -> datetime:
    """When a schedule is due next, strictly after ``moment``."""
    found: datetime = croniter(schedule, moment.astimezone(UTC)).get_next(datetime)
    return found
