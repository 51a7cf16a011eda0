import errno
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from raia_kit import migrations, schema
from raia_kit.compute import ComputePool
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import (
    Aborted,
    Cancelled,
    InvalidArgument,
    RaiaError,
    Unavailable,
)
from raia_kit.jobs import Dispatcher, Job, JobQueue, JobRecord, JobTakenOver, rows, runner
from raia_testing.postgres import ServiceDatabase
from sqlalchemy import text

HERE = Path(__file__).parent
ORG, OTHER, USER = uuid4(), uuid4(), uuid4()
SERVICE = "sample"


def eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


@dataclass
class World:
    """A service's database with a table of effects, its queue and what it has started."""

    at: ServiceDatabase
    queue: JobQueue = field(default_factory=JobQueue)
    pool: ComputePool = field(default_factory=lambda: ComputePool(max_children=2))
    dispatchers: list[Dispatcher] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.at.database

    def start(self, **options: Any) -> Dispatcher:
        dispatcher = Dispatcher(self.queue, self.database, self.pool, **{"drain_seconds": 0.5, **options})
        self.dispatchers.append(dispatcher)
        dispatcher.start()
        return dispatcher

    def enqueue(self, kind: str, *, org: UUID | None = ORG, lock: str | None = None, **args: Any) -> int:
        unit_of_work = self.database.platform_unit_of_work() if org is None else self.database.unit_of_work(org)
        with unit_of_work as unit:
            return self.queue.enqueue(unit, kind, args, org, USER, lock=lock)

    def cancel(self, job_id: int, org: UUID | None = ORG) -> bool:
        unit_of_work = self.database.platform_unit_of_work() if org is None else self.database.unit_of_work(org)
        with unit_of_work as unit:
            return self.queue.cancel(unit, job_id)

    def status(self, job_id: int) -> str | None:
        with self.database.platform_unit_of_work() as unit:
            return self.queue.status(unit, job_id)

    def status_or_none(self, job_id: int) -> str | None:
        try:
            return self.status(job_id)
        except Unavailable:
            return None

    def ends(self, job_id: int, status: str, seconds: float = 15) -> bool:
        return eventually(lambda: self.status(job_id) == status, seconds)

    def effects(self, org: UUID = ORG) -> list[tuple[int, str]]:
        with self.database.unit_of_work(org) as unit:
            return [(row[0], row[1]) for row in unit.session.execute(text("select job, what from effect order by at"))]

    def admin(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.at.admin_url, autocommit=True, options="-c search_path=raia_sample") as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


def effect(unit: UnitOfWork, job: JobRecord | Job, what: str) -> None:
    unit.session.execute(
        text("insert into effect (org_id, job, what) values (:org, :job, :what)"),
        {"org": unit.org_id, "job": job.id, "what": what},
    )


