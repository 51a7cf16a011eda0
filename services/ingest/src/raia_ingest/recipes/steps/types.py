"""Steps that change what values are: types, dates and units."""

from raia_ingest.recipes.faults import StepFault
from raia_ingest.recipes.layers import Layers
from raia_ingest.recipes.schema import Col, Schema
from raia_ingest.recipes.sql import SQL_TYPES, among, text
from raia_ingest.recipes.stages import Local, Stage
from raia_ingest.recipes.steps.context import Context, Parameters, named, unreadable
from raia_ingest.recipes.steps.units import conversion

_INTEGER = r"[+-]?[0-9]{1,19}"
_FLOAT = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DATETIME = _DATE + r"([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?)?"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
_SPELLED = {"integer": _INTEGER, "float": _FLOAT, "date": _DATE, "datetime": _DATETIME, "time": _TIME}
_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_FORMAT_LETTERS = frozenset("YymdHMSfbBjpIaAeT%-")


def convert_type(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Another type; what cannot be converted becomes missing, removes its row or fails the run."""
    target = parameters["to"]
    layers = Layers()
    values = [(column, _converted(column, target, parameters, layers)) for column in named(parameters, schema)]
    return _read(schema, values, target, parameters, layers, f"the value cannot be read as {target}")


def _read(  # noqa: PLR0917 - what both ways of reading have to say
    schema: Schema,
    values: list[tuple[Col, str]],
    target: str,
    parameters: Parameters,
    layers: Layers,
    complaint: str,
) -> Stage:
    """Columns that take their read values, and what becomes of rows in which one could not be read."""
    sets: dict[str, str] = {}
    removals: list[tuple[str, str]] = []
    checks: list[tuple[str, str]] = []
    after, last = schema, len(layers.listed)
    for column, value in values:
        after, changed = after.change(column, type_=target)
        sets[changed.alias] = layers.add(value, last)
        broken = f"({column.alias} is not null and {sets[changed.alias]} is null)"
        more, demands = unreadable(parameters.get("on_error", ""), broken, f"{column.name}: {complaint}")
        removals += more
        checks += demands
    return Stage(schema, after, lambda _fitted: Local(sets, removals), prepared=layers.listed, checks=checks)


def _converted(column: Col, target: str, parameters: Parameters, layers: Layers) -> str:
    source, alias = column.type, column.alias
    if target == "string":
        return f"({alias})::varchar"
    if source in ("string", "null"):
        return _from_text(alias, target, parameters, layers)
    if target == source:
        return alias
    pattern = _CONVERSIONS.get((source, target))
    if pattern is None:
        raise StepFault("to", f"column {column.name!r} is {source}, which does not become {target}")
    return pattern.format(alias)


_CONVERSIONS = {
    ("float", "integer"): "case when {0} = trunc({0}) then try_cast({0} as bigint) end",
    ("integer", "float"): "({0})::double",
    ("integer", "boolean"): "case {0} when 1 then true when 0 then false end",
    ("float", "boolean"): "case {0} when 1 then true when 0 then false end",
    ("boolean", "integer"): "({0})::bigint",
    ("boolean", "float"): "({0})::double",
    ("date", "datetime"): "({0})::timestamp",
    ("datetime", "date"): "({0})::date",
    ("datetime", "time"): "({0})::time",
}


def _from_text(alias: str, target: str, parameters: Parameters, layers: Layers) -> str:
    plain, depth = layers.trimmed(alias, 0)
    if target == "boolean":
        word = layers.add(f"lower({plain})", depth)
        yes = among(word, [text(each.lower()) for each in parameters.get("true_values", _TRUE)])
        no = among(word, [text(each.lower()) for each in parameters.get("false_values", _FALSE)])
        return f"case when {yes} then true when {no} then false end"
    if target in ("integer", "float"):
        bare = plain
        for character in parameters.get("ignored_characters", ""):
            bare = f"replace({bare}, {text(character)}, '')"
        if parameters.get("decimal_separator") == ",":
            bare = f"replace(replace({bare}, '.', ''), ',', '.')"
        if bare != plain:
            plain, depth = layers.trimmed(layers.add(bare, depth), depth + 1)
    pattern = text(_SPELLED[target])
    return f"case when regexp_full_match({plain}, {pattern}) then try_cast({plain} as {SQL_TYPES[target]}) end"


def parse_dates(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Dates spelled in given ways; the first way that fits counts."""
    target = parameters.get("to") or "date"
    formats = parameters.get("formats", [])
    for place, each in enumerate(formats):
        _check_format(each, f"formats[{place}]")
    listed = ", ".join(map(text, formats))
    layers = Layers()
    values: list[tuple[Col, str]] = []
    for column in named(parameters, schema, "string", "null", "date", "datetime"):
        if column.type in ("date", "datetime"):  # a file in which reading recognised them already
            values.append((column, f"({column.alias})::{SQL_TYPES[target]}"))
            continue
        plain, depth = layers.trimmed(column.alias, 0)
        parsed = layers.add(f"try_strptime({plain}, [{listed}])", depth)
        # Formats without letters for a part leave it at its first value; years before 1 or beyond 9999 are typos.
        values.append((column, f"case when year({parsed}) between 1 and 9999 then ({parsed})::{SQL_TYPES[target]} end"))
    return _read(schema, values, target, parameters, layers, f"no {target} in any of the formats")


def _check_format(pattern: str, field: str) -> None:
    letters = [pattern[place + 1 : place + 2] for place, sign in enumerate(pattern) if sign == "%"]
    unknown = [letter for letter in letters if letter not in _FORMAT_LETTERS or not letter]
    if not letters or unknown or "\x00" in pattern:
        raise StepFault(field, f"{pattern!r} is no format such as %d.%m.%Y or %Y-%m-%d %H:%M")


def convert_unit(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Numbers in another unit, in place or as a new column."""
    column = schema.column(parameters["column"], "column", "integer", "float")
    factor, offset = conversion(parameters["from_unit"], parameters["to_unit"])
    converted = f"({column.alias})::double * {factor!r}::double + {offset!r}::double"
    if name := parameters.get("new_column", ""):
        after, changed = schema.add(name, "float", "new_column")
    else:
        after, changed = schema.change(column, type_="float")
    return Stage(schema, after, lambda _fitted: Local({changed.alias: converted}))
