"""Access is decided right, from memory, and kept current from a real log."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from raia.auth.events.v1 import access_events_pb2, session_events_pb2, user_events_pb2
from raia.auth.v1 import access_pb2
from raia_kit.access import AccessIndex, Part, Visibility
from raia_kit.context import Caller
from raia_kit.errors import Unavailable
from raia_kit.events import cursor
from raia_kit.events.envelope import Event, TopicPartition, UnknownEventType
from raia_kit.events.log import EventLog
from raia_kit.events.postgres import PostgresEventLog
from raia_kit.events.session import DirectSession
from raia_kit.ids import new_id
from sqlalchemy import Column, MetaData, Table, Text, select, text
from sqlalchemy.dialects.postgresql import UUID as SqlUuid

if TYPE_CHECKING:
    from raia_testing.postgres import ServiceDatabase

ORG, OTHER_ORG = UUID(int=0xA), UUID(int=0xB)
ADA, BOB, EVE = (UUID(int=number) for number in (1, 2, 3))
OPEN, CLOSED = UUID(int=0x100), UUID(int=0x101)
DATASET = UUID(int=0x200)
ROLES = {
    "admin": ("datasets.read", "datasets.delete", "models.train", "projects.admin"),
    "analyst": ("datasets.read", "models.train"),
    "viewer": ("datasets.read",),
    "nothing": (),
}


def roles() -> list[access_pb2.Role]:
    return [access_pb2.Role(name=name, permissions=held) for name, held in ROLES.items()]


def member(user: UUID, *held: str, org: UUID = ORG, active: bool = True) -> access_pb2.Membership:
    return access_pb2.Membership(org_id=str(org), user_id=str(user), roles=held, active=active)


def project(user: UUID, project_id: UUID, *held: str) -> access_pb2.ProjectGrant:
    return access_pb2.ProjectGrant(org_id=str(ORG), project_id=str(project_id), user_id=str(user), roles=held)


def resource(user: UUID, *held: str) -> access_pb2.ResourceGrant:
    return access_pb2.ResourceGrant(
        org_id=str(ORG), resource_type="dataset", resource_id=str(DATASET), user_id=str(user), permissions=held
    )


def restriction(project_id: UUID, restricted: bool = True) -> access_pb2.ProjectRestriction:
    return access_pb2.ProjectRestriction(org_id=str(ORG), project_id=str(project_id), restricted=restricted)


def caller(user: UUID | None = ADA, org: UUID | None = ORG, **facts: Any) -> Caller:
    return Caller(user, org, **facts)


class Source:
    """A snapshot that the test writes."""

    def __init__(self, *parts: Part, end: str = cursor.encode({})) -> None:
        self.all = list(parts)
        self.end = end
        self.reads = 0
        self.away = False

    def parts(self) -> Iterable[Part]:
        self.reads += 1
        if self.away:
            raise Unavailable("auth is away", reason="SERVICE_UNAVAILABLE")
        yield Part(roles=roles())
        yield from self.all
        if self.end:
            yield Part(cursor=self.end)


class NoLog:
    """Stands where no log is read."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the log's {name} is not to be used")


def loaded(*messages: Message, patience: float = 0.0) -> AccessIndex:
    fields = {
        access_pb2.Membership: "memberships",
        access_pb2.ProjectGrant: "project_grants",
        access_pb2.ResourceGrant: "resource_grants",
        access_pb2.ProjectRestriction: "project_restrictions",
        access_pb2.RevokedSession: "revoked_sessions",
    }
    parts = [Part(**{fields[type(message)]: [message]}) for message in messages]  # type: ignore[arg-type]
    index = AccessIndex(Source(*parts), NoLog(), patience=patience)  # type: ignore[arg-type]
    index.load()
    return index


def event(message: Message, topic: str = "raia.auth.access") -> Event:
    payload = message.SerializeToString()
    return Event(id=new_id(), topic=topic, key="k", type=message.DESCRIPTOR.full_name, payload=payload)


# --- decisions


