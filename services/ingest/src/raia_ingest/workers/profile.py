# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""The compute function that profiles a canonical Parquet file: every figure exact, memory bounded, spilling to disk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from raia_ingest.workers import correlations, profile_size
from raia_ingest.workers.column_profile import ColumnProfiler
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.parts import parts

MOST_CORRELATED = 100
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""Nothing is fetched from anywhere."""
_CORRELATED_TYPES = frozenset({"integer", "float"})


def profile_file(
    path: str,
    columns: list[dict[str, str]],
    memory_bytes: int,
    spill_folder: str,
    progress: Callable[[float, str], None],
) -> dict[str, Any]:
    """Profiles the file whose columns are ``columns`` (name, type and, for UTC, timezone; in order).

    Returns row_count, duplicate_row_count, columns, correlations and notes, named as in the contract's
    ``DatasetProfile``. DuckDB holds at most ``memory_bytes`` and spills to ``spill_folder``.
    """
    with explained():
        return _profile(path, columns, memory_bytes, spill_folder, progress)


def _profile(
    path: str,
    columns: list[dict[str, str]],
    memory_bytes: int,
    spill_folder: str,
    progress: Callable[[float, str], None],
) -> dict[str, Any]:
    steps = len(columns) + 2
    profiles: list[dict[str, Any]] = []
    with parts(Path(path), len(columns), Path(spill_folder)) as files:
        for file, positions in files:
            with _opened(file, [columns[position] for position in positions], memory_bytes, spill_folder) as connection:
                rows = _one(connection, "select count(*) from data")
                for place, position in enumerate(positions):
                    progress(position / steps, f"column {columns[position]['name']}")
                    profiles.append(ColumnProfiler(connection, f"c{place}", columns[position], rows).profile())
    with _opened(Path(path), columns, memory_bytes, spill_folder) as connection:
        progress((steps - 2) / steps, "duplicate rows")
        rows = _one(connection, "select count(*) from data")
        duplicates = _duplicates(connection, rows, len(columns))
    progress((steps - 1) / steps, "correlations")
    numeric = [position for position, column in enumerate(columns) if column["type"] in _CORRELATED_TYPES]
    pairs = correlations.pearson(Path(path), numeric[:MOST_CORRELATED], [column["name"] for column in columns])
    notes = _notes(profiles, len(numeric))
    return {
        "row_count": rows,
        "duplicate_row_count": duplicates,
        "columns": profiles,
        "correlations": pairs,
        "notes": notes,
    }


@contextmanager
def _opened(
    file: Path, columns: list[dict[str, str]], memory_bytes: int, spill_folder: str
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database whose view ``data`` is the file."""
    with duckdb.connect(config=_CONFIG) as connection:
        connection.execute("set memory_limit = ?", [f"{memory_bytes}B"])
        connection.execute("set temp_directory = ?", [spill_folder])
        connection.execute("set preserve_insertion_order = false")
        connection.execute("set enable_progress_bar = false")
        _create_views(connection, str(file), columns)
        yield connection


def _create_views(connection: duckdb.DuckDBPyConnection, path: str, columns: list[dict[str, str]]) -> None:
    """Makes the view ``data`` with columns c0, c1, …: names may differ in case alone, which DuckDB does not see."""
    aliases = ", ".join(f"c{position}" for position in range(len(columns)))
    literal = path.replace("'", "''")
    connection.execute(f"create view file({aliases}) as from read_parquet('{literal}')")
    plain = ", ".join(
        # DuckDB needs further libraries to hand out times with a zone; these are UTC by definition.
        f"make_timestamp(epoch_us(c{position})) c{position}" if column.get("timezone") else f"c{position}"
        for position, column in enumerate(columns)
    )
    connection.execute(f"create view data as select {plain} from file")


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0


def _duplicates(connection: duckdb.DuckDBPyConnection, rows: int, width: int) -> int:
    """Rows equal to an earlier one. Different hashes mean different rows, so only rows of one hash are compared."""
    if rows == 0 or width == 0:
        return 0
    hashed = "select hash(" + ", ".join(f"c{position}" for position in range(width)) + ") h from data"
    if _one(connection, f"select count(distinct h) from ({hashed})") == rows:
        return 0
    cells = ", ".join(f"c{position}" for position in range(width))
    suspects = f"select h from ({hashed}) group by h having count(*) > 1"
    return _one(
        connection,
        f"select coalesce(sum(n - 1), 0) from (select count(*) n from data where hash({cells}) in ({suspects}) "
        f"group by {cells})",
    )


def _notes(profiles: list[dict[str, Any]], numeric: int) -> list[dict[str, str]]:
    notes = []
    for profile in profiles:
        name = profile["name"]
        if profile["infinite_count"]:
            text = f"{profile['infinite_count']:,} values are infinite; no statistic includes them"
            notes.append({"kind": "infinite_values", "column": name, "message": text})
        tokens = profile.pop("null_like_count", 0)
        if tokens:
            text = f"{tokens:,} texts such as NA or NULL may mean missing; a text column keeps them"
            notes.append({"kind": "null_like_text", "column": name, "message": text})
        numbers = profile.pop("number_like_count", 0)
        present = profile.pop("present_count", 0)
        if present and present * 0.5 <= numbers < present:
            text = f"{numbers:,} of {present:,} values are numbers; the others make it a text column"
            notes.append({"kind": "mixed_types", "column": name, "message": text})
    cut = profile_size.fit(profiles)
    if cut:
        notes.append({"kind": "details_limited", "column": "", "message": cut})
    if numeric > MOST_CORRELATED:
        text = f"correlations cover the first {MOST_CORRELATED} of {numeric:,} numeric columns"
        notes.append({"kind": "correlations_limited", "column": "", "message": text})
    return notes