@pytest.fixture
def world(sample_database: ServiceDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    with migrations.owner_connection(sample_database.admin_url, SERVICE) as connection:
        connection.execute(
            text(
                "create table effect (org_id uuid not null, job bigint not null, what text not null,"
                " at timestamptz default clock_timestamp())"
            )
        )
        schema.tenant_table(SERVICE, "effect", connection=connection)
        connection.commit()
    world = World(sample_database)
    yield world
    for dispatcher in world.dispatchers:
        assert dispatcher.stop()
    world.pool.close()


def declare_add(world: World, **options: Any) -> None:
    @world.queue.task("add", time_limit=30, **options)
    def add(job: Job) -> None:
        total = job.compute("compute_functions:echo", {"value": sum(job.args["numbers"])})
        with job.complete() as unit:
            effect(unit, job, str(total))


def test_a_job_runs_after_the_commit_and_computes_in_a_child(world: World) -> None:
    declare_add(world)
    world.start(poll_seconds=30)
    assert eventually(lambda: world.dispatchers[0].healthy()[0])
    started = time.monotonic()
    job = world.enqueue("add", numbers=[1, 2, 3])
    assert world.ends(job, "succeeded")
    assert time.monotonic() - started < 5, "the commit did not wake the dispatcher"
    assert world.effects() == [(job, "6")]


def test_a_rolled_back_unit_enqueues_nothing(world: World) -> None:
    declare_add(world)
    with pytest.raises(KeyError), world.database.unit_of_work(ORG) as unit:
        world.queue.enqueue(unit, "add", {"numbers": [1]}, ORG, USER)
        raise KeyError
    assert world.admin("select count(*) from procrastinate_jobs") == [(0,)]


def test_enqueueing_checks_kind_and_organisation(world: World) -> None:
    declare_add(world)
    with world.database.unit_of_work(ORG) as unit:
        with pytest.raises(LookupError):
            world.queue.enqueue(unit, "unknown", {}, ORG, USER)
        with pytest.raises(ValueError, match="organisation"):
            world.queue.enqueue(unit, "add", {}, OTHER, USER)
    with pytest.raises(ValueError, match="twice"):
        declare_add(world)


def test_a_job_knows_what_it_is_for(world: World) -> None:
    seen: list[tuple[Any, ...]] = []

    @world.queue.task("look", time_limit=30)
    def look(job: Job) -> None:
        with job.unit() as unit:
            seen.append((job.kind, dict(job.args), job.org_id, job.user_id, unit.tenant, str(unit.actor)))

    world.start()
    assert world.ends(world.enqueue("look", a=[1, {"b": None}]), "succeeded")
    assert seen == [("look", {"a": [1, {"b": None}]}, ORG, USER, ORG, f"user:{USER}/service:{SERVICE}")]


def test_jobs_of_one_tenant_are_not_there_for_another(world: World) -> None:
    declare_add(world)
    job = world.enqueue("add", numbers=[1])
    assert not world.cancel(job, OTHER)
    with world.database.unit_of_work(OTHER) as unit:
        assert world.queue.status(unit, job) is None
    assert world.status(job) == "todo"


def test_an_error_that_passes_is_tried_again(world: World) -> None:
    attempts: list[int] = []

    @world.queue.task("flaky", time_limit=30, retry_seconds=0.05)
    def flaky(job: Job) -> None:
        attempts.append(job.attempt)
        if len(attempts) < 3:
            raise Unavailable("away", reason="AWAY")
        with job.complete() as unit:
            effect(unit, job, "done")

    world.start(poll_seconds=0.05)
    job = world.enqueue("flaky")
    assert world.ends(job, "succeeded")
    assert attempts == [0, 1, 2]
    assert world.effects() == [(job, "done")]


def declare_failing(world: World, error: Exception, **options: Any) -> list[RaiaError]:
    told: list[RaiaError] = []

    def on_failed(unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        told.append(error)
        effect(unit, record, f"failed {error.reason}")

    @world.queue.task("failing", time_limit=30, on_failed=on_failed, **options)
    def failing(job: Job) -> None:
        raise error

    return told


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (InvalidArgument("no column age", reason="COLUMN_NOT_FOUND"), "COLUMN_NOT_FOUND", "no column age"),
        (ZeroDivisionError("secret"), "INTERNAL", "an internal error ended this job"),
        (OSError(errno.ENOSPC, "secret"), "STORAGE_FULL", "storage is full; nothing was written"),
        (OSError(errno.EACCES, "secret"), "INTERNAL", "an internal error ended this job"),
        (Unavailable("still away", reason="AWAY"), "AWAY", "still away"),
    ],
)
def test_a_lasting_error_is_told_to_the_owner(world: World, error: Exception, reason: str, message: str) -> None:
    told = declare_failing(world, error, retries=1, retry_seconds=0.05)
    world.start(poll_seconds=0.05)
    job = world.enqueue("failing")
    assert world.ends(job, "failed")
    assert [(each.reason, each.message) for each in told] == [(reason, message)]
    assert world.effects() == [(job, f"failed {reason}")]


