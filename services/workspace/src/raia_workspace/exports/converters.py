"""Exports between the domain and the contract."""

from raia.workspace.v1 import export_job_pb2

from raia_workspace.exports.domain import Export


def to_proto(export: Export) -> export_job_pb2.ExportJob:
    """The export as the contract has it."""
    message = export_job_pb2.ExportJob(
        id=str(export.id),
        format=export.format,
        status=export.status,
        progress=export.progress,
        error=export.error,
        resource_type="model",
        resource_id=str(export.model_id),
        version=export.version,
        filename=export.filename,
        created_by=str(export.created_by),
        omissions=export.omissions,
    )
    if export.stored is not None:
        message.file_size = export.stored.size
        message.sha256 = export.stored.sha256
    message.created_at.FromDatetime(export.created_at)
    if export.completed_at is not None:
        message.completed_at.FromDatetime(export.completed_at)
    return message
