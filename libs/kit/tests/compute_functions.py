"""What the tests run in compute children; reaches them through PYTHONPATH."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from raia_kit.errors import FieldViolation, InvalidArgument

_CACHE: dict[str, int] = {}
_KEPT: list[bytearray] = []


class OwnError(InvalidArgument):
    """A class that the parent does not know."""


def echo(value: Any) -> Any:
    return value


def pid() -> int:
    return os.getpid()


def count(key: str) -> int:
    _CACHE[key] = _CACHE.get(key, 0) + 1
    return _CACHE[key]


def sleep(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def noisy() -> str:
    print("to stdout from Python")
    sys.stdout.flush()
    os.write(1, b"raw bytes to descriptor 1\n")
    os.write(2, b"raw bytes to descriptor 2\n")
    subprocess.run([sys.executable, "-c", "print('from a subprocess')"], check=True)
    return "clean"


def steps(number: int, progress: Callable[[float, str], None]) -> int:
    for step in range(number):
        progress((step + 1) / number, f"step {step + 1}")
        time.sleep(0.06)
    return number


def reject() -> None:
    raise OwnError(
        "rows: must be positive",
        reason="INVALID_FIELD",
        metadata={"field": "rows"},
        violations=[FieldViolation("rows", "must be positive")],
        retry_after=2.5,
    )


def crash() -> None:
    raise ValueError("a secret that no caller may see")


def segfault() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(3)


def allocate(megabytes: int, seconds: float = 30) -> int:
    held = bytearray(os.urandom(1024)) * (megabytes * 1024)
    time.sleep(seconds)
    return len(held)


def keep(megabytes: int) -> None:
    _KEPT.append(bytearray(os.urandom(1024)) * (megabytes * 1024))


def allocate_below(megabytes: int) -> None:
    subprocess.run([sys.executable, "-c", f"x=b'x'*({megabytes}<<20); import time; time.sleep(30)"], check=False)


def fill_disk() -> None:
    with Path("/dev/full").open("w") as file:
        file.write("more than fits")


def run_out() -> None:
    raise MemoryError


def grandchild(path: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(path).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(60)


def unsendable() -> object:
    return object()


def touch_and_sleep(path: str, seconds: float) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(seconds)
