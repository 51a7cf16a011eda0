import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from raia_kit.compute import ComputeFailed, ComputePool
from raia_kit.errors import (
    Cancelled,
    DeadlineExceeded,
    FieldViolation,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)

pytestmark = pytest.mark.fast

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture
def pool() -> Iterator[ComputePool]:
    with ComputePool(max_children=1, idle_seconds=60, memory_bytes=512 << 20) as pool:
        yield pool


def call(pool: ComputePool, name: str, limit: float = 20, **args: object) -> object:
    return pool.run(f"compute_functions:{name}", args, time_limit=limit)


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def cancelling(cancel: threading.Event, once: Callable[[], bool]) -> threading.Thread:
    def wait() -> None:
        eventually(once)
        time.sleep(0.1)
        cancel.set()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_function_runs_in_another_process_and_returns_its_result(pool: ComputePool) -> None:
    assert call(pool, "echo", value={"a": [1, 2.5, None, b"\x00raw"]}) == {"a": [1, 2.5, None, b"\x00raw"]}
    assert call(pool, "pid") != os.getpid()
    assert "compute_functions" not in sys.modules


def test_children_stay_warm(pool: ComputePool) -> None:
    assert [call(pool, "count", key="k") for _ in range(3)] == [1, 2, 3]
    assert pool.stats().children == 1


def test_large_values_cross_both_ways(pool: ComputePool) -> None:
    big = os.urandom(1 << 20) * 20
    assert call(pool, "echo", value=big) == big


def test_printing_does_not_harm_the_answer(pool: ComputePool) -> None:
    assert call(pool, "noisy") == "clean"
    assert call(pool, "echo", value=1) == 1


def test_progress_arrives_in_order_on_the_calling_thread(pool: ComputePool) -> None:
    seen: list[tuple[float, str, int]] = []
    pool.run(
        "compute_functions:steps",
        {"number": 5},
        time_limit=20,
        progress=lambda fraction, message: seen.append((fraction, message, threading.get_ident())),
    )
    assert [fraction for fraction, _, _ in seen] == sorted(fraction for fraction, _, _ in seen)
    assert seen[-1] == (1.0, "step 5", threading.get_ident())


def test_an_error_that_progress_raises_ends_the_run(pool: ComputePool) -> None:
    def stop(fraction: float, message: str) -> None:
        raise Cancelled("enough", reason="CANCELLED")

    with pytest.raises(Cancelled, match="enough"):
        pool.run("compute_functions:steps", {"number": 500}, time_limit=20, progress=stop)
    assert pool.stats().children == 0


def test_platform_errors_arrive_as_they_were_raised(pool: ComputePool) -> None:
    with pytest.raises(InvalidArgument) as caught:
        call(pool, "reject")
    error = caught.value
    assert type(error) is InvalidArgument
    assert (error.message, error.reason, error.metadata) == (
        "rows: must be positive",
        "INVALID_FIELD",
        {"field": "rows"},
    )
    assert error.violations == (FieldViolation("rows", "must be positive"),)
    assert error.retry_after == 2.5


