"""Use cases of uploads in parts: open, send, sign, complete, abort; and the job that puts the parts together."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from raia.ingest.v1 import upload_service_pb2
from raia_kit.access import AccessIndex
from raia_kit.context import Call, final_unit
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import InvalidArgument, NotFound, RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore
from raia_kit.resources import Located

from raia_ingest import errors
from raia_ingest.changes import Changes
from raia_ingest.datasets.domain import Upload, base_filename, dataset_name
from raia_ingest.datasets.making import VersionMaker
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.upload import Intake, options_of, require_project, type_by_name
from raia_ingest.settings import IngestSettings
from raia_ingest.uploads.domain import ABORTED, COMPLETED, COMPLETING, FAILED, Part, UploadSession
from raia_ingest.uploads.repository import UploadRepository

ASSEMBLE_JOB = "ingest.assemble"
_TIME_LIMIT = 3600 * 2


class UploadGuard:
    """Looks uploads up for the second step of authorization: those of the caller alone are there."""

    def __init__(self, uploads: UploadRepository) -> None:
        self._uploads = uploads

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The upload's project, or None when the caller has no such upload."""
        found = self._uploads.find(unit, UUID(resource_id))
        if found is None or found.created_by != unit.actor.user_id:
            return None
        return Located(project_id=found.project_id)


