"""What compiling a step may need besides its parameters and the columns it meets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from raia_ingest.recipes.faults import StepFault
from raia_ingest.recipes.schema import Col, Schema

Parameters = Mapping[str, Any]
"""A step's parameters as JSON values, absent where they are unset."""


@dataclass(frozen=True)
class Context:
    """The columns of other datasets, by dataset id."""

    others: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def named(parameters: Parameters, schema: Schema, *types: str, field_name: str = "columns") -> list[Col]:
    """The columns that the step names, each once; raises ``StepFault`` when there are none or one does not fit."""
    wanted = list(parameters.get(field_name, []))
    if not wanted:
        raise StepFault(field_name, "name at least one column")
    repeated = {name for name in wanted if wanted.count(name) > 1}
    if repeated:
        raise StepFault(field_name, f"column {min(repeated)!r} is named twice")
    return [schema.column(name, f"{field_name}[{place}]", *types) for place, name in enumerate(wanted)]


def unreadable(on_error: str, condition: str, reason: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Removals and checks for values that cannot be converted: ``on_error`` is missing, remove_row or fail."""
    if on_error == "remove_row":
        return [(condition, reason)], []
    return [], [(condition, reason)] if on_error == "fail" else []
