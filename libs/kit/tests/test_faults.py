import gzip
import json
import logging

import pytest
from prometheus_client import REGISTRY
from raia_kit.faults import Faults, fingerprint

from .listener import listening

pytestmark = pytest.mark.fast


def raised(action: object, *arguments: object) -> Exception:
    try:
        action(*arguments)  # type: ignore[operator]
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def divide(by: int) -> float:
    if by < 0:
        raise ValueError(f"{by} is negative")
    return 1 / by


def wrapped(by: int) -> None:
    try:
        divide(by)
    except ZeroDivisionError as error:
        raise RuntimeError("wrapped") from error


def test_the_same_fault_has_the_same_fingerprint_whatever_its_text() -> None:
    first, second = raised(divide, -1), raised(divide, -2)
    assert fingerprint(first) == fingerprint(second)
    assert fingerprint(first) != fingerprint(raised(divide, 0))
    assert fingerprint(raised(wrapped, 0)) != fingerprint(raised(divide, 0))


def test_an_error_that_is_its_own_cause_has_a_fingerprint() -> None:
    error = raised(divide, 0)
    error.__cause__ = error
    assert len(fingerprint(error)) == 12


def test_faults_are_grouped_counted_and_logged_with_their_stack_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults("faults-test")
    with caplog.at_level(logging.ERROR):
        prints = {faults.report(raised(divide, -number)) for number in (1, 2, 3)}
    (group,) = faults.groups()
    assert prints == {group.fingerprint}
    assert (group.count, group.type) == (3, "builtins.ValueError")
    assert [record.exc_info is not None for record in caplog.records] == [True, False, False]
    labels = {"service": "faults-test", "type": "builtins.ValueError", "fingerprint": group.fingerprint}
    assert REGISTRY.get_sample_value("raia_faults_total", labels) == 3


def test_faults_are_sent_to_sentry_under_their_fingerprint() -> None:
    with listening() as (port, received):
        faults = Faults("faults-test", f"http://public@127.0.0.1:{port}/1", "1.2")
        print_ = faults.report(raised(divide, 0))
        faults.close()
    events = []
    for _, body in received:
        data = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        events += [json.loads(line) for line in data.splitlines() if b'"exception"' in line]
    (event,) = events
    assert event["fingerprint"] == ["faults-test", print_]
    assert event["release"] == "raia-faults-test@1.2"
    assert event["exception"]["values"][0]["type"] == "ZeroDivisionError"
    assert all("vars" not in frame for frame in event["exception"]["values"][0]["stacktrace"]["frames"])
