"""Servers as child processes of the test run, which die with it."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from raia_launcher import child


class ServerDidNotStart(Exception):
    """The process ended, or did not answer in time; the message holds the end of its log."""


@contextlib.contextmanager
def running(program: Sequence[str], log: Path, ready: Callable[[], object], *, timeout: float) -> Iterator[None]:
    """Runs ``program`` (an absolute path and arguments) until the block ends.

    The block begins once ``ready`` returns without raising ``OSError``; raises ``ServerDidNotStart`` after ``timeout``
    seconds.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            child.command(list(program)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        _wait(process, log, ready, timeout)
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], object], timeout: float) -> None:
    end = time.monotonic() + timeout
    while True:
        if process.poll() is not None:
            raise ServerDidNotStart(f"ended with code {process.returncode}: {_tail(log)}")
        try:
            ready()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise ServerDidNotStart(f"does not answer ({error}): {_tail(log)}") from error
        time.sleep(0.1)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
