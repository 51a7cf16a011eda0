"""What the running service does besides answering rpcs."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from raia.auth.v1 import authentication_service_pb2 as authn
from raia_auth.audit.backlog import Backlog
from raia_auth.bootstrap import schedule
from raia_kit.jobs import JobQueue

from .rig import wait_until


def test_what_has_ended_is_forgotten(rig):
    queue = JobQueue()
    schedule(queue, rig.assembly, trim_log=False)
    person, other = rig.register(), rig.register()
    rig.rows("update user_sessions set expires_at = now() - interval '2 days' where user_id = %s", person.id)
    rig.rows("insert into sign_in_throttle values ('\\x01', 3, now() - interval '2 days', null)")
    queue.tasks["auth.housekeeping"].handler(None)
    assert rig.rows("select 1 from user_sessions where user_id = %s", person.id) == []
    assert rig.rows("select 1 from refresh_token where expires_at > now() + interval '13 days'") != []
    assert len(rig.rows("select 1 from user_sessions where user_id = %s", other.id)) == 1
    assert rig.rows("select 1 from sign_in_throttle where subject = '\\x01'") == []


def test_unsequenced_entries_are_counted(rig):
    backlog = Backlog(rig.runtime.database, rig.log)
    person = rig.register()
    wait_until(lambda: backlog.count() == 0)
    rig.sequencer.stop()
    try:
        for _ in range(3):
            rig.login(person.email, person.password)
        wait_until(lambda: backlog.count() == 3)
        backlog.step()
        assert REGISTRY.get_sample_value("raia_auth_ledger_unsequenced_entries") == 3
    finally:
        rig.sequencer.start()
    wait_until(lambda: backlog.count() == 0)


def test_sign_ins_are_counted_by_outcome(rig):
    def count(outcome):
        return REGISTRY.get_sample_value("raia_auth_sign_ins_total", {"outcome": outcome}) or 0

    person, before = rig.register(), count("success")
    rig.login(person.email, person.password)
    assert count("success") == before + 1


@pytest.mark.slow
def test_entries_are_sequenced_in_batches_faster_than_they_are_made(rig):
    """A thousand entries of ten writers show within seconds of the last one."""
    from concurrent.futures import ThreadPoolExecutor

    from raia_kit.context import Actor

    person = rig.register()

    def write(number):
        with rig.runtime.database.unit_of_work(person.org, actor=Actor(service="auth")) as unit:
            for turn in range(5):
                unit.audit("load.test", resource_id=f"{number}.{turn}")

    start = time.monotonic()
    with ThreadPoolExecutor(7) as pool:
        list(pool.map(write, range(200)))
    written = time.monotonic()
    count = "select count(*) from ledger_entry where org_id = %s and action = 'load.test'"
    wait_until(lambda: rig.rows(count, person.org_id)[0][0] == 1000, 20)
    print(f"written in {written - start:.2f} s, sequenced {time.monotonic() - written:.2f} s later")
    assert time.monotonic() - written < 5
    gaps = "select count(*), max(place), count(distinct place) from ledger_entry where org_id = %s"
    assert len(set(rig.rows(gaps, person.org_id)[0])) == 1


def test_clocks_of_keys_and_sessions_are_the_services(rig):
    token = authn.RefreshRequest(refresh_token=rig.register().tokens.refresh_token)
    assert rig.authn.Refresh(token).expires_in == 600
    ends = rig.rows("select max(expires_at) from user_sessions")[0][0]
    assert timedelta(days=29) < ends - datetime.now(UTC) <= timedelta(days=30)