@pytest.mark.fast
def test_roles_add_up() -> None:
    index = loaded(
        member(ADA, "viewer", "analyst", "unheard_of"), member(BOB, "viewer"), member(ADA, "nothing", org=OTHER_ORG)
    )
    assert index.holds(caller(), "models.train")
    assert not index.holds(caller(BOB), "models.train")
    assert not index.holds(caller(org=OTHER_ORG), "datasets.read")
    assert not index.holds(caller(EVE), "datasets.read")
    assert not index.holds(caller(None, None), "datasets.read")
    assert index.roles(caller()) == ("viewer", "analyst", "unheard_of")
    assert index.permissions(caller()) == {"datasets.read", "models.train"}


@pytest.mark.fast
def test_a_deactivated_member_may_and_sees_nothing() -> None:
    index = loaded(member(ADA, "admin", active=False), project(ADA, OPEN, "admin"), resource(ADA, "datasets.read"))
    assert not index.holds(caller(), "datasets.read")
    assert not index.allows(caller(), "datasets.read", resource_type="dataset", resource_id=str(DATASET))
    assert not index.sees(caller())
    assert index.visible_projects(caller(), "datasets.read") == Visibility(organisation=False)
    assert index.permissions(caller()) == frozenset()
    assert index.revoked(caller())


@pytest.mark.fast
def test_a_grant_on_a_project_counts_there() -> None:
    index = loaded(member(ADA, "nothing"), project(ADA, OPEN, "analyst"))
    assert index.holds(caller(), "models.train")
    assert index.allows(caller(), "models.train", project_id=OPEN)
    assert not index.allows(caller(), "models.train", project_id=CLOSED)
    assert not index.allows(caller(), "models.train")
    assert index.permissions(caller()) == frozenset()


@pytest.mark.fast
def test_a_grant_on_a_resource_counts_there() -> None:
    index = loaded(member(ADA, "nothing"), resource(ADA, "datasets.delete"), restriction(CLOSED))
    place = {"resource_type": "dataset", "resource_id": str(DATASET)}
    assert index.holds(caller(), "datasets.delete")
    assert index.allows(caller(), "datasets.delete", project_id=CLOSED, **place)
    assert index.sees(caller(), project_id=CLOSED, **place)
    assert not index.allows(caller(), "datasets.read", **place)
    assert not index.allows(caller(), "datasets.delete", resource_type="model", resource_id=str(DATASET))


@pytest.mark.fast
def test_a_restricted_project_is_seen_by_its_grantees_and_administrators_alone() -> None:
    index = loaded(
        member(ADA, "admin"), member(BOB, "analyst"), member(EVE, "analyst"), project(EVE, CLOSED, "viewer"),
        restriction(CLOSED),
    )  # fmt: skip
    for user, sees in ((ADA, True), (BOB, False), (EVE, True)):
        assert index.sees(caller(user), project_id=CLOSED) is sees
        assert index.allows(caller(user), "models.train", project_id=CLOSED) is sees
        assert index.sees(caller(user), project_id=OPEN)
    assert index.restricted(ORG, CLOSED)
    assert not index.restricted(OTHER_ORG, CLOSED)


@pytest.mark.fast
def test_holders_are_the_active_members_who_may() -> None:
    index = loaded(
        member(ADA, "analyst"),
        member(BOB, "analyst", active=False),
        member(EVE, "viewer"),
        member(EVE, "admin", org=OTHER_ORG),
        project(EVE, OPEN, "analyst"),
        restriction(CLOSED),
    )
    assert index.holders(ORG, "models.train") == {ADA}
    assert index.holders(ORG, "models.train", OPEN) == {ADA, EVE}
    assert index.holders(ORG, "models.train", CLOSED) == frozenset()
    assert index.holders(OTHER_ORG, "models.train", CLOSED) == {EVE}
    assert index.holders(UUID(int=0xC), "models.train") == frozenset()


def test_a_scope_limits_what_is_done_and_not_what_is_seen() -> None:
    index = loaded(member(ADA, "admin"), restriction(CLOSED))
    scoped = caller(service="ml", scope=frozenset({"datasets.read", "audit.read"}))
    assert index.holds(scoped, "datasets.read")
    assert index.allows(scoped, "datasets.read", project_id=CLOSED)
    assert not index.holds(scoped, "models.train")
    assert not index.holds(scoped, "audit.read")
    assert index.permissions(scoped) == {"datasets.read"}
    assert index.visible_projects(scoped, "models.train") == Visibility(organisation=False)


