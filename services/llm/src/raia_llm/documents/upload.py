"""The upload of a document: streamed to the object store, read, and made a document in one transaction."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from raia.llm.v1 import document_service_pb2
from raia_kit.compute import ComputePool
from raia_kit.context import Call, final_unit
from raia_kit.database import Database
from raia_kit.errors import (
    Aborted,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    RaiaError,
    ResourceExhausted,
    Unavailable,
)
from raia_kit.objects import ObjectStore, StoredObject
from raia_kit.resources import AccessDecisions

from raia_llm import errors
from raia_llm.documents import events
from raia_llm.documents.domain import Document, Upload, base_filename, type_by_name
from raia_llm.documents.reading import Compute, DocumentReader, ReadJobs, Work
from raia_llm.documents.repository import DocumentRepository
from raia_llm.settings import LlmSettings

_PERMISSION = "documents.create"

Requests = Iterator[document_service_pb2.UploadDocumentRequest]
Metadata = document_service_pb2.UploadDocumentMetadata


class Intake:
    """The messages of one upload as they come: passes the file's bytes on and keeps the rest."""

    def __init__(self, requests: Requests, check: Callable[[Metadata], None]) -> None:
        self._requests = requests
        self._check = check
        self.metadata = Metadata()
        self.expected_sha256 = ""
        self._finished = False

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the file; raises ``UploadBroken`` when the stream ends before it says that it is finished."""
        received = 0
        for request in self._requests:
            if self._finished:
                raise errors.UploadBroken("the upload goes on after its end", reason="UPLOAD_INCOMPLETE")
            part = request.WhichOneof("part")
            if part == "chunk":
                received += len(request.chunk)
                yield request.chunk
            elif part == "metadata":
                self.metadata.MergeFrom(request.metadata)
                self._check(self.metadata)
            else:
                self._finished = True
                self.expected_sha256 = request.finish.sha256
        if not self._finished:
            raise errors.UploadBroken(
                "the upload ended before its finish message: nothing is stored, send it again",
                reason="UPLOAD_INCOMPLETE",
                metadata={"received_bytes": str(received)},
            )


class UploadService:
    """Takes documents."""

    def __init__(
        self,
        *,
        database: Database,
        documents: DocumentRepository,
        objects: ObjectStore,
        reader: DocumentReader,
        jobs: ReadJobs,
        pool: ComputePool,
        access: AccessDecisions,
        settings: LlmSettings,
    ) -> None:
        self._database, self._documents, self._objects = database, documents, objects
        self._reader, self._jobs, self._pool, self._access = reader, jobs, pool, access
        self._settings = settings

    def upload(self, call: Call, requests: Requests) -> Document:
        """Stores the file and makes it a document, ready if it could be read at once.

        Nothing but an object that nobody refers to, and that is collected later, remains when it fails. Raises
        ``BadDocument``, ``TooLarge``, ``UploadBroken``, ``NotFound`` and ``PermissionDenied`` for the project, and
        what the store raises.
        """
        intake = Intake(requests, lambda metadata: self._check_project(call, _project(metadata)))
        stored = self._store(call, intake)
        filename = base_filename(intake.metadata.filename)
        upload = Upload(
            filename=filename,
            project_id=_project(intake.metadata),
            object_key=stored.key,
            sha256=stored.sha256,
            file_size=stored.size,
            file_type=type_by_name(filename),
        )
        with ExitStack() as stack:
            try:
                work = self._read(stack, call, stored, filename)
            except RaiaError as error:
                # Not found is the file alone, which a third upload may have put back by now.
                if isinstance(error, NotFound) or not self._objects.exists(stored.key):
                    raise _lost() from error
                if isinstance(error, InvalidArgument | ResourceExhausted):
                    self._discard(call.org_id, stored.key)
                raise
            self._check_project(call, upload.project_id)
            return self._commit(call, upload, work)

    def _store(self, call: Call, intake: Intake) -> StoredObject:
        limit = self._settings.document_max_bytes
        try:
            stored = self._objects.put_stream(call.org_id, intake.chunks(), max_bytes=limit)
        except InvalidArgument as error:
            if error.reason != "PAYLOAD_TOO_LARGE":
                raise
            filename = base_filename(intake.metadata.filename)
            raise errors.too_large(filename, limit, "the document is larger than allowed") from error
        if intake.expected_sha256 and intake.expected_sha256 != stored.sha256:
            self._discard(call.org_id, stored.key)
            raise errors.digest_mismatch(intake.expected_sha256, stored.sha256)
        return stored

    def _read(self, stack: ExitStack, call: Call, stored: StoredObject, filename: str) -> Work | None:
        """The document's passages if it is small enough to be read right away; None leaves it to a job."""
        if stored.size == 0:
            raise errors.empty(filename, "the file is empty")
        if stored.size > self._settings.document_at_once_bytes:
            return None
        try:
            return stack.enter_context(self._reader.read(call.org_id, stored.key, filename, self._at_once(call)))
        except (DeadlineExceeded, Unavailable):
            return None

    def _at_once(self, call: Call) -> Compute:
        seconds, share = self._settings.document_at_once_seconds, str(call.org_id)

        def compute(function: str, arguments: Mapping[str, Any]) -> Any:
            return self._pool.run(function, arguments, time_limit=seconds, share=share)

        return compute

    def _commit(self, call: Call, upload: Upload, work: Work | None) -> Document:
        unit = final_unit()
        unit.hold(upload.object_key)
        if not self._objects.exists(upload.object_key):
            raise _lost()
        user_id = call.caller.user_id if call.caller else None
        document = self._documents.add(unit, upload, user_id)
        events.uploaded(unit, document)
        if work is None:
            self._jobs.enqueue(unit, document.id, user_id)
        else:
            self._reader.finish(unit, document, work)
        call.audit_details.update({"sha256": upload.sha256, "bytes": upload.file_size})
        return self._documents.find(unit, document.id) or document

    def _check_project(self, call: Call, project_id: UUID | None) -> None:
        """The caller must be allowed to add documents to the very project, or to the organisation for none."""
        caller = call.authenticated
        if self._access.allows(caller, _PERMISSION, project_id=project_id):
            return
        if project_id is not None and not self._access.sees(caller, project_id=project_id):
            raise NotFound.of("project", project_id)
        raise PermissionDenied(
            f"{_PERMISSION} is needed in this project",
            reason="PERMISSION_MISSING",
            metadata={"permission": _PERMISSION, "project_id": str(project_id or "")},
        )

    def _discard(self, org_id: UUID, key: str) -> None:
        """Deletes a file that was refused, unless another document is made of the very same bytes."""
        try:
            with self._database.unit_of_work(org_id) as unit:
                unit.hold(key)
                if not self._documents.is_referenced(unit, key):
                    self._objects.delete(key)
        except RaiaError:
            return  # the collector of unreferenced objects will


def _lost() -> Aborted:
    """Another upload of the very same bytes was refused, under another name say, and took the file with it."""
    return Aborted(
        "the same file was refused in another upload meanwhile; send it again",
        reason="CONCURRENT_CHANGE",
        retry_after=0.2,
    )


def _project(metadata: Metadata) -> UUID | None:
    return UUID(metadata.project_id) if metadata.project_id else None
