"""A real server with the whole chain, over the sample contract and a real database."""

import importlib
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import grpc
import grpc_tools
from google.protobuf.empty_pb2 import Empty
from google.rpc import error_details_pb2, status_pb2
from grpc_tools import protoc
from raia.options.v1 import options_pb2
from raia_kit import migrations
from raia_kit.context import Caller, current_call, current_unit, final_unit
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import AlreadyExists, Unauthenticated
from raia_kit.faults import Faults
from raia_kit.ids import new_id
from raia_kit.interceptors.build import ChainParts, build_chain
from raia_kit.metrics import RpcMetrics
from raia_kit.rate_limit import InProcessRateLimiter, Rate
from raia_kit.resources import Located
from raia_kit.server import GrpcServer, Servicer, contracts_of
from raia_testing.postgres import SAMPLE, PostgresServer, ServiceDatabase
from sqlalchemy import text

ROOT = Path(__file__).resolve().parents[4]
TABLE = """create table raia_sample.thing
(org_id uuid not null, id uuid not null, name text not null, project_id uuid, primary key (org_id, id))"""


def compile_sample(folder: Path) -> ModuleType:
    """Compiles sample.proto below ``folder`` and imports it as a part of the ``raia`` namespace."""
    source = folder / "protos" / "raia" / "sample" / "v1"
    source.mkdir(parents=True)
    (source / "sample.proto").write_text((Path(__file__).parent / "sample.proto").read_text())
    includes = [folder / "protos", ROOT / "protos", ROOT / "third_party" / "protos"]
    built = Path(grpc_tools.__file__).parent / "_proto"
    output = folder / "out"
    output.mkdir()
    arguments = ["protoc", *(f"-I{path}" for path in [*includes, built]), f"--python_out={output}"]
    assert protoc.main([*arguments, f"--grpc_python_out={output}", "raia/sample/v1/sample.proto"]) == 0
    sys.path.insert(0, str(output))
    importlib.invalidate_caches()
    return importlib.import_module("raia.sample.v1.sample_pb2")


class Tokens:
    """Verifies the tokens that the rig issued."""

    def __init__(self) -> None:
        self.callers: dict[str, Caller] = {}

    def issue(self, **facts: Any) -> str:
        token = uuid4().hex
        self.callers[token] = Caller(**{"user_id": uuid4(), "org_id": uuid4(), "token": token, **facts})
        return token

    def verify(self, token: str) -> Caller:
        if token not in self.callers:
            raise Unauthenticated("the token does not hold", reason="TOKEN_INVALID")
        return self.callers[token]


@dataclass
class Access:
    """Decides by what the test says: permissions by user, projects hidden from everybody but those named."""

    permissions: dict[UUID | None, set[str]] = field(default_factory=dict)
    hidden: dict[UUID, set[UUID | None]] = field(default_factory=dict)
    not_covered: set[UUID] = field(default_factory=set)
    ended: set[str | None] = field(default_factory=set)
    seconds: float = 0.0

    def holds(self, caller: Caller, permission: str) -> bool:
        return permission in self.permissions.get(caller.user_id, set())

    def allows(self, caller: Caller, permission: str, *, project_id: UUID | None = None, **_: Any) -> bool:
        covered = project_id not in self.not_covered
        return covered and self.holds(caller, permission) and self.sees(caller, project_id=project_id)

    def sees(self, caller: Caller, *, project_id: UUID | None = None, **_: Any) -> bool:
        return project_id not in self.hidden or caller.user_id in self.hidden[project_id]

    def revoked(self, caller: Caller) -> bool:
        return caller.session_id in self.ended

    def age(self) -> float:
        return self.seconds


class ThingGuard:
    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        row = unit.session.execute(
            text("select project_id from thing where id = cast(:id as uuid)"), {"id": resource_id}
        ).first()
        return Located(row.project_id) if row else None


def put(unit: UnitOfWork, name: str, project_id: UUID | None = None) -> str:
    thing_id = new_id()
    values = {"org": unit.tenant, "id": thing_id, "name": name, "project": project_id}
    unit.session.execute(text("insert into thing values (:org, :id, :name, :project)"), values)
    return str(thing_id)


