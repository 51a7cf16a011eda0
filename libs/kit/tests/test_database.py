"""Units of work: what commits together, what a tenant sees, what the platform's role reaches."""

from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from raia.platform.events.v1 import audit_events_pb2
from raia_kit import tables
from raia_kit.context import Actor
from raia_kit.database import LARGEST_EVENT, Database, translate
from raia_kit.errors import Aborted, InvalidArgument, Unavailable
from raia_testing.postgres import ServiceDatabase
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

ACME, OTHER = uuid4(), uuid4()


@pytest.fixture
def database(sample_database: ServiceDatabase) -> Database:
    return sample_database.database


def count(sample: ServiceDatabase, table: str) -> int:
    with psycopg.connect(sample.admin_url) as connection:
        row = connection.execute(f"select count(*) from raia_sample.{table}").fetchone()
    return int(row[0]) if row else -1


def claim(org_id: UUID, key: str = "k") -> dict[str, object]:
    return {
        "org_id": org_id,
        "caller": "c",
        "rpc": "r",
        "key": key,
        "request_digest": b"",
        "status": "running",
        "claimed_until": func.now(),
    }


def test_a_change_its_event_and_its_audit_entry_commit_together(
    sample_database: ServiceDatabase, database: Database
) -> None:
    user = uuid4()
    with database.unit_of_work(ACME, actor=Actor(user_id=user)) as unit:
        entry = unit.audit("box.create", resource_type="box", resource_id="1", details={"size": 3})
    with database.platform_unit_of_work() as unit:
        event = unit.session.execute(select(tables.outbox)).one()
    assert event.topic == "raia.sample.audit_entry"
    assert event.headers["orgid"] == str(ACME)
    assert event.headers["actor"] == f"user:{user}"
    recorded = audit_events_pb2.AuditEntryRecorded.FromString(event.payload)
    assert (recorded.id, recorded.action, recorded.details["size"]) == (str(entry), "box.create", 3)
    assert count(sample_database, "audit_entry") == 1


def test_an_exception_takes_everything_back(sample_database: ServiceDatabase, database: Database) -> None:
    told: list[str] = []

    def fail() -> None:
        with database.unit_of_work(ACME) as unit:
            unit.audit("box.create")
            unit.after_commit(lambda: told.append("committed"))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()
    assert count(sample_database, "audit_entry") == count(sample_database, "outbox") == 0
    assert told == []
    with database.unit_of_work(ACME) as unit:
        unit.after_commit(lambda: told.append("committed"))
        assert told == []
    assert told == ["committed"]


def test_another_tenant_sees_nothing(database: Database) -> None:
    with database.unit_of_work(ACME) as unit:
        unit.audit("box.create")
        unit.session.execute(insert(tables.idempotency_key).values(claim(ACME)))
    for org_id, expected in ((ACME, 1), (OTHER, 0)):
        with database.unit_of_work(org_id) as unit:
            for table in (tables.audit_entry, tables.idempotency_key):
                assert unit.session.scalar(select(func.count()).select_from(table)) == expected
            deleted = unit.session.execute(tables.idempotency_key.delete())
            assert deleted.rowcount == expected  # type: ignore[attr-defined]


def test_a_row_of_another_tenant_cannot_be_written(database: Database) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), database.unit_of_work(ACME) as unit:
        unit.session.execute(insert(tables.idempotency_key).values(claim(OTHER)))
    with database.unit_of_work(ACME) as unit:
        unit.session.execute(insert(tables.idempotency_key).values(claim(ACME)))
    with pytest.raises(ProgrammingError, match="row-level security"), database.unit_of_work(ACME) as unit:
        unit.session.execute(tables.idempotency_key.update().values(org_id=OTHER))


def test_without_a_tenant_a_query_fails_rather_than_find_nothing(
    sample_database: ServiceDatabase, database: Database
) -> None:
    with database.unit_of_work(ACME) as unit:
        unit.audit("box.create")
    with psycopg.connect(sample_database.url) as connection, pytest.raises(psycopg.errors.UndefinedObject):
        connection.execute("select * from audit_entry")
    # The setting was local to the transaction, so the pool's next one has none.
    with database.engine.connect() as connection, pytest.raises(DBAPIError, match="uuid"):
        connection.execute(select(tables.audit_entry))