@pytest.mark.fast
def test_a_service_without_a_user_holds_its_scope() -> None:
    index = loaded(restriction(CLOSED))
    service = caller(None, service="ingest", scope=frozenset({"datasets.read"}))
    assert index.holds(service, "datasets.read")
    assert index.allows(service, "datasets.read", project_id=CLOSED)
    assert index.sees(service, project_id=CLOSED)
    assert not index.holds(service, "datasets.delete")
    assert index.visible_projects(service, "datasets.read") == Visibility(organisation=True)
    assert not index.revoked(service)


@pytest.mark.fast
def test_a_revoked_session_no_longer_holds() -> None:
    index = loaded(member(ADA, "admin"))
    revoked = session_events_pb2.SessionRevoked(session=access_pb2.RevokedSession(session_id="s1"))
    revoked.session.forget_after.FromSeconds(int(time.time()) + 600)
    assert not index.revoked(caller(session_id="s1"))
    index.apply(event(revoked, "raia.auth.session"))
    assert index.revoked(caller(session_id="s1"))
    assert not index.revoked(caller(session_id="s2"))


@pytest.mark.fast
def test_sessions_are_forgotten_once_their_tokens_have_expired() -> None:
    now = [1000.0]
    index = AccessIndex(Source(), NoLog(), now=lambda: now[0])  # type: ignore[arg-type]
    index.load()
    for number in range(1000):
        now[0] = 1000.0 + number
        revoked = session_events_pb2.SessionRevoked(session=access_pb2.RevokedSession(session_id=f"s{number}"))
        revoked.session.forget_after.FromSeconds(int(now[0]) + 100)
        index.apply(event(revoked))
    assert not index.revoked(caller(session_id="s0"))
    assert index.revoked(caller(session_id="s999"))


@pytest.mark.fast
def test_events_replace_what_was() -> None:
    index = loaded(member(ADA, "viewer"), project(ADA, OPEN, "analyst"), resource(ADA, "datasets.delete"))
    changes: list[tuple[Message, str, bool]] = [
        (access_events_pb2.ProjectGrantChanged(grant=project(ADA, OPEN)), "models.train", False),
        (access_events_pb2.ResourceGrantChanged(grant=resource(ADA)), "datasets.delete", False),
        (access_events_pb2.MembershipChanged(membership=member(ADA, "admin")), "datasets.delete", True),
        (access_events_pb2.RolesChanged(roles=[access_pb2.Role(name="admin")]), "datasets.delete", False),
    ]
    for message, permission, held in changes:
        for _ in range(2):
            index.apply(event(message))
            assert index.holds(caller(), permission) is held
    index.apply(event(access_events_pb2.ProjectRestrictionChanged(restriction=restriction(CLOSED))))
    assert not index.sees(caller(), project_id=CLOSED)
    index.apply(event(access_events_pb2.ProjectRestrictionChanged(restriction=restriction(CLOSED, False))))
    assert index.sees(caller(), project_id=CLOSED)


@pytest.mark.fast
def test_an_event_of_a_later_release_is_passed_over_but_a_damaged_one_is_not() -> None:
    index = loaded(member(ADA, "viewer"))
    index.apply(Event(id=new_id(), topic="raia.auth.access", key="k", type="raia.auth.events.v9.Later", payload=b""))
    index.apply(event(user_events_pb2.PasswordChanged(user_id=str(ADA))))
    damaged = Event(
        id=new_id(), topic="raia.auth.access", key="k", type="raia.auth.events.v1.MembershipChanged", payload=b"\xff"
    )
    with pytest.raises(UnknownEventType):
        index.apply(damaged)


@pytest.mark.fast
def test_a_snapshot_without_its_end_is_not_taken() -> None:
    index = AccessIndex(Source(Part(memberships=[member(ADA, "admin")]), end=""), NoLog(), patience=0)  # type: ignore[arg-type]
    with pytest.raises(Unavailable) as cut:
        index.load()
    assert cut.value.reason == "SNAPSHOT_INCOMPLETE"
    assert not index.holds(caller(), "datasets.read")
    assert index.age() == float("inf")


