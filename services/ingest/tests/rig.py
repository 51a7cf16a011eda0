"""A running ingest service: real gRPC server with the whole chain, real database, relay, jobs and compute children."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import psycopg
from google.rpc import error_details_pb2, status_pb2
from joserfc import jwt
from joserfc.jwk import OKPKey
from raia.auth.v1 import access_pb2
from raia.ingest.v1 import (
    attachment_service_pb2,
    attachment_service_pb2_grpc,
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    profile_service_pb2_grpc,
    reader_service_pb2_grpc,
    upload_service_pb2,
    upload_service_pb2_grpc,
    version_service_pb2_grpc,
)
from raia_ingest.bootstrap import build
from raia_ingest.settings import IngestSettings
from raia_kit.access import Part
from raia_kit.events import cursor
from raia_kit.runtime import Runtime
from raia_kit.service import process_of
from raia_testing.postgres import ServiceDatabase

ROLES = {
    "analyst": (
        "datasets.read",
        "datasets.create",
        "datasets.delete",
        "quality.manage",
        "sources.manage",
        "streams.read",
        "streams.manage",
        "streams.send",
    ),
    "steward": ("datasets.read", "quality.manage", "quality.release"),
    "viewer": ("datasets.read",),
    "nobody": (),
}
CHUNK = 64 * 1024
pb2 = dataset_service_pb2


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
        self.project_grants: list[access_pb2.ProjectGrant] = []
        self.restrictions: list[access_pb2.ProjectRestriction] = []

    def parts(self) -> Iterable[Part]:
        roles = [access_pb2.Role(name=name, permissions=held) for name, held in ROLES.items()]
        yield Part(
            roles=roles,
            memberships=self.memberships,
            project_grants=self.project_grants,
            project_restrictions=self.restrictions,
        )
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
        self.settings = IngestSettings(
            database_url=database.url,
            database_pool=8,
            scratch_folder=folder,
            **{
                "objects_url": f"file://{self.objects}",
                "rate_limit_default": 1_000_000,
                "rate_limit_heavy": 1_000_000,
                "watched_folders": (f"{folder}/watched/{{org_id}}",),
                **settings,
            },
        )
        self.start()

    def start(self) -> None:
        self.runtime = Runtime(self.settings)
        self.runtime.jwks_source = lambda: [self.key.as_dict(private=False)]
        self.runtime.access_source = self.everybody
        self.service = build(self.settings, self.runtime)
        self.process = process_of(self.service)
        self.service.prepare()
        self.process.start()
        wait_until(self._serving)
        self.channel = grpc.insecure_channel(self.process.server.address)
        self.datasets = dataset_service_pb2_grpc.DatasetServiceStub(self.channel)
        self.profiles = profile_service_pb2_grpc.ProfileServiceStub(self.channel)
        self.uploads = upload_service_pb2_grpc.UploadServiceStub(self.channel)
        self.attachments = attachment_service_pb2_grpc.AttachmentServiceStub(self.channel)
        self.versions = version_service_pb2_grpc.DatasetVersionServiceStub(self.channel)
        self.reader = reader_service_pb2_grpc.DatasetReaderStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.process.stop()

    def _serving(self) -> bool:
        self.process.watch()
        return self.process.serving

    def hire(self, role: str = "analyst", org_id: UUID | None = None) -> Person:
        """A new person, of a new organisation unless one is given."""
        org, user = org_id or uuid4(), uuid4()
        self.everybody.memberships.append(
            access_pb2.Membership(org_id=str(org), user_id=str(user), roles=[role], active=True)
        )
        self.reload()
        return Person(user, org, self.bearer(sub=str(user), org=str(org), sid=str(user)))

    def reload(self) -> None:
        """Loads the access snapshot again, as a service does that starts."""
        self.runtime.access.load()

    def bearer(self, **claims: Any) -> list[tuple[str, str]]:
        now = int(time.time())
        payload = {"iss": "raia", "aud": "raia", "iat": now, "exp": now + 3000, **claims}
        token = jwt.encode({"alg": "Ed25519", "kid": self.key.kid}, payload, self.key, algorithms=["Ed25519"])
        return [("authorization", f"Bearer {token}")]

    def upload(
        self,
        person: Person,
        content: bytes | str | Path,
        filename: str = "table.csv",
        *,
        key: str = "",
        digest: bool = True,
        **metadata: str,
    ) -> dataset_pb2.Dataset:
        """Uploads a file and answers the dataset."""
        headers = person.metadata + ([("idempotency-key", key)] if key else [])
        return self.datasets.UploadDataset(messages(content, filename, digest=digest, **metadata), metadata=headers)

    def put_part(self, person: Person, upload_id: str, number: int, content: bytes, sha256: str = "") -> Any:
        """Sends a part of an upload."""
        parts = upload_service_pb2

        def requests() -> Iterator[Any]:
            told = parts.PutUploadPartMetadata(upload_id=upload_id, number=number)
            yield parts.PutUploadPartRequest(metadata=told)
            for start in range(0, len(content), CHUNK):
                yield parts.PutUploadPartRequest(chunk=content[start : start + CHUNK])
            yield parts.PutUploadPartRequest(finish=parts.PutUploadPartFinish(sha256=sha256))

        return self.uploads.PutUploadPart(requests(), metadata=person.metadata)

    def attach(self, person: Person, dataset_id: str, content: bytes, filename: str) -> Any:
        """Attaches a document to a dataset."""
        parts = attachment_service_pb2

        def requests() -> Iterator[Any]:
            for start in range(0, len(content), CHUNK):
                yield parts.UploadAttachmentRequest(chunk=content[start : start + CHUNK])
            told = parts.UploadAttachmentMetadata(dataset_id=dataset_id, filename=filename)
            yield parts.UploadAttachmentRequest(metadata=told)
            yield parts.UploadAttachmentRequest(finish=parts.UploadAttachmentFinish())

        return self.attachments.UploadAttachment(requests(), metadata=person.metadata)

    def get(self, person: Person, dataset_id: str, version: int = 0) -> dataset_pb2.Dataset:
        return self.datasets.GetDataset(pb2.GetDatasetRequest(id=dataset_id, version=version), metadata=person.metadata)

    def ready(self, person: Person, content: bytes | str | Path, filename: str = "table.csv", **metadata: str) -> Any:
        """Uploads a file and waits until it is read."""
        dataset = self.upload(person, content, filename, **metadata)
        return self.settled(person, dataset)

    def settled(self, person: Person, dataset: dataset_pb2.Dataset) -> dataset_pb2.Dataset:
        """The dataset once its version has been read, well or not."""
        wait_until(lambda: self.get(person, dataset.id, dataset.version).status != "processing", 60)
        return self.get(person, dataset.id, dataset.version)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows by a superuser, who sees every organisation."""
        with psycopg.connect(self.service_database.admin_url) as connection:
            connection.execute("set search_path to raia_ingest, raia_log")
            return connection.execute(query, parameters).fetchall()

    def change(self, statement: str, *parameters: Any) -> None:
        """Changes rows by a superuser."""
        with psycopg.connect(self.service_database.admin_url) as connection:
            connection.execute("set search_path to raia_ingest")
            connection.execute(statement, parameters)

    def events(self, dataset_id: str) -> list[str]:
        """The events of a dataset by name, in order; without those of routing, which comes by itself."""
        wait_until(lambda: not self.rows("select 1 from outbox"))
        found = self.rows("select type from raia_log.event where key = %s order by position", dataset_id)
        names = [kind.rpartition(".")[2] for (kind,) in found]
        return [name for name in names if name not in {"DatasetRouted", "DatasetProcessed"}]

    def audited(self, person: Person, action: str) -> list[dict[str, Any]]:
        found = self.rows(
            "select details from audit_entry where org_id = %s and action = %s and outcome = 'success' order by id",
            person.org_id,
            action,
        )
        return [details for (details,) in found]

    def stored_files(self) -> list[Path]:
        return [path for path in self.objects.rglob("*") if path.is_file()]


def messages(
    content: bytes | str | Path, filename: str, *, digest: bool = True, finish: bool = True, **metadata: str
) -> Iterator[pb2.UploadDatasetRequest]:
    """The stream of one upload, its metadata last, as forms may send it."""
    if isinstance(content, Path):
        data = content.read_bytes()
    else:
        data = content.encode() if isinstance(content, str) else content
    for start in range(0, len(data), CHUNK):
        yield pb2.UploadDatasetRequest(chunk=data[start : start + CHUNK])
    yield pb2.UploadDatasetRequest(metadata=pb2.UploadDatasetMetadata(filename=filename, **metadata))
    if finish:
        done = pb2.UploadDatasetFinish(sha256=sha256(data).hexdigest() if digest else "")
        yield pb2.UploadDatasetRequest(finish=done)
