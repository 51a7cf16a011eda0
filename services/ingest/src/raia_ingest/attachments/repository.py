"""Attached documents in PostgreSQL."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from raia.ingest.v1 import attachment_pb2
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.attachments.domain import Attachment
from raia_ingest.attachments.tables import attachment
from raia_ingest.datasets.descriptions import described
from raia_ingest.datasets.tables import dataset, dataset_version

FIELDS = QueryFields(
    attachment_pb2.Attachment.DESCRIPTOR,
    {
        "id": attachment.c.id,
        "filename": attachment.c.filename,
        "kind": attachment.c.kind,
        "created_at": attachment.c.created_at,
    },
)
_THERE = attachment.c.deleted_at.is_(None)


class AttachmentRepository:
    """Reads and writes attached documents in the unit of work that it is given."""

    def add(self, unit: UnitOfWork, values: Mapping[str, Any]) -> UUID:
        """Attaches a document."""
        attachment_id = new_id()
        unit.session.execute(insert(attachment).values(org_id=unit.tenant, id=attachment_id, **values))
        return attachment_id

    def find(self, unit: UnitOfWork, dataset_id: UUID, attachment_id: UUID) -> Attachment | None:
        """A document of a dataset; None when it is not there."""
        query = select(attachment).where(
            attachment.c.id == attachment_id, attachment.c.dataset_id == dataset_id, _THERE
        )
        row = unit.session.execute(query).first()
        return _attachment(row) if row is not None else None

    def page(self, unit: UnitOfWork, dataset_id: UUID, request: ListRequest) -> tuple[list[Attachment], str]:
        """A page of a dataset's documents, and the token of the next."""
        query = select(attachment).where(attachment.c.dataset_id == dataset_id, _THERE)
        found = list_page(unit.session, query, FIELDS, request, scope=str(dataset_id))
        return [_attachment(row) for row in found.rows], found.next_page_token

    def all_of(self, unit: UnitOfWork, dataset_id: UUID) -> list[Attachment]:
        """All documents of a dataset, the oldest first."""
        query = select(attachment).where(attachment.c.dataset_id == dataset_id, _THERE)
        return [_attachment(row) for row in unit.session.execute(query.order_by(attachment.c.id))]

    def delete(self, unit: UnitOfWork, attachment_id: UUID) -> None:
        """Takes a document off."""
        changed = update(attachment).where(attachment.c.id == attachment_id)
        unit.session.execute(changed.values(deleted_at=func.now()))

    def describe(self, unit: UnitOfWork, dataset_id: UUID, descriptions: Mapping[str, str]) -> None:
        """Keeps what documents say of columns, and puts it to the columns of the versions that are there.

        The dataset's row must be locked.
        """
        unit.session.execute(
            update(dataset)
            .where(dataset.c.id == dataset_id)
            .values(column_descriptions=dict(descriptions), revision=dataset.c.revision + 1, updated_at=func.now())
        )
        versions = select(dataset_version.c.version, dataset_version.c.schema_info).where(
            dataset_version.c.dataset_id == dataset_id, dataset_version.c.schema_info.is_not(None)
        )
        for row in unit.session.execute(versions).all():
            told = described(row.schema_info, descriptions)
            if told != row.schema_info:
                unit.session.execute(
                    update(dataset_version)
                    .where(dataset_version.c.dataset_id == dataset_id, dataset_version.c.version == row.version)
                    .values(schema_info=told)
                )

    def references(self, unit: UnitOfWork) -> Iterable[str]:
        """The keys of all documents that are attached."""
        yield from unit.session.execute(select(attachment.c.object_key).where(_THERE)).scalars()


def _attachment(row: Row[Any]) -> Attachment:
    return Attachment(
        id=row.id,
        dataset_id=row.dataset_id,
        filename=row.filename,
        kind=row.kind,
        file_size=row.file_size,
        sha256=row.sha256,
        object_key=row.object_key,
        summary=row.summary,
        fields=row.fields,
        described_column_count=row.described_column_count,
        created_by=row.created_by,
        created_at=row.created_at,
    )
