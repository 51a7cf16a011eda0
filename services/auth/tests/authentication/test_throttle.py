from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_auth.authentication.throttle import ACCOUNT, Record, SqlThrottle, after_failure, remaining
from raia_auth.errors import AccountLocked

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.fast
def test_five_failures_are_free_and_each_further_one_doubles_the_wait():
    record, waits = Record(), []
    for _ in range(9):
        record = after_failure(record, ACCOUNT, NOW)
        waits.append(remaining(record, NOW).total_seconds())
    assert waits == [0, 0, 0, 0, 0, 15, 30, 60, 120]


@pytest.mark.fast
@given(failures=st.integers(0, 10_000))
def test_nobody_waits_longer_than_a_quarter_of_an_hour(failures):
    record = after_failure(Record(failures, NOW), ACCOUNT, NOW)
    assert remaining(record, NOW) <= timedelta(minutes=15)


@pytest.mark.fast
def test_a_day_without_failures_starts_anew():
    record = after_failure(Record(50, NOW), ACCOUNT, NOW + timedelta(days=1))
    assert record.failures == 1
    assert record.locked_until is None


def begin(database, throttle, email, address):
    with database.platform_unit_of_work() as unit:
        throttle.begin(unit, email, address)


def test_an_account_locks_whether_it_exists_or_not_and_opens_again(service_database):
    database, clock = service_database("auth").database, [NOW]
    throttle = SqlThrottle(lambda: clock[0])
    for _ in range(6):
        begin(database, throttle, "nobody@example.org", "192.0.2.1")
    with pytest.raises(AccountLocked) as caught:
        begin(database, throttle, "nobody@example.org", "192.0.2.1")
    assert caught.value.retry_after == 15
    begin(database, throttle, "somebody@example.org", "192.0.2.1")
    clock[0] += timedelta(seconds=15)
    begin(database, throttle, "nobody@example.org", "192.0.2.1")


def test_success_forgets_the_account_but_not_what_others_did_from_the_address(service_database):
    database = service_database("auth").database
    throttle = SqlThrottle(lambda: NOW)
    for number in range(100):
        begin(database, throttle, f"{number}@example.org", "192.0.2.1")
    begin(database, throttle, "ada@example.org", "192.0.2.1")
    with database.platform_unit_of_work() as unit:
        throttle.succeeded(unit, "ada@example.org", "192.0.2.1")
    begin(database, throttle, "ada@example.org", "192.0.2.1")
    with pytest.raises(AccountLocked):
        begin(database, throttle, "ada@example.org", "192.0.2.1")
    begin(database, throttle, "ada@example.org", "192.0.2.2")


def test_parallel_guesses_all_count(service_database):
    database = service_database("auth", pool_size=8).database
    throttle = SqlThrottle(lambda: NOW)

    def guess(_: int) -> bool:
        try:
            begin(database, throttle, "ada@example.org", "")
        except AccountLocked:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(40))) == 6
