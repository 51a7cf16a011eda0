import threading
import time

import pytest
from raia_ingest.changes import Changes

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
