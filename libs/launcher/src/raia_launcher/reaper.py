"""The second line behind the parent-death signal: ends what a killed supervisor left behind.

Run as a process that reads its standard input, whose other end the supervisor holds. Each line is ``+ PID START SIGNAL
SECONDS`` for a program that has started or ``- PID`` for one that has ended. At the end of the input the supervisor is
gone: every program still listed gets its signal, and after its seconds its whole process group is killed. It matters
where the kernel has no parent-death signal, and for what the programs have started themselves.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil


class Reaper:
    """The supervisor's end: tells the reaper process what runs."""

    def __init__(self) -> None:
        self._programs: dict[int, str] = {}
        self._process = self._start()

    def add(self, pid: int, death_signal: int, seconds: float) -> None:
        """A program has started: should we die, it gets the signal, and ``seconds`` until it is killed."""
        with contextlib.suppress(psutil.NoSuchProcess):
            started = psutil.Process(pid).create_time()
            self._programs[pid] = f"+ {pid} {started!r} {int(death_signal)} {seconds}"
            self._tell(self._programs[pid])

    def remove(self, pid: int) -> None:
        """A program has ended."""
        if self._programs.pop(pid, None) is not None:
            self._tell(f"- {pid}")

    def close(self) -> None:
        """Ends the reaper process, which first ends what is still listed."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        try:
            self._write(line)
        except BrokenPipeError:
            # Somebody killed it: a new one learns everything that runs.
            self._process.wait()
            self._process = self._start()
            self._write("\n".join(self._programs.values()))

    def _write(self, lines: str) -> None:
        if self._process.stdin is not None and lines:
            self._process.stdin.write(lines + "\n")
            self._process.stdin.flush()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd="/",
            start_new_session=True,
        )


def main() -> None:
    """Reads until the supervisor is gone, then ends what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    programs: dict[int, tuple[float, int, float]] = {}
    for line in sys.stdin:
        mark, pid, *rest = line.split()
        if mark == "+":
            started, death_signal, seconds = rest
            programs[int(pid)] = (float(started), int(death_signal), float(seconds))
        else:
            programs.pop(int(pid), None)
    for pid, (started, death_signal, _) in programs.items():
        if _alive(pid, started):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, death_signal)
    begun = time.monotonic()
    for pid, (started, _, seconds) in sorted(programs.items(), key=lambda item: item[1][2]):
        while _alive(pid, started) and time.monotonic() - begun < seconds:
            time.sleep(0.05)
        # The number of a dead leader is not given anew while its group lives; another's start time is another's.
        if _start_time(pid) in (None, started):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)


def _start_time(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _alive(pid: int, started: float) -> bool:
    try:
        return _start_time(pid) == started and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    main()
