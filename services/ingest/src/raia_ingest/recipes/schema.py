"""Columns on their way through a recipe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from raia_ingest.recipes.faults import StepFault

NUMBERS = frozenset({"integer", "float"})
TIMES = frozenset({"date", "datetime", "time"})


@dataclass(frozen=True)
class Col:
    """One column: its name for people and its alias in queries, which no name can break."""

    name: str
    type: str
    alias: str
    timezone: str = ""
    origin: str = ""
    """The column of the input that it was; empty for one that a step made."""

    @property
    def number(self) -> bool:
        """Whether it holds numbers."""
        return self.type in NUMBERS


@dataclass(frozen=True)
class Schema:
    """The columns in order, and how many aliases were given so far."""

    columns: tuple[Col, ...]
    given: int

    @classmethod
    def of(cls, columns: Sequence[Mapping[str, Any]]) -> "Schema":
        """The schema of a dataset version: columns of ``name``, ``type`` and, for UTC, ``timezone``."""
        found = tuple(
            Col(each["name"], each["type"], f"c{position}", each.get("timezone", ""), each["name"])
            for position, each in enumerate(columns)
        )
        return cls(found, len(found))

    @property
    def names(self) -> list[str]:
        """The names, in order."""
        return [column.name for column in self.columns]

    def find(self, name: str) -> Col | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def column(self, name: str, field: str, *types: str) -> Col:
        """The column of that name; raises ``StepFault`` when it is absent, or not of the ``types`` given."""
        found = self.find(name)
        if found is None:
            near = ", ".join(repr(each) for each in self.names[:10])
            raise StepFault(field, f"there is no column {name!r} at this step; the columns are {near}")
        if types and found.type not in types:
            raise StepFault(field, f"column {name!r} is {found.type}, the step needs {' or '.join(types)}")
        return found

    def add(self, name: str, type_: str, field: str) -> tuple["Schema", Col]:
        """The schema with one more column, and the column; raises ``StepFault`` when the name is taken or no name."""
        if not name.strip() or len(name) > 500:
            raise StepFault(field, "a column needs a name of 1 to 500 characters")
        if self.find(name) is not None:
            raise StepFault(field, f"there is a column {name!r} already")
        column = Col(name, type_, f"c{self.given}")
        return Schema((*self.columns, column), self.given + 1), column

    def change(self, column: Col, *, type_: str = "", name: str = "") -> tuple["Schema", Col]:
        """The schema with a column of new values, under a new alias, and the column."""
        timezone = column.timezone if (type_ or column.type) == column.type else ""
        changed = replace(
            column, type=type_ or column.type, name=name or column.name, alias=f"c{self.given}", timezone=timezone
        )
        columns = tuple(changed if each.alias == column.alias else each for each in self.columns)
        return Schema(columns, self.given + 1), changed

    def rename(self, names: Mapping[str, str]) -> "Schema":
        """The schema with other names."""
        return Schema(tuple(replace(each, name=names.get(each.name, each.name)) for each in self.columns), self.given)

    def keep(self, columns: Iterable[Col]) -> "Schema":
        """The schema of these columns alone, in this order."""
        return Schema(tuple(columns), self.given)

    def without(self, names: Iterable[str]) -> "Schema":
        """The schema without these columns."""
        left_out = set(names)
        return Schema(tuple(each for each in self.columns if each.name not in left_out), self.given)
