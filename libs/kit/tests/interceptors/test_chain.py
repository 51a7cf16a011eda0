"""What every rpc passes, through a real server and stub."""

import logging
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from .rig import Rig, eventually


def test_a_handler_runs_in_the_unit_of_work_of_the_caller_s_organisation(rig: Rig) -> None:
    token = rig.user("things.create", "things.read")
    created = rig.call("CreateThing", rig.pb.CreateThingRequest(name="a"), token)
    assert created.code == "OK"
    assert rig.things(rig.org(token)) == ["a"]
    got = rig.call("GetThing", rig.pb.GetThingRequest(id=created.message.id), token)
    assert got.message.name == "a"
    assert "raia-audit-id" in created.trailers
    assert "raia-audit-id" not in got.trailers


def test_the_request_id_is_the_caller_s_or_made(rig: Rig) -> None:
    token = rig.user("things.create")
    given = rig.call("CreateThing", rig.pb.CreateThingRequest(name="a"), token, raia_request_id="req-1")
    assert given.trailers["raia-request-id"] == "req-1"
    refused = rig.call("CreateThing", rig.pb.CreateThingRequest(), token, raia_request_id="bad id\x07"[:6])
    info = refused.detail(error_details_pb2.RequestInfo)
    assert info.request_id == refused.trailers["raia-request-id"]
    assert " " not in info.request_id


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "TOKEN_MISSING"),
        ("Basic abc", "TOKEN_INVALID"),
        ("Bearer ", "TOKEN_INVALID"),
        ("Bearer x", "TOKEN_INVALID"),
    ],
)
def test_without_a_token_that_holds_nothing_is_answered(rig: Rig, header: str | None, reason: str) -> None:
    metadata = {"authorization": header} if header else {}
    answer = rig.call("GetThing", rig.pb.GetThingRequest(id=str(uuid4())), **metadata)
    assert (answer.code, answer.reason) == ("UNAUTHENTICATED", reason)
    assert answer.detail(error_details_pb2.ErrorInfo).domain == "raia.sample"


def test_the_token_of_an_ended_session_does_not_hold(rig: Rig) -> None:
    token = rig.user("things.read", session_id="s-1")
    rig.access.ended.add("s-1")
    answer = rig.call("GetThing", rig.pb.GetThingRequest(id=str(uuid4())), token)
    assert (answer.code, answer.reason) == ("UNAUTHENTICATED", "SESSION_ENDED")


def test_public_rpcs_take_no_token_and_ignore_one_that_does_not_hold(rig: Rig) -> None:
    assert rig.call("Ping", rig.pb.MeRequest(), raia_client_address="10.1.0.1").message.name == "nobody"
    answer = rig.call("Ping", rig.pb.MeRequest(), "nonsense", raia_client_address="10.1.0.1")
    assert answer.message.name == "nobody"
    assert answer.message.id == "10.1.0.1"
    token = rig.user()
    known = rig.call("Ping", rig.pb.MeRequest(), token, raia_client_address="10.1.0.1")
    assert known.message.name == str(rig.tokens.callers[token].user_id)


def test_public_rpcs_are_limited_by_address(rig: Rig) -> None:
    codes = [rig.call("Ping", rig.pb.MeRequest(), raia_client_address="10.9.9.9").code for _ in range(6)]
    assert codes == ["OK"] * 5 + ["RESOURCE_EXHAUSTED"]
    limited = rig.call("Ping", rig.pb.MeRequest(), raia_client_address="10.9.9.9")
    assert limited.reason == "RATE_LIMITED"
    assert limited.detail(error_details_pb2.RetryInfo).retry_delay.ToSeconds() > 0
    assert rig.call("Ping", rig.pb.MeRequest(), raia_client_address="10.9.9.8").code == "OK"


