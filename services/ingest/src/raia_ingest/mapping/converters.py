"""Mappings between the domain and the contract."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from raia.ingest.v1 import mapping_decision_service_pb2, mapping_pb2

from raia_ingest.mapping.domain import OFF, ColumnMapping, DatasetMapping, Decision, Feedback
from raia_ingest.mapping.replaying import Change

_SHOWN_VALUES = 100


def to_proto(mapping: DatasetMapping) -> mapping_pb2.Mapping:
    """The mapping as the contract has it."""
    message = mapping_pb2.Mapping(
        id=str(mapping.id),
        dataset_id=str(mapping.dataset_id),
        dataset_version=mapping.dataset_version,
        schema_id=str(mapping.schema_id),
        project_id=str(mapping.project_id or ""),
        status=mapping.status,
        progress=mapping.progress,
        error=mapping.error,
        column_count=mapping.column_count,
        accepted_count=mapping.accepted_count,
        open_count=mapping.open_count,
        feedback_version=mapping.feedback_version,
        accept_at=mapping.accept_at,
        etag=mapping.etag,
    )
    message.created_at.FromDatetime(mapping.created_at)
    message.updated_at.FromDatetime(mapping.updated_at)
    return message


def to_column(column: ColumnMapping) -> mapping_pb2.MappingColumn:
    """A column as the contract has it."""
    message = mapping_pb2.MappingColumn(
        position=column.position,
        column=column.name,
        type=str(column.summary.get("type", "")),
        description=str(column.summary.get("description", "")),
        status=column.status,
        field=column.field,
        candidates=[_candidate(each) for each in column.candidates],
        no_match_probability=column.no_match,
        conversion=_conversion(column.conversion),
        algorithms=[_algorithm(each) for each in column.algorithms],
        decided_by=str(column.decided_by or ""),
    )
    if column.decided_at is not None:
        message.decided_at.FromDatetime(column.decided_at)
    return message


def _candidate(found: Mapping[str, Any]) -> mapping_pb2.MappingCandidate:
    return mapping_pb2.MappingCandidate(
        field=found["field"],
        probability=found["probability"],
        reasons=[mapping_pb2.MappingReason(**each) for each in found["reasons"]],
    )


def _conversion(found: Mapping[str, Any]) -> mapping_pb2.MappingConversion:
    return mapping_pb2.MappingConversion(
        source_unit=found.get("source_unit", ""),
        target_unit=found.get("target_unit", ""),
        factor=found.get("factor", 0.0),
        date_format=found.get("date_format", ""),
        ambiguous=found.get("ambiguous", False),
        values=[mapping_pb2.MappedValue(**each) for each in found.get("values", ())[:_SHOWN_VALUES]],
    )


def _algorithm(found: Mapping[str, Any]) -> mapping_pb2.RecommendedAlgorithm:
    return mapping_pb2.RecommendedAlgorithm(
        task=found["task"],
        algorithm=found["algorithm"],
        justification=found["justification"],
        chosen=found["chosen"],
        source=found["source"],
    )


def to_decisions(messages: Iterable[mapping_decision_service_pb2.MappingDecision]) -> list[Decision]:
    """Decisions as a request states them."""
    return [
        Decision(
            column=each.column,
            decision=each.decision,
            field=each.field,
            values={value.source: value.target for value in each.values},
            source_unit=each.source_unit,
            date_format=each.date_format,
            choices={choice.task: choice.algorithm or OFF for choice in each.algorithms},
        )
        for each in messages
    ]


def to_feedback(feedback: Feedback) -> mapping_decision_service_pb2.MappingFeedback:
    """Feedback as the contract has it."""
    message = mapping_decision_service_pb2.MappingFeedback(
        version=feedback.version,
        mapping_id=str(feedback.mapping_id),
        column=feedback.column,
        verdict=feedback.verdict,
        field=feedback.field,
        created_by=str(feedback.created_by or ""),
    )
    message.created_at.FromDatetime(feedback.created_at)
    return message


def to_replayed(mapping: DatasetMapping, changes: Sequence[Change]) -> mapping_decision_service_pb2.ReplayedMapping:
    """What would change in a mapping, as the contract has it."""
    return mapping_decision_service_pb2.ReplayedMapping(
        mapping_id=str(mapping.id),
        dataset_id=str(mapping.dataset_id),
        dataset_version=mapping.dataset_version,
        changes=[
            mapping_decision_service_pb2.ReplayedColumn(
                column=each.column, before=each.before, after=each.after, probability=each.probability
            )
            for each in changes
        ],
    )
