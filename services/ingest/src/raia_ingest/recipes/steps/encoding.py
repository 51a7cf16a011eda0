"""Steps that make numbers for models: categories as numbers, numbers on one scale."""

from typing import Any

from raia_ingest.recipes.faults import StepFault
from raia_ingest.recipes.schema import Col, Schema
from raia_ingest.recipes.sql import number, text
from raia_ingest.recipes.stages import Fit, Fitted, Local, Stage
from raia_ingest.recipes.steps.context import Context, Parameters, named
from raia_ingest.recipes.steps.texts import MOST_CATEGORIES

_MOST_COLUMNS = 100


def encode_categories(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Categories as numbers; those that were not there when the step learnt are 0, or missing for ``ordinal``."""
    columns = named(parameters, schema, "string", "boolean")
    method = parameters["method"]
    given = list(parameters.get("categories", []))
    if given and len(columns) > 1:
        raise StepFault("categories", "categories can be given for one column alone")
    limit = parameters.get("limit") or _MOST_COLUMNS if method == "one_hot" else MOST_CATEGORIES
    fits = [] if given else [Fit(c.name, "categories", _as_text(c), c.type, {"limit": limit}) for c in columns]
    known = {columns[0].name: {"categories": [[value, 0] for value in given]}} if given else {}
    if method == "one_hot":
        return _one_hot(parameters, schema, columns, fits, known)
    after = schema
    changes: list[tuple[Col, Col]] = []
    for column in columns:
        if parameters.get("keep_original"):
            after, made = after.add(f"{column.name}_{method}", _TYPES[method], "columns")
        else:
            after, made = after.change(column, type_=_TYPES[method])
        changes.append((column, made))

    def local(fitted: Fitted) -> Local:
        found = {**fitted, **known}
        return Local({made.alias: _coded(c, found[c.name]["categories"], method, bool(given)) for c, made in changes})

    return Stage(schema, after, local, fits)


_TYPES = {"ordinal": "integer", "frequency": "float"}


def _as_text(column: Col) -> str:
    return column.alias if column.type == "string" else f"({column.alias})::varchar"


def _coded(column: Col, categories: list[list[Any]], method: str, given: bool) -> str:
    if method == "ordinal":
        ordered = [value for value, _ in categories] if given else sorted(value for value, _ in categories)
        codes = {value: f"{place}::bigint" for place, value in enumerate(ordered)}
    else:
        total = sum(count for _, count in categories) or 1
        codes = {value: number(count / total) for value, count in categories}
    branches = " ".join(f"when {text(value)} then {code}" for value, code in codes.items())
    unknown = "null" if method == "ordinal" else f"case when {column.alias} is null then null else 0::double end"
    return f"case {_as_text(column)} {branches} else {unknown} end" if branches else "null"


def _one_hot(
    parameters: Parameters, schema: Schema, columns: list[Col], fits: list[Fit], known: dict[str, Any]
) -> Stage:
    def made(fitted: Fitted) -> tuple[Schema, dict[str, str]]:
        found = {**fitted, **known}
        after, sets = schema, {}
        for column in columns:
            for value in sorted(value for value, _ in found[column.name]["categories"]):
                after, added = after.add(f"{column.name}={value}"[:500], "integer", "columns")
                sets[added.alias] = f"case when {_as_text(column)} = {text(value)} then 1 else 0 end::bigint"
        if not parameters.get("keep_original"):
            after = after.without(column.name for column in columns)
        return after, sets

    if known:
        after, sets = made({})
        return Stage(schema, after, lambda _fitted: Local(sets))
    return Stage(schema, schema, lambda fitted: Local(made(fitted)[1]), fits, finish=lambda fitted: made(fitted)[0])


_SCALES: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("moments", {}),
    "min_max": ("extremes", {}),
    "max_abs": ("extremes", {}),
    "robust": ("quantiles", {"probabilities": [0.25, 0.5, 0.75]}),
}


def scale_numbers(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Numbers on one scale; a column without spread becomes 0."""
    columns = named(parameters, schema, "integer", "float")
    method = parameters["method"]
    after = schema
    changes: list[tuple[Col, Col]] = []
    for column in columns:
        after, changed = after.change(column, type_="float")
        changes.append((column, changed))
    if method == "log":
        sets = {made.alias: f"try(ln(1 + ({c.alias})::double))" for c, made in changes}
        return Stage(schema, after, lambda _fitted: Local(sets))
    kind, needs = _SCALES[method]
    fits = [Fit(column.name, kind, column.alias, column.type, needs) for column in columns]

    def local(fitted: Fitted) -> Local:
        scaled = {}
        for column, made in changes:
            centre, spread = _centre_and_spread(fitted[column.name], method)
            scaled[made.alias] = f"(({column.alias})::double - {number(centre)}) / {number(spread)}"
        return Local(scaled)

    return Stage(schema, after, local, fits)


def _centre_and_spread(found: dict[str, Any], method: str) -> tuple[float, float]:
    """What is taken off and what is divided by; a spread of 0 counts as 1, so that all values become 0."""
    if not found.get("count"):
        return 0.0, 1.0
    if method == "standard":
        return found["mean"], found.get("standard_deviation") or 1.0
    if method == "robust":
        low, middle, high = found["quantiles"]
        return middle, (high - low) or 1.0
    low, high = float(found["minimum"]), float(found["maximum"])
    if method == "min_max":
        return low, (high - low) or 1.0
    return 0.0, max(abs(low), abs(high)) or 1.0