def test_internal_rpcs_take_the_services_that_the_contract_lists_and_nobody_else(rig: Rig) -> None:
    user = rig.user("things.read")
    request = rig.pb.GetThingRequest(id=rig.put(user, "inner"))
    org_id = rig.org(user)
    for facts in ({}, {"service": "ml", "scope": frozenset()}):
        token = rig.user("things.read", org_id=org_id, **facts)
        answer = rig.call("Record", request, token)
        assert (answer.code, answer.reason) == ("PERMISSION_DENIED", "SERVICE_NOT_ALLOWED")
    listed = rig.tokens.issue(user_id=None, org_id=org_id, service="ingest", scope=frozenset())
    assert rig.call("Record", request, listed).message.name == "inner"
    for_user = rig.user(org_id=org_id, service="ingest", scope=frozenset())
    assert rig.call("Record", request, for_user).message.name == "inner"


def test_internal_rpcs_do_not_show_what_the_user_behind_them_cannot_see(rig: Rig) -> None:
    owner, project = rig.user(), uuid4()
    request = rig.pb.GetThingRequest(id=rig.put(owner, "inner", project))
    rig.access.hidden[project] = set()
    token = rig.user(org_id=rig.org(owner), service="ingest", scope=frozenset())
    assert rig.call("Record", request, token).code == "NOT_FOUND"


def test_who_holds_the_permission_nowhere_is_denied(rig: Rig) -> None:
    answer = rig.call("GetThing", rig.pb.GetThingRequest(id=str(uuid4())), rig.user())
    assert (answer.code, answer.reason) == ("PERMISSION_DENIED", "PERMISSION_MISSING")


def test_a_token_s_scope_limits_what_its_user_may_do(rig: Rig) -> None:
    token = rig.user("things.read", "things.create", scope=frozenset({"things.read"}))
    answer = rig.call("CreateThing", rig.pb.CreateThingRequest(name="a"), token)
    assert (answer.code, answer.reason) == ("PERMISSION_DENIED", "SCOPE_INSUFFICIENT")
    assert rig.call("GetThing", rig.pb.GetThingRequest(id=rig.put(token)), token).code == "OK"


def test_a_token_limited_in_scope_reads_but_does_not_change_its_own_account(rig: Rig) -> None:
    token = rig.user(scope=frozenset({"things.read"}))
    assert rig.call("GetMe", rig.pb.MeRequest(), token).message.name == str(rig.org(token))
    assert rig.call("ChangeMe", rig.pb.MeRequest(), token).reason == "SCOPE_INSUFFICIENT"
    assert rig.call("ChangeMe", rig.pb.MeRequest(), rig.user()).code == "OK"


def test_stale_permissions_answer_unavailable_except_on_public_rpcs(rig: Rig) -> None:
    token = rig.user("things.read")
    rig.access.seconds = 5.1
    try:
        answer = rig.call("GetThing", rig.pb.GetThingRequest(id=str(uuid4())), token)
        assert (answer.code, answer.reason) == ("UNAVAILABLE", "ACCESS_STALE")
        assert rig.call("Ping", rig.pb.MeRequest(), raia_client_address="10.1.0.2").code == "OK"
    finally:
        rig.access.seconds = 0.0


def test_absent_foreign_and_hidden_resources_look_the_same(rig: Rig) -> None:
    token, project = rig.user("things.read"), uuid4()
    rig.access.hidden[project] = set()
    answers = [
        rig.call("GetThing", rig.pb.GetThingRequest(id=thing), token)
        for thing in (str(uuid4()), rig.put(rig.user()), rig.put(token, "hidden", project))
    ]
    assert {(a.code, a.reason) for a in answers} == {("NOT_FOUND", "RESOURCE_NOT_FOUND")}
    rig.access.hidden[project] = {rig.tokens.callers[token].user_id}
    assert rig.call("GetThing", rig.pb.GetThingRequest(id=rig.put(token, "shown", project)), token).code == "OK"


@pytest.mark.parametrize("rpc", ["GetThing", "DescribeThing", "DeleteThing"])
def test_what_is_seen_but_not_covered_is_denied(rig: Rig, rpc: str) -> None:
    token, project = rig.user("things.read", "things.delete"), uuid4()
    rig.access.not_covered.add(project)
    answer = rig.call(rpc, rig.pb.GetThingRequest(id=rig.put(token, "seen", project)), token)
    assert (answer.code, answer.reason) == ("PERMISSION_DENIED", "PERMISSION_MISSING")


