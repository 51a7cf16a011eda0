"""A unary call through the gateway, against a FastAPI application that does the same work in one process.

Both verify a token, take from a rate limit, check a permission, validate the request and answer one dataset of 20
fields from memory, at 32 connections. Ours is two processes, the gateway and a service behind the whole chain of
interceptors, and a gRPC hop between them; the peer is one process without a hop. Runs alternate; medians are printed,
and the microseconds of CPU that all serving processes together spend on a request, which other work on the machine
disturbs less. Then the time that the gateway adds to a direct gRPC call, at one call at a time.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psutil

RUNS, SECONDS, CONNECTIONS, CALLS = 7, 3.0, 32, 2000
DATASET = "0192f0c8-0000-7000-8000-00000000000a"
USER, ORG = UUID(int=1), UUID(int=2)
RATE = 1e9


def key() -> Any:
    """The issuer's key, the same in every process of the benchmark."""
    from joserfc.jwk import OKPKey

    private = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "d": private, "x": public, "kid": "bench"})


def token() -> str:
    """An access token as auth makes them."""
    from joserfc import jwt

    now = int(time.time())
    claims = {
        "iss": "raia",
        "aud": "raia",
        "sub": str(USER),
        "org": str(ORG),
        "sid": "s",
        "iat": now,
        "exp": now + 3600,
    }
    return jwt.encode({"alg": "Ed25519", "kid": "bench"}, claims, key(), algorithms=["Ed25519"])


class Access:
    """Permissions in memory, looked up as the access index does: member → roles → permissions."""

    def __init__(self) -> None:
        self.members = {(ORG, USER): ("analyst",)}
        self.roles = {"analyst": frozenset({"datasets.read", "datasets.create"})}

    def holds(self, caller: Any, permission: str) -> bool:
        roles = self.members.get((caller.org_id, caller.user_id), ())
        return any(permission in self.roles[role] for role in roles)

    def allows(self, caller: Any, permission: str, **_: Any) -> bool:
        return self.holds(caller, permission)

    def sees(self, caller: Any, **_: Any) -> bool:  # noqa: ARG002 (the chain's Protocol)
        return True

    def revoked(self, _caller: Any) -> bool:
        return False

    def age(self) -> float:
        return 0.0


def verifier() -> Any:
    """The kit's verifier with the benchmark's key."""
    from raia_kit.identity import TokenVerifier

    return TokenVerifier(lambda: [{k: str(v) for k, v in key().as_dict(private=False).items()}], "raia")


FIELDS: dict[str, Any] = {
    "id": DATASET, "name": "claims 2026", "description": "French motor claims", "file_size": 123456, "file_type": "csv",
    "row_count": 10000, "column_count": 12, "quality_score": 0.93, "uploaded_by": str(USER), "etag": "2-1",
    "status": "ready", "error": "", "version": 3, "project_id": DATASET, "sha256": "0" * 64, "filename": "claims.csv",
    "rejected_row_count": 0,
}  # fmt: skip
SCHEMA: dict[str, Any] = {"encoding": "utf-8", "delimiter": ",", "header": True}


def run_service() -> None:
    """Our service: the whole chain around a handler that answers from memory."""
    from google.protobuf.timestamp_pb2 import Timestamp
    from raia.ingest.v1 import dataset_pb2, dataset_service_pb2
    from raia_kit.contract import methods_of
    from raia_kit.faults import Faults
    from raia_kit.interceptors.build import ChainParts, build_chain
    from raia_kit.metrics import RpcMetrics
    from raia_kit.rate_limit import InProcessRateLimiter, Rate
    from raia_kit.server import GrpcServer, Servicer

    descriptor = dataset_service_pb2.DESCRIPTOR.services_by_name["DatasetService"]
    dataset = dataset_pb2.Dataset(**FIELDS, created_at=Timestamp(seconds=1), updated_at=Timestamp(seconds=2))
    dataset.schema_info.update(SCHEMA)

    class Datasets:
        def GetDataset(self, request: Any, _context: Any) -> Any:
            assert request.id == DATASET
            return dataset

        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    parts = ChainParts(
        service="ingest", database=None, verifier=verifier(), access=Access(), access_max_age=5.0,
        limiter=InProcessRateLimiter(), rates={0: Rate(RATE, RATE)}, faults=Faults("ingest"),
        metrics=RpcMetrics("ingest"),
    )  # fmt: skip
    server = GrpcServer(
        [Servicer(descriptor, Datasets())],
        build_chain(parts, methods_of([descriptor])),
        host="127.0.0.1",
        port=0,
        threads=16,
    )
    server.start()
    server.set_serving(True)
    print(server.address, flush=True)
    sys.stdin.read()