def test_a_hook_that_fails_does_not_keep_the_job_alive(world: World) -> None:
    def on_failed(unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        effect(unit, record, "half")
        raise KeyError("a bug in the hook")

    @world.queue.task("failing", time_limit=30, on_failed=on_failed)
    def failing(job: Job) -> None:
        raise InvalidArgument("no", reason="NO")

    world.start()
    assert world.ends(world.enqueue("failing"), "failed")
    assert world.effects() == []


@pytest.mark.parametrize("error", [Aborted("changed", reason="ETAG_MISMATCH"), Unavailable("away", reason="AWAY")])
def test_a_hook_whose_error_never_passes_does_not_keep_its_thread(
    world: World, monkeypatch: pytest.MonkeyPatch, error: RaiaError
) -> None:
    monkeypatch.setattr(runner, "_HOOK_TRIES", 3)
    tries: list[int] = []

    def on_failed(unit: UnitOfWork, record: JobRecord, _error: RaiaError) -> None:
        tries.append(record.id)
        raise error

    @world.queue.task("failing", time_limit=30, on_failed=on_failed)
    def failing(job: Job) -> None:
        raise InvalidArgument("no", reason="NO")

    dispatcher = world.start()
    assert world.ends(world.enqueue("failing"), "failed")
    assert len(tries) == 3
    assert eventually(lambda: dispatcher.running() == 0)


def test_a_dead_child_is_tried_again(world: World, tmp_path: Path) -> None:
    @world.queue.task("dying", time_limit=30, retry_seconds=0.05)
    def dying(job: Job) -> None:
        job.compute("compute_functions:leave" if job.attempt == 0 else "compute_functions:pid", {})

    world.start(poll_seconds=0.05)
    job = world.enqueue("dying")
    assert world.ends(job, "succeeded")
    assert world.admin("select args ->> 'retries' from procrastinate_jobs") == [("1",)]


def test_the_time_limit_holds_for_computing_and_waiting(world: World) -> None:
    told: list[str] = []

    def on_failed(unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        told.append(error.reason)

    @world.queue.task("computing", time_limit=0.5, on_failed=on_failed)
    def computing(job: Job) -> None:
        job.compute("compute_functions:sleep", {"seconds": 60})

    @world.queue.task("waiting", time_limit=0.5, on_failed=on_failed)
    def waiting(job: Job) -> None:
        assert job.cancelled.wait(30)
        job.check()

    world.start(heartbeat_seconds=0.2)
    for kind in ("computing", "waiting"):
        assert world.ends(world.enqueue(kind), "failed")
    assert told == ["COMPUTE_TIME_EXCEEDED", "JOB_TIME_EXCEEDED"]


def declare_slow(world: World, began: threading.Event) -> None:
    def on_cancelled(unit: UnitOfWork, record: JobRecord) -> None:
        effect(unit, record, "cancelled")

    @world.queue.task("slow", time_limit=60, on_cancelled=on_cancelled)
    def slow(job: Job) -> None:
        began.set()
        job.compute("compute_functions:sleep", {"seconds": job.args["seconds"]})
        with job.complete() as unit:
            effect(unit, job, "done")


def test_cancelling_a_waiting_job_ends_it_in_the_same_transaction(world: World) -> None:
    declare_slow(world, threading.Event())
    job = world.enqueue("slow", seconds=60)
    assert world.cancel(job)
    assert world.status(job) == "cancelled"
    assert world.effects() == [(job, "cancelled")]
    assert not world.cancel(job)
    assert not world.cancel(123456)


@pytest.mark.parametrize("org", [ORG, None])
def test_cancelling_a_running_job_kills_its_child_and_tells_the_owner(world: World, org: UUID | None) -> None:
    began = threading.Event()
    declare_slow(world, began)
    world.start(poll_seconds=30)
    assert eventually(lambda: world.dispatchers[0].healthy()[0])
    job = world.enqueue("slow", seconds=60)
    assert began.wait(10)
    assert eventually(lambda: world.pool.stats().busy == 1)
    started = time.monotonic()
    assert world.cancel(job, org)
    assert world.ends(job, "aborted")
    assert time.monotonic() - started < 3
    assert world.effects() == [(job, "cancelled")]
    assert eventually(lambda: world.pool.stats().busy == 0)


def test_the_platform_cancels_a_waiting_job_through_a_worker(world: World) -> None:
    declare_slow(world, threading.Event())
    job = world.enqueue("slow", seconds=60)
    assert world.cancel(job, None)
    world.start()
    assert world.ends(job, "aborted")
    assert world.effects() == [(job, "cancelled")]


def test_a_job_cancelled_in_another_process_stops_by_the_poll(world: World) -> None:
    began = threading.Event()
    declare_slow(world, began)
    world.start(poll_seconds=0.2)
    job = world.enqueue("slow", seconds=60)
    assert began.wait(10)
    other = JobQueue()
    with world.database.unit_of_work(ORG) as unit:
        assert other.cancel(unit, job)
    assert world.ends(job, "aborted")
    assert world.effects() == [(job, "cancelled")]


def test_once_cancelled_a_job_cannot_complete(world: World) -> None:
    reached, go = threading.Event(), threading.Event()

    def on_cancelled(unit: UnitOfWork, record: JobRecord) -> None:
        effect(unit, record, "cancelled")

    @world.queue.task("late", time_limit=60, on_cancelled=on_cancelled)
    def late(job: Job) -> None:
        with job.complete() as unit:
            effect(unit, job, "done")
            unit.session.flush()
            reached.set()
            assert go.wait(10)

    world.start(poll_seconds=30)
    assert eventually(lambda: world.dispatchers[0].healthy()[0])
    job = world.enqueue("late")
    assert reached.wait(10)
    assert world.cancel(job)
    go.set()
    assert world.ends(job, "aborted")
    assert world.effects() == [(job, "cancelled")]


def test_progress_is_written_while_the_job_runs(world: World) -> None:
    seen: list[tuple[float, str]] = []

    def on_progress(unit: UnitOfWork, record: JobRecord, fraction: float, message: str) -> None:
        effect(unit, record, message)
        seen.append((fraction, message))

    @world.queue.task("steps", time_limit=60, on_progress=on_progress)
    def steps(job: Job) -> None:
        job.compute("compute_functions:steps", {"number": 20})

    world.start()
    job = world.enqueue("steps")
    assert world.ends(job, "succeeded")
    assert 2 <= len(seen) <= 5
    assert seen == sorted(seen)
    assert [what for _, what in world.effects()] == [message for _, message in seen]


def test_jobs_with_one_lock_run_one_at_a_time_in_order(world: World) -> None:
    running: list[int] = []
    most = [0]

    @world.queue.task("locked", time_limit=30)
    def locked(job: Job) -> None:
        running.append(job.id)
        most[0] = max(most[0], len(running))
        time.sleep(0.1)
        running.remove(job.id)
        with job.complete() as unit:
            effect(unit, job, "done")

    world.start(concurrency=4, poll_seconds=0.05)
    ids = [world.enqueue("locked", lock="one") for _ in range(4)]
    assert eventually(lambda: len(world.effects()) == 4)
    assert most == [1]
    assert [job for job, _ in world.effects()] == ids


def test_a_job_of_the_platform_uses_the_platforms_tables(world: World) -> None:
    counted: list[int] = []

    @world.queue.task("platform", time_limit=30)
    def platform(job: Job) -> None:
        with job.complete() as unit:
            counted.append(unit.session.execute(text("select count(*) from outbox")).scalar_one())
        with pytest.raises(LookupError):
            _ = job.org_id

    world.start()
    assert world.ends(world.enqueue("platform", org=None), "succeeded")
    assert counted == [0]


def test_a_job_of_a_kind_that_nobody_here_knows_waits_for_another_process(world: World) -> None:
    declare_add(world)
    job = world.enqueue("add", numbers=[1])
    world.admin("update procrastinate_jobs set task_name = 'newer' where id = %s", job)
    world.start(heartbeat_seconds=0.2, poll_seconds=0.1)
    waiting = "select status::text, scheduled_at > now() + interval '5 seconds' from procrastinate_jobs"
    assert eventually(lambda: world.admin(waiting) == [("todo", True)])


def test_a_job_may_be_due_later(world: World) -> None:
    declare_add(world)
    world.start(poll_seconds=0.1)
    due = datetime.now(UTC) + timedelta(seconds=1)
    with world.database.unit_of_work(ORG) as unit:
        job = world.queue.enqueue(unit, "add", {"numbers": [1]}, ORG, USER, not_before=due)
    assert world.ends(job, "succeeded")
    assert datetime.now(UTC) >= due


def test_a_periodic_job_runs_once_for_all_processes(world: World) -> None:
    ran: list[int] = []

    @world.queue.periodic("tick", "0 * * * *", time_limit=30)
    def tick(job: Job) -> None:
        ran.append(job.id)

    for _ in range(2):
        world.start()
    assert eventually(lambda: len(ran) == 1)
    time.sleep(1)
    assert len(ran) == 1


# Fencing.


def test_what_a_stalled_worker_writes_does_not_take_effect(world: World) -> None:
    began, go = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    @world.queue.task("stalling", time_limit=60)
    def stalling(job: Job) -> None:
        if job.attempt > 0:
            with job.complete() as unit:
                effect(unit, job, "second")
            return
        with pytest.raises(JobTakenOver), job.unit() as unit:
            effect(unit, job, "first")
            unit.session.flush()
            began.set()
            assert go.wait(20)
        try:
            with job.complete() as unit:
                effect(unit, job, "first again")
        except JobTakenOver as error:
            raised.append(error)
            raise

    first = world.start(heartbeat_seconds=60, poll_seconds=0.1)
    job = world.enqueue("stalling")
    assert began.wait(10)
    world.admin("update procrastinate_workers set last_heartbeat = now() - interval '1 hour'")
    world.start(heartbeat_seconds=0.2, poll_seconds=0.1)
    assert eventually(lambda: (job, "second") in world.effects())
    assert first.running() == 1
    go.set()
    assert eventually(lambda: len(raised) == 1 and first.running() == 0)
    assert world.effects() == [(job, "second")]
    assert world.status(job) == "succeeded"


def test_a_job_whose_effect_is_being_committed_is_not_taken_over(world: World) -> None:
    declare_add(world)
    job = world.enqueue("add", numbers=[1])
    world.admin("update procrastinate_jobs set status = 'doing' where id = %s", job)
    record = JobRecord(job, "add", {}, ORG, USER, 0)
    with world.database.unit_of_work(ORG) as unit:
        effect(unit, record, "held")
        rows.hold(unit, record)
        world.start(heartbeat_seconds=0.1, poll_seconds=0.1)
        time.sleep(1)
        assert world.admin("select status::text, attempts from procrastinate_jobs") == [("doing", 0)]
    # Once committed, it is stalled like any other, since no worker has it.
    assert world.ends(job, "succeeded")


@pytest.mark.parametrize("change", ["attempts = 1", "status = 'todo'", "status = 'succeeded'"])
def test_every_way_to_lose_a_job_is_seen(world: World, change: str) -> None:
    declare_add(world)
    job = world.enqueue("add", numbers=[1])
    world.admin("update procrastinate_jobs set status = 'doing' where id = %s", job)
    record = JobRecord(job, "add", {}, ORG, USER, 0)
    with world.database.unit_of_work(ORG) as unit:
        rows.look(unit, record)
    world.admin(f"update procrastinate_jobs set {change} where id = %s", job)
    for attempt in (rows.look, rows.hold, rows.succeed, lambda unit, record: rows.end(unit, record, "failed")):
        with pytest.raises(JobTakenOver), world.database.unit_of_work(ORG) as unit:
            attempt(unit, record)
    with world.database.unit_of_work(ORG) as unit:
        assert not rows.requeue(unit, record, delay=0, retries=1)


def test_a_requested_abort_is_an_error_at_both_ends_of_a_unit(world: World) -> None:
    declare_add(world)
    job = world.enqueue("add", numbers=[1])
    world.admin("update procrastinate_jobs set status = 'doing', abort_requested = true")
    record = JobRecord(job, "add", {}, ORG, USER, 0)
    for check in (rows.look, rows.hold, rows.succeed):
        with pytest.raises(Cancelled), world.database.unit_of_work(ORG) as unit:
            check(unit, record)


def test_a_stalled_job_that_was_to_be_aborted_is_cancelled_by_the_next_worker(world: World) -> None:
    declare_slow(world, threading.Event())
    job = world.enqueue("slow", seconds=60)
    world.admin("update procrastinate_jobs set status = 'doing', abort_requested = true")
    world.start(heartbeat_seconds=0.2, poll_seconds=0.1)
    assert world.ends(job, "aborted")
    assert world.effects() == [(job, "cancelled")]


def test_a_job_that_keeps_killing_its_worker_is_given_up(world: World) -> None:
    told = declare_failing(world, ZeroDivisionError())
    job = world.enqueue("failing")
    world.admin("update procrastinate_jobs set args = args || '{\"takeovers\": 11}'")
    world.start()
    assert world.ends(job, "failed")
    assert [error.reason for error in told] == ["JOB_INTERRUPTED"]


def test_a_job_whose_fetch_got_lost_is_found_again(world: World) -> None:
    declare_add(world)
    world.start(heartbeat_seconds=0.2, poll_seconds=0.1)
    assert eventually(lambda: world.admin("select count(*) from procrastinate_workers") == [(1,)])
    with world.database.unit_of_work(ORG) as unit:
        job = world.queue.enqueue(unit, "add", {"numbers": [4]}, ORG, USER)
        unit.session.flush()
    # As if the answer to the fetch had never arrived.
    world.admin(
        "update procrastinate_jobs set status = 'doing',"
        " worker_id = (select id from procrastinate_workers) where status = 'todo'"
    )
    assert world.ends(job, "succeeded")
    assert world.effects() == [(job, "4")]


# Stopping and faults.


def test_stopping_waits_for_what_ends_soon(world: World) -> None:
    began = threading.Event()
    declare_slow(world, began)
    dispatcher = world.start(drain_seconds=10)
    job = world.enqueue("slow", seconds=0.5)
    assert began.wait(10)
    assert dispatcher.stop()
    assert world.status(job) == "succeeded"
    assert world.effects() == [(job, "done")]
    assert world.admin("select count(*) from procrastinate_workers") == [(0,)]


def test_stopping_puts_back_what_does_not_end_and_another_process_finishes_it(world: World) -> None:
    began = threading.Event()
    declare_slow(world, began)
    dispatcher = world.start(drain_seconds=0.2)
    job = world.enqueue("slow", seconds=2)
    assert began.wait(10)
    assert eventually(lambda: world.pool.stats().busy == 1)
    started = time.monotonic()
    assert dispatcher.stop()
    assert time.monotonic() - started < 2
    assert world.status(job) == "todo"
    assert world.effects() == []
    world.start()
    assert world.ends(job, "succeeded")
    assert world.effects() == [(job, "done")]


def test_a_database_that_drops_its_connections_is_borne(world: World) -> None:
    began = threading.Event()
    declare_slow(world, began)
    world.start(heartbeat_seconds=0.2, poll_seconds=0.1)
    ids = [world.enqueue("slow", seconds=0.3) for _ in range(6)]
    for _ in range(6):
        time.sleep(0.3)
        world.admin(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    for job in ids:
        assert eventually(lambda job=job: world.status_or_none(job) == "succeeded", 30)  # type: ignore[misc]
    assert sorted(world.effects()) == [(job, "done") for job in ids]
    assert eventually(lambda: world.dispatchers[0].healthy()[0])


def test_a_worker_that_was_declared_dead_starts_anew(world: World) -> None:
    declare_add(world)
    world.start(heartbeat_seconds=0.2, poll_seconds=0.1)
    assert eventually(lambda: world.admin("select count(*) from procrastinate_workers") == [(1,)])
    world.admin("delete from procrastinate_workers")
    job = world.enqueue("add", numbers=[7])
    assert world.ends(job, "succeeded")
    assert world.effects() == [(job, "7")]


def test_an_aborted_transaction_is_tried_again(world: World) -> None:
    tries: list[int] = []

    @world.queue.task("conflict", time_limit=30, retry_seconds=0.05)
    def conflict(job: Job) -> None:
        tries.append(job.attempt)
        if len(tries) == 1:
            raise Aborted("another change interfered", reason="CONCURRENT_CHANGE")

    world.start(poll_seconds=0.05)
    assert world.ends(world.enqueue("conflict"), "succeeded")
    assert len(tries) == 2
