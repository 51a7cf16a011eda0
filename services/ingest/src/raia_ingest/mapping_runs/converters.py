"""Runs between the domain and the contract."""

from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import mapping_run_pb2

from raia_ingest.mapping_runs.domain import MESSAGES, MappingRun, ReviewItem


def to_proto(run: MappingRun) -> mapping_run_pb2.MappingRun:
    """The run as the contract has it."""
    message = mapping_run_pb2.MappingRun(
        id=str(run.id),
        mapping_id=str(run.mapping_id),
        dataset_id=str(run.dataset_id),
        dataset_version=run.dataset_version,
        schema_id=str(run.schema_id),
        project_id=str(run.project_id or ""),
        status=run.status,
        progress=run.progress,
        error=run.error,
        anomaly_count=run.anomaly_count,
        open_review_count=run.open_count,
    )
    message.created_at.FromDatetime(run.created_at)
    if run.completed_at is not None:
        message.completed_at.FromDatetime(run.completed_at)
    if run.result is not None:
        ParseDict({name: run.result[name] for name in ("ledger", "entities", "unresolved")}, message)
    return message


def to_item(item: ReviewItem) -> mapping_run_pb2.ReviewItem:
    """A rejected record as the contract has it."""
    message = mapping_run_pb2.ReviewItem(
        id=str(item.id),
        run_id=str(item.run_id),
        record=item.record,
        reason=item.reason,
        field=item.field,
        column=item.column,
        value=item.value,
        message=MESSAGES.get(item.reason, item.reason),
        status=item.status,
        resolved_by=str(item.resolved_by or ""),
    )
    ParseDict(dict(item.row), message.row)
    if item.resolved_at is not None:
        message.resolved_at.FromDatetime(item.resolved_at)
    return message
