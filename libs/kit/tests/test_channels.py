"""Calls to another service, over a real server: what they carry, when they end, when they are repeated."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from grpc_status import rpc_status
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import use_span
from raia.ingest.v1 import (
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    reader_service_pb2,
    reader_service_pb2_grpc,
)
from raia_kit.channels import ServiceChannels, derived_key
from raia_kit.context import Call, Caller, serving
from raia_kit.contract import all_methods
from raia_kit.errors import Cancelled, DeadlineExceeded, NotFound, RaiaError, Unavailable
from raia_kit.settings import ServiceSettings
from raia_kit.status import to_status

from .tokens import ORG, USER

pytestmark = pytest.mark.fast
GET = dataset_service_pb2.GetDatasetRequest(id="0197b0b0-0000-7000-8000-000000000001")
METHODS = {method.full_name: method for method in all_methods()}


class Datasets(dataset_service_pb2_grpc.DatasetServiceServicer, reader_service_pb2_grpc.DatasetReaderServicer):
    """Does as it is told, and remembers what calls carried."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.remaining: list[float] = []
        self.faults: list[BaseException | grpc.StatusCode] = []
        self.delay = 0.0
        self.rows = 3
        self.ended = threading.Event()

    def _begin(self, context: Any) -> None:
        self.calls.append(dict(context.invocation_metadata()))
        self.remaining.append(context.time_remaining())
        if self.delay:
            time.sleep(self.delay)
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, grpc.StatusCode):
                context.abort(fault, "at 10.0.0.7:1234")
            context.abort_with_status(rpc_status.to_status(to_status(fault, service="ingest")))

    def GetDataset(self, request: Any, context: Any) -> dataset_pb2.Dataset:
        self._begin(context)
        context.set_trailing_metadata((("raia-audit-id", "a1"),))
        return dataset_pb2.Dataset(id=request.id)

    def DeleteDataset(self, request: Any, context: Any) -> Any:
        from google.protobuf.empty_pb2 import Empty

        self._begin(context)
        return Empty()

    def UploadDataset(self, request_iterator: Any, context: Any) -> dataset_pb2.Dataset:
        self._begin(context)
        return dataset_pb2.Dataset(file_size=sum(len(part.chunk) for part in request_iterator))

    def ListDatasets(self, request: Any, context: Any) -> Any:
        self._begin(context)
        return dataset_service_pb2.ListDatasetsResponse(next_page_token="x" * 5_000_000)

    def Read(self, request: Any, context: Any) -> Iterator[reader_service_pb2.ReadResponse]:
        self._begin(context)
        context.add_callback(self.ended.set)
        for number in range(self.rows):
            yield reader_service_pb2.ReadResponse(row_count=number)


