# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""What changed between two versions: population stability, Kolmogorov–Smirnov and chi-square, on every value."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from raia_ingest.workers.column_profile import as_json
from raia_ingest.workers.profile_size import shortened
from raia_ingest.workers.tables import row, seconds

MOST_COLUMNS = 200
MOST_CATEGORIES = 1000
MODERATE, LARGE = 0.1, 0.25
FLOOR = 1e-4
"""Shares count as this at least, so that a bin that is empty in one version has a finite part in the index."""
_TENTHS = 10
_NEW = 10
_ORDERED = frozenset(("integer", "float", "date", "datetime", "time"))

Counts = npt.NDArray[np.float64]


def compare(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Mapping[str, Any]],
    previous: Mapping[str, Any],
    rows: int,
) -> dict[str, Any]:
    """How the view ``data`` differs from the view ``before``, whose version, rows and columns are ``previous``."""
    now = {column["name"]: place for place, column in enumerate(columns)}
    then = {column["name"]: place for place, column in enumerate(previous["columns"])}
    shared = [name for name in now if name in then]
    same = [name for name in shared if columns[now[name]]["type"] == previous["columns"][then[name]]["type"]]
    return {
        "previous_version": previous["version"],
        "previous_row_count": previous["row_count"],
        "added_columns": [name for name in now if name not in then][:MOST_COLUMNS],
        "removed_columns": [name for name in then if name not in now][:MOST_COLUMNS],
        "type_changes": [
            {
                "column": name,
                "previous_type": previous["columns"][then[name]]["type"],
                "type": columns[now[name]]["type"],
            }
            for name in shared
            if name not in same
        ][:MOST_COLUMNS],
        "columns": [
            {"column": name}
            | _column(connection, columns[now[name]]["type"], then[name], now[name], (previous["row_count"], rows))
            for name in same[:MOST_COLUMNS]
        ],
    }


def _column(
    connection: duckdb.DuckDBPyConnection, kind: str, then: int, now: int, rows: tuple[int, int]
) -> dict[str, Any]:
    for table, view, place in (("p", "before", then), ("q", "data", now)):
        value = seconds(kind, f"c{place}") if kind in _ORDERED else f"c{place}"
        where = f"isfinite({value})" if kind in ("integer", "float") else "true"
        connection.execute(
            f"create or replace temp table {table} as select {value} v, count(*) n from {view} "
            f"where c{place} is not null and {where} group by 1"
        )
    present = [
        (row(connection, f"select count(c{place}) from {view}")[0]) for view, place in (("before", then), ("data", now))
    ]
    found: dict[str, Any] = {
        "test": "",
        "previous_missing_fraction": 1 - present[0] / rows[0] if rows[0] else 0.0,
        "missing_fraction": 1 - present[1] / rows[1] if rows[1] else 0.0,
        "new_values": [],
    }
    counts = [float(row(connection, f"select coalesce(sum(n), 0) from {table}")[0]) for table in ("p", "q")]
    if min(counts) > 0:
        found |= _ordered(connection, counts) if kind in _ORDERED else _categories(connection)
    psi = found.get("psi")
    found["magnitude"] = "" if psi is None else "none" if psi < MODERATE else "moderate" if psi < LARGE else "large"
    connection.execute("drop table p; drop table q")
    return found


def stability(before: Counts, after: Counts) -> float:
    """The population stability index of two tables of counts over the same bins."""
    expected, actual = (np.maximum(counts / counts.sum(), FLOOR) for counts in (before, after))
    return float(((actual - expected) * np.log(actual / expected)).sum())


def _ordered(connection: duckdb.DuckDBPyConnection, counts: list[float]) -> dict[str, Any]:
    from scipy.stats import kstwo  # takes a while to import

    (distance,) = row(
        connection,
        "select max(abs(a - b)) from ("
        f"select sum(n1) over (order by v) / {counts[0]!r} a, sum(n2) over (order by v) / {counts[1]!r} b from ("
        "select v, sum(n1) n1, sum(n2) n2 from ("
        "select v, n n1, 0 n2 from p union all select v, 0 n1, n n2 from q) group by v))",
    )
    ranks = [max(1, math.ceil(counts[0] * tenth / _TENTHS)) for tenth in range(1, _TENTHS)]
    conditions = ", ".join(f"min(v) filter (upto >= {rank})" for rank in ranks)
    edges = sorted(set(row(connection, f"select {conditions} from (select v, sum(n) over (order by v) upto from p)")))
    bins = " + ".join(f"(v > {edge!r}::double)::int" for edge in edges)
    tables = []
    for table in ("p", "q"):
        filled = dict(connection.execute(f"select {bins} b, sum(n) from {table} group by 1").fetchall())
        tables.append(np.array([float(filled.get(place, 0)) for place in range(len(edges) + 1)]))
    effective = counts[0] * counts[1] / (counts[0] + counts[1])
    return {
        "psi": stability(*tables),
        "test": "kolmogorov_smirnov",
        "statistic": float(distance),
        "p_value": float(np.clip(kstwo.sf(distance, max(1, np.round(effective))), 0.0, 1.0)),
    }


def _categories(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    (distinct,) = row(connection, "select count(*) from (select v from p union select v from q)")
    if distinct > MOST_CATEGORIES:
        return {}
    rows = connection.execute(
        "select v, coalesce(p.n, 0), coalesce(q.n, 0) from p full join q using (v) order by v"
    ).fetchall()
    before = np.array([each[1] for each in rows], dtype=np.float64)
    after = np.array([each[2] for each in rows], dtype=np.float64)
    new = sorted((each for each in rows if not each[1]), key=lambda each: -each[2])[:_NEW]
    found: dict[str, Any] = {
        "psi": stability(before, after),
        "new_values": [shortened(as_json(each[0])) for each in new],
    }
    if len(rows) < 2:
        return found
    from scipy.special import chdtrc

    table = np.array([before, after])
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return found | {
        "test": "chi_square",
        "statistic": statistic,
        "degrees_of_freedom": len(rows) - 1,
        "p_value": float(chdtrc(len(rows) - 1, statistic)),
    }
