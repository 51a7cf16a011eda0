"""What an engine does with a table on its way through a recipe."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from raia_ingest.recipes.schema import Schema
from raia_ingest.recipes.stages import Duplicates, Fill, Lookup

ROW, REMOVED = "_r", "_x"
"""The row's number in the input, from 1, and the code of the reason for which it goes; null while it stays."""

Query = Callable[[str], list[tuple[Any, ...]]]
"""Runs a query that both engines understand over the table ``data`` with its one column ``v``."""


Prepared = Sequence[Mapping[str, str]]
"""Layers of values that queries use beside the columns."""


@dataclass(frozen=True)
class OtherTable:
    """A dataset version to join: its file and its columns."""

    path: str
    columns: Sequence[Mapping[str, Any]]


class Engine(Protocol):
    """A table of rows, each with its number and whether it goes, that steps change."""

    joined: list[str]
    """The columns that hold the row numbers of joined tables."""

    def local(
        self, after: Schema, sets: Mapping[str, str], removals: Sequence[tuple[str, int]], prepared: Prepared
    ) -> None:
        """Makes and changes columns row by row; marks rows with the code of the first condition that they meet."""
        ...

    def count(self, condition: str, prepared: Prepared) -> tuple[int, int | None]:
        """How many rows that stay meet a condition, and the number of the first."""
        ...

    def values(self, expression: str) -> Query:
        """Queries over the present values of an expression in the rows that stay."""
        ...

    def duplicates(self, duplicates: Duplicates, code: int) -> None:
        """Marks all but one of the rows that are equal."""
        ...

    def fill(self, fill: Fill) -> None:
        """Adds the column in which missing values took their neighbours'."""
        ...

    def lookup(self, lookup: Lookup, table: OtherTable, code: int) -> int:
        """Adds the columns of another table; returns how many keys were met by several of its rows."""
        ...

    def insist_on_order(self) -> None:
        """Has ``output`` sort rows whatever the steps were."""
        ...

    def output(self, schema: Schema) -> Iterator[pa.RecordBatch]:
        """The rows that stay, in row order: columns by alias, then ``_r`` and the row numbers of joined tables."""
        ...

    def fates(self) -> Iterator[pa.RecordBatch]:
        """``_r`` and ``_x`` of the rows that go, in row order."""
        ...
