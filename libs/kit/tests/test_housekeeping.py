import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from raia_kit import housekeeping
from raia_kit.compute import ComputePool
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import Cancelled
from raia_kit.housekeeping import Housekeeping, References, Retention
from raia_kit.jobs import Dispatcher, JobQueue
from raia_kit.objects import ObjectStore
from raia_testing.postgres import ServiceDatabase

ORG, OTHER = uuid4(), uuid4()


@pytest.fixture
def admin(sample_database: ServiceDatabase) -> Iterator["psycopg.Connection[tuple[int, ...]]"]:
    with psycopg.connect(
        sample_database.admin_url, autocommit=True, options="-c search_path=raia_sample"
    ) as connection:
        yield connection


@pytest.fixture
def database(sample_database: ServiceDatabase) -> Database:
    return sample_database.database


def counts(admin: "psycopg.Connection[tuple[int, ...]]") -> dict[str, int]:
    tables = {
        "inbox": "inbox",
        "idempotency_keys": "idempotency_key",
        "jobs": "procrastinate_jobs",
        "log": "raia_log.event",
    }
    result = {}
    for name, table in tables.items():
        row = admin.execute(f"select count(*) from {table}").fetchone()
        assert row is not None
        result[name] = row[0]
    return result


def age_everything(admin: "psycopg.Connection[tuple[int, ...]]", database: Database) -> None:
    """Twelve of each: of ages 1 to 12 days for inbox, log and jobs, of 10 to 120 hours for keys."""
    admin.execute(
        "insert into inbox (consumer, event_id, received_at)"
        " select 'c', gen_random_uuid(), now() - make_interval(days => i) from generate_series(1, 12) i"
    )
    admin.execute(
        "insert into idempotency_key (org_id, caller, rpc, key, request_digest, status, claimed_until, created_at)"
        " select gen_random_uuid(), 'u', 'r', i::text, '', 'done', now(), now() - make_interval(hours => 10 * i)"
        " from generate_series(1, 12) i"
    )
    admin.execute(
        "insert into raia_log.event (topic, position, id, key, type, headers, payload, published_at)"
        " select 't', i, gen_random_uuid(), '', '', '{}', '', now() - make_interval(days => i)"
        " from generate_series(1, 12) i"
    )
    queue = JobQueue()
    queue.task("old", time_limit=1)(lambda job: None)
    with database.unit_of_work(ORG) as unit:
        ids = [queue.enqueue(unit, "old", {}, ORG, None) for _ in range(12)]
    for days, job in enumerate(ids, start=1):
        status = ["succeeded", "failed", "cancelled", "aborted", "todo", "doing"][days % 6]
        admin.execute("update procrastinate_jobs set status = %s where id = %s", (status, job))
        admin.execute(
            "update procrastinate_events set at = now() - make_interval(days => %s) where job_id = %s", (days, job)
        )


def test_rows_go_when_their_time_is_up(
    admin: "psycopg.Connection[tuple[int, ...]]", database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "_BATCH", 2)
    age_everything(admin, database)
    # Of the jobs of 7 to 12 days those with 10 and 11 days wait or run.
    assert Housekeeping(database, trim_log=True).collect_rows() == {
        "inbox": 6,
        "idempotency_keys": 10,
        "jobs": 4,
        "log": 6,
    }
    assert counts(admin) == {"inbox": 6, "idempotency_keys": 2, "jobs": 8, "log": 6}
    assert sum(Housekeeping(database, trim_log=True).collect_rows().values()) == 0


def test_the_log_is_left_alone_where_it_is_not_ours(
    admin: "psycopg.Connection[tuple[int, ...]]", database: Database
) -> None:
    age_everything(admin, database)
    assert "log" not in Housekeeping(database).collect_rows()
    assert counts(admin)["log"] == 12


def test_it_stops_between_batches(
    admin: "psycopg.Connection[tuple[int, ...]]", database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "_BATCH", 2)
    age_everything(admin, database)
    asked = []

    def check() -> None:
        asked.append(1)
        if len(asked) > 2:
            raise Cancelled("stop", reason="CANCELLED")

    with pytest.raises(Cancelled):
        Housekeeping(database).collect_rows(check)
    assert counts(admin)["inbox"] == 8


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(f"file://{tmp_path}", owner="sample")


def test_unreferenced_objects_go_after_a_day(database: Database, store: ObjectStore) -> None:
    kept = store.put_stream(ORG, [b"kept"], max_bytes=10).key
    lost = [store.put_stream(org, [b"lost"], max_bytes=10).key for org in (ORG, OTHER)]
    seen: list[object] = []

    def references(unit: UnitOfWork) -> list[str]:
        seen.append(unit.tenant)
        return [kept] if unit.tenant == ORG else []

    young = Housekeeping(database, objects=store, references=references)
    assert young.collect_objects() == 0
    assert seen == []
    old = Housekeeping(database, objects=store, references=references, retention=Retention(objects=timedelta(hours=-1)))
    assert old.collect_objects() == 2
    assert {str(org) for org in seen} == {str(ORG), str(OTHER)}
    assert store.exists(kept)
    assert not any(store.exists(key) for key in lost)


def test_an_object_that_is_stored_again_meanwhile_stays(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store.put_stream(ORG, [b"again"], max_bytes=10).key
    path = store.local_path(key)
    assert path is not None
    long_ago = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    os.utime(path, (long_ago, long_ago))

    def references(unit: UnitOfWork) -> list[str]:
        store.put_stream(ORG, [b"again"], max_bytes=10)
        return []

    assert Housekeeping(database, objects=store, references=references).collect_objects() == 0
    assert store.exists(key)


def test_a_store_that_may_hold_others_objects_is_refused(database: Database, tmp_path: Path) -> None:
    cases: list[tuple[ObjectStore, References | None]] = [
        (ObjectStore(f"file://{tmp_path}"), lambda unit: []),
        (ObjectStore(f"file://{tmp_path}", owner="another"), lambda unit: []),
        (ObjectStore(f"file://{tmp_path}", owner="sample"), None),
    ]
    for store, references in cases:
        with pytest.raises(ValueError, match="owns"):
            Housekeeping(database, objects=store, references=references)


def test_services_that_share_a_url_share_no_object(tmp_path: Path) -> None:
    one, two = (ObjectStore(f"file://{tmp_path}/", owner=owner) for owner in ("ingest", "ml"))
    key = one.put_stream(ORG, [b"same"], max_bytes=10).key
    assert not two.exists(key)
    assert two.put_stream(ORG, [b"same"], max_bytes=10).key == key
    one.delete(key)
    assert two.exists(key)


def test_it_runs_as_a_periodic_job(
    admin: "psycopg.Connection[tuple[int, ...]]", database: Database, store: ObjectStore
) -> None:
    queue = JobQueue()
    Housekeeping(database, objects=store, references=lambda unit: []).schedule(queue)
    age_everything(admin, database)
    with ComputePool() as pool:
        dispatcher = Dispatcher(queue, database, pool)
        dispatcher.start()
        deadline = time.monotonic() + 20
        while counts(admin)["inbox"] != 6 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert dispatcher.stop()
    assert counts(admin)["inbox"] == 6
