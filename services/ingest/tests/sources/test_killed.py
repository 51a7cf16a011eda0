"""Thirty daily files in a watched folder, and a process that is killed again and again: every file is there once."""

import random
import time

import pytest

from ..rig import Rig, wait_until
from ..test_faults import Alone
from .calls import Client

DAYS = 30


def day(number: int) -> str:
    """One day's sales; no two days have the same bytes."""
    lines = "".join(
        f"{number}{line:03},S{line % 7},Item {line % 7},{line % 5 + 1},2024-01-{number:02} {9 + line % 9:02}:00:00,"
        f"{(line * 37 % 900) / 100},c{line % 11},France\n"
        for line in range(200)
    )
    return "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n" + lines


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_file_is_there_once_whatever_is_killed(postgres, tmp_path, request):
    kills = 20 if request.config.getoption("--soak", default=False) else 5
    chance = random.Random(20_101_201)
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path)
        person = rig.hire()
        rig.close()
        alone = Alone(rig, person)
        try:
            source = Client(alone.channel, person, tmp_path).create(dataset_name="sales")
            for kill in range(kills):
                client = Client(alone.channel, person, tmp_path)
                for number in range(kill * DAYS // kills, (kill + 1) * DAYS // kills):
                    client.drop(f"2024-01-{number + 1:02}.csv", day(number + 1))
                time.sleep(chance.uniform(0.0, 4.0))
                alone.kill()
                alone.start()
            client = Client(alone.channel, person, tmp_path)
            wait_until(lambda: client.get(source).taken_count == DAYS, 240)
            _settled(rig)
            assert {item.status for item in client.items(source)} == {"taken"}
            _each_once(rig, source.id)
        finally:
            alone.kill()


def _settled(rig: Rig) -> None:
    """Waits until nothing is left to be done for any version."""
    under_way = """
        select 1 from procrastinate_jobs where status in ('todo', 'doing')
        and (task_name in ('ingest.route', 'ingest.profile') or task_name like 'ingest.process.%%')
        and %s
    """
    wait_until(lambda: not rig.rows(under_way, True), 240)
    wait_until(lambda: not rig.rows("select 1 from outbox"), 30)


def _each_once(rig: Rig, source_id: str) -> None:
    versions = rig.rows("select version, status, filename, sha256, row_count from dataset_version order by version")
    assert [version for version, *_ in versions] == list(range(1, DAYS + 1))
    assert {(status, count) for _, status, _, _, count in versions} == {("ready", 200)}
    assert sorted(name for _, _, name, _, _ in versions) == [f"2024-01-{n:02}.csv" for n in range(1, DAYS + 1)]
    assert len({digest for *_, digest, _ in versions}) == DAYS
    assert rig.rows("select category, status, count(*) from dataset_routing group by 1, 2") == [
        ("sales", "succeeded", DAYS)
    ]
    assert rig.rows("select processor, status, count(*) from processing_result group by 1, 2") == [
        ("sales", "succeeded", DAYS)
    ]
    assert rig.rows("select status, count(*) from dataset_profile group by 1") == [("succeeded", DAYS)]
    told = dict(rig.rows("select split_part(type, '.', 5), count(*) from raia_log.event group by 1"))
    for name in ("SourceItemTaken", "DatasetUploaded", "DatasetReady", "DatasetRouted", "DatasetProcessed"):
        assert told[name] == DAYS, name
    taken = "select count(*) from raia_log.event where key = %s and type like '%%SourceItemTaken'"
    assert rig.rows(taken, source_id) == [(DAYS,)]