def test_the_platform_role_reaches_the_named_tables_only(database: Database) -> None:
    for name in tables.PLATFORM_TABLES:
        with database.platform_unit_of_work() as unit:
            unit.session.execute(text(f"select count(*) from {name}"))
    for name in tables.TENANT_TABLES:
        with pytest.raises(ProgrammingError, match="permission denied"), database.platform_unit_of_work() as unit:
            unit.session.execute(text(f"select count(*) from {name}"))


def test_a_tenants_unit_of_work_reads_no_events_and_changes_no_audit_entry(database: Database) -> None:
    for statement in (
        "select payload from outbox",
        "delete from outbox",
        "select * from dead_letter",
        "update audit_entry set action = 'other'",
        "delete from audit_entry",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), database.unit_of_work(ACME) as unit:
            unit.session.execute(text(statement))


def test_a_denied_call_is_recorded_by_the_platform(sample_database: ServiceDatabase, database: Database) -> None:
    with database.platform_unit_of_work() as unit:
        unit.audit("session.create", outcome="denied", org_id=ACME)
        with pytest.raises(LookupError):
            _ = unit.tenant
    assert count(sample_database, "audit_entry") == 1
    with database.unit_of_work(ACME) as unit:
        assert unit.session.scalar(select(tables.audit_entry.c.outcome)) == "denied"


def test_the_pool_keeps_to_its_size_and_the_waiting_call_learns_why(
    service_database: Callable[..., ServiceDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = service_database("sample", pool_size=1).database
    monkeypatch.setattr(database.engine.pool, "_timeout", 0.1)
    with database.unit_of_work(ACME), pytest.raises(Unavailable) as caught, database.unit_of_work(OTHER) as unit:
        unit.session.execute(text("select 1"))
    assert caught.value.reason == "DATABASE_BUSY"


def test_faults_of_the_database_are_told_without_its_words(database: Database) -> None:
    with pytest.raises(Aborted) as aborted, database.unit_of_work(ACME) as unit:
        unit.session.execute(text("set local statement_timeout = 10"))
        unit.session.execute(text("select pg_sleep(5)"))
    assert aborted.value.reason == "CONCURRENT_CHANGE"
    away = OperationalError("select 1", None, psycopg.OperationalError("connection refused"))
    assert isinstance(translate(away), Unavailable)


def test_a_connection_that_the_server_cut_is_replaced(sample_database: ServiceDatabase, database: Database) -> None:
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'raia_sample'"
    with pytest.raises(Unavailable), database.unit_of_work(ACME) as unit:
        with psycopg.connect(sample_database.admin_url) as connection:
            connection.execute(cut)
        unit.session.execute(text("select 1"))
    with database.unit_of_work(ACME) as unit:
        assert unit.session.scalar(text("select 1")) == 1


@pytest.mark.parametrize(("kind", "value"), [("text", "a\x00b"), ("jsonb", '"a\\u0000b"')])
def test_a_text_that_cannot_be_stored_is_the_callers_fault(database: Database, kind: str, value: str) -> None:
    with pytest.raises(InvalidArgument) as refused, database.unit_of_work(ACME) as unit:
        unit.session.execute(text(f"select cast(:value as {kind})"), {"value": value})
    assert refused.value.reason == "INVALID_FIELD"


def test_an_event_that_would_hold_up_the_relay_is_not_written(database: Database) -> None:
    event = audit_events_pb2.AuditEntryRecorded(reason="x" * LARGEST_EVENT)
    with pytest.raises(ValueError, match="bytes"), database.unit_of_work(ACME) as unit:
        unit.emit(event, key="k", topic="raia.sample.box")


def test_a_tenants_unit_of_work_reaches_the_platforms_tables_for_a_while(database: Database) -> None:
    role, platform = text("select current_user"), "raia_sample_platform"
    with database.unit_of_work(ACME) as unit:
        with unit.platform():
            with unit.platform():
                unit.session.execute(text("select count(*) from outbox"))
            assert unit.session.scalar(role) == platform
        assert unit.session.scalar(role) == "raia_sample"
        with pytest.raises(KeyError), unit.platform():
            raise KeyError
        assert unit.session.scalar(role) == "raia_sample", "whoever handles the exception is the tenant again"
    with database.platform_unit_of_work() as unit, unit.platform():
        assert unit.session.scalar(role) == platform


def test_a_failed_statement_as_the_platform_ends_the_transaction(database: Database) -> None:
    with pytest.raises(ProgrammingError, match="no_such"), database.unit_of_work(ACME) as unit, unit.platform():
        unit.session.execute(text("select no_such from outbox"))