class SampleServicer:
    """Handlers as a service writes them, a few lines each."""

    def __init__(self, pb: ModuleType, database: Database) -> None:
        self.pb, self.database = pb, database
        self.calls: list[str] = []
        self.entered = threading.Event()
        self.proceed = threading.Event()
        self.proceed.set()
        self.ended = threading.Event()

    def GetThing(self, request: Any, context: Any) -> Any:
        row = current_unit().session.execute(text("select name from thing where id = :id"), {"id": request.id}).one()
        return self.pb.Thing(id=request.id, name=row.name)

    Record = GetThing

    def CreateThing(self, request: Any, context: Any) -> Any:
        self.calls.append(request.name)
        call = current_call()
        call.audit_details["name"] = request.name
        thing = self.pb.Thing(id=put(current_unit(), request.name), name=request.name)
        self._misbehave(request)
        if request.fault == "large":
            thing.padding = b"x" * (5 * 1024 * 1024)
        return self.pb.Key() if request.fault == "type" else thing

    def DeleteThing(self, request: Any, context: Any) -> Any:
        current_unit().session.execute(text("delete from thing where id = :id"), {"id": request.id})
        return Empty()

    def ComputeThing(self, request: Any, context: Any) -> Any:
        self.calls.append(request.name)
        self.entered.set()
        assert current_call().unit is None
        self.proceed.wait(10)
        unit = final_unit()
        thing = self.pb.Thing(id=put(unit, request.name), name=request.name)
        self._misbehave(request)
        return thing

    def DescribeThing(self, request: Any, context: Any) -> Any:
        return self.pb.Thing(id=request.id, name=str(current_call().unit))

    def IssueKey(self, request: Any, context: Any) -> Any:
        inner = self.pb.Key(id="inner", secret="hush")
        return self.pb.Key(id="k", secret="s3cret", more=[inner], named={"a": inner})

    def UploadThing(self, requests: Any, context: Any) -> Any:
        name, data, finished = "", b"", False
        for request in requests:
            part = request.WhichOneof("part")
            name = request.metadata.name if part == "metadata" else name
            data += request.chunk if part == "chunk" else b""
            finished = finished or part == "finish"
        self.calls.append(f"upload {name} {len(data)}")
        if not finished:
            raise AlreadyExists("never finished", reason="UPLOAD_INCOMPLETE")
        return self.pb.Thing(id=put(final_unit(), name), name=f"{name}:{len(data)}")

    def WatchThing(self, request: Any, context: Any) -> Iterator[Any]:
        call = current_call()
        try:
            for number in range(1000):
                assert current_call() is call
                with self.database.unit_of_work(call.org_id) as unit:
                    name = unit.session.execute(
                        text("select name from thing where id = :i"), {"i": request.id}
                    ).scalar()
                yield self.pb.Thing(id=request.id, name=f"{name} {number}")
                if name == "faulty":
                    raise ValueError("secret text")
                if name == "short" and number == 2:
                    return
                threading.Event().wait(0.01)
        finally:
            self.ended.set()

    def Converse(self, requests: Any, context: Any) -> Iterator[Any]:
        for request in requests:
            yield self.pb.Thing(name=request.name.upper())
        put(final_unit(), "conversed")

    def GetMe(self, request: Any, context: Any) -> Any:
        return self.pb.Thing(id=str(current_call().user_id), name=str(current_unit().tenant))

    def ChangeMe(self, request: Any, context: Any) -> Any:
        return self.pb.Thing(id=str(current_call().user_id))

    def Ping(self, request: Any, context: Any) -> Any:
        call = current_call()
        return self.pb.Thing(id=call.client_address, name=str(call.caller.user_id) if call.caller else "nobody")

    def SignUp(self, request: Any, context: Any) -> Any:
        call = current_call()
        call.audit_org_id = UUID(request.name)
        call.audit_user_id = uuid4()
        return self.pb.Thing(id=put(final_unit(call.audit_org_id), "account"), name=str(call.audit_user_id))

    def _misbehave(self, request: Any) -> None:
        if request.milliseconds:
            threading.Event().wait(request.milliseconds / 1000)
        if request.fault == "raise":
            raise ValueError("secret text")
        if request.fault == "refuse":
            raise AlreadyExists("there is one", reason="THING_EXISTS", metadata={"name": request.name})
        if request.fault == "sql":
            current_unit().session.execute(text("select no_such_column"))


class Answer:
    """What one call came to."""

    def __init__(self, message: Any, error: Any, trailers: Any) -> None:
        self.message, self.error = message, error
        self.trailers = {key: value for key, value in trailers or () if isinstance(value, str)}
        status = next((value for key, value in trailers or () if key == "grpc-status-details-bin"), b"")
        self.status = status_pb2.Status.FromString(status)
        self.code = error.code().name if error is not None else "OK"

    def detail(self, kind: Any) -> Any:
        found = kind()
        return found if any(detail.Unpack(found) for detail in self.status.details) else None

    @property
    def reason(self) -> str:
        info = self.detail(error_details_pb2.ErrorInfo)
        return info.reason if info else ""

    @property
    def violations(self) -> dict[str, str]:
        bad = self.detail(error_details_pb2.BadRequest)
        return {one.field: one.description for one in bad.field_violations} if bad else {}


