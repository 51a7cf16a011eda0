"""The upload of a file: streamed to the object store, looked at, and made a version in one transaction."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar
from uuid import UUID

from google.protobuf.message import Message
from raia.ingest.v1 import dataset_service_pb2
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

from raia_ingest import errors, metrics
from raia_ingest.datasets.domain import Dataset, ReadOutcome, Upload, base_filename, dataset_name
from raia_ingest.datasets.making import VersionMaker
from raia_ingest.datasets.reading import FileReader, wanted
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings

_INSPECT = "raia_ingest.workers.read:inspect_file"
_INSPECT_SECONDS = 60.0
_INSPECT_REMOTE_BYTES = 64 * 1024**2
_PERMISSION = "datasets.create"

M = TypeVar("M", bound=Message)
Requests = Iterator[dataset_service_pb2.UploadDatasetRequest]


class Intake(Generic[M]):
    """The messages of one upload as they come: passes the file's bytes on and keeps the rest."""

    def __init__(self, requests: Iterator[Any], metadata: M, check: Callable[[M], None]) -> None:
        self._requests = requests
        self._check = check
        self.metadata = metadata
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
                chunk = request.chunk  # each look at the field copies it
                received += len(chunk)
                yield chunk
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
    """Takes files."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        objects: ObjectStore,
        reader: FileReader,
        versions: VersionMaker,
        pool: ComputePool,
        access: AccessDecisions,
        settings: IngestSettings,
    ) -> None:
        self._database, self._datasets, self._objects = database, datasets, objects
        self._reader, self._versions, self._pool, self._access = reader, versions, pool, access
        self._settings = settings

    def upload(self, call: Call, requests: Requests) -> Dataset:
        """Stores the file and makes it a version of the dataset of its name, ready if it could be read at once.

        Nothing but an object that nobody refers to, and that is collected later, remains when it fails. Raises
        ``BadFile``, ``TooLarge``, ``UploadBroken``, ``NotFound`` and ``PermissionDenied`` for the project, and what
        the store raises.
        """
        try:
            dataset = self._take(call, requests)
        except RaiaError:
            metrics.UPLOADS.labels("refused").inc()
            raise
        metrics.UPLOADS.labels(dataset.version.status).inc()
        metrics.UPLOADED_BYTES.inc(dataset.version.file_size)
        return dataset

    def _take(self, call: Call, requests: Requests) -> Dataset:
        empty = dataset_service_pb2.UploadDatasetMetadata()
        intake = Intake(requests, empty, lambda metadata: self._check_project(call, _project(metadata)))
        stored = self._store(call, intake)
        filename = base_filename(intake.metadata.filename)
        try:
            options = options_of(intake.metadata)
            file_type, outcome = self.look(call.org_id, stored, filename, options)
        except (InvalidArgument, ResourceExhausted):
            self._discard(call.org_id, stored.key)
            raise
        except NotFound as error:
            raise _lost() from error
        upload = Upload(
            name=dataset_name(intake.metadata.name, filename),
            description=intake.metadata.description,
            filename=filename,
            project_id=_project(intake.metadata),
            object_key=stored.key,
            sha256=stored.sha256,
            file_size=stored.size,
            file_type=file_type,
            options=options,
        )
        self._check_project(call, upload.project_id)
        return self._commit(call, upload, outcome)

    def _store(self, call: Call, intake: Intake[dataset_service_pb2.UploadDatasetMetadata]) -> StoredObject:
        limit = self._settings.max_upload_bytes
        quota = self._settings.quota_bytes
        if quota:
            with self._database.unit_of_work(call.org_id) as unit:
                left = quota - self._datasets.bytes_kept(unit)
            if left <= 0:
                raise errors.quota_exceeded(quota)
            limit = min(limit, left)
        try:
            stored = self._objects.put_stream(call.org_id, intake.chunks(), max_bytes=limit)
        except InvalidArgument as error:
            if error.reason != "PAYLOAD_TOO_LARGE":
                raise
            if limit < self._settings.max_upload_bytes:
                raise errors.quota_exceeded(quota) from error
            raise errors.too_large(limit, "the file is larger than allowed") from error
        if intake.expected_sha256 and intake.expected_sha256 != stored.sha256:
            raise errors.digest_mismatch(intake.expected_sha256, stored.sha256)
        return stored

    def look(
        self, org_id: UUID, stored: StoredObject, filename: str, options: Mapping[str, Any]
    ) -> tuple[str, ReadOutcome | None]:
        """The file's type, and its rows if it is small enough to be read right away.

        What cannot be read is refused here where a first look shows it; a file that takes longer is left to the job.
        """
        if stored.size == 0:
            raise errors.empty(filename)
        if stored.size <= self._settings.read_at_once_bytes:
            try:
                outcome = self._reader.read(org_id, stored.key, filename, self._at_once, options)
                return outcome.file_type, outcome
            except (DeadlineExceeded, Unavailable):
                return type_by_name(filename), None
        remote = self._objects.local_path(stored.key) is None
        if remote and stored.size > _INSPECT_REMOTE_BYTES:
            return type_by_name(filename), None
        with (
            self._objects.materialise(stored.key) as path,
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._settings.scratch_folder) as folder,
        ):
            arguments = {
                "path": str(path),
                "filename": filename,
                "limits": self._reader.limits,
                "wanted": wanted(options),
                "scratch": folder,
            }
            try:
                return self._inspect(org_id, arguments), None
            except (DeadlineExceeded, Unavailable):
                return type_by_name(filename), None

    def _at_once(self, function: str, arguments: Mapping[str, Any]) -> Any:
        return self._pool.run(function, arguments, time_limit=self._settings.read_at_once_seconds)

    def _inspect(self, org_id: UUID, arguments: Mapping[str, Any]) -> str:
        seen = self._pool.run(_INSPECT, arguments, time_limit=_INSPECT_SECONDS, share=str(org_id))
        return str(seen["file_type"])

    def _commit(self, call: Call, upload: Upload, outcome: ReadOutcome | None) -> Dataset:
        unit = final_unit()
        unit.hold(upload.object_key)
        if not self._objects.exists(upload.object_key):
            raise _lost()
        dataset = self._versions.make(unit, upload, outcome, call.caller.user_id if call.caller else None)
        number = dataset.version.number
        call.audit_details.update({"version": number, "sha256": upload.sha256, "bytes": upload.file_size})
        return dataset

    def _check_project(self, call: Call, project_id: UUID | None) -> None:
        """The caller must be allowed to create datasets in the very project, or in the organisation for none."""
        require_project(self._access, call, project_id)

    def _discard(self, org_id: UUID, key: str) -> None:
        """Deletes a file that was refused, unless an older version is made of the very same bytes."""
        try:
            with self._database.unit_of_work(org_id) as unit:
                unit.hold(key)
                if not self._datasets.is_referenced(unit, key):
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


def _project(metadata: dataset_service_pb2.UploadDatasetMetadata) -> UUID | None:
    return UUID(metadata.project_id) if metadata.project_id else None


def require_project(access: AccessDecisions, call: Call, project_id: UUID | None) -> None:
    """Raises unless the caller may create datasets in the very project, or in the organisation for none."""
    caller = call.authenticated
    if access.allows(caller, _PERMISSION, project_id=project_id):
        return
    if project_id is not None and not access.sees(caller, project_id=project_id):
        raise NotFound.of("project", project_id)
    raise PermissionDenied(
        f"{_PERMISSION} is needed in this project",
        reason="PERMISSION_MISSING",
        metadata={"permission": _PERMISSION, "project_id": str(project_id or "")},
    )


def options_of(metadata: Any) -> dict[str, Any]:
    """How the file is to be read, as a version keeps it; of the metadata of an upload, or of a request to open one."""
    layout = [{"name": field.name, "start": field.start, "width": field.width} for field in metadata.layout]
    options = {"part": metadata.part, "layout": layout, "skip": metadata.skip_lines, "all_parts": metadata.all_parts}
    return {name: value for name, value in options.items() if value}


_TYPES = {
    "tsv": "tsv", "tab": "tsv", "xlsx": "excel", "xlsm": "excel", "xlsb": "excel", "xls": "excel", "ods": "excel",
    "jsonl": "jsonl", "ndjson": "jsonl", "json": "json", "parquet": "parquet", "avro": "avro", "orc": "orc",
    "arrow": "arrow", "feather": "arrow", "xml": "xml",
}  # fmt: skip


def type_by_name(filename: str) -> str:
    """What the name promises, until the file is read."""
    return _TYPES.get(filename.lower().rpartition(".")[2], "csv")