async def run_gateway(address: str) -> None:
    """Our gateway, put together as in production but for the live part."""
    from raia_gateway.admission import Admission, Authenticator
    from raia_gateway.application import Application, Parts
    from raia_gateway.headers import CommonHeaders
    from raia_gateway.upstream import Upstream
    from raia_kit.contract import all_methods
    from raia_kit.faults import Faults
    from raia_kit.rate_limit import InProcessRateLimiter, Rate

    contracts = [method for method in all_methods() if method.service == "ingest"]
    limits = {0: Rate(RATE, RATE)}
    parts = Parts(
        contracts=contracts,
        admission=Admission(Authenticator(verifier()), Access(), InProcessRateLimiter(), limits, access_max_age=5.0),
        upstream=Upstream({"ingest": address}, contracts),
        headers=CommonHeaders((), strict_transport=False),
        faults=Faults("gateway"),
        live=lambda *_: asyncio.sleep(0),
    )
    await serve(Application(parts))


async def run_peer() -> None:
    """The FastAPI application: the same token check, bucket and permission as dependencies, a typed model out."""
    from datetime import UTC, datetime
    from typing import Annotated

    from fastapi import Depends, FastAPI, Header, HTTPException
    from pydantic import BaseModel
    from raia_kit.context import Caller
    from raia_kit.rate_limit import InProcessRateLimiter, Rate

    check, access, limiter, rate = verifier(), Access(), InProcessRateLimiter(), Rate(RATE, RATE)
    application = FastAPI()

    class Dataset(BaseModel):
        id: UUID
        name: str
        description: str
        file_size: int
        file_type: str
        schema_info: dict[str, Any]
        row_count: int
        column_count: int
        quality_score: float | None
        uploaded_by: UUID
        created_at: datetime
        updated_at: datetime
        etag: str
        status: str
        error: str
        version: int
        project_id: UUID
        sha256: str
        filename: str
        rejected_row_count: int

    moment = datetime(2026, 1, 1, tzinfo=UTC)
    dataset = Dataset(**FIELDS, schema_info=SCHEMA, created_at=moment, updated_at=moment)

    async def authenticated(authorization: Annotated[str, Header()]) -> Caller:
        caller: Caller = check.verify(authorization.removeprefix("Bearer "))
        if not limiter.take(f"0:user:{caller.org_id}:{caller.user_id}", rate).allowed:
            raise HTTPException(429)
        return caller

    async def reader(caller: Annotated[Caller, Depends(authenticated)]) -> Caller:
        if access.revoked(caller) or not access.holds(caller, "datasets.read"):
            raise HTTPException(403)
        return caller

    @application.get("/api/v1/datasets/{id}")
    async def get_dataset(id: UUID, _caller: Annotated[Caller, Depends(reader)], _version: int = 0) -> Dataset:
        assert str(id) == DATASET
        return dataset

    await serve(application)


