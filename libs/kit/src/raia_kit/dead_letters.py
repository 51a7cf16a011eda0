"""Dead letters: messages that a consumer could not process, kept for inspection and replay."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import grpc
from google.protobuf import json_format
from raia.platform.events.v1 import dead_letter_events_pb2
from raia.platform.v1 import dead_letter_pb2, dead_letter_service_pb2, dead_letter_service_pb2_grpc
from sqlalchemy import ColumnElement, RowMapping, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert

from raia_kit.context import current_call_or_none
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import FailedPrecondition, NotFound
from raia_kit.events.envelope import Event, UnknownEventType
from raia_kit.ids import new_id
from raia_kit.pagination import PageToken, size_of
from raia_kit.tables import dead_letter

_QUERY = "dead_letters"
_AT_ONCE = 100


class DeadLetterStore:
    """The ``dead_letter`` table of one service, read and written in platform units of work.

    A row is ``waiting`` until an operator puts it back, ``replaying`` until its consumer has taken it, and ``replayed``
    once its effect has happened; if it fails again it is ``waiting`` again.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._topic = f"raia.{service}.dead_letter"

    def add(self, unit: UnitOfWork, consumer: str, event: Event, *, error: str, attempts: int) -> UUID:
        """Sets an event aside, tells so on the service's dead-letter topic and returns the dead letter's id."""
        values = {
            "id": new_id(),
            "consumer": consumer,
            "topic": event.topic,
            "partition": event.partition,
            "position": event.position,
            "event_id": event.id,
            "key": event.key,
            "type": event.type,
            "headers": dict(event.headers),
            "payload": event.payload,
            "error": error,
            "attempts": attempts,
        }
        renewed = {"error": error, "attempts": attempts, "status": "waiting", "created_at": func.now()}
        statement = (
            insert(dead_letter)
            .values(values)
            .on_conflict_do_update(index_elements=["consumer", "event_id"], set_=renewed)
            .returning(dead_letter.c.id)
        )
        letter_id: UUID = unit.session.execute(statement).scalar_one()
        # What failed on this topic is not told on it again: a consumer that fails on everything would never end.
        if event.topic != self._topic:
            told = dead_letter_events_pb2.EventSetAside(
                dead_letter_id=str(letter_id),
                service=self._service,
                consumer=consumer,
                topic=event.topic,
                event_id=str(event.id),
                event_type=event.type,
                org_id=event.headers.get("orgid", ""),
                error=error,
                attempts=attempts,
            )
            unit.emit(told, key=consumer, topic=self._topic)
        return letter_id

    def count_recent(self, unit: UnitOfWork, consumer: str, seconds: float) -> int:
        """How many events of a consumer were set aside within the last seconds."""
        statement = (
            select(func.count())
            .select_from(dead_letter)
            .where(
                dead_letter.c.consumer == consumer,
                dead_letter.c.created_at
                > func.now() - text("make_interval(secs => :seconds)").bindparams(seconds=seconds),
            )
        )
        return int(unit.session.execute(statement).scalar_one())

    def count_waiting(self, unit: UnitOfWork) -> int:
        """How many wait for an operator."""
        statement = select(func.count()).select_from(dead_letter).where(dead_letter.c.status == "waiting")
        return int(unit.session.execute(statement).scalar_one())

    def page(
        self, unit: UnitOfWork, before: UUID | None, limit: int, org_id: UUID | None = None
    ) -> Sequence[RowMapping]:
        """Up to ``limit`` rows, newest first, older than the one with id ``before``; of one organisation if given."""
        statement = select(dead_letter).where(_of(org_id)).order_by(dead_letter.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(dead_letter.c.id < before)
        return unit.session.execute(statement).mappings().all()

    def put_back(self, unit: UnitOfWork, letter_id: UUID, org_id: UUID | None = None) -> RowMapping:
        """Gives a dead letter back to its consumer, which takes it within about a second.

        Raises ``NotFound``, also for another organisation's if one is given; ``FailedPrecondition`` when it has been
        replayed already. Putting back twice is once.
        """
        wanted = select(dead_letter).where(dead_letter.c.id == letter_id, _of(org_id)).with_for_update()
        found = unit.session.execute(wanted).mappings().one_or_none()
        if found is None:
            raise NotFound.of("dead_letter", letter_id)
        if found["status"] not in ("waiting", "replaying"):
            raise FailedPrecondition(
                f"dead letter {letter_id} is {found['status']}: only one that waits can be replayed",
                reason="DEAD_LETTER_NOT_WAITING",
                metadata={"dead_letter_id": str(letter_id), "status": found["status"]},
            )
        statement = (
            update(dead_letter).where(dead_letter.c.id == letter_id).values(status="replaying").returning(dead_letter)
        )
        return unit.session.execute(statement).mappings().one()

    def replaying(self, unit: UnitOfWork, consumer: str) -> Sequence[Event]:
        """The events that were put back to a consumer, in the order of the log."""
        statement = (
            select(dead_letter)
            .where(dead_letter.c.consumer == consumer, dead_letter.c.status == "replaying")
            .order_by(dead_letter.c.topic, dead_letter.c.partition, dead_letter.c.position)
            .limit(_AT_ONCE)
        )
        return [_event(row) for row in unit.session.execute(statement).mappings()]

    def replayed(self, unit: UnitOfWork, consumer: str, event_id: UUID) -> None:
        """Notes, in the transaction of the effect, that it has happened."""
        self._set(unit, consumer, event_id, status="replayed")

    def failed_again(self, unit: UnitOfWork, consumer: str, event_id: UUID, *, error: str) -> None:
        """Sets a replayed message aside again."""
        self._set(unit, consumer, event_id, status="waiting", error=error, attempts=dead_letter.c.attempts + 1)

    def _set(self, unit: UnitOfWork, consumer: str, event_id: UUID, **values: Any) -> None:
        statement = update(dead_letter).where(dead_letter.c.consumer == consumer, dead_letter.c.event_id == event_id)
        unit.session.execute(statement.values(values))


class DeadLetterServicer(dead_letter_service_pb2_grpc.DeadLetterServiceServicer):
    """``raia.platform.v1.DeadLetterService`` over one service's table.

    A token of an organisation reaches that organisation's dead letters, whose payloads are its data; a service's token
    without one reaches all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._store = DeadLetterStore(database.service)

    def ListDeadLetters(
        self, request: dead_letter_service_pb2.ListDeadLettersRequest, context: grpc.ServicerContext
    ) -> dead_letter_service_pb2.ListDeadLettersResponse:
        """Lists dead letters, newest first."""
        size = size_of(request.page_size)
        before = next(iter(PageToken.decode(request.page_token, _QUERY).keys), None) if request.page_token else None
        with self._unit() as unit:
            rows = self._store.page(unit, before if isinstance(before, UUID) else None, size + 1, _organisation())
        letters = [_to_proto(row, self._database.service) for row in rows[:size]]
        following = PageToken((rows[size - 1]["id"],), _QUERY).encode() if len(rows) > size else ""
        return dead_letter_service_pb2.ListDeadLettersResponse(dead_letters=letters, next_page_token=following)

    def ReplayDeadLetter(
        self, request: dead_letter_service_pb2.ReplayDeadLetterRequest, context: grpc.ServicerContext
    ) -> dead_letter_pb2.DeadLetter:
        """Puts a dead letter back to its consumer."""
        with self._unit() as unit:
            row = self._store.put_back(unit, UUID(request.id), _organisation())
        return _to_proto(row, self._database.service)

    @contextmanager
    def _unit(self) -> Iterator[UnitOfWork]:
        """The rpc's own unit of work, so that the audit entry commits with the change; else one of its own."""
        call = current_call_or_none()
        if call is None or call.unit is None:
            with self._database.platform_unit_of_work() as unit:
                yield unit
        else:
            with call.unit.platform():
                yield call.unit


def _organisation() -> UUID | None:
    """The organisation of the token of the rpc at hand; None outside of one."""
    call = current_call_or_none()
    return call.caller.org_id if call is not None and call.caller is not None else None


def _of(org_id: UUID | None) -> ColumnElement[bool]:
    return true() if org_id is None else dead_letter.c.headers["orgid"].astext == str(org_id)


def _event(row: RowMapping) -> Event:
    return Event(
        id=row["event_id"],
        topic=row["topic"],
        key=row["key"],
        type=row["type"],
        payload=bytes(row["payload"]),
        headers=row["headers"],
        partition=row["partition"],
        position=row["position"],
    )


def _to_proto(row: RowMapping, service: str) -> dead_letter_pb2.DeadLetter:
    letter = dead_letter_pb2.DeadLetter(
        id=str(row["id"]),
        service=service,
        consumer=row["consumer"],
        topic=row["topic"],
        position=f"{row['partition']}/{row['position']}",
        event_id=str(row["event_id"]),
        event_type=row["type"],
        org_id=row["headers"].get("orgid", ""),
        error=row["error"],
        attempts=row["attempts"],
        status=row["status"],
        payload_json=_payload_json(_event(row)),
    )
    letter.created_at.FromDatetime(row["created_at"])
    return letter


def _payload_json(event: Event) -> str:
    try:
        return json_format.MessageToJson(event.decode(), preserving_proto_field_name=True, indent=None)
    except (UnknownEventType, json_format.SerializeToJsonError, TypeError):
        return ""