@pytest.mark.fast
def test_a_user_who_is_newer_than_the_log_is_waited_for_once() -> None:
    index = loaded(patience=2.0)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(index.holds, caller(), "datasets.read")
        time.sleep(0.1)
        index.apply(event(access_events_pb2.MembershipChanged(membership=member(ADA, "viewer"))))
        assert asked.result(1)
    hasty = loaded(patience=0.2)
    started = time.monotonic()
    for _ in range(5):
        assert not hasty.holds(caller(BOB), "datasets.read")
    assert 0.2 <= time.monotonic() - started < 0.35


# --- lists show exactly what single decisions allow

USERS, PROJECTS = (ADA, BOB), (OPEN, CLOSED)
ROLE = st.sets(st.sampled_from(sorted(ROLES)), max_size=2)
PERMISSION = st.sampled_from(["datasets.read", "datasets.delete", "models.train"])
WORLDS = st.fixed_dictionaries(
    {
        "member": ROLE,
        "active": st.booleans(),
        "projects": st.dictionaries(st.sampled_from(PROJECTS), ROLE),
        "resource": st.sets(PERMISSION),
        "restricted": st.sets(st.sampled_from(PROJECTS)),
        "scope": st.none() | st.frozensets(PERMISSION),
    }
)


def world(facts: dict[str, Any]) -> AccessIndex:
    return loaded(
        member(ADA, *facts["member"], active=facts["active"]),
        *(project(ADA, place, *held) for place, held in facts["projects"].items()),
        resource(ADA, *facts["resource"]),
        *(restriction(place) for place in facts["restricted"]),
    )


@pytest.mark.fast
@given(WORLDS, PERMISSION, st.sampled_from([None, *PROJECTS]), st.sampled_from([DATASET, UUID(int=0x201)]))
def test_visibility_agrees_with_decisions(
    facts: dict[str, Any], permission: str, place: UUID | None, row: UUID
) -> None:
    index, who = world(facts), caller(scope=facts["scope"], service=None)
    allowed = index.allows(who, permission, project_id=place, resource_type="dataset", resource_id=str(row))
    seen = index.visible_projects(who, permission, "dataset")
    in_organisation = seen.organisation and place not in seen.hidden
    assert (in_organisation or place in seen.projects or row in seen.resources) is allowed
    if allowed:
        assert index.holds(who, permission)
        assert index.sees(who, project_id=place, resource_type="dataset", resource_id=str(row))


ITEMS = Table(
    "item",
    MetaData(),
    Column("id", SqlUuid(as_uuid=True)),
    Column("project_id", SqlUuid(as_uuid=True)),
    Column("name", Text),
)


def test_the_clause_selects_what_visibility_says(sample_database: "ServiceDatabase") -> None:
    rows = [
        {"id": UUID(int=number), "project_id": place, "name": str(number)}
        for number, place in enumerate([None, OPEN, CLOSED, UUID(int=0x102), CLOSED])
    ]
    cases = [
        (Visibility(True), "01234"),
        (Visibility(False), ""),
        (Visibility(True, hidden=frozenset({CLOSED})), "013"),
        (Visibility(True, hidden=frozenset({CLOSED}), resources=frozenset({UUID(int=4)})), "0134"),
        (Visibility(False, projects=frozenset({OPEN, CLOSED})), "124"),
        (Visibility(False, projects=frozenset({OPEN}), resources=frozenset({UUID(int=0)})), "01"),
    ]
    with sample_database.database.unit_of_work(ORG) as unit:
        unit.session.execute(text("create temporary table item (id uuid, project_id uuid, name text)"))
        unit.session.execute(ITEMS.insert(), rows)
        for seen, expected in cases:
            clause = seen.clause(ITEMS.c.project_id, ITEMS.c.id)
            names = unit.session.scalars(select(ITEMS.c.name).where(clause).order_by(ITEMS.c.name))
            assert "".join(names) == expected


# --- kept current from the log


class Auth:
    """The tables and the log of auth, as far as the index sees them."""

    def __init__(self, database: "ServiceDatabase", log: EventLog) -> None:
        self.database, self.log = database, log
        self.source = Source(Part(memberships=[member(ADA, "viewer")]), end=self.head())

    def head(self) -> str:
        positions = {
            TopicPartition(topic, partition): position
            for topic in ("raia.auth.access", "raia.auth.session")
            for partition, position in self.log.head(topic).items()
        }
        return cursor.encode(positions)

    def publish(self, *messages: Message) -> None:
        self.append(*(event(message) for message in messages))

    def append(self, *events: Event) -> None:
        # Only auth's relay may publish on auth's topics, or the administrator.
        with psycopg.connect(self.database.admin_url) as connection:
            self.log.publish(events, connection)
            self.log.announce(connection)


