"""What a step becomes: what must be known of the whole table first, what happens to each row, and what crosses rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from raia_ingest.recipes.schema import Col, Schema

Fitted = Mapping[str, Any]
"""What a step learnt of the data, by the keys of its fits: JSON values, so that it can be kept and used again."""


@dataclass(frozen=True)
class Fit:
    """A figure of the table as it stands before the step.

    ``kind``: ``quantiles`` (parameters: probabilities), ``moments``, ``mode``, ``lower_median``, ``extremes``,
    ``deviation`` (median and median absolute deviation), ``categories`` (parameters: limit), ``count``.
    """

    key: str
    kind: str
    value: str
    """SQL over the aliases; rows where it is null do not count. For ``count``, a condition."""
    type: str = "float"
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Local:
    """What happens to each row by itself."""

    sets: Mapping[str, str]
    """SQL by the alias of the column that it makes, over the aliases before the step."""
    removals: Sequence[tuple[str, str]] = ()
    """Conditions, over the aliases before the step, under which a row goes, each with the reason."""


@dataclass(frozen=True)
class Duplicates:
    """Rows that are equal in all keys: all but one go."""

    keys: Sequence[str]
    keep_last: bool
    reason: str


@dataclass(frozen=True)
class Fill:
    """A missing value takes the nearest present one before it, or behind it, in row order within its group."""

    source: Col
    target: Col
    groups: Sequence[str]
    order: str
    """The alias to order by before the row number; empty for row order alone."""
    backward: bool


@dataclass(frozen=True)
class Lookup:
    """Another table whose columns join each row."""

    dataset_id: str
    keys: Sequence[tuple[str, str]]
    """SQL on this side, and the position of the column on the other side."""
    columns: Sequence[tuple[int, Col]]
    """Positions on the other side and the columns that they become."""
    required: bool
    """Whether rows without a match go."""
    first: bool
    """Whether the first of several matches counts; else they are an error."""
    reason: str


@dataclass(frozen=True)
class Stage:
    """One step, compiled against the columns that it meets."""

    before: Schema
    after: Schema
    local: Callable[[Fitted], Local] | None = None
    fits: Sequence[Fit] = ()
    prepared: Sequence[Mapping[str, str]] = ()
    """Values that ``local`` and ``checks`` use, SQL by a name of their own; each layer may use those before it."""
    checks: Sequence[tuple[str, str]] = ()
    """Conditions that no row may meet, with what is said when one does."""
    duplicates: Duplicates | None = None
    fills: Sequence[Fill] = ()
    lookup: Lookup | None = None
    finish: Callable[[Fitted], Schema] | None = None
    """Where the columns depend on what was learnt: the schema after the step."""

    def schema(self, fitted: Fitted) -> Schema:
        """The columns after the step."""
        return self.finish(fitted) if self.finish else self.after

    @property
    def crosses_rows(self) -> bool:
        """Whether rows meet each other or another table."""
        return bool(self.duplicates or self.fills or self.lookup)