async def serve(application: Any) -> None:
    """uvicorn as both are served; says its port."""
    import uvicorn

    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=0,
        http="httptools",
        ws="websockets-sansio",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)

    async def tell() -> None:
        while not server.started:
            await asyncio.sleep(0.02)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)

    telling = asyncio.create_task(tell())
    await server.serve()
    await telling


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it was answered; counts answers and their times."""

    def __init__(self, request: bytes, end: float, times: list[float]) -> None:
        self.request, self.end, self.times = request, end, times
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.began = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        assert self.buffer.startswith(b"HTTP/1.1 200"), self.buffer[:300]
        place = self.buffer.find(b"content-length: ")
        size = int(self.buffer[place + 16 : self.buffer.find(b"\r", place)])
        if len(self.buffer) < head + 4 + size:
            return
        self.buffer = b""
        self.times.append(time.perf_counter() - self.began)
        if time.perf_counter() < self.end:
            self.ask()
        else:
            self.transport.close()
            self.done.set_result(None)


async def load(port: int, connections: int, seconds: float) -> None:
    """Prints requests a second and the 95th percentile in milliseconds."""
    request = (
        f"GET /api/v1/datasets/{DATASET} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n"
        f"authorization: Bearer {token()}\r\n\r\n"
    ).encode()
    times: list[float] = []
    began = time.perf_counter()
    clients = [Client(request, began + seconds, times) for _ in range(connections)]
    for client in clients:
        await asyncio.get_running_loop().create_connection(lambda c=client: c, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(client.done for client in clients))
    print(
        json.dumps(
            [len(times) / (time.perf_counter() - began), 1000 * quantile(times, 0.5), 1000 * quantile(times, 0.95)]
        )
    )


async def direct(address: str, calls: int) -> None:
    """Prints median and 95th percentile in milliseconds of direct gRPC calls, one at a time."""
    import grpc
    from raia.ingest.v1 import dataset_service_pb2, dataset_service_pb2_grpc

    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = dataset_service_pb2_grpc.DatasetServiceStub(channel)
        metadata, times = (("authorization", f"Bearer {token()}"),), []
        for _ in range(calls):
            began = time.perf_counter()
            await stub.GetDataset(dataset_service_pb2.GetDatasetRequest(id=DATASET), metadata=metadata)
            times.append(time.perf_counter() - began)
    print(json.dumps([0.0, 1000 * quantile(times, 0.5), 1000 * quantile(times, 0.95)]))


def quantile(values: list[float], share: float) -> float:
    """The value below which this share lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Part:
    """A process of the benchmark; its first line says where it listens."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.place = self.process.stdout.readline().strip()
        self.usage = psutil.Process(self.process.pid)

    def cpu(self) -> float:
        times = self.usage.cpu_times()
        return times.user + times.system

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)


def measured(*arguments: str) -> tuple[float, float, float]:
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    rate, p50, p95 = json.loads(done.stdout)
    return rate, p50, p95


def compare(runs: int, seconds: float) -> None:
    """Prints both tables."""
    service, peer = Part("service"), Part("peer")
    gateway = Part("gateway", service.place)
    sides = {"ours": (gateway, [gateway, service]), "FastAPI": (peer, [peer])}
    rates: dict[str, list[float]] = {name: [] for name in sides}
    costs: dict[str, list[float]] = {name: [] for name in sides}
    try:
        for front, _ in sides.values():
            measured("load", front.place, "--connections", "8", "--seconds", "1")
        for _ in range(runs):
            for name, (front, members) in sides.items():
                before = sum(member.cpu() for member in members)
                rate, _, _ = measured("load", front.place, "--connections", str(CONNECTIONS), "--seconds", str(seconds))
                rates[name].append(rate)
                costs[name].append((sum(member.cpu() for member in members) - before) / (rate * seconds) * 1e6)
        added = []
        for _ in range(runs):
            _, near50, near95 = measured("direct", service.place)
            _, far50, far95 = measured("load", gateway.place, "--connections", "1", "--seconds", str(seconds))
            added.append((near50, far50, near95, far95))
    finally:
        for part in (gateway, peer, service):
            part.stop()
    print(f"| {CONNECTIONS} connections, medians of {runs} runs of {seconds:.0f} s | ours | FastAPI | ratio |")
    print("|---|---|---|---|")
    for what, found in (("requests a second", rates), ("CPU a request, all serving processes, µs", costs)):
        ours, theirs = (statistics.median(found[name]) for name in ("ours", "FastAPI"))
        print(f"| {what} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.2f} |")
    near50, far50, near95, far95 = (statistics.median(values) for values in zip(*added, strict=True))
    print("\n| one call at a time | direct gRPC | through the gateway | added |\n|---|---|---|---|")
    print(f"| median, ms | {near50:.2f} | {far50:.2f} | {far50 - near50:.2f} |")
    print(f"| p95, ms | {near95:.2f} | {far95:.2f} | {far95 - near95:.2f} |")


def main() -> None:
    """Entry point; without a part it compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=["service", "gateway", "peer", "load", "direct"])
    parser.add_argument("place", nargs="?", default="")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    if given.part is None:
        compare(given.runs, given.seconds)
    elif given.part == "service":
        run_service()
    else:
        import uvloop

        work: dict[str, Callable[[], Any]] = {
            "gateway": lambda: run_gateway(given.place),
            "peer": run_peer,
            "load": lambda: load(int(given.place), given.connections, given.seconds),
            "direct": lambda: direct(given.place, CALLS),
        }
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work[given.part]())


if __name__ == "__main__":
    main()