@pytest.fixture
def auth(sample_database: "ServiceDatabase") -> Iterator[Auth]:
    with ExitStack() as stack:
        session = DirectSession(sample_database.url, service="sample")
        session.start()
        stack.callback(session.stop)
        log = PostgresEventLog(sample_database.database.engine, session)
        stack.callback(log.close)
        yield Auth(sample_database, log)


@pytest.fixture
def index(auth: Auth) -> Iterator[AccessIndex]:
    index = AccessIndex(auth.source, auth.log, patience=0)
    yield index
    assert index.stop()


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.005)
    return time.monotonic() - started


def test_it_loads_and_follows(auth: Auth, index: AccessIndex) -> None:
    assert index.age() == float("inf")
    index.start()
    assert index.wait_current(5)
    assert index.age() < 2
    assert index.healthy() == (True, "")
    assert not index.holds(caller(), "models.train")
    auth.publish(access_events_pb2.MembershipChanged(membership=member(ADA, "analyst")))
    assert wait_for(lambda: index.holds(caller(), "models.train")) < 1
    time.sleep(1.2)
    assert index.age() < 1.5  # nothing happened, and it knows


def test_what_happened_while_it_loaded_is_not_missed(auth: Auth, index: AccessIndex) -> None:
    # The snapshot was taken before this event, in a log whose topic did not yet exist.
    auth.publish(access_events_pb2.MembershipChanged(membership=member(ADA, "analyst")))
    index.start()
    assert index.wait_current(5)
    assert index.holds(caller(), "models.train")


def test_it_waits_for_auth_and_serves_nothing_meanwhile(auth: Auth, index: AccessIndex) -> None:
    auth.source.away = True
    index.start()
    assert not index.wait_current(0.3)
    assert index.age() == float("inf")
    assert not index.healthy()[0]
    assert not index.holds(caller(), "datasets.read")
    auth.source.away = False
    assert index.wait_current(8)
    assert index.holds(caller(), "datasets.read")


@pytest.mark.parametrize("payload", [b"\xff", access_events_pb2.MembershipChanged().SerializeToString()])
def test_what_an_event_that_cannot_be_applied_changed_comes_from_a_new_snapshot(
    auth: Auth, index: AccessIndex, payload: bytes
) -> None:
    index.start()
    assert index.wait_current(5)
    auth.source.away = True
    broken = Event(
        id=new_id(), topic="raia.auth.access", key="k", type="raia.auth.events.v1.MembershipChanged", payload=payload
    )
    auth.append(broken)
    # It may have been a revocation: nothing may be decided on what is known as if it were current.
    wait_for(lambda: index.age() > 1.5, 10)
    assert not index.healthy()[0]
    auth.source.all = [Part(memberships=[member(ADA, "analyst")])]
    auth.source.end, auth.source.away = auth.head(), False
    wait_for(lambda: index.age() < 1.5, 10)
    assert index.holds(caller(), "models.train")
    auth.publish(access_events_pb2.MembershipChanged(membership=member(ADA, "viewer")))
    wait_for(lambda: not index.holds(caller(), "models.train"))


def test_it_loads_again_when_the_log_no_longer_holds_what_follows(auth: Auth, index: AccessIndex) -> None:
    auth.publish(*[access_events_pb2.MembershipChanged(membership=member(BOB, "viewer"))] * 3)
    stale = cursor.encode({TopicPartition("raia.auth.access", 0): 1})
    with psycopg.connect(auth.database.admin_url, autocommit=True) as connection:
        connection.execute("delete from raia_log.event where position <= 2 and topic = 'raia.auth.access'")
    auth.source.end = stale
    fresh = auth.head()

    def parts() -> Sequence[Part]:
        auth.source.reads += 1
        end = stale if auth.source.reads == 1 else fresh
        return [Part(roles=roles()), Part(memberships=[member(ADA, "viewer")]), Part(cursor=end)]

    auth.source.parts = parts  # type: ignore[method-assign]
    index.start()
    assert index.wait_current(5)
    assert auth.source.reads == 2
    assert index.holds(caller(), "datasets.read")
