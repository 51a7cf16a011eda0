"""Steps about which columns and rows there are."""

from raia_ingest.recipes.expression.compiler import compiled, condition
from raia_ingest.recipes.faults import StepFault
from raia_ingest.recipes.schema import Schema
from raia_ingest.recipes.sql import SQL_TYPES
from raia_ingest.recipes.stages import Duplicates, Local, Lookup, Stage
from raia_ingest.recipes.steps.context import Context, Parameters, named


def rename_columns(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Other names."""
    names = dict(parameters.get("names", {}))
    if not names:
        raise StepFault("names", "name at least one column")
    for old, new in names.items():
        schema.column(old, f"names[{old}]")
        if not new.strip() or len(new) > 500:
            raise StepFault(f"names[{old}]", "a column needs a name of 1 to 500 characters")
    after = schema.rename(names)
    repeated = {name for name in after.names if after.names.count(name) > 1}
    if repeated:
        raise StepFault("names", f"two columns would be called {min(repeated)!r}")
    return Stage(schema, after)


def drop_columns(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Columns that go."""
    gone = named(parameters, schema)
    if len(gone) == len(schema.columns):
        raise StepFault("columns", "no column would be left")
    return Stage(schema, schema.without(column.name for column in gone))


def select_columns(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Columns that stay, in this order."""
    return Stage(schema, schema.keep(named(parameters, schema)))


def filter_rows(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Rows for which a condition is true stay."""
    source = parameters["expression"]
    kept = condition(source, schema, "expression")
    removals = [(f"(({kept}) is not true)", f"the row does not meet the condition {source}")]
    return Stage(schema, schema, lambda _fitted: Local({}, removals))


def derive_column(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """A column computed from others."""
    found = compiled(parameters["expression"], schema, "expression")
    if found.type == "null":
        raise StepFault("expression", "the expression is always missing, so it has no type")
    name = parameters["column"]
    existing = schema.find(name)
    if existing is not None:
        after, made = schema.change(existing, type_=found.type)
    else:
        after, made = schema.add(name, found.type, "column")
    value = f"({found.sql})::{SQL_TYPES[found.type]}"
    return Stage(schema, after, lambda _fitted: Local({made.alias: value}))


def deduplicate(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Of rows that are equal in the columns named, or in all, one stays."""
    columns = named(parameters, schema) if parameters.get("columns") else list(schema.columns)
    if parameters.get("ignore_case"):
        keys = [f"lower(trim({each.alias}))" if each.type == "string" else each.alias for each in columns]
    else:
        keys = [each.alias for each in columns]
    where = ", ".join(parameters.get("columns", [])) or "every column"
    last = parameters.get("keep") == "last"
    reason = f"a repetition: equal to a {'later' if last else 'former'} row in {where}"
    return Stage(schema, schema, duplicates=Duplicates(keys, last, reason))


def join_dataset(parameters: Parameters, schema: Schema, context: Context) -> Stage:
    """Columns of another dataset, looked up by keys."""
    dataset_id = parameters["dataset_id"]
    other = context.others.get(dataset_id)
    if other is None:
        raise StepFault("dataset_id", f"dataset {dataset_id} was not found, or is not ready")
    places = {column["name"]: place for place, column in enumerate(other)}
    keys: list[tuple[str, str]] = []
    for place, pair in enumerate(parameters.get("on", [])):
        field = f"on[{place}]"
        left = schema.column(pair["left"], f"{field}.left")
        if pair["right"] not in places:
            raise StepFault(f"{field}.right", f"the other dataset has no column {pair['right']!r}")
        right = other[places[pair["right"]]]
        if right["type"] != left.type and {right["type"], left.type} != {"integer", "float"}:
            raise StepFault(field, f"{left.type} {pair['left']!r} cannot equal {right['type']} {pair['right']!r}")
        as_float = "::double" if right["type"] != left.type else ""
        keys.append((f"({left.alias}){as_float}", f"r{places[pair['right']]}{as_float}"))
    wanted = list(parameters.get("columns", [])) or [
        n for n in places if n not in {p["right"] for p in parameters["on"]}
    ]
    after, columns = schema, []
    for place, name in enumerate(wanted):
        if name not in places:
            raise StepFault(f"columns[{place}]", f"the other dataset has no column {name!r}")
        after, made = after.add(parameters.get("prefix", "") + name, other[places[name]]["type"], f"columns[{place}]")
        columns.append((places[name], made))
    required = parameters.get("kind") == "inner"
    names = ", ".join(pair["left"] for pair in parameters["on"])
    reason = f"no row of the joined dataset has this {names}"
    first = parameters.get("matches") == "first"
    return Stage(schema, after, lookup=Lookup(dataset_id, keys, columns, required, first, reason))