def test_streams_check_their_resource_before_the_first_answer(rig: Rig) -> None:
    token = rig.user("things.read")
    with pytest.raises(grpc.RpcError) as failure:
        next(rig.stream("WatchThing", rig.pb.GetThingRequest(id=rig.put(rig.user())), token))
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_call_needs_a_token_of_an_organisation(rig: Rig) -> None:
    answer = rig.call("GetMe", rig.pb.MeRequest(), rig.user(org_id=None))
    assert (answer.code, answer.reason) == ("UNAUTHENTICATED", "TOKEN_WITHOUT_ORGANISATION")


def test_violations_name_the_field(rig: Rig) -> None:
    token = rig.user("things.create")
    request = rig.pb.CreateThingRequest(parts=[rig.pb.Part(number=1), rig.pb.Part(number=-1)], sizes={"b": -2})
    answer = rig.call("CreateThing", request, token)
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert set(answer.violations) == {"name", "parts[1].number", 'sizes["b"]'}


def test_validation_comes_after_authorization(rig: Rig) -> None:
    assert rig.call("CreateThing", rig.pb.CreateThingRequest(), rig.user()).code == "PERMISSION_DENIED"


def test_bytes_that_are_no_message_are_an_invalid_argument(rig: Rig) -> None:
    raw = rig.channel.unary_unary("/raia.sample.v1.SampleService/CreateThing")
    with pytest.raises(grpc.RpcError) as failure:
        raw(b"\xff\xff\xff", metadata=[("authorization", f"Bearer {rig.user('things.create')}")])
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_unexpected_errors_say_nothing_but_the_request_id(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    token = rig.user("things.create")
    with caplog.at_level(logging.ERROR):
        answer = rig.call("CreateThing", rig.pb.CreateThingRequest(name="a", fault="raise"), token)
    assert (answer.code, answer.reason) == ("INTERNAL", "INTERNAL")
    assert "secret text" not in str(answer.status)
    assert answer.detail(error_details_pb2.RequestInfo).request_id
    assert rig.things(rig.org(token)) == []
    assert rig.faults.groups()[-1].type == "builtins.ValueError"
    assert "secret text" in caplog.text


@pytest.mark.parametrize("fault", ["type", "sql"])
def test_a_wrong_answer_and_a_wrong_query_are_internal_and_write_nothing(rig: Rig, fault: str) -> None:
    token = rig.user("things.create")
    assert rig.call("CreateThing", rig.pb.CreateThingRequest(name="a", fault=fault), token).code == "INTERNAL"
    assert rig.things(rig.org(token)) == []


def test_an_answer_too_large_to_send_writes_nothing(rig: Rig) -> None:
    token = rig.user("things.create")
    answer = rig.call("CreateThing", rig.pb.CreateThingRequest(name="a", fault="large"), token)
    assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "ANSWER_TOO_LARGE")
    assert rig.things(rig.org(token)) == []


def test_expected_errors_keep_their_reason_and_metadata(rig: Rig) -> None:
    answer = rig.call("CreateThing", rig.pb.CreateThingRequest(name="a", fault="refuse"), rig.user("things.create"))
    assert (answer.code, answer.reason) == ("ALREADY_EXISTS", "THING_EXISTS")
    assert dict(answer.detail(error_details_pb2.ErrorInfo).metadata) == {"name": "a"}


def test_a_call_that_is_late_writes_nothing(rig: Rig) -> None:
    token = rig.user("things.create")
    request = rig.pb.CreateThingRequest(name="late", milliseconds=600)
    assert rig.call("CreateThing", request, token, timeout=0.3).code == "DEADLINE_EXCEEDED"
    eventually(lambda: rig.ledger(rig.org(token)))
    assert rig.things(rig.org(token)) == []


