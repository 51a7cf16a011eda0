"""Watched sources in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from raia.ingest.v1 import source_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.sources.domain import FAILED, FAILING, LOOKING, RESTING, STOPPED, TAKEN, Source, SourceSpec
from raia_ingest.sources.tables import source, source_item

FIELDS = QueryFields(
    source_pb2.Source.DESCRIPTOR,
    {
        "id": source.c.id,
        "name": source.c.name,
        "kind": source.c.kind,
        "project_id": source.c.project_id,
        "enabled": source.c.enabled,
        "status": source.c.status,
        "created_at": source.c.created_at,
    },
)


class SourceRepository:
    """Reads and writes sources in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[Source], str]:
        """A page of the sources that the caller may see, and the token of the next."""
        visible = _sources().where(visibility.clause(source.c.project_id, source.c.id))
        found = list_page(unit.session, visible, FIELDS, request)
        return [_source(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, source_id: UUID, *, lock: bool = False) -> Source | None:
        """One source, its row locked if asked; None when it is deleted."""
        query = _sources().where(source.c.id == source_id)
        row = unit.session.execute(query.with_for_update(of=source) if lock else query).first()
        return _source(row) if row is not None else None

    def create(
        self,
        unit: UnitOfWork,
        source_id: UUID,
        spec: SourceSpec,
        *,
        project_id: UUID | None,
        enabled: bool,
        sealed: bytes | None,
        credential_names: Sequence[str],
        created_by: UUID | None,
    ) -> bool:
        """Adds a source; False when the project has one of this name."""
        made = insert(source).values(
            org_id=unit.tenant,
            id=source_id,
            project_id=project_id,
            enabled=enabled,
            sealed=sealed,
            credential_names=list(credential_names),
            status=RESTING if enabled else STOPPED,
            created_by=created_by,
            **_written(spec),
        )
        row = unit.session.execute(made.on_conflict_do_nothing().returning(source.c.id)).first()
        return row is not None

    def name_taken(self, unit: UnitOfWork, project_id: UUID | None, name: str, besides: UUID) -> bool:
        """Whether another source of the project has the name."""
        query = select(source.c.id).where(
            source.c.project_id.is_not_distinct_from(project_id),
            source.c.name == name,
            source.c.id != besides,
            source.c.deleted_at.is_(None),
        )
        return unit.session.execute(query).first() is not None

    def change(
        self, unit: UnitOfWork, source_id: UUID, spec: SourceSpec, sealed: bytes | None, names: Sequence[str]
    ) -> None:
        """Writes what a person changed."""
        self._update(
            unit,
            source_id,
            sealed=sealed,
            credential_names=list(names),
            revision=source.c.revision + 1,
            updated_at=func.now(),
            **_written(spec),
        )

    def delete(self, unit: UnitOfWork, source_id: UUID) -> None:
        """Hides a source and forgets its credentials."""
        gone = {"enabled": False, "status": STOPPED, "sealed": None, "poll_job_id": None, "next_poll_at": None}
        self._update(unit, source_id, deleted_at=func.now(), revision=source.c.revision + 1, **gone)

    def schedule(self, unit: UnitOfWork, source_id: UUID, job_id: int, at: datetime) -> None:
        """Notes which job looks next, and when; it is the only one that may."""
        self._update(unit, source_id, poll_job_id=job_id, next_poll_at=at, poll_again=False)

    def forget_look(self, unit: UnitOfWork, source_id: UUID) -> None:
        """No job may look from now on."""
        self._update(unit, source_id, poll_job_id=None)

    def enable(self, unit: UnitOfWork, source_id: UUID) -> None:
        """Has it looked at."""
        self._touched(unit, source_id, enabled=True, status=RESTING, failures=0, error="")

    def disable(self, unit: UnitOfWork, source_id: UUID) -> None:
        """Has it looked at no more."""
        self._touched(
            unit, source_id, enabled=False, status=STOPPED, poll_job_id=None, next_poll_at=None, poll_again=False
        )

    def ask_again(self, unit: UnitOfWork, source_id: UUID) -> None:
        """Has another look follow the one that is under way."""
        self._update(unit, source_id, poll_again=True)

    def begin_look(self, unit: UnitOfWork, source_id: UUID) -> None:
        """A look has begun; what is asked for from now on needs another."""
        self._update(unit, source_id, status=LOOKING, poll_again=False)

    def looked(self, unit: UnitOfWork, source_id: UUID) -> None:
        """A look has succeeded."""
        self._update(unit, source_id, status=RESTING, error="", failures=0, polled_at=func.now())

    def look_failed(self, unit: UnitOfWork, source_id: UUID, error: str) -> None:
        """A look has failed."""
        self._update(unit, source_id, status=FAILING, error=error, failures=source.c.failures + 1, polled_at=func.now())

    def _touched(self, unit: UnitOfWork, source_id: UUID, **values: Any) -> None:
        self._update(unit, source_id, revision=source.c.revision + 1, updated_at=func.now(), **values)

    def _update(self, unit: UnitOfWork, source_id: UUID, **values: Any) -> None:
        unit.session.execute(update(source).where(source.c.id == source_id).values(**values))


def _written(spec: SourceSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "kind": spec.kind,
        "dataset_name": spec.dataset_name,
        "profile": spec.profile,
        "poll_seconds": spec.poll_seconds,
        "settle_seconds": spec.settle_seconds,
        "place": dict(spec.place),
    }


def _counted(status: str) -> Any:
    items = source_item
    counted = select(func.count()).where(
        items.c.org_id == source.c.org_id, items.c.source_id == source.c.id, items.c.status == status
    )
    return counted.correlate(source).scalar_subquery().label(f"{status}_count")


def _sources() -> Select[Any]:
    return select(source, _counted(TAKEN), _counted(FAILED)).where(source.c.deleted_at.is_(None))


def _source(row: Row[Any]) -> Source:
    spec = SourceSpec(
        row.name, row.kind, row.dataset_name, row.profile, row.poll_seconds, row.settle_seconds, row.place
    )
    return Source(
        id=row.id,
        spec=spec,
        project_id=row.project_id,
        enabled=row.enabled,
        sealed=row.sealed,
        credential_names=row.credential_names,
        status=row.status,
        error=row.error,
        failures=row.failures,
        polled_at=row.polled_at,
        next_poll_at=row.next_poll_at,
        poll_job_id=row.poll_job_id,
        poll_again=row.poll_again,
        taken_count=row.taken_count,
        failed_count=row.failed_count,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )
