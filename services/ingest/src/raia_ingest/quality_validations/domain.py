"""What a validation is, and what its results mean for the version's gate."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = "pending", "running", "succeeded", "failed", "cancelled"
REQUEST, VERSION, SCHEDULE = "request", "version", "schedule"
"""What starts a validation."""
UNGATED, CHECKING, PASSED, QUARANTINED, RELEASED = "", "checking", "passed", "quarantined", "released"
"""States of a version's gate."""
_LONGEST_REASON = 2000


@dataclass(frozen=True)
class Ran:
    """A rule as it was run."""

    rule_id: UUID | None
    document: Mapping[str, Any]
    """The contract's ``QualityRuleSpec`` as JSON."""

    @property
    def name(self) -> str:
        """The rule's name."""
        return str(self.document["name"])

    @property
    def is_error(self) -> bool:
        """Whether its failing is an error."""
        return bool(self.document["severity"] == "error")

    @property
    def blocks(self) -> bool:
        """Whether its failing quarantines the version."""
        return self.is_error and bool(self.document.get("gates", False))


@dataclass(frozen=True)
class Validation:
    """Rules run on a version, or the work on it."""

    id: UUID
    dataset_id: UUID
    version: int
    status: str
    progress: float
    error: str
    job_id: int | None
    trigger: str
    rules: Sequence[Ran]
    results: Sequence[Mapping[str, Any]]
    """One a rule once it has succeeded: status, failing_row_count, failing_fraction, message, observed."""
    passed: bool | None
    row_count: int | None
    failing_row_count: int | None
    failing_key: str | None
    quality_gate: str
    created_by: UUID | None
    created_at: datetime
    completed_at: datetime | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.status not in (PENDING, RUNNING)


def passes(rules: Sequence[Ran], results: Sequence[Mapping[str, Any]]) -> bool:
    """Whether no rule of severity error failed; one that could not be evaluated has not passed."""
    return all(result["status"] == "passed" for rule, result in zip(rules, results, strict=True) if rule.is_error)


def blame(rules: Sequence[Ran], results: Sequence[Mapping[str, Any]]) -> str:
    """Why the version must be kept back, in words; empty when no gating rule failed."""
    failed = [
        f"{rule.name}: {result['message'] or result['status']}"
        for rule, result in zip(rules, results, strict=True)
        if rule.blocks and result["status"] != "passed"
    ]
    return "; ".join(failed)[:_LONGEST_REASON]


def gate_after(gate: str, by_hand: bool, reason: str, ran: Collection[UUID | None], needed: Collection[UUID]) -> str:
    """The gate of a version after a validation.

    ``by_hand``: somebody put it into quarantine or released it, which no validation undoes. ``reason``: why it must be
    kept back, if it must. ``ran``: the rules that were run; ``needed``: those that must pass for the gate to open.
    """
    if gate == RELEASED or (gate == QUARANTINED and by_hand):
        return gate
    if reason:
        return QUARANTINED
    return PASSED if set(needed) <= set(ran) and (needed or gate) else gate
