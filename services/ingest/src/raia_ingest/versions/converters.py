"""Versions between the domain and the contract."""

from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import version_pb2

from raia_ingest.datasets.domain import Dataset


def to_proto(dataset: Dataset, shown: int) -> version_pb2.DatasetVersion:
    """One version as the contract has it; ``shown`` is the version that the dataset shows."""
    version = dataset.version
    message = version_pb2.DatasetVersion(
        dataset_id=str(dataset.id),
        version=version.number,
        status=version.status,
        error=version.error,
        filename=version.filename,
        file_type=version.file_type,
        file_size=version.file_size,
        sha256=version.sha256,
        row_count=version.row_count or 0,
        column_count=version.column_count or 0,
        repaired_row_count=version.repaired_row_count,
        rejected_row_count=version.rejected_row_count,
        stored_bytes=version.stored_bytes or 0,
        created_by=str(version.created_by or ""),
        shown=version.number == shown,
    )
    ParseDict(dict(version.origin), message.origin)
    if version.created_at is not None:
        message.created_at.FromDatetime(version.created_at)
    if version.finished_at is not None:
        message.finished_at.FromDatetime(version.finished_at)
    return message
