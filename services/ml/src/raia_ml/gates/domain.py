"""The deployment policy and what it says of a version, given the evidence: pure rules."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

DEFAULT_MINIMUM = 0.80
NO_POLICY = "protected_attributes"
"""The name of the check that fails while the policy names no protected attribute."""


@dataclass(frozen=True)
class Policy:
    """An organisation's deployment policy at one version; version 0 is the one of those that set none."""

    version: int = 0
    protected_attributes: tuple[str, ...] = ()
    minimum_disparate_impact: float = DEFAULT_MINIMUM
    updated_by: UUID | None = None
    updated_at: datetime | None = None

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.version)


@dataclass(frozen=True)
class Evidence:
    """A fact about one artefact."""

    id: UUID
    kind: str
    model_id: UUID
    version: int
    digest: str
    report_id: UUID
    report_digest: str
    figures: Mapping[str, Any]
    created_at: datetime
    withdrawn_at: datetime | None = None


@dataclass(frozen=True)
class Check:
    """One requirement and what the evidence says of it."""

    name: str
    passed: bool
    limit: float
    message: str
    value: float | None = None
    report_id: UUID | None = None

    @property
    def margin(self) -> float | None:
        """By how much the value is above the limit; negative when it falls short."""
        return None if self.value is None else self.value - self.limit

    def to_json(self) -> dict[str, Any]:
        """JSON values from which ``from_json`` makes an equal check."""
        return {
            "name": self.name,
            "passed": self.passed,
            "limit": self.limit,
            "message": self.message,
            "value": self.value,
            "report_id": str(self.report_id) if self.report_id else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Check":
        """The check that ``to_json`` described."""
        report_id = value["report_id"]
        return cls(**{**value, "report_id": UUID(report_id) if report_id else None})


@dataclass(frozen=True)
class Verdict:
    """What the gate decided about one version; without an id until it is recorded."""

    model_id: UUID
    version: int
    digest: str
    policy_version: int
    checks: tuple[Check, ...]
    id: UUID | None = None
    created_at: datetime | None = None
    created_by: UUID | None = None

    @property
    def allowed(self) -> bool:
        """Whether every check passed; a verdict without checks allows nothing."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def failed(self) -> list[str]:
        """The names of the checks that failed."""
        return [check.name for check in self.checks if not check.passed]


@dataclass(frozen=True)
class Decisions:
    """How a version decides when it serves, which is what a report must be about."""

    favourable_class: str = ""
    """The class in a person's favour that the version records; empty when it records none."""
    classes: int = 0
    """How many classes it tells apart; 0 for a regressor."""

    def difference(self, figures: Mapping[str, Any]) -> str:
        """How the decisions that a report judged differ from these, in words; empty when they do not.

        Whoever asks for a report chooses the favourable outcome: a threshold that selects everybody would make any
        classifier look fair. For a regressor nothing else than the report says which numbers are favourable.
        """
        outcome = figures.get("favourable_outcome")
        if not isinstance(outcome, Mapping) or not self.classes:
            return ""
        found = outcome.get("favourable_class")
        if self.favourable_class and found and found != self.favourable_class:
            return f"takes {found!r} for favourable, and the model records {self.favourable_class!r}"
        threshold = outcome.get("threshold")
        # Of two classes the likelier one is the one with at least one half.
        if threshold is not None and not (self.classes == 2 and threshold == 0.5):
            return f"judged a threshold of {threshold:g}, not the model's own decisions"
        return ""


def judge(
    policy: Policy,
    evidence: Sequence[Evidence],
    *,
    model_id: UUID,
    version: int,
    digest: str,
    decisions: Decisions | None = None,
) -> Verdict:
    """What the policy says of a version whose artefact has this digest.

    Each protected attribute must have a fairness report on this very digest, about the version's own ``decisions``,
    whose disparate impact was judged; of several the latest counts, and it must not be below the policy's minimum.
    Withdrawn evidence, evidence about another digest or about other decisions, and reports that judged nothing (fewer
    than two groups, no favourable outcome) count as absent.
    """
    decisions = decisions or Decisions()
    usable = sorted(
        (
            each
            for each in evidence
            if each.kind == "fairness" and each.digest == digest and each.model_id == model_id and not each.withdrawn_at
        ),
        key=lambda each: (each.created_at, each.id),
        reverse=True,
    )
    if policy.protected_attributes:
        checks = tuple(_check(name, policy, usable, decisions) for name in policy.protected_attributes)
    else:
        message = (
            "The organisation's policy names no protected attribute, so nothing can be shown to be fair: a risk "
            "officer must set one with PUT /api/v1/policies/deployment."
        )
        checks = (Check(NO_POLICY, passed=False, limit=1.0, value=0.0, message=message),)
    return Verdict(model_id=model_id, version=version, digest=digest, policy_version=policy.version, checks=checks)


def _check(attribute: str, policy: Policy, evidence: Sequence[Evidence], decisions: Decisions) -> Check:
    name, limit = f"disparate_impact:{attribute}", policy.minimum_disparate_impact
    why = ""
    for each in evidence:
        if attribute not in each.figures:
            continue
        value = _disparate_impact(each.figures[attribute])
        if value is None:
            fault = (
                "judged no disparate impact (two groups of at least 30 rows, and a favourable outcome among them, are "
                "needed)"
            )
        else:
            fault = decisions.difference(each.figures[attribute])
            if not fault:
                return _judged(name, attribute, value, limit, each.report_id)
        why = why or f"report {each.report_id} {fault}: it counts as no report; at least {limit:.2f} is required."
    why = why or f"there is no fairness report on this version; a disparate impact of {limit:.2f} is required."
    return Check(name, passed=False, limit=limit, message=f"{attribute}: {why}")


def _judged(name: str, attribute: str, value: float, limit: float, report_id: UUID) -> Check:
    margin = value - limit
    if margin >= 0:
        message = f"{attribute}: disparate impact {value:.4f} meets the minimum of {limit:.2f} by {margin:.4f}."
    else:
        message = (
            f"{attribute}: disparate impact {value:.4f} is below the minimum of {limit:.2f} by {-margin:.4f}; the "
            "lowest selection rate of a group must come nearer to the highest."
        )
    return Check(name, passed=margin >= 0, limit=limit, message=message, value=value, report_id=report_id)


def _disparate_impact(figures: object) -> float | None:
    """The judged figure of one attribute, None when there is none."""
    if not isinstance(figures, Mapping) or figures.get("judged") is False:
        return None
    value = figures.get("disparate_impact")
    if isinstance(value, Mapping):
        value = value.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)
