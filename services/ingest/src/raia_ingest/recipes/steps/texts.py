"""Steps about texts and categories."""

from typing import Any

from raia_ingest.recipes.faults import StepFault
from raia_ingest.recipes.layers import Layers
from raia_ingest.recipes.schema import Col, Schema
from raia_ingest.recipes.sql import SPACES, SQL_TYPES, among, literal, text
from raia_ingest.recipes.stages import Fit, Fitted, Local, Stage
from raia_ingest.recipes.steps.context import Context, Parameters, named

MOST_CATEGORIES = 10_000


def normalize_text(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Texts spelled alike: white space, case, accents, composed characters, words that mean missing."""
    if not any(parameters.get(name) for name in _EFFECTS):
        raise StepFault("trim", f"ask for at least one of {', '.join(_EFFECTS)}")
    sets: dict[str, str] = {}
    layers, after = Layers(), schema
    for column in named(parameters, schema):
        if column.type not in ("string", "null"):  # a file in which all values are spelled as another type
            continue
        after, changed = after.change(column)
        sets[changed.alias] = _normalized(column.alias, parameters, layers)
    return Stage(schema, after, lambda _fitted: Local(sets), prepared=layers.listed)


_EFFECTS = ("trim", "collapse_spaces", "case", "strip_accents", "compose", "missing_tokens", "empty_as_missing")
_TIDY, _PLAIN = "[!-~]*( [!-~]+)* ?", "[ -~]*"
"""Plain texts in which there is nothing to collapse, and those whose only white space is blanks: both are found out
faster than white space of every kind is collapsed."""


def _normalized(value: str, parameters: Parameters, layers: Layers) -> str:
    if parameters.get("compose"):
        value = f"nfc_normalize({value})"
    if parameters.get("strip_accents"):
        value = f"strip_accents({value})"
    value, depth = layers.add(value, 0), 1
    if parameters.get("collapse_spaces"):
        value, depth = layers.add(_collapsed(value), depth), depth + 1
    if parameters.get("trim"):
        value, depth = layers.trimmed(value, depth)
    if case := parameters.get("case", ""):
        value, depth = layers.add(f"{case}({value})", depth), depth + 1
    if tokens := parameters.get("missing_tokens", []):
        plain, depth = layers.trimmed(value, depth)
        word = layers.add(f"lower({plain})", depth)
        meant = among(word, [text(token.lower()) for token in tokens])
        value = f"case when {meant} then null else {value} end"
    if parameters.get("empty_as_missing"):
        value = f"nullif({value}, '')"
    return value


def _collapsed(value: str) -> str:
    tidy, plain = (f"regexp_full_match({value}, {text(pattern)})" for pattern in (_TIDY, _PLAIN))
    # Each blank becomes a pair of marks, and a pair that follows another goes.
    blanks = f"replace(replace(replace({value}, ' ', chr(1) || chr(2)), chr(2) || chr(1), ''), chr(1) || chr(2), ' ')"
    every = f"regexp_replace({value}, {text('[' + SPACES + ']+')}, ' ', 'g')"
    return f"case when {tidy} then {value} when {plain} then {blanks} else {every} end"


def replace_values(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Values for values, such as codes for their meaning."""
    column = schema.column(parameters["column"], "column")
    branches: list[str] = []
    seen: set[Any] = set()
    fold = bool(parameters.get("ignore_case")) and column.type == "string"
    layers, subject = Layers(), column.alias
    if fold:
        plain, depth = layers.trimmed(column.alias, 0)
        subject = layers.add(f"lower({plain})", depth)
    after, changed = schema.change(column)
    for place, each in enumerate(parameters.get("replacements", [])):
        field = f"replacements[{place}]"
        old = []
        for given in each.get("old_values", []):
            value = given.strip().lower() if fold and isinstance(given, str) else given
            if value in seen:
                raise StepFault(f"{field}.old_values", f"{value!r} is replaced twice")
            seen.add(value)
            old.append(literal(value, column.type, f"{field}.old_values"))
        new = each.get("new_value")
        rendered = f"null::{SQL_TYPES[column.type]}" if new is None else literal(new, column.type, f"{field}.new_value")
        branches.append(f"when {among(subject, old)} then {rendered}")
    others = "null" if parameters.get("others") == "missing" else column.alias
    mapped = f"case {' '.join(branches)} else {others} end"
    return Stage(schema, after, lambda _fitted: Local({changed.alias: mapped}), prepared=layers.listed)


def merge_rare(parameters: Parameters, schema: Schema, _context: Context) -> Stage:
    """Categories of few rows become one."""
    columns = named(parameters, schema, "string")
    into = parameters.get("into") or "other"
    literal(into, "string", "into")
    fits = [Fit(c.name, "categories", c.alias, c.type, {"limit": MOST_CATEGORIES}) for c in columns]
    after = schema
    changes: list[tuple[Col, Col]] = []
    for column in columns:
        after, changed = after.change(column)
        changes.append((column, changed))

    def local(fitted: Fitted) -> Local:
        sets = {}
        for column, changed in changes:
            found = fitted[column.name]["categories"]
            least = parameters["minimum_fraction"] * sum(count for _, count in found)
            kept = [text(value) for value, count in found if count >= least]
            condition = among(column.alias, kept) if kept else "false"
            sets[changed.alias] = (
                f"case when {column.alias} is null or {condition} then {column.alias} else {text(into)} end"
            )
        return Local(sets)

    return Stage(schema, after, local, fits)
