"""Starts one program that dies with its parent; run as a script, with nothing but the standard library.

``child.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM ARGUMENT…``: gives up root for UID and GID (``-`` keeps the user),
asks the kernel to send DEATH_SIGNAL when the parent dies, and becomes PROGRAM. The request is lost when the user
changes, so it comes after; and it is bound to the parent's *thread*, so a supervisor starts children from its main
thread. A program of its own rather than ``preexec_fn``, which may deadlock in a parent that has threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def command(
    program: list[str], *, death_signal: int = signal.SIGKILL, user: tuple[int, int] | None = None
) -> list[str]:
    """The command line that runs ``program`` so that it dies with this process; ``user`` is (uid, gid)."""
    uid, gid = (str(user[0]), str(user[1])) if user else ("-", "-")
    # -I and -S: neither the environment nor site-packages of the interpreter are read, which keeps the start short.
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(death_signal)), uid, gid, *program]


def main(arguments: list[str]) -> None:
    """Becomes the program; never returns."""
    parent, death_signal, uid, gid, *program = arguments
    if uid != "-":
        os.setgroups([int(gid)])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        raise SystemExit("the supervisor died")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)  # ignored signals stay ignored across exec
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