class Rig:
    """Server, stub, and what stands behind them."""

    def __init__(self, pb: ModuleType, database: ServiceDatabase) -> None:
        with migrations.owner_connection(database.admin_url, SAMPLE) as connection:
            connection.execute(text(TABLE))
            migrations.tenant_table(SAMPLE, "thing", connection=connection)
            connection.commit()
        self.pb, self.database = pb, database.database
        self.admin_url = database.admin_url
        self.tokens, self.access, self.faults = Tokens(), Access(), Faults(SAMPLE)
        self.metrics = RpcMetrics(SAMPLE)
        self.servicer = SampleServicer(pb, self.database)
        servicers = [Servicer(pb.DESCRIPTOR.services_by_name["SampleService"], self.servicer)]
        parts = ChainParts(
            service=SAMPLE,
            database=self.database,
            verifier=self.tokens,
            access=self.access,
            access_max_age=5.0,
            limiter=InProcessRateLimiter(),
            rates={
                options_pb2.RATE_CLASS_UNSPECIFIED: Rate.per_minute(100_000),
                options_pb2.RATE_CLASS_SIGN_IN: Rate.per_minute(5),
            },
            faults=self.faults,
            metrics=self.metrics,
            guards={"thing": ThingGuard()},
            stream_limit=4,
        )
        chain = build_chain(parts, contracts_of(servicers))
        self.server = GrpcServer(servicers, chain, host="127.0.0.1", port=0, threads=16)
        self.server.start()
        self.server.set_serving(True)
        self.channel = grpc.insecure_channel(self.server.address)
        self.grpc = importlib.import_module("raia.sample.v1.sample_pb2_grpc")
        self.stub = self.grpc.SampleServiceStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.server.stop(1)

    def user(self, *permissions: str, **facts: Any) -> str:
        """A token of a new user, of a new organisation unless ``org_id`` says which."""
        token = self.tokens.issue(**facts)
        self.access.permissions[self.tokens.callers[token].user_id] = set(permissions)
        return token

    def org(self, token: str) -> UUID:
        org_id = self.tokens.callers[token].org_id
        assert org_id is not None
        return org_id

    def call(self, rpc: str, request: Any, token: str = "", *, timeout: float = 10, **metadata: str) -> Answer:
        """One call; a keyword ``idempotency_key`` becomes metadata ``idempotency-key``."""
        headers = [(name.replace("_", "-"), value) for name, value in metadata.items()]
        if token:
            headers.append(("authorization", f"Bearer {token}"))
        try:
            if hasattr(request, "__next__"):
                message, call = getattr(self.stub, rpc).with_call(request, timeout=timeout, metadata=headers)
            else:
                message, call = getattr(self.stub, rpc).with_call(request, timeout=timeout, metadata=headers)
        except grpc.RpcError as error:
            return Answer(None, error, error.trailing_metadata())
        return Answer(message, None, call.trailing_metadata())

    def stream(self, rpc: str, request: Any, token: str = "", timeout: float = 10) -> Any:
        headers = [("authorization", f"Bearer {token}")] if token else []
        return getattr(self.stub, rpc)(request, timeout=timeout, metadata=headers)

    def put(self, token: str, name: str = "thing", project_id: UUID | None = None) -> str:
        with self.database.unit_of_work(self.org(token)) as unit:
            return put(unit, name, project_id)

    def things(self, org_id: UUID) -> list[str]:
        with self.database.unit_of_work(org_id) as unit:
            return list(unit.session.execute(text("select name from thing order by id")).scalars())

    def ledger(self, org_id: UUID) -> list[Any]:
        with self.database.unit_of_work(org_id) as unit:
            return list(unit.session.execute(text("select * from audit_entry order by id")))

    def keys(self, org_id: UUID) -> list[Any]:
        with self.database.unit_of_work(org_id) as unit:
            return list(unit.session.execute(text("select * from idempotency_key")))


def eventually(check: Any, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "did not come about"
        time.sleep(0.01)


@contextmanager
def running(pb: ModuleType, postgres: PostgresServer) -> Iterator[Rig]:
    with postgres.service_database(SAMPLE, pool_size=8) as database:
        rig = Rig(pb, database)
        try:
            yield rig
        finally:
            rig.close()
