"""Use cases of exports: start, list, watch, download, delete."""

import threading
from collections.abc import Iterator
from uuid import UUID

from raia.ml.v1 import model_service_pb2, model_service_pb2_grpc
from raia_kit.channels import ServiceChannels
from raia_kit.context import Call, final_unit
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import NotFound
from raia_kit.jobs import JobQueue
from raia_kit.objects import ObjectStore
from raia_kit.pagination import ListRequest

from raia_workspace.exports import events
from raia_workspace.exports.domain import CANCELLED, Export, Stored, filename
from raia_workspace.exports.repository import ExportRepository
from raia_workspace.exports.work import EXPORT_JOB

_WATCH_SECONDS = 0.3
_CHUNK = 256 * 1024


class ExportService:
    """Exports, each of the user who started it."""

    def __init__(
        self,
        *,
        database: Database,
        exports: ExportRepository,
        jobs: JobQueue,
        objects: ObjectStore,
        channels: ServiceChannels,
    ) -> None:
        self._database, self._exports, self._jobs = database, exports, jobs
        self._objects, self._channels = objects, channels

    def start(self, call: Call, format_: str, model_id: str, version: int) -> Export:
        """Starts to export a model version's record.

        Raises what ml answers to whoever may not read the model: ``NotFound``, ``PermissionDenied``.
        """
        models = self._channels.stub(model_service_pb2_grpc.ModelServiceStub, "ml")
        model = models.GetModel(model_service_pb2.GetModelRequest(id=model_id, version=version))
        number = int(model.version)
        user_id, unit = call.user_id, final_unit()
        export_id = self._exports.create(
            unit,
            user_id,
            format_=format_,
            model_id=UUID(model.id),
            version=number,
            filename=filename(model.name, number, format_),
        )
        job_id = self._jobs.enqueue(unit, EXPORT_JOB, {"export_id": str(export_id)}, unit.tenant, user_id)
        self._exports.set_job(unit, export_id, job_id)
        call.audit_details |= {"model_id": model.id, "version": number}
        return self._found(unit, user_id, export_id)

    def page(self, unit: UnitOfWork, user_id: UUID, request: ListRequest) -> tuple[list[Export], str]:
        """A page of the user's exports and the token of the next."""
        return self._exports.page(unit, user_id, request)

    def get(self, unit: UnitOfWork, user_id: UUID, export_id: UUID) -> Export:
        """One export; raises ``NotFound``."""
        return self._found(unit, user_id, export_id)

    def watch(self, call: Call, export_id: UUID) -> Iterator[Export]:
        """The export now and whenever its status or progress change, until it has ended; raises ``NotFound``."""
        last: tuple[str, float] | None = None
        while call.is_active():
            with self._database.unit_of_work(call.org_id) as unit:
                export = self._found(unit, call.user_id, export_id)
            state = (export.status, export.progress)
            if state != last:
                yield export
                last = state
            if export.finished:
                return
            threading.Event().wait(_WATCH_SECONDS)

    def file(self, call: Call, export_id: UUID) -> tuple[Export, Stored]:
        """An export and its file; raises ``NotFound``, ``NotReady``."""
        with self._database.unit_of_work(call.org_id) as unit:
            export = self._found(unit, call.user_id, export_id)
        stored = export.require_file()
        if not self._objects.exists(stored.key):
            raise NotFound(
                f"the file of export {export_id} is gone; export again",
                reason="RESOURCE_NOT_FOUND",
                metadata={"resource_type": "export_job", "resource_id": str(export_id)},
            )
        return export, stored

    def bytes_of(self, stored: Stored) -> Iterator[bytes]:
        """The file in pieces."""
        return self._objects.stream(stored.key, _CHUNK)

    def delete(self, unit: UnitOfWork, user_id: UUID, export_id: UUID) -> None:
        """Ends the export if it is under way, and deletes it and its file; raises ``NotFound``."""
        export = self._exports.find(unit, export_id, lock=True)
        if export is None or export.created_by != user_id:
            raise NotFound.of("export_job", export_id)
        if not export.finished:
            if export.job_id is not None:
                self._jobs.cancel(unit, export.job_id)
            if self._exports.cancel(unit, export_id):
                events.finished(unit, export, CANCELLED)
        self._exports.delete(unit, export_id)
        if export.stored is not None:
            # Storing and deleting take turns: the same content is the same object for many exports.
            unit.hold(export.stored.key)
            if not self._exports.refers(unit, export.stored.key):
                self._objects.delete(export.stored.key)

    def _found(self, unit: UnitOfWork, user_id: UUID, export_id: UUID) -> Export:
        export = self._exports.find(unit, export_id)
        if export is None or export.created_by != user_id:
            raise NotFound.of("export_job", export_id)
        return export
