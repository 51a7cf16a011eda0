"""Reports between the domain and the contract."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import report_pb2

from raia_ingest.derived.service import Shown


def to_proto(shown: Shown, references: Sequence[Mapping[str, Any]]) -> report_pb2.DatasetReport:
    """The report as the contract has it, with those ``references`` that the caller may see."""
    dataset, report = shown
    version = dataset.version
    message = report_pb2.DatasetReport(
        id=str(report.id),
        dataset_id=str(report.dataset_id),
        version=report.version,
        status=report.status,
        progress=report.progress,
        error=report.error,
        row_count=version.row_count or 0,
        column_count=version.column_count or 0,
    )
    message.created_at.FromDatetime(report.created_at)
    if report.completed_at is not None:
        message.completed_at.FromDatetime(report.completed_at)
    if report.result is not None:
        found = dict(report.result)
        found["analysis"] = {**found["analysis"], "foreign_keys": list(references)}
        found["summary"] = [*found["summary"], *map(_sentence, references)]
        ParseDict(found, message)
    return message


def _sentence(reference: Mapping[str, Any]) -> str:
    return (
        f"{reference['dataset_name']}.{reference['column']} refers to "
        f"{reference['referenced_dataset_name']}.{reference['referenced_column']}: "
        f"{reference['found_count']:,} of its {reference['distinct_count']:,} values are keys there."
    )
