# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""The compute function that profiles a canonical Parquet file: every figure exact, memory bounded, spilling to disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from raia_ingest.workers import correlations, missing, personal, profile_size
from raia_ingest.workers.column_profile import ColumnProfiler
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.parts import parts
from raia_ingest.workers.tables import create_view, opened

MOST_CORRELATED = 100
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
            with opened(memory_bytes, spill_folder) as connection:
                create_view(connection, "data", file, [columns[position] for position in positions])
                rows = _one(connection, "select count(*) from data")
                for place, position in enumerate(positions):
                    progress(position / steps, f"column {columns[position]['name']}")
                    profiles.append(ColumnProfiler(connection, f"c{place}", columns[position], rows).profile())
    with opened(memory_bytes, spill_folder) as connection:
        create_view(connection, "data", Path(path), columns)
        progress((steps - 2) / steps, "duplicate rows")
        rows = _one(connection, "select count(*) from data")
        duplicates = _duplicates(connection, rows, len(columns))
        progress((steps - 2) / steps, "missing values")
        names = [column["name"] for column in columns]
        lacking = [position for position, profile in enumerate(profiles) if profile["missing_count"]]
        patterns, together = missing.missing_together(connection, lacking[: missing.MOST_COLUMNS], names, rows)
    progress((steps - 1) / steps, "correlations")
    numeric = [position for position, column in enumerate(columns) if column["type"] in _CORRELATED_TYPES]
    pairs = correlations.pearson(Path(path), numeric[:MOST_CORRELATED], [column["name"] for column in columns])
    personal.mark(profiles)
    notes = _notes(profiles, len(numeric))
    if len(lacking) > missing.MOST_COLUMNS:
        text = f"missing values are compared among {missing.MOST_COLUMNS} of {len(lacking):,} columns that have any"
        notes.append({"kind": "missing_limited", "column": "", "message": text})
    return {
        "row_count": rows,
        "duplicate_row_count": duplicates,
        "columns": profiles,
        "correlations": pairs,
        "missing_patterns": patterns,
        "missing_together": together,
        "notes": notes,
    }


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
