"""The ledger tells of every change, refusal and sensitive reading, and of nothing twice."""

from typing import Any
from uuid import UUID, uuid4

import grpc
import psycopg
import pytest
from raia.platform.events.v1 import audit_events_pb2

from .rig import Rig, eventually


def only(entries: list[Any]) -> Any:
    assert len(entries) == 1, entries
    return entries[0]


def test_a_change_and_its_entry_commit_together(rig: Rig) -> None:
    token = rig.user("things.create")
    answer = rig.call("CreateThing", rig.pb.CreateThingRequest(name="a"), token, raia_client_address="10.0.0.7")
    entry = only(rig.ledger(rig.org(token)))
    assert str(entry.id) == answer.trailers["raia-audit-id"]
    assert (entry.action, entry.outcome, entry.resource_type) == ("thing.create", "success", "thing")
    assert entry.resource_id == answer.message.id
    assert entry.actor_user_id == rig.tokens.callers[token].user_id
    assert entry.request_id == answer.trailers["raia-request-id"]
    assert entry.details == {"name": "a", "client_address": "10.0.0.7"}
    with psycopg.connect(rig.admin_url) as connection:
        query = "select payload from raia_sample.outbox where topic = 'raia.sample.audit_entry' and key = %s"
        (payload,) = connection.execute(query, [str(rig.org(token))]).fetchone() or ()
    assert audit_events_pb2.AuditEntryRecorded.FromString(payload).id == str(entry.id)


def test_the_entry_names_the_resource_of_the_request(rig: Rig) -> None:
    token = rig.user("things.delete")
    thing = rig.put(token)
    assert rig.call("DeleteThing", rig.pb.GetThingRequest(id=thing), token).code == "OK"
    entry = only(rig.ledger(rig.org(token)))
    assert (entry.action, entry.resource_id) == ("thing.delete", thing)


@pytest.mark.parametrize(
    ("fault", "reason"), [("raise", "INTERNAL"), ("refuse", "THING_EXISTS"), ("large", "ANSWER_TOO_LARGE")]
)
def test_a_failed_change_is_recorded_on_its_own(rig: Rig, fault: str, reason: str) -> None:
    token = rig.user("things.create")
    answer = rig.call("CreateThing", rig.pb.CreateThingRequest(name="a", fault=fault), token)
    entry = only(rig.ledger(rig.org(token)))
    assert (entry.action, entry.outcome, entry.reason) == ("thing.create", "failed", reason)
    assert answer.trailers["raia-audit-id"] == str(entry.id)


def test_denied_calls_are_recorded_reads_too(rig: Rig) -> None:
    token, thing = rig.user(), str(uuid4())
    rig.call("CreateThing", rig.pb.CreateThingRequest(name="a"), token)
    rig.call("GetThing", rig.pb.GetThingRequest(id=thing), token)
    create, read = rig.ledger(rig.org(token))
    assert (create.action, create.outcome, create.reason) == ("thing.create", "denied", "PERMISSION_MISSING")
    assert (read.action, read.outcome, read.resource_id) == ("access.denied", "denied", thing)
    assert read.details["rpc"] == "/raia.sample.v1.SampleService/GetThing"
    assert read.details["permission"] == "things.read"


def test_failed_reads_and_calls_without_an_organisation_are_not_recorded(rig: Rig) -> None:
    token = rig.user("things.read")
    rig.call("GetThing", rig.pb.GetThingRequest(id=str(uuid4())), token)
    assert rig.ledger(rig.org(token)) == []
    assert "raia-audit-id" not in rig.call("CreateThing", rig.pb.CreateThingRequest(name="a")).trailers


def test_a_sensitive_reading_is_recorded_before_it_is_answered(rig: Rig) -> None:
    token = rig.user("things.read")
    thing = rig.put(token)
    answer = rig.call("DescribeThing", rig.pb.GetThingRequest(id=thing), token)
    entry = only(rig.ledger(rig.org(token)))
    assert (entry.action, entry.resource_id, entry.outcome) == ("thing.describe", thing, "success")
    assert answer.trailers["raia-audit-id"] == str(entry.id)


def test_a_detached_call_is_recorded_with_its_result(rig: Rig) -> None:
    token = rig.user("things.create")
    answer = rig.call("ComputeThing", rig.pb.CreateThingRequest(name="c"), token)
    entry = only(rig.ledger(rig.org(token)))
    assert (entry.action, entry.resource_id) == ("thing.compute", answer.message.id)
    assert rig.things(rig.org(token)) == ["c"]
    failed = rig.call("ComputeThing", rig.pb.CreateThingRequest(name="d", fault="raise"), token)
    assert failed.code == "INTERNAL"
    assert [(e.outcome, e.reason) for e in rig.ledger(rig.org(token))] == [("success", ""), ("failed", "INTERNAL")]
    assert rig.things(rig.org(token)) == ["c"]


def test_a_public_call_is_recorded_where_its_use_case_says(rig: Rig) -> None:
    org_id = uuid4()
    answer = rig.call("SignUp", rig.pb.CreateThingRequest(name=str(org_id)))
    assert answer.code == "OK", answer.error
    entry = only(rig.ledger(org_id))
    assert (entry.action, entry.actor_user_id) == ("me.sign_up", UUID(answer.message.name))
    assert rig.things(org_id) == ["account"]


def test_streams_are_recorded_when_they_end_or_are_broken_off(rig: Rig) -> None:
    token = rig.user("things.create")
    list(rig.stream("Converse", iter([rig.pb.CreateThingRequest(name="a")]), token))
    assert only(rig.ledger(rig.org(token))).outcome == "success"
    other = rig.user("things.create")
    answers = rig.stream("Converse", iter([rig.pb.CreateThingRequest(name="a"), rig.pb.CreateThingRequest()]), other)
    with pytest.raises(grpc.RpcError):
        list(answers)
    eventually(lambda: rig.ledger(rig.org(other)))
    assert only(rig.ledger(rig.org(other))).outcome == "failed"


def test_a_public_call_with_some_token_is_recorded_where_its_use_case_says_too(rig: Rig) -> None:
    token, org_id = rig.user(), uuid4()
    answer = rig.call("SignUp", rig.pb.CreateThingRequest(name=str(org_id), request_id="k"), token)
    assert answer.code == "OK", answer.error
    assert rig.ledger(rig.org(token)) == []
    entry = only(rig.ledger(org_id))
    assert entry.actor_user_id == UUID(answer.message.name)
    assert rig.things(org_id) == ["account"]
    assert rig.keys(org_id) == []
