"""Processes that run jobs are killed at random moments; each job's effect must happen exactly once all the same."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from raia_kit import migrations, schema
from raia_kit.database import Database
from raia_kit.jobs import JobQueue
from raia_testing.postgres import ServiceDatabase
from sqlalchemy import text

HERE = Path(__file__).parent
ORG = uuid4()


def start(url: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, str(HERE / "job_process.py"), url],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout as told:
        assert b"runs" in told.readline()
    return process


def prepare(at: ServiceDatabase) -> None:
    with migrations.owner_connection(at.admin_url, "sample") as connection:
        connection.execute(text("create table effect (org_id uuid not null, job bigint not null, what text not null)"))
        connection.execute(
            text(
                "create table step (org_id uuid not null, job bigint, step int, runs int default 1,"
                " primary key (org_id, job, step))"
            )
        )
        for table in ("effect", "step"):
            schema.tenant_table("sample", table, connection=connection)
        connection.commit()


def enqueue(database: Database, number: int) -> list[int]:
    from job_process import declare

    queue = JobQueue()
    declare(queue)
    with database.unit_of_work(ORG) as unit:
        return [queue.enqueue(unit, "work", {"number": i}, ORG, None) for i in range(number)]


def tally(database: Database) -> dict[str, int]:
    with database.platform_unit_of_work() as unit:
        return dict(JobQueue().counts(unit))


@pytest.mark.slow
def test_effects_happen_exactly_once_whatever_is_killed(
    sample_database: ServiceDatabase, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    kills = 150 if request.config.getoption("--soak", default=False) else 12
    prepare(sample_database)
    database = sample_database.database
    ids: list[int] = []
    chance = random.Random(kills)  # the moments within a process are random by themselves
    processes = [start(sample_database.url) for _ in range(2)]
    children: set[int] = set()
    try:
        for _ in range(kills):
            ids += enqueue(database, 20)
            time.sleep(chance.uniform(0.05, 0.7))
            place = chance.randrange(len(processes))
            children |= {child.pid for child in psutil.Process(processes[place].pid).children(recursive=True)}
            processes[place].kill()
            processes[place].wait()
            processes[place] = start(sample_database.url)
        deadline = time.monotonic() + 120
        while tally(database).get("succeeded", 0) < len(ids) and time.monotonic() < deadline:
            time.sleep(0.2)
        for process in processes:
            process.terminate()
        assert [process.wait(20) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert tally(database) == {"succeeded": len(ids)}
    with database.unit_of_work(ORG) as unit:
        effects = unit.session.execute(text("select job, what from effect order by job")).all()
        repeated = unit.session.execute(text("select count(*) from step where runs > 1")).scalar_one()
    assert [(row.job, row.what) for row in effects] == [(job, str(i % 20)) for i, job in enumerate(ids)]
    assert repeated > kills // 3, "no kill hit a job at work: the test shows nothing"
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in children)
