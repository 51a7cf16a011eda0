"""Steps compiled one after the other against the columns that each meets."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from raia_ingest.recipes.expression.compiler import check_syntax
from raia_ingest.recipes.faults import StepFault
from raia_ingest.recipes.schema import Schema
from raia_ingest.recipes.stages import Stage
from raia_ingest.recipes.steps import encoding, missing, shape, texts, types
from raia_ingest.recipes.steps.context import Context, Parameters
from raia_ingest.recipes.steps.units import conversion

Step = Mapping[str, Any]
"""A step as JSON: its kind as the one key that holds its parameters, beside ``justification`` and ``disabled``."""

KINDS: dict[str, Callable[[Parameters, Schema, Context], Stage]] = {
    "convert_type": types.convert_type,
    "parse_dates": types.parse_dates,
    "convert_unit": types.convert_unit,
    "fill_missing": missing.fill_missing,
    "handle_outliers": missing.handle_outliers,
    "replace_values": texts.replace_values,
    "merge_rare": texts.merge_rare,
    "normalize_text": texts.normalize_text,
    "deduplicate": shape.deduplicate,
    "join_dataset": shape.join_dataset,
    "derive_column": shape.derive_column,
    "filter_rows": shape.filter_rows,
    "encode_categories": encoding.encode_categories,
    "scale_numbers": encoding.scale_numbers,
    "rename_columns": shape.rename_columns,
    "drop_columns": shape.drop_columns,
    "select_columns": shape.select_columns,
}
"""What compiles each kind of step."""


class BadStep(Exception):
    """A step of a recipe that cannot be: ``place`` counts from 0."""

    def __init__(self, place: int, kind: str, fault: StepFault) -> None:
        super().__init__(str(fault))
        self.place, self.kind, self.fault = place, kind, fault


def kind_of(step: Step) -> str:
    """The kind of a step."""
    return next(name for name in step if name in KINDS)


def compiled_step(place: int, step: Step, schema: Schema, context: Context) -> Stage:
    """The stage of one step; raises ``BadStep``."""
    kind = kind_of(step)
    if step.get("disabled"):
        return Stage(schema, schema)
    try:
        return KINDS[kind](step[kind], schema, context)
    except StepFault as fault:
        raise BadStep(place, kind, fault) from fault


def check(steps: Sequence[Step], columns: Sequence[Mapping[str, Any]], context: Context) -> Schema | None:
    """The columns that the steps make of ``columns``; None when only the data can tell. Raises ``BadStep``."""
    schema = Schema.of(columns)
    for place, step in enumerate(steps):
        stage = compiled_step(place, step, schema, context)
        if stage.finish is not None:
            return None
        schema = stage.after
    return schema


def check_alone(steps: Sequence[Step]) -> None:
    """Raises ``BadStep`` for what is wrong with steps whatever the data is: expressions and units."""
    for place, step in enumerate(steps):
        kind = kind_of(step)
        parameters = step[kind]
        try:
            if kind in ("derive_column", "filter_rows"):
                check_syntax(parameters["expression"], "expression")
            elif kind == "convert_unit":
                conversion(parameters["from_unit"], parameters["to_unit"])
        except StepFault as fault:
            raise BadStep(place, kind, fault) from fault


def datasets_of(steps: Sequence[Step]) -> list[tuple[str, int]]:
    """The datasets, with their versions (0: the latest), that the steps join."""
    found = [step["join_dataset"] for step in steps if "join_dataset" in step and not step.get("disabled")]
    return list(dict.fromkeys((each["dataset_id"], int(each.get("version", 0))) for each in found))
