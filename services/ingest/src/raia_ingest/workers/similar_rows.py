# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Rows that are almost equal: but for keys and spelling, or but for one column; by 64-bit hashes of their cells."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from raia_ingest.workers.tables import row

MOST_COLUMNS = 100
MOST_CELLS = 100_000_000
"""Cells of a table whose rows are compared but for each column in turn."""
_GROUPS, _ROWS = 20, 10
_ALMOST_GROUPS = 5


def near_duplicates(
    connection: duckdb.DuckDBPyConnection, profiles: Sequence[Mapping[str, Any]], rows: int, duplicates: int
) -> dict[str, Any] | None:
    """Near-duplicates in the view ``data`` with ``duplicates`` rows that are equal as they stand."""
    if rows < 2:
        return None
    ignored = [place for place, profile in enumerate(profiles) if _unique(profile, rows)]
    compared = [place for place in range(min(len(profiles), MOST_COLUMNS)) if place not in ignored]
    found: dict[str, Any] = {
        "normalized_count": 0,
        "ignored_columns": [profiles[place]["name"] for place in ignored],
        "groups": [],
        "almost_equal": [],
    }
    if len(compared) < 2:
        return found
    _hash_rows(connection, profiles, compared)
    (distinct,) = row(connection, "select count(distinct normal) from hashes")
    found["normalized_count"] = max(0, rows - duplicates - distinct)
    if found["normalized_count"]:
        found["groups"] = _lists(
            connection,
            f"select list(position order by position)[1:{_ROWS}] from hashes group by normal "
            f"having min(whole) <> max(whole) order by min(position) limit {_GROUPS}",
        )
    connection.execute("drop table hashes")
    if len(compared) > 2 and rows * len(compared) <= MOST_CELLS:
        found["almost_equal"] = _almost_equal(connection, profiles, compared)
    return found


def _unique(profile: Mapping[str, Any], rows: int) -> bool:
    return bool(profile["distinct_count"] == rows - profile["missing_count"] and profile["distinct_count"] > 1)


def _hash_rows(
    connection: duckdb.DuckDBPyConnection, profiles: Sequence[Mapping[str, Any]], compared: list[int]
) -> None:
    normal = ", ".join(
        f"trim(regexp_replace(lower(strip_accents(c{place})), '[\\s[:punct:]]+', ' ', 'g'))"
        if profiles[place]["type"] == "string"
        else f"c{place}"
        for place in compared
    )
    cells = ", ".join(f"c{place}" for place in range(len(profiles)))
    connection.execute(
        f"create or replace temp table hashes as select position, hash({normal}) normal, hash({cells}) whole from data"
    )


def _almost_equal(
    connection: duckdb.DuckDBPyConnection, profiles: Sequence[Mapping[str, Any]], compared: list[int]
) -> list[dict[str, Any]]:
    """For each column, the rows that agree with another in all others: their hashes without it are the same."""
    parts = ", ".join(f"hash(c{place}, {place}) h{place}" for place in compared)
    together = "h" + str(compared[0])
    for place in compared[1:]:
        together = f"xor({together}, h{place})"
    connection.execute(f"create or replace temp table cells as select position, {parts} from data")
    connection.execute(f"create or replace temp view sums as select *, {together} total from cells")
    found = []
    for place in compared:
        groups = (
            f"select count(*) n, list(position order by position)[1:{_ROWS}] places from sums "
            f"group by xor(total, h{place}) having min(h{place}) <> max(h{place})"
        )
        (count,) = row(
            connection,
            f"select coalesce(sum(n), 0)::bigint from (select count(*) n from sums group by xor(total, h{place}) "
            f"having min(h{place}) <> max(h{place}))",
        )
        if count:
            shown = _lists(connection, f"select places from ({groups}) order by places[1] limit {_ALMOST_GROUPS}")
            found.append({"column": profiles[place]["name"], "count": count, "groups": shown})
    connection.execute("drop view sums")
    connection.execute("drop table cells")
    found.sort(key=lambda each: -each["count"])
    return found


def _lists(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    return [{"rows": [int(position) for position in places]} for (places,) in connection.execute(query).fetchall()]
