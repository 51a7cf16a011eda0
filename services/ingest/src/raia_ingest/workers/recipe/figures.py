"""Figures of a column, exact whatever the order of rows and whatever the engine.

Sums of floats depend on their order, so values are cut to whole multiples of a small power of two and added as whole
numbers: the error is below a half unit of the largest value's 62nd binary place, and every order gives the same sum.
"""

import datetime as dt
import math
from fractions import Fraction
from typing import Any

from raia_ingest.recipes.faults import DataFault
from raia_ingest.recipes.stages import Fit
from raia_ingest.workers.recipe.engine import Query

_LARGEST = "1.7976931348623157e308"
_BITS = 62


def expression(fit: Fit) -> str:
    """The values that a fit is about: numbers as finite floats where it computes, else as they are."""
    if fit.kind in ("quantiles", "moments", "deviation") or fit.type == "float":
        value = f"(({fit.value})::double + 0)"
        return f"case when abs({value}) <= {_LARGEST} then {value} end"
    return f"({fit.value})"


def evaluate(fit: Fit, query: Query) -> dict[str, Any]:
    """What the fit is of the values; raises ``DataFault`` when there are too many categories."""
    return _KINDS[fit.kind](fit, query)


def _quantiles(fit: Fit, query: Query) -> dict[str, Any]:
    return _order_statistics(query, "data", list(fit.parameters["probabilities"]))


def _order_statistics(query: Query, source: str, probabilities: list[float]) -> dict[str, Any]:
    """Linear interpolation between the two order statistics around each position."""
    count = int(query(f"select count(*) from {source}")[0][0])  # noqa: S608
    if not count:
        return {"count": 0, "quantiles": []}
    positions = [probability * (count - 1) for probability in probabilities]
    ranks = sorted({rank for position in positions for rank in (math.floor(position), math.ceil(position))})
    values = dict(zip(ranks, _by_rank(query, source, ranks), strict=True))
    found = []
    for position in positions:
        low, high = values[math.floor(position)], values[math.ceil(position)]
        part = position - math.floor(position)
        found.append(low if low == high else low * (1 - part) + high * part)
    return {"count": count, "quantiles": found}


def _by_rank(query: Query, source: str, ranks: list[int]) -> tuple[Any, ...]:
    wanted = ", ".join(f"min(case when upto > {rank} then v end)" for rank in ranks)
    return query(
        f"select {wanted} from (select v, sum(n) over (order by v rows between unbounded preceding and current row) "  # noqa: S608
        f"as upto from (select v, count(*) as n from {source} group by v) as g) as c"
    )[0]


def _lower_median(_fit: Fit, query: Query) -> dict[str, Any]:
    count = int(query("select count(*) from data")[0][0])
    if not count:
        return {"count": 0}
    return {"count": count, "median": plain(_by_rank(query, "data", [(count - 1) // 2])[0])}


def _mode(_fit: Fit, query: Query) -> dict[str, Any]:
    rows = query("select v, count(*) as n from data group by v order by n desc, v limit 1")
    return {"mode": plain(rows[0][0]), "count": int(rows[0][1])} if rows else {"count": 0}


def _extremes(_fit: Fit, query: Query) -> dict[str, Any]:
    count, low, high = query("select count(*), min(v), max(v) from data")[0]
    return {"count": int(count), "minimum": plain(low), "maximum": plain(high)} if count else {"count": 0}


def _categories(fit: Fit, query: Query) -> dict[str, Any]:
    limit = int(fit.parameters["limit"])
    rows = query(f"select v, count(*) as n from data group by v order by n desc, v limit {limit + 1}")  # noqa: S608
    if len(rows) > limit:
        raise DataFault(f"column {fit.key!r} has more than the {limit:,} categories allowed")
    return {"categories": [[plain(value), int(count)] for value, count in rows]}


def _moments(_fit: Fit, query: Query) -> dict[str, Any]:
    count, total = _total(query, "data")
    if not count:
        return {"count": 0}
    mean = float(total / count)
    found: dict[str, Any] = {"count": count, "mean": mean}
    if count >= 2:
        # Halves, so that no difference of finite numbers overflows on its way to the square.
        _, squares = _total(query, f"(select (v - {mean!r}) * (v - {mean!r}) as v from data) as d")  # noqa: S608
        found["standard_deviation"] = math.sqrt(float(squares / (count - 1)))
    return found


def _total(query: Query, source: str) -> tuple[int, Fraction]:
    """Count and sum of finite values, the same in every order."""
    count, largest = query(f"select count(*), max(abs(v)) from {source}")[0]  # noqa: S608
    if not count or not largest:
        return int(count), Fraction(0)
    if not math.isfinite(largest):
        raise DataFault("the numbers are too large for their spread to be computed")
    exponent = max(-960, min(960, _BITS - math.frexp(largest)[1]))
    scale = repr(2.0**exponent)
    scale = scale if "e" in scale else f"{scale}e0"
    whole = f"cast(cast(floor(v * {scale}) as bigint) as decimal(38, 0))"
    total = query(f"select sum({whole}) from {source}")[0][0]  # noqa: S608
    return int(count), Fraction(int(total)) / Fraction(2) ** exponent


def _deviation(_fit: Fit, query: Query) -> dict[str, Any]:
    found = _order_statistics(query, "data", [0.5])
    if not found["count"]:
        return {"count": 0}
    median = found["quantiles"][0]
    distances = f"(select abs(v - {median!r}) as v from data) as d"  # noqa: S608
    spread = _order_statistics(query, distances, [0.5])["quantiles"][0]
    return {"count": found["count"], "median": median, "median_absolute_deviation": spread}


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value


_KINDS = {
    "quantiles": _quantiles,
    "lower_median": _lower_median,
    "mode": _mode,
    "extremes": _extremes,
    "categories": _categories,
    "moments": _moments,
    "deviation": _deviation,
}
