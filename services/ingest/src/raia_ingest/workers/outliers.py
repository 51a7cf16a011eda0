# ruff: noqa: S608 - queries are made of constants, never of names or values from a file
"""Values far from the median, by the median absolute deviation; and spellings of what is probably one value."""

import math
from collections.abc import Callable
from typing import Any

import duckdb

THRESHOLD = 3.5
_NORMAL, _NORMAL_MEAN = 0.6745, 0.7979
"""Median and mean of the absolute deviation of a normal distribution, in standard deviations."""
_FARTHEST = 10
_GROUPS, _SPELLINGS = 20, 10
_LONGEST = 200

Json = Callable[[Any], Any]


def robust(
    connection: duckdb.DuckDBPyConnection, source: str, count: int, median: float, plain: Json
) -> dict[str, Any]:
    """The outliers of ``source(v, n)``, finite numbers with their counts, whose median is known."""
    deviation = _median_deviation(connection, source, count, median)
    found: dict[str, Any] = {"median": median, "median_absolute_deviation": deviation}
    reach = THRESHOLD * deviation / _NORMAL
    if deviation == 0:
        (mean,) = _row(connection, f"select fsum(abs(v - ?) / {count} * n) from {source}", [median])
        found["mean_absolute_deviation"] = mean
        reach = THRESHOLD * mean / _NORMAL_MEAN
    lower, upper = median - reach, median + reach
    if not (math.isfinite(lower) and math.isfinite(upper)):
        lower, upper = -1.7e308, 1.7e308
    low, high = _row(
        connection,
        f"select coalesce(sum(n) filter (v < ?), 0)::bigint, coalesce(sum(n) filter (v > ?), 0)::bigint from {source}",
        [lower, upper],
    )
    far = []
    if low or high:
        far = connection.execute(
            f"select v, n from {source} where v < ? or v > ? order by abs(v - ?) desc, v limit {_FARTHEST}",
            [lower, upper, median],
        ).fetchall()
    return found | {
        "lower": lower,
        "upper": upper,
        "low_count": low,
        "high_count": high,
        "farthest": [{"value": plain(value), "count": int(times)} for value, times in far],
    }


def _median_deviation(connection: duckdb.DuckDBPyConnection, source: str, count: int, median: float) -> float:
    """The median of the distances from the median, both middle ones averaged."""
    middle, next_one = (count - 1) // 2, count // 2
    low, high = _row(
        connection,
        f"select min(d) filter (upto > {middle}), min(d) filter (upto > {next_one}) from "
        f"(select d, sum(n) over (order by d) upto from (select abs(v - ?) d, n from {source}))",
        [median],
    )
    return float(low) if low == high else float(low) / 2 + float(high) / 2


def _row(connection: duckdb.DuckDBPyConnection, query: str, parameters: list[Any]) -> tuple[Any, ...]:
    found = connection.execute(query, parameters).fetchone()
    if found is None:
        raise LookupError(query)
    return tuple(found)


def variants(connection: duckdb.DuckDBPyConnection, plain: Json) -> list[dict[str, Any]]:
    """Groups of texts in the temporary table ``g(v, n)`` that share their fingerprint: the words in lower case,
    without accents and punctuation, each once, sorted. Texts with digits keep punctuation and order: 1.5 is not 51.
    """
    plain_text = "trim(regexp_replace(lower(strip_accents(v)), '\\s+', ' ', 'g'))"
    spaced = f"trim(regexp_replace({plain_text}, '[\\s.,;:!?''\"’`()_/-]+', ' ', 'g'))"
    fingerprint = (
        f"case when regexp_matches(v, '[0-9]') then {plain_text} "
        f"else array_to_string(list_sort(list_distinct(string_split({spaced}, ' '))), ' ') end"
    )
    rows = connection.execute(
        f"select list({{'v': v, 'n': n}} order by n desc, v)[1:{_SPELLINGS}], sum(n)::bigint total from "
        f"(select v, n, {fingerprint} f from g where length(v) <= {_LONGEST}) where f <> '' group by f "
        f"having count(*) > 1 order by total desc, min(v) limit {_GROUPS}"
    ).fetchall()
    return [
        {
            "spellings": [{"value": plain(each["v"]), "count": int(each["n"])} for each in spellings],
            "count": int(total),
        }
        for spellings, total in rows
    ]
