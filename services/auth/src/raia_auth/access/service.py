"""The access snapshot: everything by which processes authorize calls, as of one place in the event log."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from raia.auth.v1 import access_pb2, access_service_pb2
from raia_kit.database import Database
from raia_kit.events import cursor
from raia_kit.events.envelope import TopicPartition
from raia_kit.events.log import EventLog

from raia_auth.access.repository import AccessRepository
from raia_auth.keys.tokens import ACCESS_LIFETIME
from raia_auth.organisations.events import ACCESS_TOPIC
from raia_auth.roles import ROLES
from raia_auth.sessions.service import CLOCK_SKEW, SESSION_TOPIC, forget_after

M = TypeVar("M")
BATCH = 1000


def roles_to_proto() -> list[access_pb2.Role]:
    """The built-in roles, as processes keep them in memory."""
    return [access_pb2.Role(name=role.name, permissions=sorted(role.permissions)) for role in ROLES.values()]


class AccessService:
    """The use case of AccessService's rpc."""

    def __init__(
        self,
        database: Database,
        access: AccessRepository,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._access, self._now = database, access, now

    def source(self, log: EventLog) -> "AccessSnapshot":
        """The snapshot as of a place in this log; auth's own access index loads it too."""
        return AccessSnapshot(self, log)

    def parts(self, log: EventLog) -> list[access_service_pb2.AccessSnapshotPart]:
        """Parts of at most 1,000 entries; the last carries the cursor.

        The log's heads are read before the tables, so what changes meanwhile comes again as an event, which carries
        the whole new state; the tables are read in one snapshot of the database. All parts are made before the first
        is sent, so that a slow reader holds no connection; a thousand memberships take about 100 KB.
        """
        heads = {
            TopicPartition(topic, partition): position
            for topic in (ACCESS_TOPIC, SESSION_TOPIC)
            for partition, position in log.head(topic).items()
        }
        part = access_service_pb2.AccessSnapshotPart
        with self._database.platform_unit_of_work() as unit:
            self._access.freeze(unit)
            since = self._now() - ACCESS_LIFETIME - CLOCK_SKEW
            revoked = (_revoked(*row) for row in self._access.revoked_sessions(unit, since))
            return [
                part(roles=roles_to_proto()),
                *(part(memberships=batch) for batch in _batches(self._access.memberships(unit))),
                *(part(project_grants=batch) for batch in _batches(self._access.project_grants(unit))),
                *(part(resource_grants=batch) for batch in _batches(self._access.resource_grants(unit))),
                *(part(project_restrictions=batch) for batch in _batches(self._access.project_restrictions(unit))),
                *(part(revoked_sessions=batch) for batch in _batches(revoked)),
                part(cursor=cursor.encode(heads)),
            ]


class AccessSnapshot:
    """An ``AccessSource`` over the service's own tables."""

    def __init__(self, access: AccessService, log: EventLog) -> None:
        self._access, self._log = access, log

    def parts(self) -> list[access_service_pb2.AccessSnapshotPart]:
        """As ``AccessService.parts``."""
        return self._access.parts(self._log)


def _batches(items: Iterator[M]) -> Iterator[list[M]]:
    while batch := list(islice(items, BATCH)):
        yield batch


def _revoked(session_id: str, revoked_at: datetime) -> access_pb2.RevokedSession:
    revoked = access_pb2.RevokedSession(session_id=session_id)
    revoked.forget_after.FromDatetime(forget_after(revoked_at))
    return revoked
