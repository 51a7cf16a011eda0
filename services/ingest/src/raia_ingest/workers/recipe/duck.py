# ruff: noqa: S608 - queries are made of aliases and compiled expressions, never of names or values from a file
"""Recipes on DuckDB: larger than memory, spilling to disk, in row order."""

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from raia_ingest.recipes.layers import layered
from raia_ingest.recipes.schema import Schema
from raia_ingest.recipes.stages import Duplicates, Fill, Lookup
from raia_ingest.workers.recipe.engine import REMOVED, ROW, OtherTable, Prepared, Query

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
BATCH_ROWS = 131_072


def connect(memory_bytes: int, spill_folder: str) -> duckdb.DuckDBPyConnection:
    """A database in memory that spills to a folder and fetches nothing from anywhere."""
    connection = duckdb.connect(config=_CONFIG)
    connection.execute("set memory_limit = ?", [f"{memory_bytes}B"])
    connection.execute("set temp_directory = ?", [spill_folder])
    connection.execute("set enable_progress_bar = false")
    return connection


class DuckEngine:
    """A Parquet file on its way through a recipe: views over views, so that only what is asked for is computed."""

    def __init__(self, path: str, columns: Sequence[Mapping[str, Any]], memory_bytes: int, spill_folder: str) -> None:
        self.joined: list[str] = []
        self._connection = connect(memory_bytes, spill_folder)
        self._stages = 0
        self._crossed = False
        self._aliases = [f"c{position}" for position in range(len(columns))]
        source = numbered(path, columns)
        self._connection.execute(
            f"create temp view s0 as select {ROW}, null::integer {REMOVED}, {', '.join(self._aliases)} from {source}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def _view(self) -> str:
        return f"s{self._stages}"

    def _next(self, query: str) -> None:
        self._connection.execute(f"create temp view s{self._stages + 1} as {query}")
        self._stages += 1

    def _rest(self, *without: str) -> str:
        return ", ".join(each for each in (*self.joined, *self._aliases) if each not in without)

    def local(
        self, after: Schema, sets: Mapping[str, str], removals: Sequence[tuple[str, int]], prepared: Prepared
    ) -> None:
        """Makes and changes columns row by row; marks rows with the code of the first condition that they meet."""
        query, self._aliases = local_query(
            layered(self._view, prepared), self.joined, self._aliases, after, sets, removals
        )
        self._crossed = self._crossed or " in (" in query
        self._next(query)

    def count(self, condition: str, prepared: Prepared) -> tuple[int, int | None]:
        """How many rows that stay meet a condition, and the number of the first."""
        source = layered(self._view, prepared)
        query = f"select count(*), min({ROW}) from {source} where {REMOVED} is null and {condition}"
        count, first = self._connection.execute(query).fetchall()[0]
        return count, first

    def values(self, expression: str) -> Query:
        """Queries over the present values of an expression in the rows that stay."""
        self._connection.execute(
            f"create or replace temp table data as select v from (select {expression} as v from {self._view} "
            f"where {REMOVED} is null) where v is not null"
        )
        return lambda query: self._connection.execute(query).fetchall()

    def duplicates(self, duplicates: Duplicates, code: int) -> None:
        """Marks all but one of the rows that are equal."""
        keys = ", ".join(f"{key} as k{place}" for place, key in enumerate(duplicates.keys))
        names = ", ".join(f"k{place}" for place in range(len(duplicates.keys)))
        direction = "desc" if duplicates.keep_last else "asc"
        table = f"duplicates{self._stages}"
        # Only rows whose digest is met twice are compared in full, which needs little room when few are equal.
        self._connection.execute(
            f"create temp table {table} as with keyed as (select {ROW}, {keys} from {self._view} "
            f"where {REMOVED} is null), suspects as (select h from (select hash({names}) h from keyed) "
            f"group by h having count(*) > 1) select {ROW} from (select {ROW}, row_number() over "
            f"(partition by {names} order by {ROW} {direction}) n from keyed "
            f"where hash({names}) in (select h from suspects)) where n > 1"
        )
        self._crossed = True
        marked = f"case when {REMOVED} is null and {ROW} in (select {ROW} from {table}) then {code} else {REMOVED} end"
        self._next(f"select {ROW}, ({marked})::integer {REMOVED}, {self._rest()} from {self._view}")

    def fill(self, fill: Fill) -> None:
        """Adds the column in which missing values took their neighbours'."""
        table = f"filled{self._stages}"
        source = fill.source.alias
        self._connection.execute(
            f"create temp table {table} as select {ROW}, f from (select {ROW}, {REMOVED}, {source}, "
            f"last_value(case when {REMOVED} is null then {source} end ignore nulls) over ({window(fill)}) f "
            f"from {self._view}) where {source} is null and f is not null"
        )
        self._crossed = True
        rest = ", ".join(f"s.{each}" for each in (*self.joined, *self._aliases))
        self._next(
            f"select s.{ROW}, s.{REMOVED}, {rest}, coalesce(s.{source}, t.f) {fill.target.alias} "
            f"from {self._view} s left join {table} t on s.{ROW} = t.{ROW}"
        )
        self._aliases.append(fill.target.alias)

    def lookup(self, lookup: Lookup, table: OtherTable, code: int) -> int:
        """Adds the columns of another table; returns how many keys were met by several of its rows."""
        name = f"other{self._stages}"
        keys = ", ".join(f"{right} as k{place}" for place, (_, right) in enumerate(lookup.keys))
        names = ", ".join(f"k{place}" for place in range(len(lookup.keys)))
        present = " and ".join(f"k{place} is not null" for place in range(len(lookup.keys)))
        values = "".join(f", r{position} as v{place}" for place, (position, _) in enumerate(lookup.columns))
        self._connection.execute(
            f"create temp table {name} as select * from (select *, row_number() over (partition by {names} "
            f"order by {ROW}) n from (select {ROW}, {keys}{values} from {numbered(table.path, table.columns, 'r')})) "
            f"where {present} and n <= 2"
        )
        repeated = self._connection.execute(f"select count(*) from {name} where n = 2").fetchall()[0][0]
        matches = " and ".join(f"{left} = t.k{place}" for place, (left, _) in enumerate(lookup.keys))
        mark = f"_j{len(self.joined)}"
        missing = f"case when {REMOVED} is null and t.number is null then {code} else {REMOVED} end"
        made = "".join(f", t.v{place} as {column.alias}" for place, (_, column) in enumerate(lookup.columns))
        self._next(
            f"select s.{ROW}, ({missing if lookup.required else REMOVED})::integer {REMOVED}, {self._rest()}{made}, "
            f"t.number {mark} from {self._view} s left join (select * exclude ({ROW}), {ROW} as number from {name} "
            f"where n = 1) t on {matches}"
        )
        self._crossed = True
        self._aliases += [column.alias for _, column in lookup.columns]
        self.joined.append(mark)
        return int(repeated)

    def insist_on_order(self) -> None:
        """Has ``output`` sort rows whatever the steps were."""
        self._crossed = True

    def output(self, schema: Schema) -> Iterator[pa.RecordBatch]:
        """The rows that stay, in row order: columns by alias, then ``_r`` and the row numbers of joined tables."""
        names = ", ".join([*(column.alias for column in schema.columns), ROW, *self.joined])
        # What crosses rows may hand them on in another order; a scan with what happens row by row does not.
        order = f" order by {ROW}" if self._crossed else ""
        return self._batches(f"select {names} from {self._view} where {REMOVED} is null{order}")

    def fates(self) -> Iterator[pa.RecordBatch]:
        """``_r`` and ``_x`` of the rows that go, in row order."""
        query = f"select {ROW}, {REMOVED} from {self._view} where {REMOVED} is not null order by {ROW}"
        return self._batches(query)

    def first_rows(self, schema: Schema, limit: int) -> Iterator[pa.RecordBatch]:
        """The first rows of the input as they are now, with ``_r`` and ``_x``, whether they stay or go."""
        names = ", ".join([*(column.alias for column in schema.columns), ROW, REMOVED])
        return self._batches(f"select {names} from {self._view} where {ROW} <= {limit} order by {ROW}")

    def _batches(self, query: str) -> Iterator[pa.RecordBatch]:
        yield from self._connection.sql(query).to_arrow_reader(BATCH_ROWS)


def numbered(path: str, columns: Sequence[Mapping[str, Any]], letter: str = "c") -> str:
    """A canonical file as a subquery: columns by alias, UTC as plain times, rows numbered from 1."""
    taken = any(column["name"].lower() == "file_row_number" for column in columns)
    literal = path.replace("'", "''")
    names = ", ".join(f"{letter}{position}" for position in range(len(columns)))
    numbering = "" if taken else ", file_row_number = true"
    shown = ", ".join(
        f"make_timestamp(epoch_us({letter}{position})) as {letter}{position}"
        if column.get("timezone")
        else f"{letter}{position}"
        for position, column in enumerate(columns)
    )
    number = "row_number() over ()" if taken else "n + 1"
    named = names if taken else f"{names}, n"
    return f"(select ({number})::bigint as {ROW}, {shown} from read_parquet('{literal}'{numbering}) as file({named}))"


def local_query(  # noqa: PLR0917 - what a row-by-row step consists of
    view: str,
    joined: Sequence[str],
    aliases: Sequence[str],
    after: Schema,
    sets: Mapping[str, str],
    removals: Sequence[tuple[str, int]],
) -> tuple[str, list[str]]:
    """The query that does row by row what a step says, and the aliases that it leaves."""
    kept = [column.alias for column in after.columns]
    made = [f"{sets[alias]} as {alias}" if alias in sets else alias for alias in kept]
    missing = [alias for alias in kept if alias not in sets and alias not in aliases]
    if missing:
        raise LookupError(f"nothing makes {missing}")
    marked = REMOVED
    if removals:
        branches = " ".join(f"when {condition} then {code}" for condition, code in removals)
        marked = f"(case when {REMOVED} is not null then {REMOVED} {branches} end)::integer"
    shown = ", ".join([ROW, f"{marked} as {REMOVED}", *joined, *made])
    return f"select {shown} from {view}", kept


def window(fill: Fill) -> str:
    """The rows from which a missing value is filled: those before it, or behind it, in its group."""
    partition = f"partition by {', '.join(fill.groups)} " if fill.groups else ""
    direction = "desc" if fill.backward else "asc"
    order = f"{fill.order} {direction} nulls last, " if fill.order else ""
    return f"{partition}order by {order}{ROW} {direction} rows between unbounded preceding and current row"
