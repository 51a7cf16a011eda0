"""A running llm service: real gRPC server with the whole chain, real database, relay, jobs and compute children."""

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
from raia.llm.v1 import (
    chat_service_pb2,
    chat_service_pb2_grpc,
    document_pb2,
    document_service_pb2,
    document_service_pb2_grpc,
)
from raia_kit.access import Part
from raia_kit.events import cursor
from raia_kit.runtime import Runtime
from raia_kit.service import process_of
from raia_llm.bootstrap import build
from raia_llm.settings import LlmSettings
from raia_testing.postgres import ServiceDatabase

ROLES = {
    "analyst": ("documents.read", "documents.create", "documents.delete", "chat.use"),
    "viewer": ("documents.read",),
    "nobody": (),
}
CHUNK = 64 * 1024
pb2 = document_service_pb2


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
        self.settings = LlmSettings(
            database_url=database.url,
            database_pool=8,
            objects_url=f"file://{self.objects}",
            scratch_folder=folder,
            **{"rate_limit_default": 1_000_000, "rate_limit_heavy": 1_000_000, **settings},
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
        self.documents = document_service_pb2_grpc.DocumentServiceStub(self.channel)
        self.chats = chat_service_pb2_grpc.ChatServiceStub(self.channel)

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
        filename: str = "policy.txt",
        *,
        key: str = "",
        digest: bool = True,
        **metadata: str,
    ) -> document_pb2.Document:
        """Uploads a file and answers the document."""
        headers = person.metadata + ([("idempotency-key", key)] if key else [])
        return self.documents.UploadDocument(messages(content, filename, digest=digest, **metadata), metadata=headers)

    def get(self, person: Person, document_id: str) -> document_pb2.Document:
        return self.documents.GetDocument(pb2.GetDocumentRequest(id=document_id), metadata=person.metadata)

    def delete(self, person: Person, document_id: str) -> None:
        self.documents.DeleteDocument(pb2.DeleteDocumentRequest(id=document_id), metadata=person.metadata)

    def settled(self, person: Person, document: document_pb2.Document) -> document_pb2.Document:
        """The document once it has been read, well or not."""
        wait_until(lambda: self.get(person, document.id).status != "processing", 120)
        return self.get(person, document.id)

    def search(self, person: Person, query: str, limit: int = 0, *, only: Iterable[str] = ()) -> list[Any]:
        request = pb2.SearchDocumentsRequest(query=query, limit=limit, document_ids=only)
        return list(self.documents.SearchDocuments(request, metadata=person.metadata).passages)

    def ask(self, person: Person, message: str, **values: Any) -> chat_service_pb2.ChatAnswer:
        return self.chats.Chat(chat_service_pb2.ChatRequest(message=message, **values), metadata=person.metadata)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows by a superuser, who sees every organisation."""
        with psycopg.connect(self.service_database.admin_url) as connection:
            connection.execute("set search_path to raia_llm, raia_log")
            return connection.execute(query, parameters).fetchall()

    def events(self, document_id: str) -> list[str]:
        """The events of a document by name, in order."""
        wait_until(lambda: not self.rows("select 1 from outbox"))
        found = self.rows("select type from raia_log.event where key = %s order by position", document_id)
        return [kind.rpartition(".")[2] for (kind,) in found]

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
) -> Iterator[pb2.UploadDocumentRequest]:
    """The stream of one upload, its metadata last, as forms may send it."""
    if isinstance(content, Path):
        data = content.read_bytes()
    else:
        data = content.encode() if isinstance(content, str) else content
    for start in range(0, len(data), CHUNK):
        yield pb2.UploadDocumentRequest(chunk=data[start : start + CHUNK])
    yield pb2.UploadDocumentRequest(metadata=pb2.UploadDocumentMetadata(filename=filename, **metadata))
    if finish:
        done = pb2.UploadDocumentFinish(sha256=sha256(data).hexdigest() if digest else "")
        yield pb2.UploadDocumentRequest(finish=done)
