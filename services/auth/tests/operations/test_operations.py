"""Dead letters of every service, through the running service."""

import json

import grpc
import psycopg
import pytest
from raia.auth.v1 import operations_service_pb2 as pb2
from raia.auth.v1 import operations_service_pb2_grpc
from raia_kit.ids import new_id

from ..rig import failure_of, wait_until

CODE = grpc.StatusCode


@pytest.fixture(scope="module")
def operations(rig):
    return operations_service_pb2_grpc.OperationsServiceStub(rig.channel)


@pytest.fixture(scope="module")
def admin(rig):
    return rig.register()


def poison(rig, org_id):
    """An entry whose envelope names one organisation and whose content names another; answers the event's id."""
    event_id = new_id()
    from raia.platform.events.v1 import audit_events_pb2

    message = audit_events_pb2.AuditEntryRecorded(id=str(new_id()), org_id=str(new_id()), service="auth", action="x")
    with psycopg.connect(rig.service_database.admin_url, autocommit=True) as connection:
        connection.execute(
            "insert into raia_auth.outbox (id, topic, key, type, headers, payload) values (%s, %s, %s, %s, %s, %s)",
            [
                event_id,
                "raia.auth.audit_entry",
                org_id,
                message.DESCRIPTOR.full_name,
                json.dumps({"orgid": org_id}),
                message.SerializeToString(),
            ],
        )
    return str(event_id)


def letters(operations, person, service="auth", **request):
    return operations.ListDeadLetters(
        pb2.ListDeadLettersRequest(service=service, **request), metadata=person.metadata
    ).dead_letters


def test_a_foreign_entry_is_set_aside_listed_and_replayed(rig, operations, admin):
    event_id = poison(rig, admin.org_id)
    wait_until(lambda: event_id in {letter.event_id for letter in letters(operations, admin)}, 30)
    letter = next(one for one in letters(operations, admin) if one.event_id == event_id)
    assert (letter.service, letter.consumer, letter.error) == ("auth", "ledger", "ForeignEntry")
    replayed = operations.ReplayDeadLetter(
        pb2.ReplayDeadLetterRequest(service="auth", id=letter.id), metadata=admin.metadata
    )
    assert replayed.id == letter.id
    assert rig.audited(admin.org_id, "dead_letter.replay")[0][1] == "success"


def test_another_organisations_dead_letters_are_neither_listed_nor_replayed(rig, operations, admin):
    event_id = poison(rig, admin.org_id)
    wait_until(lambda: event_id in {letter.event_id for letter in letters(operations, admin)}, 30)
    mine = letters(operations, admin)
    assert {letter.org_id for letter in mine} == {admin.org_id}
    stranger = rig.register()
    assert list(letters(operations, stranger)) == []
    failure = failure_of(
        lambda: operations.ReplayDeadLetter(
            pb2.ReplayDeadLetterRequest(service="auth", id=mine[0].id), metadata=stranger.metadata
        )
    )
    assert failure.code is CODE.NOT_FOUND


def test_services_that_are_not_installed_are_named(operations, admin):
    failure = failure_of(lambda: letters(operations, admin, "llm"))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "SERVICE_NOT_INSTALLED")
    assert failure_of(lambda: letters(operations, admin, "pluto")).code is CODE.INVALID_ARGUMENT


def test_only_operators_see_them(rig, operations, admin):
    viewer = rig.hire(admin, "viewer")
    assert failure_of(lambda: letters(operations, viewer)).code is CODE.PERMISSION_DENIED
    auditor = rig.hire(admin, "auditor")
    letters(operations, auditor)
    failure = failure_of(
        lambda: operations.ReplayDeadLetter(
            pb2.ReplayDeadLetterRequest(service="auth", id=str(new_id())), metadata=auditor.metadata
        )
    )
    assert failure.code is CODE.PERMISSION_DENIED