class PartedUploadService:
    """Files that come in parts."""

    def __init__(
        self,
        *,
        database: Database,
        uploads: UploadRepository,
        datasets: DatasetRepository,
        versions: VersionMaker,
        objects: ObjectStore,
        jobs: JobQueue,
        access: AccessIndex,
        changes: Changes,
        settings: IngestSettings,
    ) -> None:
        self._database, self._uploads, self._datasets = database, uploads, datasets
        self._versions, self._objects, self._jobs = versions, objects, jobs
        self._access, self._changes, self._settings = access, changes, settings
        jobs.task(ASSEMBLE_JOB, time_limit=_TIME_LIMIT, on_failed=self._failed, on_cancelled=self._cancelled)(self.run)

    def create(self, call: Call, unit: UnitOfWork, request: upload_service_pb2.CreateUploadRequest) -> UploadSession:
        """Opens an upload; raises ``TooLarge``, ``NotFound`` and ``PermissionDenied`` for the project."""
        project_id = UUID(request.project_id) if request.project_id else None
        require_project(self._access, call, project_id)
        limit = self._settings.max_upload_bytes
        if request.file_size > limit:
            raise errors.too_large(limit, "the file is larger than allowed")
        self._check_quota(unit, request.file_size)
        filename = base_filename(request.filename)
        values = {
            "created_by": call.user_id,
            "project_id": project_id,
            "name": dataset_name(request.name, filename),
            "description": request.description,
            "filename": filename,
            "file_size": request.file_size,
            "sha256": request.sha256,
            "read_options": options_of(request),
        }
        expires_at = datetime.now(UTC) + timedelta(hours=self._settings.upload_hours)
        return self._mine(call, unit, self._uploads.create(unit, values, expires_at))

    def page(
        self, call: Call, unit: UnitOfWork, request: upload_service_pb2.ListUploadsRequest
    ) -> tuple[list[UploadSession], str]:
        """A page of the caller's uploads, and the token of the next."""
        return self._uploads.page(unit, call.user_id, request)

    def get(self, call: Call, upload_id: UUID) -> UploadSession:
        """An upload; raises ``NotFound``."""
        with self._database.unit_of_work(call.org_id) as unit:
            found = self._mine(call, unit, upload_id)
        return self._with_direct(found)

    def _with_direct(self, found: UploadSession) -> UploadSession:
        """The upload with the parts that went to the object store directly."""
        if not found.direct:
            return found
        parts = {int(name): Part(int(name), size) for name, size in self._objects.staged(found.id).items()}
        parts |= {part.number: part for part in found.parts}
        return replace(found, parts=tuple(parts[number] for number in sorted(parts)))

    def put_part(self, call: Call, requests: Iterator[Any]) -> Part:
        """Takes one part; raises ``NotFound``, ``UploadClosed``, ``UploadBroken``, ``TooLarge``."""
        checked: list[UploadSession] = []

        def check(metadata: upload_service_pb2.PutUploadPartMetadata) -> None:
            if metadata.upload_id and metadata.number and not checked:
                checked.append(self._open(call, metadata))

        intake = Intake(requests, upload_service_pb2.PutUploadPartMetadata(), check)
        limit = self._settings.max_upload_bytes
        try:
            stored = self._objects.put_stream(call.org_id, intake.chunks(), max_bytes=limit)
        except InvalidArgument as error:
            if error.reason != "PAYLOAD_TOO_LARGE":
                raise
            raise errors.too_large(limit, "the part is larger than a file may be") from error
        if intake.expected_sha256 and intake.expected_sha256 != stored.sha256:
            raise errors.digest_mismatch(intake.expected_sha256, stored.sha256)
        if not checked:
            raise InvalidArgument.of_field("metadata.upload_id", "upload and number of the part are needed")
        part = Part(intake.metadata.number, stored.size, stored.sha256, stored.key)
        unit = final_unit()
        locked = self._mine(call, unit, checked[0].id, lock=True)
        locked.require_open()
        others = sum(each.size for each in locked.parts if each.number != part.number)
        if others + part.size > limit:
            raise errors.too_large(limit, "the file is larger than allowed")
        self._check_quota(unit, others + part.size)
        self._uploads.put_part(unit, locked.id, part)
        call.audit_details.update({"upload_id": str(locked.id), "number": part.number, "bytes": part.size})
        return part

    def sign_part(self, call: Call, upload_id: UUID, number: int) -> tuple[str, datetime]:
        """An address that takes a part directly, and its end; raises ``UploadClosed``, ``SigningUnavailable``."""
        lasts = timedelta(seconds=self._settings.signed_address_seconds)
        url = self._objects.sign_staged(upload_id, str(number), lasts)
        if url is None:
            raise errors.signing_unavailable()
        unit = final_unit()
        locked = self._mine(call, unit, upload_id, lock=True)
        locked.require_open()
        self._uploads.change(unit, upload_id, direct=True)
        return url, datetime.now(UTC) + lasts

    def complete(self, call: Call, upload_id: UUID) -> UploadSession:
        """Has the parts put together; raises ``UploadClosed`` when they are not the whole file, ``TooLarge``."""
        with self._database.unit_of_work(call.org_id) as looking:
            known = self._with_direct(self._mine(call, looking, upload_id))
        unit = final_unit()
        locked = self._mine(call, unit, upload_id, lock=True)
        if locked.status in (COMPLETING, COMPLETED):
            return replace(locked, parts=known.parts)
        whole = replace(locked, parts=known.parts if known.direct else locked.parts)
        whole.require_whole(self._settings.max_upload_bytes)
        self._check_quota(unit, whole.received)
        self._uploads.change(unit, upload_id, status=COMPLETING)
        self._jobs.enqueue(unit, ASSEMBLE_JOB, {"upload_id": str(upload_id)}, unit.tenant, call.user_id)
        return replace(whole, status=COMPLETING)

    def abort(self, call: Call, unit: UnitOfWork, upload_id: UUID) -> UploadSession:
        """Ends an upload; one that has ended already is no error, one that is completed is."""
        locked = self._mine(call, unit, upload_id, lock=True)
        if locked.status in (COMPLETING, COMPLETED):
            raise errors.upload_closed(locked.status)
        if locked.status != ABORTED:
            self._uploads.change(unit, upload_id, status=ABORTED)
        return replace(locked, status=ABORTED, parts=())

    def run(self, job: Job) -> None:
        """Puts the parts together and makes them a version."""
        upload_id = UUID(job.args["upload_id"])
        with job.unit() as unit:
            found = self._uploads.find(unit, upload_id)
        if found is None or found.status != COMPLETING:
            return
        found = self._with_direct(found)
        stored = self._objects.put_stream(
            job.org_id,
            self._pieces(job, found),
            max_bytes=self._settings.max_upload_bytes,
            expected_sha256=found.sha256 or None,
        )
        upload = Upload(
            name=found.name,
            description=found.description,
            filename=found.filename,
            project_id=found.project_id,
            object_key=stored.key,
            sha256=stored.sha256,
            file_size=stored.size,
            file_type=type_by_name(found.filename),
            options=found.options,
            origin={"kind": "upload", "upload_id": str(found.id)},
        )
        with job.complete() as unit:
            locked = self._uploads.find(unit, upload_id, lock=True)
            if locked is not None and locked.status == COMPLETING:
                made = self._versions.make(unit, upload, None, job.user_id)
                self._uploads.change(unit, upload_id, status=COMPLETED, dataset_id=made.id, version=made.version.number)
            unit.after_commit(self._changes.notify)
        if found.direct:
            self._objects.delete_staged(found.id)

    def _pieces(self, job: Job, found: UploadSession) -> Iterator[bytes]:
        done, total = 0, max(1, found.received)
        for part in found.parts:
            job.check()
            if part.object_key:
                yield from self._objects.stream(part.object_key)
            else:
                yield from self._objects.stream_staged(found.id, str(part.number), part.size)
            done += part.size
            job.progress(done / total, "putting the parts together")

    def _open(self, call: Call, metadata: upload_service_pb2.PutUploadPartMetadata) -> UploadSession:
        with self._database.unit_of_work(call.org_id) as unit:
            found = self._mine(call, unit, UUID(metadata.upload_id))
            found.require_open()
            require_project(self._access, call, found.project_id)
        return found

    def _mine(self, call: Call, unit: UnitOfWork, upload_id: UUID, *, lock: bool = False) -> UploadSession:
        found = self._uploads.find(unit, upload_id, lock=lock)
        if found is None or found.created_by != call.user_id:
            raise NotFound.of("upload", upload_id)
        return found

    def _check_quota(self, unit: UnitOfWork, size: int) -> None:
        quota = self._settings.quota_bytes
        if quota and self._datasets.bytes_kept(unit) + size > quota:
            raise errors.quota_exceeded(quota)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        self._uploads.change(unit, UUID(record.args["upload_id"]), status=FAILED, error=error.message)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        self._uploads.change(unit, UUID(record.args["upload_id"]), status=FAILED, error="it was cancelled")
