"""What a run of a mapping is, and a record that it rejected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from raia_ingest.mapping.domain import ColumnMapping
from raia_ingest.mapping.faults import ItemClosed, MappingEmpty
from raia_ingest.target_schemas.domain import TargetSchema

PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = "pending", "running", "succeeded", "failed", "cancelled"
OPEN, CORRECTED, STORED, DISMISSED = "open", "corrected", "stored", "dismissed"

MESSAGES: Mapping[str, str] = {
    "not_a_number": "the value is no number",
    "not_a_date": "the value is no date in the order that was chosen",
    "not_a_time": "the value is no time",
    "not_a_boolean": "the value is neither yes nor no",
    "unknown_value": "the field takes listed values alone, and this is like none of them",
    "required_missing": "the field must not be empty",
    "key_missing": "a row without its key cannot be stored",
    "key_conflict": "another record has the same key and other values",
    "unresolved_reference": "it points to a row that is not there",
    "entity_incomplete": "the field must not be empty, and no column goes into it",
    "empty_record": "no column that goes into a field has a value",
}
"""What each reason means."""


@dataclass(frozen=True)
class MappingRun:
    """The transformation of one dataset version, or the work on it."""

    id: UUID
    mapping_id: UUID
    dataset_id: UUID
    dataset_version: int
    schema_id: UUID
    project_id: UUID | None
    retry_of: UUID | None
    mapping_revision: int
    status: str
    progress: float
    error: str
    job_id: int | None
    anomaly_count: int
    created_by: UUID | None
    created_at: datetime
    completed_at: datetime | None
    result: Mapping[str, Any] | None
    """``ledger``, ``entities``, ``unresolved``; None until it succeeded."""
    open_count: int = 0

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status not in (PENDING, RUNNING)


@dataclass(frozen=True)
class ReviewItem:
    """A record that was rejected."""

    id: UUID
    run_id: UUID
    record: int
    reason: str
    field: str
    column: str
    value: str
    row: Mapping[str, Any]
    status: str
    resolved_by: UUID | None
    resolved_at: datetime | None

    def require_open(self) -> None:
        """Raises ``ItemClosed`` when it was stored or dismissed."""
        if self.status in (STORED, DISMISSED):
            raise ItemClosed(
                f"the record is {self.status} already", reason="REVIEW_ITEM_CLOSED", metadata={"status": self.status}
            )


def plan_of(
    columns: Sequence[ColumnMapping], places: Mapping[str, int], types: Mapping[str, str], schema: TargetSchema
) -> list[dict[str, Any]]:
    """The columns that go into fields, as the worker takes them; raises ``MappingEmpty`` when none does.

    Of several columns for one field the first decided by a person counts, else the first.
    """
    chosen: dict[str, ColumnMapping] = {}
    for column in sorted(columns, key=lambda each: (each.status == "auto_accepted", each.position)):
        if column.goes and column.name in places:
            chosen.setdefault(column.field, column)
    fields = {f"{entity}.{field.name}": (entity, field) for entity, field in schema.fields()}
    plan = []
    for path, column in sorted(chosen.items(), key=lambda each: each[1].position):
        if path not in fields:
            continue
        entity, field = fields[path]
        plan.append(
            {
                "place": places[column.name],
                "column": column.name,
                "column_type": types[column.name],
                "entity": entity,
                "field": field.name,
                "field_type": field.type,
                "required": field.required,
                "key": field.key,
                "closed": bool(field.values) and field.type != "boolean",
                "conversion": dict(column.conversion),
                "tasks": {each["task"]: each["algorithm"] for each in column.algorithms if each["chosen"]},
                "classes": [list(value) for value in field.values],
            }
        )
    if not plan:
        raise MappingEmpty(
            "no column goes into a field: accept or correct at least one", reason="MAPPING_EMPTY", metadata={}
        )
    return plan
