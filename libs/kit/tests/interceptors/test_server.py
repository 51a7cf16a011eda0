"""What the server itself limits, and how it stops."""

import threading
from types import ModuleType
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from raia_kit.server import GrpcServer

from .rig import Answer, Rig, running

if TYPE_CHECKING:
    from raia_testing.postgres import PostgresServer


def test_messages_have_a_limit(rig: Rig) -> None:
    token = rig.user("things.create")
    answer = rig.call("CreateThing", rig.pb.CreateThingRequest(name="a", password="x" * (4 << 20)), token)
    assert answer.code == "RESOURCE_EXHAUSTED"
    assert rig.things(rig.org(token)) == []


def test_a_port_that_is_taken_is_an_error(rig: Rig) -> None:
    server = GrpcServer([], Nothing(), host="127.0.0.1", port=rig.server.port, threads=4)
    with pytest.raises(OSError, match="cannot listen"):
        server.start()
    server.stop(0)


class Nothing(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Lets everything pass."""

    def intercept_service(self, continuation, handler_call_details):  # type: ignore[no-untyped-def]
        return continuation(handler_call_details)


def test_a_server_that_stops_finishes_the_calls_at_hand(
    sample_contract: ModuleType, postgres: "PostgresServer"
) -> None:
    with running(sample_contract, postgres) as rig:
        token = rig.user("things.create")
        rig.servicer.proceed.clear()
        answers: list[Answer] = []
        request = rig.pb.CreateThingRequest(name="last")
        call = threading.Thread(target=lambda: answers.append(rig.call("ComputeThing", request, token)))
        call.start()
        assert rig.servicer.entered.wait(5)
        watch = health_pb2_grpc.HealthStub(rig.channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        clean: list[bool] = []
        stop = threading.Thread(target=lambda: clean.append(rig.server.stop(10)))
        stop.start()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        rig.servicer.proceed.set()
        call.join()
        stop.join()
        assert answers[0].code == "OK"
        assert rig.things(rig.org(token)) == ["last"]
        assert clean == [True]


def test_calls_that_outlast_the_grace_are_cancelled(sample_contract: ModuleType, postgres: "PostgresServer") -> None:
    with running(sample_contract, postgres) as rig:
        token = rig.user("things.create")
        rig.servicer.proceed.clear()
        answers: list[Answer] = []
        request = rig.pb.CreateThingRequest(name="late")
        call = threading.Thread(target=lambda: answers.append(rig.call("ComputeThing", request, token)))
        call.start()
        assert rig.servicer.entered.wait(5)
        assert not rig.server.stop(0.3)
        call.join()
        assert answers[0].code in ("UNAVAILABLE", "CANCELLED")
        rig.servicer.proceed.set()
