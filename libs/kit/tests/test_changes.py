import threading
import time
from types import SimpleNamespace

import pytest
from raia_kit.changes import Changes
from raia_kit.context import serving

pytestmark = pytest.mark.fast


def test_a_signal_ends_the_wait_at_once():
    changes, results = Changes(), []
    threading.Timer(0.05, lambda: (results.append(1), changes.notify())).start()
    began = time.monotonic()
    assert changes.await_result(lambda: len(results), bool, 10) == 1
    assert time.monotonic() - began < 0.2


def test_what_another_process_did_is_seen_without_a_signal():
    changes, results = Changes(), []
    threading.Timer(0.05, lambda: results.append(1)).start()
    assert changes.await_result(lambda: len(results), bool, 10) == 1


def test_the_wait_ends_with_what_there_is():
    assert Changes().await_result(lambda: "still running", lambda found: found == "done", 0.05) == "still running"


def test_a_signal_between_look_and_pause_is_not_lost():
    changes = Changes()
    seen = changes.seen
    changes.notify()
    began = time.monotonic()
    changes.pause(seen, 5)
    assert time.monotonic() - began < 1


def test_as_many_wait_as_there_are_places_and_others_take_what_there_is():
    changes, results = Changes(most_waiting=1), []
    waiting = threading.Thread(target=lambda: results.append(changes.await_result(lambda: bool(results), bool, 10)))
    waiting.start()
    time.sleep(0.05)
    began = time.monotonic()
    assert changes.await_result(lambda: "still running", lambda found: found == "done", 10) == "still running"
    assert changes.await_result(lambda: "done", lambda found: found == "done", 10) == "done"
    assert time.monotonic() - began < 0.2
    results.append(1)
    changes.notify()
    waiting.join(5)
    assert not waiting.is_alive()
    assert changes.await_result(lambda: 1, lambda _: False, 0.01) == 1


def test_a_place_is_given_back_when_looking_fails():
    changes = Changes(most_waiting=1)
    looks = iter([1])
    with pytest.raises(StopIteration):
        changes.await_result(lambda: next(looks), lambda _: False, 10)
    began = time.monotonic()
    assert changes.await_result(lambda: 2, lambda _: False, 0.3) == 2
    assert time.monotonic() - began > 0.2


def test_nobody_waits_for_a_client_that_has_gone():
    call = SimpleNamespace(is_active=lambda: False)
    began = time.monotonic()
    with serving(call):
        assert Changes().await_result(lambda: "still running", lambda found: found == "done", 10) == "still running"
    assert time.monotonic() - began < 0.5
