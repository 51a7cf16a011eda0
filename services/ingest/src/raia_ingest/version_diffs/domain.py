"""What a difference between versions is, and what follows from the columns alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from raia_ingest.datasets.domain import Column, Dataset
from raia_ingest.derived.domain import Derived


@dataclass(frozen=True)
class Subject:
    """Which versions are compared, and by which columns."""

    dataset_id: UUID
    version: int
    base_version: int
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """A difference with both versions of the dataset."""

    base: Dataset
    dataset: Dataset
    subject: Subject
    diff: Derived


@dataclass(frozen=True)
class ColumnChange:
    """A column that is not as it was."""

    name: str
    change: str
    """"added", "removed" or "type_changed"."""
    base_type: str
    type: str


def column_changes(base: Sequence[Column], new: Sequence[Column]) -> list[ColumnChange]:
    """Columns removed and of another type in the order of the base, then those added in the order of the new."""
    before, after = {each.name: each for each in base}, {each.name: each for each in new}
    changes = []
    for name, column in before.items():
        other = after.get(name)
        if other is None:
            changes.append(ColumnChange(name, "removed", column.type, ""))
        elif (other.type, other.timezone) != (column.type, column.timezone):
            changes.append(ColumnChange(name, "type_changed", _typed(column), _typed(other)))
    added = [column for name, column in after.items() if name not in before]
    return changes + [ColumnChange(column.name, "added", "", column.type) for column in added]


def reordered(base: Sequence[Column], new: Sequence[Column]) -> bool:
    """Whether the columns that both have stand in another order."""
    before, after = [each.name for each in base], [each.name for each in new]
    return [name for name in before if name in set(after)] != [name for name in after if name in set(before)]


def _typed(column: Column) -> str:
    return f"{column.type} {column.timezone}" if column.timezone else column.type
