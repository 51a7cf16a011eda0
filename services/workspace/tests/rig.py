"""A running workspace service: real gRPC server with the whole chain, real database, relay, consumers and jobs."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import psycopg
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from joserfc import jwt
from joserfc.jwk import OKPKey
from raia.auth.v1 import access_pb2
from raia.workspace.v1 import (
    export_job_pb2,
    export_service_pb2,
    export_service_pb2_grpc,
    notification_service_pb2,
    notification_service_pb2_grpc,
)
from raia_kit.access import Part
from raia_kit.events import cursor
from raia_kit.events.envelope import Event
from raia_kit.ids import new_id
from raia_kit.runtime import Runtime
from raia_kit.service import process_of
from raia_testing.postgres import ServiceDatabase
from raia_workspace.bootstrap import build
from raia_workspace.settings import WorkspaceSettings

from .peers import Peers

ROLES = {
    "analyst": ("exports.create", "exports.read", "exports.delete", "models.read"),
    "officer": ("policies.manage", "exports.read"),
    "operator": ("operations.manage",),
}
pb2 = notification_service_pb2


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@dataclass(frozen=True)
class Failure:
    """How a call failed."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: dict[str, str]


def failure_of(call: Callable[[], Any]) -> Failure:
    """Makes a call that must fail and says how it did."""
    try:
        answer = call()
        list(answer) if hasattr(answer, "__next__") else None
    except grpc.RpcError as error:
        trailing = dict(error.trailing_metadata() or ())
        info = error_details_pb2.ErrorInfo()
        for detail in status_pb2.Status.FromString(trailing.get("grpc-status-details-bin", b"")).details:
            detail.Unpack(info)
        return Failure(error.code(), info.reason, error.details() or "", dict(info.metadata))
    raise AssertionError("the call was to fail")


class Everybody:
    """The access snapshot: whoever the rig has hired."""

    def __init__(self) -> None:
        self.memberships: list[access_pb2.Membership] = []
        self.restrictions: list[access_pb2.ProjectRestriction] = []

    def parts(self) -> Iterable[Part]:
        roles = [access_pb2.Role(name=name, permissions=held) for name, held in ROLES.items()]
        yield Part(roles=roles, memberships=self.memberships, project_restrictions=self.restrictions)
        yield Part(cursor=cursor.encode({}))


@dataclass(frozen=True)
class Person:
    """A member of an organisation, with a token."""

    id: UUID
    org_id: UUID
    metadata: list[tuple[str, str]]


