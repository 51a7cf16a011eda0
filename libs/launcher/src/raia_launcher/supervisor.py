"""Starts programs as direct children, restarts those that die, and stops them in order. For the main thread alone."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from raia_launcher import log_files
from raia_launcher.reaper import Reaper
from raia_launcher.stopping import StopSignals

_STEADY_SECONDS = 30.0
"""A program that lived this long starts anew at once when it dies."""
_PAUSES = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each restart of a program that keeps dying; the last one repeats."""
_HOUSEKEEPING_SECONDS = 5.0


@dataclass(frozen=True)
class Program:
    """One program to supervise."""

    name: str
    command: Callable[[], list[str]]
    """Its command line, asked for at each start; ``raia_launcher.child.command`` makes one that dies with us."""
    environment: Mapping[str, str]
    folder: Path
    stage: int
    """Programs of a lower stage stop later."""
    death_signal: int = signal.SIGKILL
    """What it gets when the supervisor is killed."""
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 15.0
    kill_signal: int = signal.SIGKILL
    """What it gets when a second signal asks to stop at once."""


@dataclass
class _Running:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    failures: int = 0
    due: float | None = None
    """When it is to be started again, if it is dead."""


@dataclass
class Supervisor:
    """``start`` programs, then ``run`` until a signal comes, then ``stop``."""

    logs: Path
    signals: StopSignals
    say: Callable[[str], None]
    log_bytes: int = 10 * 1024**2
    _running: dict[str, _Running] = field(default_factory=dict)
    _reaper: Reaper | None = None
    _next_housekeeping: float = 0.0

    def start(self, program: Program) -> subprocess.Popen[bytes]:
        """Starts a program in a session of its own, so that a terminal's Ctrl-C reaches the supervisor alone."""
        self.signals.on_second = self.kill
        process = self._spawn(program)
        self._running[program.name] = _Running(program, process, time.monotonic())
        return process

    def run(self) -> None:
        """Restarts what dies until a signal asks to stop."""
        while not self.signals.count:
            self.tick(1.0)

    def tick(self, seconds: float) -> None:
        """Waits up to ``seconds`` for something to happen, and sees to programs that have died."""
        now = time.monotonic()
        due = [running.due - now for running in self._running.values() if running.due is not None]
        self.signals.wait(min([seconds, *due]))
        if self.signals.count:
            return
        for running in self._running.values():
            self._see_to(running)
        if time.monotonic() >= self._next_housekeeping:
            self._next_housekeeping = time.monotonic() + _HOUSEKEEPING_SECONDS
            for name in self._running:
                log_files.rotate(self.logs / f"{name}.log", self.log_bytes)

    @property
    def has_started(self) -> bool:
        """Whether there is anything to stop."""
        return bool(self._running)

    def failures(self, name: str) -> int:
        """How often in a row the program has died soon after its start."""
        return self._running[name].failures

    def stop(self) -> None:
        """Stops the stages from the highest down; a program that does not end in its time is killed."""
        for stage in sorted({running.program.stage for running in self._running.values()}, reverse=True):
            members = [running for running in self._running.values() if running.program.stage == stage]
            for running in members:
                running.due = None
                if running.process.poll() is None:
                    running.process.send_signal(running.program.stop_signal)
            for running in members:
                self._await(running)
        self._running.clear()
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None

    def kill(self) -> None:
        """Ends everything at once; called from a signal handler."""
        self.say("killing what still runs")
        for running in sorted(self._running.values(), key=lambda each: -each.program.stage):
            if running.process.poll() is None:
                running.process.send_signal(running.program.kill_signal)

    def _await(self, running: _Running) -> None:
        try:
            running.process.wait(running.program.stop_seconds)
        except subprocess.TimeoutExpired:
            self.say(f"{running.program.name} did not stop in {running.program.stop_seconds:.0f} s and is killed")
            running.process.send_signal(running.program.kill_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.process.wait(5)
        _kill_group(running.process.pid)
        running.process.wait()
        self._reaper_at_work().remove(running.process.pid)

    def _see_to(self, running: _Running) -> None:
        name = running.program.name
        if running.due is None:
            if running.process.poll() is None:
                if running.failures and time.monotonic() - running.started > _STEADY_SECONDS:
                    running.failures = 0
                return
            # What it has started itself dies with it, before its successor takes the same ports.
            _kill_group(running.process.pid)
            self._reaper_at_work().remove(running.process.pid)
            pause = _PAUSES[min(running.failures, len(_PAUSES) - 1)]
            running.failures += 1
            running.due = time.monotonic() + pause
            self.say(f"{name} ended with code {running.process.returncode} and starts again; see {name}.log")
        if time.monotonic() >= running.due:
            running.process = self._spawn(running.program)
            running.started, running.due = time.monotonic(), None

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        with log_files.open_log(self.logs, program.name) as log:
            process = subprocess.Popen(
                program.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=program.folder,
                env=dict(program.environment),
                start_new_session=True,
            )
        grace = program.stop_seconds if program.death_signal != signal.SIGKILL else 0.0
        self._reaper_at_work().add(process.pid, program.death_signal, grace)
        return process

    def _reaper_at_work(self) -> Reaper:
        if self._reaper is None:
            self._reaper = Reaper()
        return self._reaper


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
