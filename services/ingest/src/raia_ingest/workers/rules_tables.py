# ruff: noqa: S608 - queries are made of column places and constants, never of names or values from a file
"""Canonical files as DuckDB sees them: columns by place, rows by number, memory bounded."""

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from raia_ingest.workers.parts import PART_COLUMNS, copy_columns

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""Nothing is fetched from anywhere."""
_ROW_NUMBER = "file_row_number"


@contextmanager
def open_database(memory_bytes: int, spill_folder: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database that holds at most ``memory_bytes`` and spills to ``spill_folder``."""
    with duckdb.connect(config=_CONFIG) as connection:
        connection.execute("set memory_limit = ?", [f"{memory_bytes}B"])
        connection.execute("set temp_directory = ?", [spill_folder])
        connection.execute("set preserve_insertion_order = false")
        connection.execute("set enable_progress_bar = false")
        yield connection


class Source:
    """A canonical file, or, where it is wide, a copy of the columns that are needed: a query costs by the width."""

    def __init__(self, path: str, columns: Sequence[Mapping[str, str]], prefix: str) -> None:
        self.path = path
        self.columns = list(columns)
        self.aliases = [f"{prefix}{place}" for place in range(len(columns))]

    def narrowed(self, places: Collection[int], folder: str) -> "Source":
        """The same rows with the columns at ``places``, or itself where it is no wider than a part."""
        if len(self.columns) <= PART_COLUMNS:
            return self
        kept = sorted(places) or [0]
        narrow = Source(tempfile.mkstemp(suffix=".parquet", dir=folder)[1], [self.columns[place] for place in kept], "")
        narrow.aliases = [self.aliases[place] for place in kept]
        with pq.ParquetFile(self.path) as file:
            copy_columns(file, kept, Path(narrow.path))
        return narrow


def numbered_view(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Makes the view ``data``: ``row`` (from 1) and the columns of ``source`` by their aliases."""
    literal = source.path.replace("'", "''")
    aliases = ", ".join(source.aliases)
    if any(column["name"].lower() == _ROW_NUMBER for column in source.columns):
        # The file has a column of the very name by which DuckDB numbers rows; counting keeps the file's order.
        connection.execute("set preserve_insertion_order = true")
        connection.execute("set threads = 1")
        connection.execute(f"create view file({aliases}) as from read_parquet('{literal}')")
        numbered = "row_number() over ()"
    else:
        listed = f"{aliases}, file_row" if aliases else "file_row"
        connection.execute(f"create view file({listed}) as from read_parquet('{literal}', file_row_number = true)")
        numbered = "file_row + 1"
    connection.execute(f"create view data as select {numbered} as row{_plain(source)} from file")


def create_view(connection: duckdb.DuckDBPyConnection, name: str, source: Source) -> None:
    """Makes the view ``name`` with the columns of ``source`` by their aliases: names may differ in case alone."""
    literal = source.path.replace("'", "''")
    connection.execute(f"create view {name}_file({', '.join(source.aliases)}) as from read_parquet('{literal}')")
    connection.execute(f"create view {name} as select {_plain(source).lstrip(', ')} from {name}_file")


def _plain(source: Source) -> str:
    """The columns in plain types, without zones; a canonical file holds no NaN."""
    # DuckDB needs further libraries to hand out times with a zone; these are UTC by definition.
    return "".join(
        f", make_timestamp(epoch_us({alias})) {alias}" if column.get("timezone") else f", {alias}"
        for alias, column in zip(source.aliases, source.columns, strict=True)
    )
