"""The ledger in PostgreSQL: order, one chain whatever dies, tampering found, tenants apart."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia.platform.events.v1 import audit_events_pb2
from raia_auth.audit.domain import verify
from raia_auth.audit.repository import SqlLedgerRepository
from raia_auth.audit.sequencer import ForeignEntry, Sequencer
from raia_auth.audit.service import AuditService
from raia_kit.errors import RaiaError
from raia_kit.events.envelope import Event
from raia_kit.ids import new_id

from .test_domain import JSON

LEDGER = SqlLedgerRepository()


def recorded(org: UUID, service: str = "ingest", details=None, **values) -> Event:
    message = audit_events_pb2.AuditEntryRecorded(
        id=str(new_id()), org_id=str(org), service=service, action="dataset.upload", outcome="success", **values
    )
    message.occurred_at.FromDatetime(datetime.now(UTC))
    message.details.update(details or {})
    return Event(
        id=new_id(),
        topic=f"raia.{service}.audit_entry",
        key=str(org),
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        headers={"orgid": str(org)},
    )


def sequence(database, org, events):
    with database.unit_of_work(org) as unit:
        Sequencer(LEDGER).handle(unit, events)


def entries(database, org):
    with database.unit_of_work(org) as unit:
        return LEDGER.read(unit, 0, 10_000)


def ids(events):
    return [UUID(audit_events_pb2.AuditEntryRecorded.FromString(event.payload).id) for event in events]


@pytest.fixture
def auth(service_database):
    return service_database("auth", pool_size=8)


def test_entries_get_places_from_one_in_the_order_of_the_events(auth):
    org = new_id()
    events = [recorded(org) for _ in range(25)]
    sequence(auth.database, org, events[:10])
    sequence(auth.database, org, events[10:])
    found = entries(auth.database, org)
    assert [entry.fact.id for entry in found] == ids(events)
    assert [entry.place for entry in found] == list(range(1, 26))
    assert verify(found).intact


@pytest.mark.parametrize("count", [0, 6, 7, 8, 20])
def test_a_ledger_is_verified_across_batches(auth, count):
    org = new_id()
    sequence(auth.database, org, [recorded(org) for _ in range(count)])
    service = AuditService(auth.database, LEDGER, batch=7)
    found = service.verify(org)
    assert (found.intact, found.entries_checked) == (True, count)
    with psycopg.connect(auth.admin_url, autocommit=True) as connection:
        connection.execute("delete from raia_auth.ledger_entry where place = 8")
    assert service.verify(org).entries_checked == (7 if count >= 8 else count)
    assert service.verify(org).intact == (count <= 8)


def test_an_event_that_comes_again_changes_nothing(auth):
    org = new_id()
    events = [recorded(org) for _ in range(3)]
    sequence(auth.database, org, events)
    sequence(auth.database, org, [*events, recorded(org)])
    assert len(entries(auth.database, org)) == 4


def test_an_entry_of_another_organisation_gets_no_place(auth):
    org, other = new_id(), new_id()
    with pytest.raises(ForeignEntry):
        sequence(auth.database, org, [recorded(other)])
    assert entries(auth.database, org) == []
    assert entries(auth.database, other) == []


def test_a_thousand_entries_of_concurrent_sequencers_make_one_chain(auth):
    org = new_id()
    batches = [
        [recorded(org, service) for _ in range(5)] for _ in range(50) for service in ("ingest", "ml", "auth", "llm")
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda batch: sequence(auth.database, org, batch), batches))
    found = entries(auth.database, org)
    assert len(found) == 1000
    assert verify(found).intact
    places = {entry.fact.id: entry.place for entry in found}
    for batch in batches:
        of_batch = [places[one] for one in ids(batch)]
        assert of_batch == list(range(of_batch[0], of_batch[0] + 5))


def test_a_sequencer_killed_between_batches_leaves_a_single_chain(auth):
    org = new_id()
    batches = [[recorded(org) for _ in range(10)] for _ in range(20)]
    stop = threading.Event()

    def kill() -> None:
        with psycopg.connect(auth.admin_url, autocommit=True) as connection:
            while not stop.wait(0.01):
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where usename = 'raia_auth' and state = 'idle in transaction' and random() < 0.3"
                )

    def work() -> None:
        for batch in batches:
            while True:
                try:
                    sequence(auth.database, org, batch)
                except (RaiaError, psycopg.Error):
                    continue
                break

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with ThreadPoolExecutor(2) as pool:  # two that both believe to be the only one
            for done in [pool.submit(work), pool.submit(work)]:
                done.result()
    finally:
        stop.set()
        killer.join()
    found = entries(auth.database, org)
    assert len(found) == 200
    assert verify(found).intact


TAMPERING = [
    "update ledger_entry set action = 'forged' where place = 4",
    "update ledger_entry set details = '{}' where place = 4",
    "update ledger_entry set occurred_at = occurred_at + interval '1 microsecond' where place = 4",
    "update ledger_entry set hash = previous_hash where place = 4",
    "delete from ledger_entry where place = 4",
    "update ledger_entry set outcome = 'denied', hash = sha256(hash) where place = 4",
]


@pytest.mark.parametrize("statement", TAMPERING)
def test_tampering_by_the_database_owner_is_found(auth, statement):
    org = new_id()
    sequence(auth.database, org, [recorded(org, details={"rows": n}) for n in range(8)])
    with psycopg.connect(auth.admin_url, autocommit=True) as connection:
        connection.execute("set search_path to raia_auth")
        assert connection.execute(statement).rowcount == 1
    found = verify(entries(auth.database, org))
    assert found.first_broken_place in (4, 5)


@pytest.mark.parametrize(
    "statement", ["update ledger_entry set action = 'x'", "delete from ledger_entry", "truncate ledger_entry"]
)
def test_the_service_itself_cannot_change_an_entry(auth, statement):
    org = new_id()
    sequence(auth.database, org, [recorded(org)])
    with psycopg.connect(auth.url, autocommit=True) as connection:
        connection.execute("select set_config('raia.org_id', %s, false)", [str(org)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_organisations_see_their_own_ledger_alone(auth):
    first, second = new_id(), new_id()
    sequence(auth.database, first, [recorded(first)])
    sequence(auth.database, second, [recorded(second), recorded(second)])
    assert [entry.place for entry in entries(auth.database, first)] == [1]
    assert [entry.place for entry in entries(auth.database, second)] == [1, 2]


@pytest.fixture(scope="module")
def shared(postgres):
    with postgres.service_database("auth") as database:
        yield database


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(details=st.dictionaries(st.text(), JSON, max_size=4), text=st.text(max_size=20))
def test_whatever_is_recorded_still_verifies_when_read_back(shared, details, text):
    org = new_id()
    try:
        event = recorded(org, details=details, resource_id=text)
    except (ValueError, json_format.Error, UnicodeEncodeError):
        return  # no such event can be written
    sequence(shared.database, org, [event])
    assert verify(entries(shared.database, org)).intact
