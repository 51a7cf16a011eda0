"""Policies on how long versions are kept, and what they say of a dataset's versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(frozen=True)
class Policy:
    """What is kept; 0 is no limit."""

    dataset_id: UUID | None
    """None for the organisation's."""
    keep_versions: int
    keep_days: int
    force: bool
    id: UUID | None = None
    job_id: int | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Held:
    """A ready version, and whether something refers to it."""

    number: int
    created_at: datetime
    referred: bool


def outlived(policy: Policy, versions: Sequence[Held], shown: int, now: datetime) -> list[tuple[int, str]]:
    """The numbers of the ready ``versions`` that a policy archives, the oldest first, each with the reason."""
    newest = sorted(versions, key=lambda version: -version.number)
    found = []
    for place, version in enumerate(newest):
        if version.number == shown or (version.referred and not policy.force):
            continue
        if policy.keep_versions and place >= policy.keep_versions:
            found.append((version.number, f"only the latest {policy.keep_versions} versions are kept"))
        elif policy.keep_days and now - version.created_at > timedelta(days=policy.keep_days):
            found.append((version.number, f"versions are kept for {policy.keep_days} days"))
    return found[::-1]
