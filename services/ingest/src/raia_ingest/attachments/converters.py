"""Attached documents between the domain and the contract."""

from collections.abc import Sequence

from raia.ingest.v1 import attachment_pb2

from raia_ingest.attachments.domain import Attachment, column_of

_MOST_FIELDS = 2_000
"""Fields told in one answer."""


def to_proto(attachment: Attachment, columns: Sequence[str], *, fields: bool = True) -> attachment_pb2.Attachment:
    """A document as the contract has it; lists leave out its fields."""
    message = attachment_pb2.Attachment(
        id=str(attachment.id),
        dataset_id=str(attachment.dataset_id),
        filename=attachment.filename,
        kind=attachment.kind,
        file_size=attachment.file_size,
        sha256=attachment.sha256,
        summary=attachment.summary,
        described_column_count=attachment.described_column_count,
        created_by=str(attachment.created_by or ""),
    )
    for field in attachment.fields[:_MOST_FIELDS] if fields else ():
        message.fields.add(
            name=field["name"],
            description=field["description"],
            type=field["type"],
            column=column_of(field, columns),
        )
    message.created_at.FromDatetime(attachment.created_at)
    return message