class Server:
    """A gRPC server that can go away and come back on the same port."""

    def __init__(self, servicer: Datasets) -> None:
        self.servicer = servicer
        self.port = 0
        self.start()

    def start(self) -> None:
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 1)])
        dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server(self.servicer, self._server)
        reader_service_pb2_grpc.add_DatasetReaderServicer_to_server(self.servicer, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()


@pytest.fixture
def servicer() -> Datasets:
    return Datasets()


@pytest.fixture
def server(servicer: Datasets) -> Iterator[Server]:
    server = Server(servicer)
    yield server
    server.stop()


@pytest.fixture
def channels(server: Server) -> Iterator[ServiceChannels]:
    with ServiceChannels(ServiceSettings(services={"ingest": f"127.0.0.1:{server.port}"})) as channels:
        yield channels


@pytest.fixture
def datasets(channels: ServiceChannels) -> dataset_service_pb2_grpc.DatasetServiceStub:
    return channels.stub(dataset_service_pb2_grpc.DatasetServiceStub, "ingest")


@pytest.fixture
def reader(channels: ServiceChannels) -> reader_service_pb2_grpc.DatasetReaderStub:
    return channels.stub(reader_service_pb2_grpc.DatasetReaderStub, "ingest")


def call(**facts: Any) -> Call:
    given = {"deadline": time.monotonic() + 20} | facts
    method = METHODS["/raia.auth.v1.UserService/UpdateUser"]
    return Call(method=method, request_id="r1", correlation_id="c1", metadata={}, **given)


def unavailable(retry_after: float | None = None) -> Unavailable:
    return Unavailable("the database is away; try again", reason="DATABASE_UNAVAILABLE", retry_after=retry_after)


# --- what a call carries


def test_outside_of_an_rpc_a_call_carries_its_own_token(channels: ServiceChannels, servicer: Datasets) -> None:
    stub = channels.stub(dataset_service_pb2_grpc.DatasetServiceStub, "ingest", token="t0")
    answer, done = stub.GetDataset.with_call(GET)
    assert answer.id == GET.id
    assert dict(done.trailing_metadata())["raia-audit-id"] == "a1"
    assert servicer.calls[0]["authorization"] == "Bearer t0"
    assert not {"raia-request-id", "idempotency-key", "traceparent"} & servicer.calls[0].keys()


def test_inside_of_an_rpc_caller_trace_and_ids_are_passed_on(
    channels: ServiceChannels, datasets: Any, servicer: Datasets
) -> None:
    caller = Caller(USER, ORG, token="t1")
    span = TracerProvider().get_tracer("test").start_span("work")
    with serving(call(caller=caller, client_address="192.0.2.1")), use_span(span):
        datasets.GetDataset(GET)
        channels.stub(dataset_service_pb2_grpc.DatasetServiceStub, "ingest", token="").GetDataset(GET)
        datasets.GetDataset(GET, metadata=[("authorization", "Bearer t2")])
    first, second, third = servicer.calls
    assert first["authorization"] == "Bearer t1"
    assert (first["raia-request-id"], first["raia-correlation-id"]) == ("r1", "c1")
    assert first["raia-client-address"] == "192.0.2.1"
    assert first["traceparent"].split("-")[1] == f"{span.get_span_context().trace_id:032x}"
    assert "authorization" not in second
    assert third["authorization"] == "Bearer t2"


def test_a_mutating_call_carries_a_key_derived_from_the_callers(datasets: Any, servicer: Datasets) -> None:
    requests = [dataset_service_pb2.DeleteDatasetRequest(id=GET.id, etag=etag) for etag in ("1", "1", "2")]
    with serving(call(idempotency_key="k1")):
        for request in requests:
            datasets.DeleteDataset(request)
        datasets.GetDataset(GET)
    keys = [carried.get("idempotency-key") for carried in servicer.calls]
    assert keys[0] == keys[1] == derived_key("k1", "/raia.ingest.v1.DatasetService/DeleteDataset", requests[0])
    assert keys[2] not in (None, keys[0])
    assert keys[3] is None


# --- when it ends


def test_the_earliest_deadline_holds(datasets: Any, servicer: Datasets) -> None:
    datasets.GetDataset(GET)
    datasets.GetDataset(GET, timeout=3)
    with serving(call(deadline=time.monotonic() + 2)):
        datasets.GetDataset(GET, timeout=3)
    for left, expected in zip(servicer.remaining, (30, 3, 2), strict=True):
        assert expected - 1 < left <= expected + 0.1


def test_a_call_that_takes_too_long_ends(datasets: Any, servicer: Datasets) -> None:
    servicer.delay = 2
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded) as late:
        datasets.GetDataset(GET, timeout=0.2)
    assert time.monotonic() - started < 1
    assert late.value.reason == "DEADLINE_EXCEEDED"


def test_a_call_whose_time_is_over_is_not_made(datasets: Any, servicer: Datasets) -> None:
    with serving(call(deadline=time.monotonic() - 1)), pytest.raises(DeadlineExceeded):
        datasets.GetDataset(GET)
    with serving(call(is_active=lambda: False)), pytest.raises(Cancelled):
        datasets.GetDataset(GET)
    assert servicer.calls == []


# --- what it raises


def test_the_services_own_error_arrives_whole(datasets: Any, servicer: Datasets) -> None:
    servicer.faults = [NotFound.of("dataset", "x")]
    with pytest.raises(NotFound) as absent:
        datasets.GetDataset(GET)
    assert absent.value.reason == "RESOURCE_NOT_FOUND"
    assert absent.value.metadata == {"resource_type": "dataset", "resource_id": "x"}
    assert absent.value.domain == "raia.ingest"


def test_an_error_of_the_transport_does_not_name_hosts(datasets: Any, servicer: Datasets) -> None:
    servicer.faults = [grpc.StatusCode.UNKNOWN]
    with pytest.raises(RaiaError) as fault:
        datasets.GetDataset(GET)
    assert "10.0.0.7" not in fault.value.message


def test_a_service_that_is_not_installed_is_unavailable(channels: ServiceChannels) -> None:
    with pytest.raises(Unavailable) as absent:
        channels.stub(dataset_service_pb2_grpc.DatasetServiceStub, "llm")
    assert absent.value.reason == "SERVICE_NOT_CONFIGURED"


def test_a_message_that_is_too_large_is_refused(datasets: Any, server: Server) -> None:
    with pytest.raises(RaiaError) as fault:
        datasets.ListDatasets(dataset_service_pb2.ListDatasetsRequest())
    assert fault.value.reason == "OVERLOADED"


# --- when it is repeated


def test_an_idempotent_call_is_repeated_while_the_service_is_unavailable(datasets: Any, servicer: Datasets) -> None:
    servicer.faults = [grpc.StatusCode.UNAVAILABLE, unavailable(0.05)]
    assert datasets.GetDataset(GET).id == GET.id
    assert len(servicer.calls) == 3


def test_a_call_is_repeated_three_times_and_no_more(datasets: Any, servicer: Datasets) -> None:
    servicer.faults = [unavailable() for _ in range(9)]
    with pytest.raises(Unavailable) as away:
        datasets.GetDataset(GET)
    assert away.value.reason == "DATABASE_UNAVAILABLE"
    assert len(servicer.calls) == 4


