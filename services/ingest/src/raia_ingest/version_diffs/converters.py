"""Differences between the domain and the contract."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2
from raia.ingest.v1 import version_diff_pb2 as pb2

from raia_ingest.version_diffs.domain import Compared, column_changes, reordered


def to_proto(compared: Compared) -> pb2.VersionDiff:
    """The difference as the contract has it."""
    diff, base, version = compared.diff, compared.base.version, compared.dataset.version
    message = pb2.VersionDiff(
        id=str(diff.id),
        dataset_id=str(diff.dataset_id),
        version=version.number,
        base_version=base.number,
        key_columns=compared.subject.keys,
        status=diff.status,
        progress=diff.progress,
        error=diff.error,
        base_row_count=base.row_count or 0,
        row_count=version.row_count or 0,
        column_changes=[
            pb2.VersionColumnChange(name=each.name, change=each.change, base_type=each.base_type, type=each.type)
            for each in column_changes(base.columns, version.columns)
        ],
        columns_reordered=reordered(base.columns, version.columns),
    )
    message.created_at.FromDatetime(diff.created_at)
    if diff.completed_at is not None:
        message.completed_at.FromDatetime(diff.completed_at)
    found = diff.result
    if found is not None:
        for name in ("rows_added", "rows_removed", "rows_changed", "rows_unchanged"):
            setattr(message, name, found[name])
        message.column_differences.extend(pb2.DifferingColumn(**each) for each in found["columns"])
    return message


def to_row(found: Mapping[str, Any]) -> pb2.DifferingRow:
    """A differing row as the contract has it."""
    row = pb2.DifferingRow(
        kind=found["kind"],
        base_row=found["base_row"] or 0,
        row=found["row"] or 0,
        changed_columns=found["changed_columns"],
    )
    for name in ("base_values", "values"):
        if found[name] is not None:
            values = struct_pb2.ListValue()
            values.extend(found[name])
            getattr(row, name).CopyFrom(values)
    return row