def test_the_contract_s_timeout_ends_a_stream(rig: Rig) -> None:
    token = rig.user("things.read")
    with pytest.raises(grpc.RpcError) as failure:
        list(rig.stream("WatchThing", rig.pb.GetThingRequest(id=rig.put(token)), token, timeout=30))
    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_stream_answers_in_order_and_ends(rig: Rig) -> None:
    token = rig.user("things.read")
    names = [t.name for t in rig.stream("WatchThing", rig.pb.GetThingRequest(id=rig.put(token, "short")), token)]
    assert names == ["short 0", "short 1", "short 2"]


def test_a_fault_in_a_stream_ends_it_without_its_text(rig: Rig) -> None:
    token = rig.user("things.read")
    answers = rig.stream("WatchThing", rig.pb.GetThingRequest(id=rig.put(token, "faulty")), token)
    assert next(answers).name == "faulty 0"
    with pytest.raises(grpc.RpcError) as failure:
        next(answers)
    assert failure.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in failure.value.details()


def test_a_client_that_goes_ends_the_handler(rig: Rig) -> None:
    token = rig.user("things.read")
    rig.servicer.ended.clear()
    answers = rig.stream("WatchThing", rig.pb.GetThingRequest(id=rig.put(token)), token)
    next(answers)
    answers.cancel()
    assert rig.servicer.ended.wait(5)


def test_both_directions_stream_and_each_message_is_validated(rig: Rig) -> None:
    token = rig.user("things.create")
    requests = [rig.pb.CreateThingRequest(name=name) for name in "ab"]
    assert [t.name for t in rig.stream("Converse", iter(requests), token)] == ["A", "B"]
    assert rig.things(rig.org(token)) == ["conversed"]
    answers = rig.stream("Converse", iter([*requests, rig.pb.CreateThingRequest()]), token)
    with pytest.raises(grpc.RpcError) as failure:
        list(answers)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert rig.things(rig.org(token)) == ["conversed"]


def test_streams_leave_threads_for_others(rig: Rig) -> None:
    token = rig.user("things.read", "things.create")
    request = rig.pb.GetThingRequest(id=rig.put(token))
    streams = [rig.stream("WatchThing", request, token) for _ in range(4)]
    for stream in streams:
        next(stream)
    with pytest.raises(grpc.RpcError) as failure:
        next(rig.stream("WatchThing", request, token))
    assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert rig.call("CreateThing", rig.pb.CreateThingRequest(name="still"), token).code == "OK"
    for stream in streams:
        stream.cancel()

    def free() -> bool:
        stream = rig.stream("WatchThing", request, token)
        try:
            next(stream)
        except grpc.RpcError:
            return False
        stream.cancel()
        return True

    eventually(free)


def test_health_is_public_and_reflection_needs_a_token(rig: Rig) -> None:
    health = health_pb2_grpc.HealthStub(rig.channel)
    assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
    watch = health.Watch(health_pb2.HealthCheckRequest(service="raia.sample.v1.SampleService"))
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()
    reflection = reflection_pb2_grpc.ServerReflectionStub(rig.channel)
    ask = [reflection_pb2.ServerReflectionRequest(list_services="")]
    with pytest.raises(grpc.RpcError) as failure:
        list(reflection.ServerReflectionInfo(iter(ask)))
    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED
    metadata = [("authorization", f"Bearer {rig.user()}")]
    (answer,) = reflection.ServerReflectionInfo(iter(ask), metadata=metadata)
    assert "raia.sample.v1.SampleService" in {s.name for s in answer.list_services_response.service}


def test_an_unknown_rpc_is_unimplemented(rig: Rig) -> None:
    raw = rig.channel.unary_unary("/raia.sample.v1.SampleService/Nothing")
    with pytest.raises(grpc.RpcError) as failure:
        raw(b"")
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_calls_are_counted(rig: Rig) -> None:
    before = rig.metrics.figures()
    token = rig.user("things.create")
    rig.call("CreateThing", rig.pb.CreateThingRequest(name="a", fault="raise"), token)
    after = rig.metrics.figures()
    assert after.calls > before.calls  # a stream that an earlier test broke off may have ended in between
    assert after.internal_errors == before.internal_errors + 1
    assert 0 < after.p50 <= after.p95
