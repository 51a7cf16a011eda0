"""A compute child: runs one function after another for the process that started it, and dies with that process.

Started as ``python -m raia_kit.compute_child <requests fd> <answers fd> <parent pid>``. It imports a function's module
when the function is first called and keeps it, so later calls are warm. Whatever libraries print goes to the parent's
log; requests and answers have pipes of their own.
"""

import ctypes
import faulthandler
import importlib
import inspect
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from raia_kit import errors
from raia_kit.compute_codec import Decoder, encode
from raia_kit.errors import RaiaError, ResourceExhausted, storage_full

_PR_SET_PDEATHSIG = 1
_PROGRESS_SECONDS = 0.05
_READ_BYTES = 1 << 20


def main(arguments: list[str]) -> None:
    """Serves requests until the parent closes its end of the pipe."""
    requests, answers, parent = (int(argument) for argument in arguments)
    faulthandler.enable()
    _tie_to(parent)
    for descriptor in (requests, answers):
        os.set_inheritable(descriptor, False)
    decoder, sender = Decoder(), _Sender(answers)
    while piece := os.read(requests, _READ_BYTES):
        for request in decoder.feed(piece):
            _serve(request, sender)


def _tie_to(parent: int) -> None:
    """Dies when the parent dies, yields to it for processor time and memory."""
    _die_with_parent()
    # The signal is not sent for a parent that died before it was asked for.
    if os.getppid() != parent:
        os._exit(1)
    # Forked grandchildren lose the signal; they ask for it again and so die with this process.
    os.register_at_fork(after_in_child=_die_with_parent)
    with suppress(OSError):
        os.nice(5)
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def _die_with_parent() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Sender:
    """Writes frames whole, whichever thread they come from."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._next_progress = 0.0

    def send(self, frame: list[bytes | memoryview]) -> None:
        with self._lock:
            for piece in frame:
                left = memoryview(piece)
                while left:
                    left = left[os.write(self._descriptor, left) :]

    def progress(self, fraction: float, message: str = "") -> None:
        """Reports progress from 0 to 1; calls that follow each other too fast are left out."""
        now = time.monotonic()
        if now < self._next_progress and fraction < 1:
            return
        self._next_progress = now + _PROGRESS_SECONDS
        self.send(encode({"progress": [float(fraction), str(message)]}))


def _serve(request: dict[str, Any], sender: _Sender) -> None:
    try:
        function = _find(request["function"])
        arguments: dict[str, Any] = request["args"]
        if "progress" in inspect.signature(function).parameters:
            arguments["progress"] = sender.progress
        answer = encode({"result": function(**arguments)})
    except RaiaError as error:
        answer = encode({"error": describe(error)})
    except MemoryError:
        too_much = "the computation needs more memory than it may use"
        answer = encode({"error": describe(ResourceExhausted(too_much, reason="COMPUTE_MEMORY_EXCEEDED"))})
    except BaseException as error:  # the parent logs it, and the caller sees an internal error
        full = storage_full(error)
        answer = encode({"error": describe(full)} if full else _crashed(error))
    sender.send(answer)


def _crashed(error: BaseException) -> dict[str, Any]:
    return {"crash": {"type": type(error).__name__, "traceback": traceback.format_exc()}}


def _find(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def describe(error: RaiaError) -> dict[str, Any]:
    """An error as values that cross to the parent; the nearest class of ``raia_kit.errors`` names it."""
    named = next(kind.__name__ for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
    return {
        "class": named,
        "message": error.message,
        "reason": error.reason,
        "metadata": error.metadata,
        "violations": [[violation.field, violation.description] for violation in error.violations],
        "retry_after": error.retry_after,
    }


def restore(description: dict[str, Any]) -> RaiaError:
    """The error that ``describe`` described."""
    kind: type[RaiaError] = getattr(errors, description["class"])
    return kind(
        description["message"],
        reason=description["reason"],
        metadata=description["metadata"],
        violations=[errors.FieldViolation(field, text) for field, text in description["violations"]],
        retry_after=description["retry_after"],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
