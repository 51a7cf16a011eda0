# ruff: noqa: S608 - queries are made of column places and constants, never of names or values from a file
"""Canonical files as DuckDB sees them: columns by place, rows by number, memory bounded."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb

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


def numbered_view(connection: duckdb.DuckDBPyConnection, path: str, columns: Sequence[Mapping[str, str]]) -> None:
    """Makes the view ``data``: ``row`` (from 1) and the columns ``c0``, ``c1``, …"""
    literal = path.replace("'", "''")
    aliases = ", ".join(f"c{place}" for place in range(len(columns)))
    if any(column["name"].lower() == _ROW_NUMBER for column in columns):
        # The file has a column of the very name by which DuckDB numbers rows; counting keeps the file's order.
        connection.execute("set preserve_insertion_order = true")
        connection.execute("set threads = 1")
        connection.execute(f"create view file({aliases}) as from read_parquet('{literal}')")
        numbered = "row_number() over ()"
    else:
        listed = f"{aliases}, file_row" if aliases else "file_row"
        connection.execute(f"create view file({listed}) as from read_parquet('{literal}', file_row_number = true)")
        numbered = "file_row + 1"
    connection.execute(f"create view data as select {numbered} as row{_plain(columns, 'c')} from file")


def create_view(
    connection: duckdb.DuckDBPyConnection, name: str, path: str, columns: Sequence[Mapping[str, str]], prefix: str
) -> None:
    """Makes the view ``name`` with the columns ``<prefix>0``, …: names may differ in case alone, unseen by DuckDB."""
    literal = path.replace("'", "''")
    aliases = ", ".join(f"{prefix}{place}" for place in range(len(columns)))
    connection.execute(f"create view {name}_file({aliases}) as from read_parquet('{literal}')")
    connection.execute(f"create view {name} as select {_plain(columns, prefix).lstrip(', ')} from {name}_file")


def _plain(columns: Sequence[Mapping[str, str]], prefix: str) -> str:
    """The columns in plain types, without zones; a canonical file holds no NaN."""
    parts = []
    for place, column in enumerate(columns):
        alias = f"{prefix}{place}"
        if column.get("timezone"):
            # DuckDB needs further libraries to hand out times with a zone; these are UTC by definition.
            parts.append(f"make_timestamp(epoch_us({alias})) {alias}")
        else:
            parts.append(alias)
    return "".join(f", {part}" for part in parts)