class Rig:
    """Starts everything; ``close`` stops it."""

    def __init__(self, database: ServiceDatabase, folder: Path, **settings: Any) -> None:
        self.service_database, self.database, self.folder = database, database.database, folder
        self.key = OKPKey.generate_key("Ed25519", auto_kid=True)
        self.everybody = Everybody()
        self.objects = folder / "objects"
        self.peers = Peers()
        key_file = folder / "workspace.jwk"
        key_file.write_text(json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)))
        self.settings = WorkspaceSettings(
            database_url=database.url,
            database_pool=8,
            objects_url=f"file://{self.objects}",
            services=self.peers.addresses,
            service_key_file=key_file,
            **{"rate_limit_default": 1_000_000, "rate_limit_heavy": 1_000_000, **settings},
        )
        self.start()

    def start(self) -> None:
        self.runtime = Runtime(self.settings)
        self.runtime.jwks_source = lambda: [self.key.as_dict(private=False)]
        self.runtime.access_source = self.everybody
        self.service = build(self.settings, self.runtime)
        self.process = process_of(self.service)
        self.process.start()
        wait_until(self._serving)
        self.channel = grpc.insecure_channel(self.process.server.address)
        self.notifications = notification_service_pb2_grpc.NotificationServiceStub(self.channel)
        self.exports = export_service_pb2_grpc.ExportServiceStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.process.stop()
        self.peers.close()

    def _serving(self) -> bool:
        self.process.watch()
        return self.process.serving

    def hire(self, role: str = "analyst", org_id: UUID | None = None, *, active: bool = True) -> Person:
        """A new person, of a new organisation unless one is given."""
        org, user = org_id or uuid4(), uuid4()
        self.everybody.memberships.append(
            access_pb2.Membership(org_id=str(org), user_id=str(user), roles=[role], active=active)
        )
        self.runtime.access.load()
        return Person(user, org, self.bearer(sub=str(user), org=str(org), sid=str(user)))

    def restrict(self, org_id: UUID) -> str:
        """A project that nobody but its grantees sees."""
        project = str(uuid4())
        restriction = access_pb2.ProjectRestriction(org_id=str(org_id), project_id=project, restricted=True)
        self.everybody.restrictions.append(restriction)
        self.runtime.access.load()
        return project

    def bearer(self, **claims: Any) -> list[tuple[str, str]]:
        now = int(time.time())
        payload = {"iss": "raia", "aud": "raia", "iat": now, "exp": now + 3000, **claims}
        token = jwt.encode({"alg": "Ed25519", "kid": self.key.kid}, payload, self.key, algorithms=["Ed25519"])
        return [("authorization", f"Bearer {token}")]

    def publish(self, topic: str, message: Message, person: Person, *, event_id: UUID | None = None) -> UUID:
        """Publishes what another service would, on behalf of a person."""
        event = Event(
            id=event_id or new_id(),
            topic=topic,
            key=str(new_id()),
            type=message.DESCRIPTOR.full_name,
            payload=message.SerializeToString(),
            headers={"orgid": str(person.org_id), "actor": f"user:{person.id}/service:ingest"},
        )
        with psycopg.connect(self.service_database.admin_url) as connection:
            self.runtime.log.publish([event], connection)
            self.runtime.log.announce(connection)
        return event.id

    def listed(self, person: Person, **request: Any) -> pb2.ListNotificationsResponse:
        return self.notifications.ListNotifications(pb2.ListNotificationsRequest(**request), metadata=person.metadata)

    def told(self, person: Person, count: int) -> list[Any]:
        """The person's notifications once there are so many."""
        wait_until(lambda: len(self.listed(person).notifications) >= count)
        return list(self.listed(person).notifications)

    def export(
        self, person: Person, format_: str = "json", *, key: str = "", **request: Any
    ) -> export_job_pb2.ExportJob:
        """Starts an export of the world's model."""
        request = {"model_id": self.peers.world.model_id, **request}
        metadata = person.metadata + ([("idempotency-key", key)] if key else [])
        if format_ == "pdf":
            return self.exports.ExportPdf(export_service_pb2.ExportPdfRequest(**request), metadata=metadata)
        return self.exports.ExportJson(export_service_pb2.ExportJsonRequest(**request), metadata=metadata)

    def exported(self, person: Person, format_: str = "json", **request: Any) -> export_job_pb2.ExportJob:
        """An export that has ended."""
        started = self.export(person, format_, **request)
        wait_until(lambda: self.export_job(person, started.id).status not in ("pending", "running"), 60)
        return self.export_job(person, started.id)

    def export_job(self, person: Person, export_id: str) -> export_job_pb2.ExportJob:
        return self.exports.GetExportJob(export_service_pb2.GetExportJobRequest(id=export_id), metadata=person.metadata)

    def download(self, person: Person, export_id: str) -> tuple[bytes, dict[str, str]]:
        """An export's file and what is told of it."""
        answers = self.exports.DownloadExport(
            export_service_pb2.DownloadExportRequest(id=export_id), metadata=person.metadata
        )
        content = b"".join(answer.data for answer in answers)
        return content, dict(answers.initial_metadata())

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows by a superuser, who sees every organisation."""
        with psycopg.connect(self.service_database.admin_url) as connection:
            connection.execute("set search_path to raia_workspace, raia_log")
            return connection.execute(query, parameters).fetchall()

    def runtime_of_another_process(self) -> Runtime:
        """A runtime on the same database, whose parts nobody starts."""
        other = Runtime(self.settings)
        other.access_source = self.everybody
        other.access.load()
        return other

    def last_event(self, topic: str) -> Event:
        """The event at the head of a topic."""
        log = self.runtime.log
        return log.read(topic, 0, log.head(topic)[0] - 1, 1)[0]