@pytest.mark.parametrize("name", ["crash", "unsendable", "no_such_function"])
def test_other_exceptions_are_logged_and_not_shown(
    pool: ComputePool, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(ComputeFailed) as caught:
        call(pool, name)
    assert str(caught.value) == "the computation failed"
    assert "Traceback" in caplog.text
    assert call(pool, "echo", value=1) == 1


@pytest.mark.parametrize(("name", "trace"), [("segfault", "Segmentation fault"), ("leave", "status 3")])
def test_a_dying_child_is_an_interruption(
    pool: ComputePool, caplog: pytest.LogCaptureFixture, name: str, trace: str
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(Unavailable) as caught:
        call(pool, name)
    assert caught.value.reason == "COMPUTE_CHILD_DIED"
    assert trace in caplog.text
    assert call(pool, "echo", value=2) == 2


def test_the_time_limit_kills(pool: ComputePool) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        call(pool, "sleep", limit=0.5, seconds=30)
    assert time.monotonic() - started < 2
    assert pool.stats().children == 0


def test_cancelling_kills_within_a_tick(pool: ComputePool, tmp_path: Path) -> None:
    cancel = threading.Event()
    mark = tmp_path / "pid"
    timer = cancelling(cancel, once=mark.exists)
    with pytest.raises(Cancelled):
        pool.run("compute_functions:touch_and_sleep", {"path": str(mark), "seconds": 30}, time_limit=20, cancel=cancel)
    timer.join()
    assert gone(int(mark.read_text()))


@pytest.mark.parametrize("name", ["allocate", "allocate_below"])
def test_memory_over_the_limit_kills(name: str) -> None:
    with ComputePool(memory_bytes=200 << 20) as pool:
        with pytest.raises(ResourceExhausted) as caught:
            call(pool, name, megabytes=400)
        assert caught.value.reason == "COMPUTE_MEMORY_EXCEEDED"
        assert call(pool, "echo", value=1) == 1


def test_running_out_of_memory_inside_is_the_same_error(pool: ComputePool) -> None:
    with pytest.raises(ResourceExhausted) as caught:
        call(pool, "run_out")
    assert caught.value.reason == "COMPUTE_MEMORY_EXCEEDED"


def test_a_full_disk_is_told_as_such(pool: ComputePool) -> None:
    with pytest.raises(ResourceExhausted) as raised:
        call(pool, "fill_disk")
    assert raised.value.reason == "STORAGE_FULL"


def test_a_child_that_keeps_much_is_replaced(pool: ComputePool) -> None:
    first = call(pool, "pid")
    call(pool, "keep", megabytes=300)
    assert call(pool, "pid") != first


def test_idle_children_end() -> None:
    with ComputePool(idle_seconds=0.3) as pool:
        pid = call(pool, "pid")
        assert isinstance(pid, int)
        assert eventually(lambda: pool.stats().children == 0)
        assert eventually(lambda: gone(pid))
        assert call(pool, "pid") != pid


def test_a_child_that_died_while_idle_is_replaced_unseen(pool: ComputePool) -> None:
    pid = call(pool, "pid")
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: gone(pid))
    assert call(pool, "pid") != pid


def test_children_outlive_the_thread_that_asked_for_them(pool: ComputePool) -> None:
    pids: list[object] = []
    thread = threading.Thread(target=lambda: pids.append(call(pool, "pid")))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert call(pool, "pid") == pids[0]


def test_a_key_goes_to_the_child_that_knows_it() -> None:
    with ComputePool(max_children=2) as pool:
        threads = [threading.Thread(target=call, args=(pool, "sleep"), kwargs={"seconds": 0.5}) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        first = {key: pool.run("compute_functions:sleep", {"seconds": 0}, time_limit=9, affinity=key) for key in "a"}
        other = pool.run("compute_functions:pid", {}, time_limit=9, affinity="b")
        again = [pool.run("compute_functions:pid", {}, time_limit=9, affinity="a") for _ in range(3)]
        assert again == [first["a"]] * 3
        assert isinstance(other, int)


def test_the_busy_are_waited_for_in_turn_and_shares_alternate(pool: ComputePool) -> None:
    order: list[str] = []

    def one(name: str, share: str) -> None:
        pool.run("compute_functions:sleep", {"seconds": 0.05}, time_limit=20, share=share)
        order.append(name)

    threads = [threading.Thread(target=one, args=("first", "a"))]
    threads[0].start()
    assert eventually(lambda: pool.stats().busy == 1)
    for name, share in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("b2", "b")]:
        threads.append(threading.Thread(target=one, args=(name, share)))
        waiting = pool.stats().waiting
        threads[-1].start()
        assert eventually(lambda before=waiting: pool.stats().waiting != before or len(order) > 0)  # type: ignore[misc]
    for thread in threads:
        thread.join()
    assert order == ["first", "a1", "b1", "a2", "b2", "a3"]


def test_waiting_counts_against_the_time_limit(pool: ComputePool) -> None:
    thread = threading.Thread(target=call, args=(pool, "sleep"), kwargs={"seconds": 1.5})
    thread.start()
    assert eventually(lambda: pool.stats().busy == 1)
    with pytest.raises(DeadlineExceeded):
        call(pool, "pid", limit=0.3)
    assert pool.stats().waiting == 0
    thread.join()


def test_closing_ends_what_runs_and_what_waits() -> None:
    pool = ComputePool()
    errors: list[BaseException] = []

    def one() -> None:
        try:
            call(pool, "sleep", seconds=30)
        except Unavailable as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: pool.stats().busy == 1 and pool.stats().waiting == 1)
    pool.close()
    for thread in threads:
        thread.join(5)
    assert [error.reason for error in errors if isinstance(error, Unavailable)] == ["SHUTTING_DOWN"] * 2
    with pytest.raises(Unavailable):
        call(pool, "pid")


def test_descriptors_do_not_leak(pool: ComputePool) -> None:
    call(pool, "pid")
    before = psutil.Process().num_fds()
    for _ in range(5):
        with pytest.raises(Unavailable):
            call(pool, "leave")
    call(pool, "pid")
    assert eventually(lambda: psutil.Process().num_fds() <= before)


def test_a_killed_parent_leaves_no_children_behind(tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    code = (
        "from raia_kit.compute import ComputePool\n"
        f"args = {{'path': {str(mark)!r}, 'seconds': 60}}\n"
        "ComputePool().run('compute_functions:touch_and_sleep', args, time_limit=60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        assert eventually(lambda: mark.exists() and bool(mark.read_text()))
        child = int(mark.read_text())
        assert psutil.Process(child).status() == psutil.STATUS_SLEEPING
    finally:
        parent.kill()
        parent.wait()
    assert eventually(lambda: gone(child))


def test_killing_a_child_kills_what_it_started(pool: ComputePool, tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    cancel = threading.Event()
    timer = cancelling(cancel, once=mark.exists)
    with pytest.raises(Cancelled):
        pool.run("compute_functions:grandchild", {"path": str(mark)}, time_limit=20, cancel=cancel)
    timer.join()
    assert eventually(lambda: all(gone(int(pid)) for pid in mark.read_text().split()))


def test_the_serving_process_imports_nothing_heavy() -> None:
    code = (
        "import sys, raia_kit.compute\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'polars', 'duckdb', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