def test_only_what_is_idempotent_and_unavailable_is_repeated(datasets: Any, servicer: Datasets) -> None:
    servicer.faults = [NotFound.of("dataset", "x"), grpc.StatusCode.INTERNAL]
    for _ in range(2):
        with pytest.raises(RaiaError):
            datasets.GetDataset(GET)
    servicer.faults = [unavailable()]
    with pytest.raises(Unavailable):
        datasets.UploadDataset(iter([dataset_service_pb2.UploadDatasetRequest(chunk=b"x")]))
    assert len(servicer.calls) == 3


def test_a_pause_that_is_longer_than_the_deadline_is_not_waited_for(datasets: Any, servicer: Datasets) -> None:
    servicer.faults = [unavailable(1.5)]
    started = time.monotonic()
    with pytest.raises(Unavailable):
        datasets.GetDataset(GET, timeout=1)
    assert time.monotonic() - started < 0.5
    assert len(servicer.calls) == 1


def test_the_budget_bounds_retries_in_an_outage(datasets: Any, servicer: Datasets) -> None:
    servicer.faults = [unavailable() for _ in range(1000)]
    for _ in range(20):
        with pytest.raises(Unavailable):
            datasets.GetDataset(GET)
    assert len(servicer.calls) <= 20 + 10


# --- the breaker


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_service_that_is_away_is_soon_refused_and_found_again(
    channels: ServiceChannels, datasets: Any, server: Server
) -> None:
    datasets.GetDataset(GET)
    server.stop()
    for _ in range(5):
        with pytest.raises(Unavailable):
            datasets.GetDataset(GET)
    assert channels.state("ingest") == "open"
    started = time.monotonic()
    with pytest.raises(Unavailable):
        datasets.GetDataset(GET)
    assert time.monotonic() - started < 0.1
    server.start()

    def back() -> bool:
        try:
            return bool(datasets.GetDataset(GET).id)
        except Unavailable:
            return False

    wait_for(back)
    assert channels.state("ingest") == "closed"


def test_errors_of_the_service_itself_leave_it_closed(
    channels: ServiceChannels, datasets: Any, servicer: Datasets
) -> None:
    servicer.faults = [unavailable(5) for _ in range(20)]
    for _ in range(20):
        with pytest.raises(Unavailable):
            datasets.GetDataset(GET)
    assert channels.state("ingest") == "closed"


def test_a_service_that_hangs_opens_it(channels: ServiceChannels, datasets: Any, servicer: Datasets) -> None:
    servicer.delay = 0.3
    with futures.ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(datasets.GetDataset, GET, timeout=0.05) for _ in range(5)]
        assert all(isinstance(one.exception(), DeadlineExceeded) for one in calls)
    assert channels.state("ingest") == "open"
    servicer.delay = 0


# --- streams


def test_a_stream_is_read_to_its_end(reader: Any) -> None:
    read = reader.Read(reader_service_pb2.ReadRequest(dataset_id=GET.id))
    assert [part.row_count for part in read] == [0, 1, 2]


def test_a_stream_is_repeated_until_its_first_answer(reader: Any, servicer: Datasets) -> None:
    servicer.faults = [unavailable(), grpc.StatusCode.UNAVAILABLE]
    assert len(list(reader.Read(reader_service_pb2.ReadRequest(dataset_id=GET.id)))) == 3
    servicer.faults = [NotFound.of("dataset", "x")]
    with pytest.raises(NotFound):
        next(reader.Read(reader_service_pb2.ReadRequest(dataset_id=GET.id)))


def test_a_stream_that_breaks_later_is_not_repeated(reader: Any, servicer: Datasets, server: Server) -> None:
    servicer.rows = 10_000_000
    read = reader.Read(reader_service_pb2.ReadRequest(dataset_id=GET.id))
    next(read)
    threading.Thread(target=server.stop).start()
    with pytest.raises(RaiaError):
        for _ in read:
            pass
    assert len(servicer.calls) == 1


def test_a_cancelled_stream_ends_at_the_service(reader: Any, servicer: Datasets, channels: ServiceChannels) -> None:
    servicer.rows = 10_000_000
    read = reader.Read(reader_service_pb2.ReadRequest(dataset_id=GET.id))
    next(read)
    read.cancel()
    assert servicer.ended.wait(5)
    assert channels.state("ingest") == "closed"


def test_an_upload_streams_requests(datasets: Any, servicer: Datasets) -> None:
    parts = (dataset_service_pb2.UploadDatasetRequest(chunk=b"x" * 1000) for _ in range(5))
    assert datasets.UploadDataset(parts).file_size == 5000


def test_closing_ends_what_runs(server: Server, servicer: Datasets) -> None:
    servicer.delay = 1
    channels = ServiceChannels(ServiceSettings(services={"ingest": f"127.0.0.1:{server.port}"}))
    stub = channels.stub(dataset_service_pb2_grpc.DatasetServiceStub, "ingest")
    with futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(stub.GetDataset, GET)
        wait_for(lambda: bool(servicer.calls))
        channels.close()
        assert isinstance(running.exception(5), Cancelled)
    with pytest.raises(Unavailable):
        channels.stub(dataset_service_pb2_grpc.DatasetServiceStub, "ingest")
