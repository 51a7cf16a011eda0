"""Steps about missing values and outliers."""

from typing import Any

from raia_ingest.recipes.faults import StepFault
from raia_ingest.recipes.schema import Col, Schema
from raia_ingest.recipes.sql import literal, number
from raia_ingest.recipes.stages import Fill, Fit, Fitted, Local, Stage
from raia_ingest.recipes.steps.context import Context, Parameters, named

_ORDERED = ("integer", "float", "date", "datetime", "time")


def fill_missing(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Missing values by one of several strategies."""
    strategy = parameters["strategy"]
    columns = named(parameters, schema)
    if strategy == "remove_row":
        removals = [(f"{column.alias} is null", f"{column.name}: the value is missing") for column in columns]
        return Stage(schema, schema, lambda _fitted: Local({}, removals))
    after, indicators = _with_indicators(schema, columns, parameters)
    if strategy in ("previous", "next"):
        return _nearest(schema, after, columns, indicators, parameters)
    if strategy == "constant":
        return _constant(schema, after, columns, indicators, parameters)
    return _learnt(schema, after, columns, indicators, strategy)


def _with_indicators(schema: Schema, columns: list[Col], parameters: Parameters) -> tuple[Schema, dict[str, str]]:
    """The schema with a column each that says whether the value was missing, if asked for, and their SQL."""
    indicators: dict[str, str] = {}
    if parameters.get("indicator"):
        for column in columns:
            schema, added = schema.add(f"{column.name}_was_missing", "boolean", "indicator")
            indicators[added.alias] = f"({column.alias} is null)"
    return schema, indicators


def _constant(
    schema: Schema, after: Schema, columns: list[Col], indicators: dict[str, str], parameters: Parameters
) -> Stage:
    if "value" not in parameters:
        raise StepFault("value", "the strategy constant needs a value")
    sets = dict(indicators)
    for column in columns:
        value = literal(parameters["value"], column.type, "value")
        after, changed = after.change(column, type_="string" if column.type == "null" else "")
        sets[changed.alias] = f"coalesce({column.alias}, {value})"
    return Stage(schema, after, lambda _fitted: Local(sets))


_FITS = {"mean": "moments", "median": "lower_median", "mode": "mode", "minimum": "extremes", "maximum": "extremes"}


def _learnt(schema: Schema, after: Schema, columns: list[Col], indicators: dict[str, str], strategy: str) -> Stage:
    fits: list[Fit] = []
    changes: list[tuple[Col, Col]] = []
    for column in columns:
        if strategy == "mean" and not column.number:
            raise StepFault("columns", f"column {column.name!r} is {column.type}; only numbers have a mean")
        if strategy != "mode" and column.type not in _ORDERED:
            raise StepFault("columns", f"column {column.name!r} is {column.type}; take the strategy mode")
        kind = _FITS[strategy]
        if strategy == "median" and column.type == "float":
            kind = "quantiles"
        fits.append(Fit(column.name, kind, column.alias, column.type, {"probabilities": [0.5]}))
        after, changed = after.change(column, type_="float" if strategy == "mean" else "")
        changes.append((column, changed))

    def local(fitted: Fitted) -> Local:
        sets = dict(indicators)
        for column, changed in changes:
            value = _value_of(fitted[column.name], strategy)
            filled = "null" if value is None else literal(value, changed.type, "columns")
            sets[changed.alias] = f"coalesce({column.alias}, {filled})"
        return Local(sets)

    return Stage(schema, after, local, fits)


def _value_of(found: dict[str, Any], strategy: str) -> Any:
    """The value of a strategy among what was learnt; None when no value was present."""
    if strategy == "median" and "quantiles" in found:
        return found["quantiles"][0] if found["quantiles"] else None
    return found.get(strategy)


def _nearest(
    schema: Schema, after: Schema, columns: list[Col], indicators: dict[str, str], parameters: Parameters
) -> Stage:
    groups = [schema.column(name, "group_by").alias for name in parameters.get("group_by", [])]
    order = parameters.get("order_by", "")
    by = schema.column(order, "order_by").alias if order else ""
    fills = []
    for column in columns:
        after, changed = after.change(column)
        fills.append(Fill(column, changed, groups, by, parameters["strategy"] == "next"))
    return Stage(schema, after, lambda _fitted: Local(indicators), fills=fills)


def handle_outliers(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Numbers far from the others: cut to the limits, missing, flagged, or their rows removed."""
    columns = named(parameters, schema, "integer", "float")
    action = parameters["action"]
    fits = [fit for column in columns for fit in _limits_fit(column, parameters)]
    after = schema
    changes: list[tuple[Col, Col | None]] = []
    for column in columns:
        changed: Col | None = None
        if action == "flag":
            after, changed = after.add(f"{column.name}_is_outlier", "boolean", "columns")
        elif action == "clip":
            after, changed = after.change(column, type_="float")
        elif action == "missing":
            after, changed = after.change(column)
        changes.append((column, changed))

    def local(fitted: Fitted) -> Local:
        sets: dict[str, str] = {}
        removals: list[tuple[str, str]] = []
        for column, changed in changes:
            lower, upper = _limits(fitted.get(column.name, {}), parameters)
            outside = _outside(column.alias, lower, upper)
            if changed is None:
                removals.append((outside, f"{column.name}: an outlier, outside {lower!r} to {upper!r}"))
            else:
                sets[changed.alias] = _mended(column, outside, lower, upper, action)
        return Local(sets, removals)

    return Stage(schema, after, local, fits)


def _mended(column: Col, outside: str, lower: float | None, upper: float | None, action: str) -> str:
    if action == "flag":
        return f"coalesce({outside}, false)"
    if action == "missing":
        return f"case when {outside} then null else {column.alias} end"
    value = f"({column.alias})::double"
    if lower is not None:
        value = f"case when {column.alias} < {number(lower)} then {number(lower)} else {value} end"
    if upper is not None:
        value = f"case when {column.alias} > {number(upper)} then {number(upper)} else {value} end"
    return value


def _outside(alias: str, lower: float | None, upper: float | None) -> str:
    conditions = []
    if lower is not None:
        conditions.append(f"{alias} < {number(lower)}")
    if upper is not None:
        conditions.append(f"{alias} > {number(upper)}")
    return f"({' or '.join(conditions)})" if conditions else "false"


_METHODS = {
    "iqr": ("quantiles", {"probabilities": [0.25, 0.75]}, 1.5),
    "z_score": ("moments", {}, 3.0),
    "median_deviation": ("deviation", {}, 3.5),
    "quantiles": ("quantiles", {}, 0.0),
}


def _limits_fit(column: Col, parameters: Parameters) -> list[Fit]:
    method = parameters["method"]
    if method == "bounds":
        if "lower" not in parameters and "upper" not in parameters:
            raise StepFault("lower", "the method bounds needs lower, upper or both")
        return []
    kind, needs, _factor = _METHODS[method]
    if method == "quantiles":
        low, high = parameters.get("lower", 0.01), parameters.get("upper", 0.99)
        if not 0 <= low < high <= 1:
            raise StepFault("lower", "quantiles lie between 0 and 1, the lower below the upper")
        needs = {"probabilities": [low, high]}
    return [Fit(column.name, kind, column.alias, column.type, needs)]


def _limits(found: dict[str, Any], parameters: Parameters) -> tuple[float | None, float | None]:
    """The least and the greatest value that is no outlier; None where there is no limit."""
    method = parameters["method"]
    if method == "bounds":
        return parameters.get("lower"), parameters.get("upper")
    factor = parameters.get("factor") or _METHODS[method][2]
    if method in ("iqr", "quantiles"):
        if not found.get("quantiles"):
            return None, None
        low, high = found["quantiles"]
        reach = factor * (high - low) if method == "iqr" else 0.0
        return low - reach, high + reach
    centre = found.get("mean" if method == "z_score" else "median")
    spread = found.get("standard_deviation") if method == "z_score" else found.get("median_absolute_deviation")
    if centre is None or not spread:
        return None, None
    reach = factor * spread * (1.0 if method == "z_score" else 1.482602218505602)
    return centre - reach, centre + reach
