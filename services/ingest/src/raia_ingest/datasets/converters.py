"""Datasets between the domain and the contract."""

from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import dataset_pb2

from raia_ingest.datasets.domain import Column, Dataset


def to_proto(dataset: Dataset, *, schema: bool = True) -> dataset_pb2.Dataset:
    """The dataset as the contract has it; lists leave out ``schema_info``, which may be large."""
    version = dataset.version
    message = dataset_pb2.Dataset(
        id=str(dataset.id),
        name=dataset.name,
        description=dataset.description,
        file_size=version.file_size,
        file_type=version.file_type,
        row_count=version.row_count or 0,
        column_count=version.column_count or 0,
        uploaded_by=str(dataset.uploaded_by or ""),
        etag=dataset.etag,
        status=version.status,
        error=version.error,
        version=version.number,
        project_id=str(dataset.project_id or ""),
        sha256=version.sha256,
        filename=version.filename,
        rejected_row_count=version.rejected_row_count,
        repaired_row_count=version.repaired_row_count,
        quality_score=version.quality_score,
        quality_gate=version.quality_gate,
        quality_gate_reason=version.quality_gate_reason,
        tags=dataset.tags,
    )
    message.created_at.FromDatetime(dataset.created_at)
    message.updated_at.FromDatetime(dataset.updated_at)
    ParseDict(dict(version.origin), message.origin)
    if version.archive is not None:
        ParseDict(dict(version.archive), message.archive)
    if schema and version.schema_info is not None:
        parts = version.schema_info.get("parts", [])
        message.parts.extend(dataset_pb2.FilePart(**part) for part in parts)
        ParseDict({name: value for name, value in version.schema_info.items() if name != "parts"}, message.schema_info)
    return message


def to_column(column: Column) -> dataset_pb2.Column:
    """A column as the contract has it."""
    return dataset_pb2.Column(
        name=column.name, type=column.type, original_name=column.original_name, description=column.description
    )
