"""Use cases of attached documents: attach and read one, list, fetch, take off."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from raia.ingest.v1 import attachment_service_pb2
from raia_kit.access import AccessIndex
from raia_kit.compute import ComputePool
from raia_kit.context import Call, final_unit
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import InvalidArgument, NotFound, PermissionDenied, RaiaError
from raia_kit.objects import ObjectStore, StoredObject
from raia_kit.pagination import ListRequest

from raia_ingest import errors
from raia_ingest.attachments.domain import Attachment, column_of, descriptions
from raia_ingest.attachments.repository import AttachmentRepository
from raia_ingest.datasets.domain import Dataset, base_filename
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.upload import Intake
from raia_ingest.versions.service import FileOnItsWay, span_of

_DESCRIBE = "raia_ingest.workers.describe:describe_document"
_SECONDS = 60.0
_MOST_BYTES = 64 * 1024**2
_PERMISSION = "datasets.create"

Shown = tuple[Attachment, Sequence[str]]
"""A document with the names of the dataset's columns."""


class AttachmentService:
    """Documents that describe datasets."""

    def __init__(
        self,
        *,
        database: Database,
        attachments: AttachmentRepository,
        datasets: DatasetRepository,
        objects: ObjectStore,
        pool: ComputePool,
        access: AccessIndex,
    ) -> None:
        self._database, self._attachments, self._datasets = database, attachments, datasets
        self._objects, self._pool, self._access = objects, pool, access

    def attach(self, call: Call, requests: Iterator[Any]) -> Shown:
        """Stores a document, reads it, and puts what it says to the dataset's columns.

        Raises ``NotFound`` and ``PermissionDenied`` for the dataset, ``BadFile``, ``TooLarge``, ``UploadBroken``.
        """
        checked: list[UUID] = []

        def check(metadata: attachment_service_pb2.UploadAttachmentMetadata) -> None:
            if metadata.dataset_id and not checked:
                self._allowed(call, UUID(metadata.dataset_id))
                checked.append(UUID(metadata.dataset_id))

        intake = Intake(requests, attachment_service_pb2.UploadAttachmentMetadata(), check)
        stored = self._store(call, intake)
        if not checked:
            raise InvalidArgument.of_field("metadata.dataset_id", "the dataset is needed")
        filename = base_filename(intake.metadata.filename) or "document"
        if stored.size == 0:
            raise errors.empty(filename)
        with self._objects.materialise(stored.key) as path:
            arguments = {"path": str(path), "filename": filename}
            read = self._pool.run(_DESCRIBE, arguments, time_limit=_SECONDS, share=str(call.org_id))
        return self._commit(call, checked[0], filename, stored, read)

    def _store(self, call: Call, intake: Intake[attachment_service_pb2.UploadAttachmentMetadata]) -> StoredObject:
        try:
            stored = self._objects.put_stream(call.org_id, intake.chunks(), max_bytes=_MOST_BYTES)
        except InvalidArgument as error:
            if error.reason != "PAYLOAD_TOO_LARGE":
                raise
            raise errors.too_large(_MOST_BYTES, "the document is larger than allowed") from error
        if intake.expected_sha256 and intake.expected_sha256 != stored.sha256:
            raise errors.digest_mismatch(intake.expected_sha256, stored.sha256)
        return stored

    def _commit(self, call: Call, dataset_id: UUID, filename: str, stored: StoredObject, read: dict[str, Any]) -> Shown:
        unit = final_unit()
        dataset = self._datasets.lock(unit, dataset_id)
        if dataset is None:
            raise NotFound.of("dataset", dataset_id)
        columns = [column.name for column in dataset.version.columns]
        found = descriptions(read["fields"], _known_as(dataset))
        attachment_id = self._attachments.add(
            unit,
            {
                "dataset_id": dataset_id,
                "filename": filename,
                "kind": read["kind"],
                "file_size": stored.size,
                "sha256": stored.sha256,
                "object_key": stored.key,
                "summary": read["summary"],
                "fields": read["fields"],
                "described_column_count": sum(bool(column_of({"name": each}, found)) for each in columns),
                "created_by": call.user_id,
            },
        )
        self._describe(unit, dataset)
        call.audit_resource_type, call.audit_resource_id = "dataset", str(dataset_id)
        call.audit_details.update({"attachment_id": str(attachment_id), "sha256": stored.sha256})
        return self.get(unit, dataset_id, attachment_id)

    def _describe(self, unit: UnitOfWork, dataset: Dataset) -> None:
        """Later documents are believed before earlier ones."""
        said: dict[str, str] = {}
        for each in self._attachments.all_of(unit, dataset.id):
            said |= descriptions(each.fields, _known_as(dataset))
        self._attachments.describe(unit, dataset.id, said)

    def get(self, unit: UnitOfWork, dataset_id: UUID, attachment_id: UUID) -> Shown:
        """One document; raises ``NotFound``."""
        found = self._attachments.find(unit, dataset_id, attachment_id)
        if found is None:
            raise NotFound.of("attachment", attachment_id)
        return found, self._columns(unit, dataset_id)

    def page(
        self, unit: UnitOfWork, dataset_id: UUID, request: ListRequest
    ) -> tuple[list[Attachment], Sequence[str], str]:
        """A page of a dataset's documents, the names of its columns, and the token of the next page."""
        found, token = self._attachments.page(unit, dataset_id, request)
        return found, self._columns(unit, dataset_id), token

    def delete(self, unit: UnitOfWork, dataset_id: UUID, attachment_id: UUID) -> None:
        """Takes a document off, and the descriptions that came from it; raises ``NotFound``."""
        dataset = self._datasets.lock(unit, dataset_id)
        if dataset is None or self._attachments.find(unit, dataset_id, attachment_id) is None:
            raise NotFound.of("attachment", attachment_id)
        self._attachments.delete(unit, attachment_id)
        self._describe(unit, dataset)

    def file(self, call: Call, dataset_id: UUID, attachment_id: UUID, wanted: str) -> FileOnItsWay:
        """A document's bytes, or the range that ``wanted`` names; raises ``NotFound``."""
        with self._database.unit_of_work(call.org_id) as unit:
            found, _ = self.get(unit, dataset_id, attachment_id)
        start, end = span_of(wanted, found.file_size)
        pieces = self._objects.stream(found.object_key, start=start, end=end)
        return FileOnItsWay(found.filename, found.sha256, found.file_size, start, end, pieces)

    def _columns(self, unit: UnitOfWork, dataset_id: UUID) -> Sequence[str]:
        dataset = self._datasets.find(unit, dataset_id)
        return [column.name for column in dataset.version.columns] if dataset is not None else []

    def _allowed(self, call: Call, dataset_id: UUID) -> None:
        """The caller must see the very dataset and may create versions of it."""
        with self._database.unit_of_work(call.org_id) as unit:
            found = self._datasets.project_of(unit, dataset_id)
        caller = call.authenticated
        place: dict[str, Any] = {
            "project_id": found[0] if found else None,
            "resource_type": "dataset",
            "resource_id": dataset_id,
        }
        if found is None or not self._access.sees(caller, **place):
            raise NotFound.of("dataset", dataset_id)
        if not self._access.allows(caller, _PERMISSION, **place):
            raise _denied(found[0])


def _denied(project_id: UUID | None) -> RaiaError:
    return PermissionDenied(
        f"{_PERMISSION} is needed in this project",
        reason="PERMISSION_MISSING",
        metadata={"permission": _PERMISSION, "project_id": str(project_id or "")},
    )


def _known_as(dataset: Dataset) -> list[str]:
    return [dataset.name, PurePosixPath(dataset.version.filename).stem]
