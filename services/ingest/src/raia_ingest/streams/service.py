"""Use cases of streams: make, list, change, start, stop, delete, measure."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from raia.ingest.v1 import stream_pb2
from raia_kit.access import AccessIndex
from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from raia_kit.errors import InvalidArgument, NotFound, PermissionDenied
from raia_kit.pagination import ListRequest
from sqlalchemy import Row, func

from raia_ingest.datasets.service import EtagMismatch
from raia_ingest.streams import events, faults
from raia_ingest.streams.converters import to_metrics
from raia_ingest.streams.domain import INACTIVE, KAFKA, RUNNING, Stream
from raia_ingest.streams.domain import faults as faults_of
from raia_ingest.streams.intake import IntakeRepository
from raia_ingest.streams.repository import StreamRepository

_PERMISSIONS = ("streams.manage", "datasets.create")
"""Whoever makes a stream also makes what it lands in."""


class StreamService:
    """What can be done with streams but delivering to them."""

    def __init__(self, streams: StreamRepository, intake: IntakeRepository, access: AccessIndex) -> None:
        self._streams, self._intake, self._access = streams, intake, access

    def create(self, unit: UnitOfWork, caller: Caller, values: Mapping[str, Any]) -> Stream:
        """Makes a stream; raises ``StreamInvalid``, ``StreamNameTaken``, ``PermissionDenied`` and ``NotFound``."""
        project_id = values["project_id"]
        for permission in _PERMISSIONS:
            self._check_project(caller, permission, project_id)
        found = list(faults_of(values["source_type"], values["connection_config"], values["schema_info"]))
        if found:
            raise faults.invalid(found)
        name = _named(values["name"])
        if self._streams.named(unit, project_id, name) is not None:
            raise faults.name_taken(name)
        stream_id = self._streams.add(unit, {**values, "name": name, "created_by": caller.user_id})
        return self.get(unit, stream_id)

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[Stream], str]:
        """A page of the streams that the caller may see, and the token of the next."""
        visibility = self._access.visible_projects(caller, "streams.read", "stream")
        return self._streams.page(unit, visibility, request)

    def get(self, unit: UnitOfWork, stream_id: UUID) -> Stream:
        """One stream; raises ``NotFound``."""
        found = self._streams.find(unit, stream_id)
        if found is None:
            raise NotFound.of("stream", stream_id)
        return found

    def update(self, unit: UnitOfWork, stream_id: UUID, change: Mapping[str, Any], etag: str) -> Stream:
        """Changes a stream; raises what ``create`` does, ``EtagMismatch`` and ``StreamState``."""
        stream = self._locked(unit, stream_id, etag)
        values = {name: value for name, value in change.items() if value != getattr(stream, name)}
        if "name" in values:
            values["name"] = _named(values["name"])
            if self._streams.named(unit, stream.project_id, values["name"]) not in (None, stream_id):
                raise faults.name_taken(values["name"])
        if {"connection_config", "schema_info"} & values.keys():
            if stream.status == RUNNING:
                raise faults.running(stream_id)
            wanted = {"connection_config": stream.connection_config, "schema_info": stream.schema_info} | values
            found = list(faults_of(stream.source_type, wanted["connection_config"], wanted["schema_info"]))
            if found:
                raise faults.invalid(found)
        if "schema_info" in values:
            values["schema_version"] = stream.schema_version + 1
        if values:
            self._streams.change(unit, stream_id, values)
        return self.get(unit, stream_id)

    def start(self, unit: UnitOfWork, stream_id: UUID, *, accept_gap: bool) -> Stream:
        """Has the stream take records; one that runs goes on."""
        stream = self._locked(unit, stream_id, "")
        if stream.status != RUNNING:
            self._streams.note(
                unit,
                stream_id,
                {"status": RUNNING, "error": "", "accept_gap": accept_gap, "updated_at": func.now()},
            )
            events.started(unit, stream)
        return self.get(unit, stream_id)

    def stop(self, unit: UnitOfWork, stream_id: UUID) -> Stream:
        """Ends the taking of records and has what waits landed."""
        stream = self._locked(unit, stream_id, "")
        if stream.status != INACTIVE:
            self._streams.note(
                unit, stream_id, {"status": INACTIVE, "error": "", "accept_gap": False, "updated_at": func.now()}
            )
            events.stopped(unit, stream)
            self._streams.land_now(unit, stream)
        return self.get(unit, stream_id)

    def delete(self, unit: UnitOfWork, stream_id: UUID, etag: str) -> None:
        """Hides a stream and has what waits landed; raises ``NotFound`` and ``EtagMismatch``."""
        stream = self._locked(unit, stream_id, etag)
        self._streams.change(unit, stream_id, {"deleted_at": func.now(), "status": INACTIVE})
        if stream.status == RUNNING:
            events.stopped(unit, stream)
        self._streams.land_now(unit, stream)

    def metrics(self, unit: UnitOfWork, stream_id: UUID) -> stream_pb2.StreamMetrics:
        """What the stream has taken."""
        stream = self.get(unit, stream_id)
        places = {}
        if stream.source_type == KAFKA:
            places = self._intake.places(unit, stream_id, str(stream.connection_config["topic"]))
        return to_metrics(
            stream, self._streams.rate(unit, stream_id), self._streams.minutes(unit, stream_id), places.values()
        )

    def rejections(self, unit: UnitOfWork, stream_id: UUID, request: ListRequest) -> tuple[list[Row[Any]], str]:
        """A page of rejected records and the token of the next."""
        return self._streams.rejections(unit, stream_id, request)

    def _locked(self, unit: UnitOfWork, stream_id: UUID, etag: str) -> Stream:
        found = self._streams.find(unit, stream_id, lock=True)
        if found is None:
            raise NotFound.of("stream", stream_id)
        if etag and etag != found.etag:
            raise EtagMismatch(
                "the stream has changed meanwhile; read it again and retry",
                reason="ETAG_MISMATCH",
                metadata={"etag": found.etag},
            )
        return found

    def _check_project(self, caller: Caller, permission: str, project_id: UUID | None) -> None:
        if self._access.allows(caller, permission, project_id=project_id):
            return
        if project_id is not None and not self._access.sees(caller, project_id=project_id):
            raise NotFound.of("project", project_id)
        raise PermissionDenied(
            f"{permission} is needed in this project",
            reason="PERMISSION_MISSING",
            metadata={"permission": permission, "project_id": str(project_id or "")},
        )


def _named(name: str) -> str:
    if not name.strip():
        raise InvalidArgument.of_field("name", "a stream needs a name")
    return name.strip()
