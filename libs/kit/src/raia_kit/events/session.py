"""The one direct database session of a process: it listens for the relays' notices and holds advisory locks."""

import select
import socket
import threading
from contextlib import suppress
from typing import Any

import psycopg

from raia_kit.events.loop import Loop

CHANNEL = "raia_log"
"""The channel on which relays tell that the log has grown."""
_POLL_SECONDS = 1.0


def connect(url: str, application_name: str) -> psycopg.Connection[Any]:
    """A connection that bypasses any pooler, in autocommit; both ends notice within half a minute when the other dies.

    An advisory lock held by a host that lost its power would otherwise be held for hours.
    """
    connection: psycopg.Connection[Any] = psycopg.connect(
        url,
        autocommit=True,
        prepare_threshold=None,
        application_name=application_name,
        connect_timeout=5,
        keepalives=1,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )
    try:
        connection.execute(
            "select set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),"
            " set_config('tcp_keepalives_count', '3', false), set_config('timezone', 'UTC', false)"
        )
    except BaseException:
        connection.close()
        raise
    return connection


class Lease:
    """The wish for an advisory lock and, while ``held``, the lock: one session in the database has it at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.changed = threading.Event()
        """Set whenever ``held`` has changed; whoever waits clears it."""
        self._held = False

    @property
    def held(self) -> bool:
        """Whether this process has the lock, as far as it knows: work under it must bear a second holder."""
        return self._held

    def assign(self, held: bool) -> None:
        """Called by the session alone."""
        if held != self._held:
            self._held = held
            self.changed.set()


class DirectSession(Loop):
    """Listens on ``CHANNEL`` and holds the leases of one process, on one connection that is reopened when it breaks."""

    def __init__(self, url: str, *, service: str) -> None:
        super().__init__(f"{service}-session")
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._service = service
        self._connection: psycopg.Connection[Any] | None = None
        self._signals: set[threading.Event] = set()
        self._leases: set[Lease] = set()
        self._given_up: set[str] = set()
        self._guard = threading.Lock()
        self._wakeup: tuple[socket.socket, socket.socket] | None = None

    def start(self) -> None:
        """Opens the session in a thread of its own."""
        if self._wakeup is None:
            self._wakeup = socket.socketpair()
            for end in self._wakeup:
                end.setblocking(False)
        super().start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Ends the session; its locks are free when this returns True."""
        ended = super().stop(timeout)
        if ended and self._wakeup is not None:
            near, far = self._wakeup
            self._wakeup = None
            near.close()
            far.close()
        return ended

    def subscribe(self, signal: threading.Event) -> None:
        """Sets ``signal`` at every notice, and when the session was interrupted and may have missed some."""
        with self._guard:
            self._signals.add(signal)

    def unsubscribe(self, signal: threading.Event) -> None:
        """Ends ``subscribe``."""
        with self._guard:
            self._signals.discard(signal)

    def lease(self, name: str) -> Lease:
        """Asks for the advisory lock of this name, until ``give_up``; tried at once and every second."""
        lease = Lease(name)
        with self._guard:
            self._leases.add(lease)
            self._given_up.discard(name)
        self.wake()
        return lease

    def give_up(self, lease: Lease) -> None:
        """Releases the lock, or the wish for it."""
        with self._guard:
            self._leases.discard(lease)
            self._given_up.add(lease.name)
        lease.assign(False)
        self.wake()

    def wake(self) -> None:
        """Ends the wait for notices early."""
        super().wake()
        if self._wakeup is not None:
            with suppress(OSError):  # full of wake-ups already, or closed with nothing left to wake
                self._wakeup[1].send(b"x")

    def step(self) -> float:
        """Takes missing locks, then waits for a notice, a wake-up or a second."""
        connection = self._open()
        self._unlock(connection)
        self._lock(connection)
        assert self._wakeup is not None, "start() opens it"
        near = self._wakeup[0]
        ready, _, _ = select.select([connection.fileno(), near.fileno()], [], [], _POLL_SECONDS)
        if near.fileno() in ready:
            with suppress(BlockingIOError):
                while near.recv(4096):
                    pass
        # Looked at every time: with TLS a notice may wait in the library while the socket is empty.
        if list(connection.notifies(timeout=0)):
            self._notify()
        return 0.0

    def release(self) -> None:
        """Closes the connection, and with it every lock."""
        connection, self._connection = self._connection, None
        with self._guard:
            leases = list(self._leases)
            self._given_up.clear()
        for lease in leases:
            lease.assign(False)
        if connection is not None:
            connection.close()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = connect(self._url, f"raia-{self._service}-session")
            self._connection.execute(f'listen "{CHANNEL}"')
            self._notify()
        return self._connection

    def _lock(self, connection: psycopg.Connection[Any]) -> None:
        with self._guard:
            missing = [lease for lease in self._leases if not lease.held]
        for lease in missing:
            row = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", [lease.name]).fetchone()
            lease.assign(row is not None and bool(row[0]))

    def _unlock(self, connection: psycopg.Connection[Any]) -> None:
        with self._guard:
            names, self._given_up = self._given_up, set()
        for name in names:
            # Nobody in this process wants it any more; a lock that was never held answers false, with a warning.
            connection.execute(
                "select pg_advisory_unlock(hashtextextended(%s, 0)) from pg_locks where locktype = 'advisory'"
                " and pid = pg_backend_pid() and ((classid::bigint << 32) | objid::bigint) = hashtextextended(%s, 0)",
                [name, name],
            )

    def _notify(self) -> None:
        with self._guard:
            signals = list(self._signals)
        for signal in signals:
            signal.set()
