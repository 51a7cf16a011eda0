"""Use cases of decisions: accept, reject and correct columns, export and import what was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from raia_kit.compute import ComputePool
from raia_kit.context import Call, final_unit
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import NotFound

from raia_ingest.datasets.service import EtagMismatch
from raia_ingest.mapping import events, faults
from raia_ingest.mapping.domain import (
    ACCEPTED,
    CORRECTED,
    NONE,
    ColumnMapping,
    DatasetMapping,
    Decision,
)
from raia_ingest.mapping.repository import MappingRepository
from raia_ingest.target_schemas.domain import TargetSchema
from raia_ingest.target_schemas.repository import TargetSchemaRepository

_DECIDED = "raia_ingest.workers.matching.suggest:decided_columns"
_SECONDS = 20.0
_FORMAT = "raia.mapping.v1"
_NUMERIC = 0.8


class DecidingService:
    """What people decide about the columns of mappings."""

    def __init__(
        self,
        *,
        database: Database,
        schemas: TargetSchemaRepository,
        mappings: MappingRepository,
        pool: ComputePool,
    ) -> None:
        self._database, self._schemas, self._mappings, self._pool = database, schemas, mappings, pool

    def decide(self, call: Call, mapping_id: UUID, decisions: Sequence[Decision], etag: str) -> DatasetMapping:
        """Makes all decisions or none, and keeps them as feedback.

        Raises ``NotFound``, ``MappingNotReady``, ``EtagMismatch``, ``FieldMissing``.
        """
        with self._database.unit_of_work(call.org_id) as unit:
            mapping, schema = self._look(unit, mapping_id, etag)
            columns = {column.name: column for column in self._mappings.columns(unit, mapping_id)}
        resolved = [self._resolved(decision, columns, schema) for decision in decisions]
        changed = self._applied(call, resolved, columns, schema)
        unit = final_unit()
        current = self._mappings.find(unit, mapping_id, lock=True)
        if current is None:
            raise NotFound.of("mapping", mapping_id)
        if current.revision != mapping.revision:
            raise _changed(current)
        return self._write(unit, current, resolved, columns, changed)

    def export(self, unit: UnitOfWork, mapping_id: UUID) -> dict[str, Any]:
        """What was decided, as a document; raises ``NotFound``, ``MappingNotReady``."""
        mapping, schema = self._look(unit, mapping_id, "")
        columns = [
            {
                "column": each.name,
                "status": each.status,
                "field": each.field,
                "conversion": dict(each.conversion),
                "algorithms": {told["task"]: told["algorithm"] for told in each.algorithms if told["chosen"]},
            }
            for each in self._mappings.columns(unit, mapping_id)
            if each.goes or each.status == NONE
        ]
        return {
            "format": _FORMAT,
            "schema": schema.name,
            "feedback_version": mapping.feedback_version,
            "columns": columns,
        }

    def bring_in(self, call: Call, mapping_id: UUID, document: Mapping[str, Any], etag: str) -> DatasetMapping:
        """Applies an exported document; raises ``DocumentInvalid`` and what ``decide`` raises.

        Columns that the mapping does not have are left out: another file may have fewer.
        """
        decisions = imported(document)
        with self._database.unit_of_work(call.org_id) as unit:
            self._look(unit, mapping_id, etag)
            known = {column.name for column in self._mappings.columns(unit, mapping_id)}
        fitting = [decision for decision in decisions if decision.column in known]
        if not fitting:
            raise faults.document_invalid("the mapping has none of its columns")
        return self.decide(call, mapping_id, fitting, etag)

    def _look(self, unit: UnitOfWork, mapping_id: UUID, etag: str) -> tuple[DatasetMapping, TargetSchema]:
        mapping = self._mappings.find(unit, mapping_id)
        if mapping is None:
            raise NotFound.of("mapping", mapping_id)
        mapping.require_ready()
        if etag and etag != mapping.etag:
            raise _changed(mapping)
        schema = self._schemas.find(unit, mapping.schema_id, deleted=True)
        if schema is None:
            raise NotFound.of("target schema", mapping.schema_id)
        return mapping, schema

    @staticmethod
    def _resolved(decision: Decision, columns: Mapping[str, ColumnMapping], schema: TargetSchema) -> Decision:
        """The decision with the field that it means."""
        column = columns.get(decision.column)
        if column is None:
            raise faults.column_missing(decision.column)
        if decision.decision == "none":
            return replace(decision, field="")
        field = decision.field or column.likeliest
        if not schema.has(field):
            raise faults.field_missing(field)
        return replace(decision, field=field)

    def _applied(
        self, call: Call, decisions: Sequence[Decision], columns: Mapping[str, ColumnMapping], schema: TargetSchema
    ) -> list[ColumnMapping]:
        """The columns as they are after the decisions, with conversions for their fields."""
        fields = {f"{each['entity']}.{each['name']}": each for each in schema.matching_fields()}
        numeric = sum(column.summary.get("numeric", 0) >= _NUMERIC for column in columns.values())
        going = [decision for decision in decisions if decision.verdict == "accepted"]
        asked = [
            {
                "summary": dict(columns[decision.column].summary),
                "field": fields[decision.field],
                "known": {**_said(decision, columns[decision.column]), "numeric_columns": numeric},
            }
            for decision in going
        ]
        computed = iter(
            self._pool.run(_DECIDED, {"decided": asked}, time_limit=_SECONDS, share=str(call.org_id))["columns"]
            if asked
            else []
        )
        return [self._after(decision, columns[decision.column], computed) for decision in decisions]

    @staticmethod
    def _after(decision: Decision, column: ColumnMapping, computed: Any) -> ColumnMapping:
        if decision.verdict == "rejected":
            return column.without(decision.field)
        if decision.verdict == "none":
            return replace(column, status=NONE, field="", conversion={}, algorithms=())
        told = next(computed)
        usual = column.candidates[0]["field"] if column.candidates else ""
        status = ACCEPTED if decision.decision == "accept" or decision.field == usual else CORRECTED
        return replace(
            column, status=status, field=decision.field, conversion=told["conversion"], algorithms=told["algorithms"]
        )

    def _write(
        self,
        unit: UnitOfWork,
        mapping: DatasetMapping,
        decisions: Sequence[Decision],
        columns: Mapping[str, ColumnMapping],
        changed: Sequence[ColumnMapping],
    ) -> DatasetMapping:
        for column in changed:
            self._mappings.update_column(unit, mapping.id, column)
        words = [
            (columns[each.column], each.verdict, each.field, _said(each, columns[each.column])) for each in decisions
        ]
        version = self._mappings.add_feedback(unit, mapping, words)
        self._mappings.count(unit, mapping.id, feedback_version=version)
        events.decided(unit, mapping, version, len(decisions))
        found = self._mappings.find(unit, mapping.id)
        if found is None:
            raise NotFound.of("mapping", mapping.id)
        return found


def _said(decision: Decision, column: ColumnMapping) -> dict[str, Any]:
    """What a person said of a column beside its field; what was said before about the same field stays."""
    before: dict[str, str] = {}
    choices: dict[str, str] = {}
    if column.field == decision.field and column.decided_by is not None:
        sure = [each for each in column.conversion.get("values", ()) if each["probability"] == 1]
        before = {each["source"]: each["target"] for each in sure}
        choices = {each["task"]: each["algorithm"] for each in column.algorithms if each["chosen"]}
    found: dict[str, Any] = {"values": {**before, **decision.values}, "choices": {**choices, **decision.choices}}
    if decision.source_unit:
        found["source_unit"] = decision.source_unit
    if decision.date_format:
        found["date_format"] = decision.date_format
    return found


def _changed(mapping: DatasetMapping) -> EtagMismatch:
    return EtagMismatch(
        "the mapping has changed meanwhile; read it again and retry",
        reason="ETAG_MISMATCH",
        metadata={"etag": mapping.etag},
    )


def imported(document: Mapping[str, Any]) -> list[Decision]:
    """The decisions that an exported document tells; raises ``DocumentInvalid``."""
    if document.get("format") != _FORMAT:
        raise faults.document_invalid(f"its format is not {_FORMAT}")
    columns = document.get("columns")
    if not isinstance(columns, list) or not columns:
        raise faults.document_invalid("it has no columns")
    found = []
    for each in columns:
        if not isinstance(each, Mapping) or not isinstance(each.get("column"), str):
            raise faults.document_invalid("each column needs its name as column")
        conversion = each.get("conversion") or {}
        values = conversion.get("values") or []
        if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
            raise faults.document_invalid(f"the values of {each['column']!r} are no list of source and target")
        found.append(
            Decision(
                column=each["column"],
                decision="none" if each.get("status") == NONE else "correct",
                field=str(each.get("field", "")),
                values={str(value.get("source", "")): str(value.get("target", "")) for value in values},
                source_unit=str(conversion.get("source_unit", "")),
                date_format=str(conversion.get("date_format", "")),
                choices={str(task): str(name) for task, name in (each.get("algorithms") or {}).items()},
            )
        )
    return found
