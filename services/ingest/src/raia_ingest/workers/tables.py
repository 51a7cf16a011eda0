# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Canonical files as views of a database that spills to disk and fetches nothing from anywhere."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@contextmanager
def opened(memory_bytes: int, spill_folder: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that holds at most ``memory_bytes`` and spills to ``spill_folder``."""
    with duckdb.connect(config=_CONFIG) as connection:
        connection.execute("set memory_limit = ?", [f"{memory_bytes}B"])
        connection.execute("set temp_directory = ?", [spill_folder])
        connection.execute("set preserve_insertion_order = false")
        connection.execute("set enable_progress_bar = false")
        yield connection


def create_view(
    connection: duckdb.DuckDBPyConnection, name: str, path: Path, columns: Sequence[Mapping[str, Any]]
) -> None:
    """Makes the view ``name`` of a file with columns c0, c1, … and ``position``, the row's number from 1.

    Names of the file's own may differ in case alone, which the database does not see.
    """
    aliases = "".join(f"c{position}, " for position in range(len(columns)))
    literal = str(path).replace("'", "''")
    connection.execute(
        f"create or replace temp view {name}_file({aliases}position) as "
        f"from read_parquet('{literal}', file_row_number = true)"
    )
    plain = "".join(
        # The database needs further libraries to hand out times with a zone; these are UTC by definition.
        f"make_timestamp(epoch_us(c{position})) c{position}, " if column.get("timezone") else f"c{position}, "
        for position, column in enumerate(columns)
    )
    connection.execute(f"create or replace temp view {name} as select {plain}position + 1 as position from {name}_file")


def row(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] | None = None) -> tuple[Any, ...]:
    """The one row that a query gives."""
    found = connection.execute(query, parameters or []).fetchone()
    if found is None:
        raise LookupError(query)
    return tuple(found)


def seconds(kind: str, column: str) -> str:
    """A column of dates or moments as seconds since 1970, in SQL."""
    return {
        "date": f"epoch({column}::timestamp)",
        "datetime": f"epoch_us({column})::double / 1000000",
        "time": f"epoch({column})",
    }.get(kind, f"{column}::double")
