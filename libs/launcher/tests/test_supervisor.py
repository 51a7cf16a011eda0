"""The supervisor over real programs: signals, restarts, order, kills."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

SCRIPT = Path(__file__).with_name("supervised.py")


class Run:
    """A supervisor process and the traces of its programs."""

    def __init__(self, folder: Path, *programs: str, ignoring: bool = False) -> None:
        self.folder = folder
        command = [sys.executable, str(SCRIPT), str(folder), *programs]
        if ignoring:
            # As a script does with "&": the command starts with SIGINT ignored.
            command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
        with (folder / "out").open("w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        self.names = [program.split(":")[0] for program in programs]

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (self.folder / "out").read_text()
            time.sleep(0.02)

    def up(self) -> "Run":
        self.until(lambda: all(self.pid(name) for name in self.names))
        return self

    def pid(self, name: str) -> int:
        path = self.folder / f"{name}.pid"
        content = path.read_text() if path.exists() else ""
        return int(content) if content else 0

    def events(self) -> list[str]:
        path = self.folder / "events"
        return path.read_text().splitlines() if path.exists() else []

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*programs: str, ignoring: bool = False) -> Run:
        runs.append(Run(tmp_path, *programs, ignoring=ignoring))
        return runs[-1].up()

    yield start
    for each in runs:
        each.process.kill()
        each.process.wait()


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("ignoring", [False, True], ids=["plain", "inherited-as-ignored"])
def test_a_signal_stops_the_stages_from_the_last_to_the_first(
    run: Callable[..., Run], number: int, ignoring: bool
) -> None:
    running = run("database:0:plain", "service:1:plain", "gateway:2:plain", ignoring=ignoring)
    family = running.family()
    assert len(family) == 4
    running.process.send_signal(number)
    assert running.process.wait(20) == 0
    assert [event for event in running.events() if event.startswith("end")] == [
        "end gateway",
        "end service",
        "end database",
    ]
    assert gone(family)


def test_a_killed_supervisor_leaves_nothing_behind(run: Callable[..., Run]) -> None:
    running = run("service:1:plain", "parent:1:parent")
    family = running.family()
    assert len(family) == 4
    running.process.kill()
    running.process.wait()
    assert gone(family)


def test_what_a_program_has_started_itself_is_ended_too(run: Callable[..., Run]) -> None:
    """The kernel's parent-death signal reaches children alone; the reaper ends the whole group."""
    running = run("parent:1:parent")
    grandchild = psutil.Process(running.pid("grandchild"))
    running.process.kill()
    running.process.wait()
    assert gone([grandchild])


def reapers(running: Run) -> list[int]:
    """Process ids of the reapers that run."""
    found = []
    for process in running.family():
        try:
            if "reaper.py" in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.NoSuchProcess:
            continue
    return found


def test_a_killed_reaper_is_replaced_and_the_new_one_knows_what_runs(run: Callable[..., Run]) -> None:
    running = run("service:1:plain", "parent:1:parent")
    killed = reapers(running)
    assert len(killed) == 1
    psutil.Process(killed[0]).kill()
    os.kill(running.pid("service"), signal.SIGKILL)
    running.until(lambda: running.events().count("start service") == 2)
    running.until(lambda: len(reapers(running)) == 1 and reapers(running) != killed)
    family = running.family()
    running.process.kill()
    running.process.wait()
    assert gone(family)


def test_a_dead_program_is_back_within_five_seconds_and_its_children_are_gone(run: Callable[..., Run]) -> None:
    running = run("parent:1:parent")
    grandchild = psutil.Process(running.pid("grandchild"))
    for restart in (2, 3, 4):
        begun = time.monotonic()
        os.kill(running.pid("parent"), signal.SIGKILL)
        running.until(lambda wanted=restart: running.events().count("start parent") == wanted)  # type: ignore[misc]
        assert time.monotonic() - begun < 5
    assert gone([grandchild])


def test_a_program_that_keeps_dying_is_started_with_pauses(run: Callable[..., Run]) -> None:
    running = run("dying:1:dying", "service:1:plain")
    time.sleep(4)
    starts = running.events().count("start dying")
    assert 3 <= starts <= 5
    assert running.events().count("start service") == 1
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(20) == 0
    assert "ended with code 3" in (running.folder / "out").read_text()


def test_a_stubborn_program_is_killed_after_its_time(run: Callable[..., Run]) -> None:
    running = run("stubborn:1:stubborn", "database:0:plain")
    family = running.family()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(20) == 0
    assert running.events()[-1] == "end database"
    assert gone(family)


def test_a_second_signal_kills(run: Callable[..., Run], tmp_path: Path) -> None:
    running = run("slow:1:stubborn", "slower:1:stubborn", "slowest:1:stubborn")
    family = running.family()
    begun = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(20) == 0
    assert time.monotonic() - begun < 0.9
    assert "killing" in (running.folder / "out").read_text()
    assert gone(family)
