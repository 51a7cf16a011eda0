"""Uploads between the domain and the contract."""

from raia.ingest.v1 import dataset_pb2, upload_pb2

from raia_ingest.uploads.domain import Part, UploadSession


def to_proto(session: UploadSession, *, parts: bool = True) -> upload_pb2.Upload:
    """An upload as the contract has it; lists leave out its parts."""
    options = session.options
    message = upload_pb2.Upload(
        id=str(session.id),
        name=session.name,
        description=session.description,
        filename=session.filename,
        project_id=str(session.project_id or ""),
        file_size=session.file_size,
        sha256=session.sha256,
        status=session.status,
        error=session.error,
        parts=[part_to_proto(part) for part in session.parts] if parts else [],
        received_bytes=session.received,
        dataset_id=str(session.dataset_id or ""),
        version=session.version or 0,
        created_by=str(session.created_by or ""),
        part=options.get("part", ""),
        layout=[dataset_pb2.FixedWidthColumn(**column) for column in options.get("layout", [])],
        skip_lines=options.get("skip", 0),
        all_parts=options.get("all_parts", False),
    )
    message.created_at.FromDatetime(session.created_at)
    message.expires_at.FromDatetime(session.expires_at)
    return message


def part_to_proto(part: Part) -> upload_pb2.UploadPart:
    """A part as the contract has it."""
    return upload_pb2.UploadPart(number=part.number, size=part.size, sha256=part.sha256)
