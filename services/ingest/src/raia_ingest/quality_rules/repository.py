"""Data quality rules in PostgreSQL."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from raia.ingest.v1 import quality_rule_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, Select, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.datasets.tables import dataset
from raia_ingest.quality_rules.domain import Rule, RuleSpec
from raia_ingest.quality_rules.tables import quality_rule as table

FIELDS = QueryFields(
    quality_rule_pb2.QualityRule.DESCRIPTOR,
    {
        "id": table.c.id,
        "dataset_id": table.c.dataset_id,
        "name": table.c.name,
        "description": table.c.description,
        "kind": table.c.kind,
        "severity": table.c.severity,
        "enabled": table.c.enabled,
        "gates": table.c.gates,
        "created_by": table.c.created_by,
        "created_at": table.c.created_at,
        "updated_at": table.c.updated_at,
    },
)


class QualityRuleRepository:
    """Reads and writes rules in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[Rule], str]:
        """A page of the rules of datasets that the caller may see, and the token of the next."""
        visible = _rules().where(visibility.clause(dataset.c.project_id, dataset.c.id))
        found = list_page(unit.session, visible, FIELDS, request)
        return [_rule(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, rule_id: UUID, *, lock: bool = False) -> Rule | None:
        """One rule of a dataset that is not deleted, its row locked if asked."""
        query = _rules().where(table.c.id == rule_id)
        row = unit.session.execute(query.with_for_update(of=table) if lock else query).first()
        return _rule(row) if row is not None else None

    def of_dataset(self, unit: UnitOfWork, dataset_id: UUID, *, enabled: bool = False) -> list[Rule]:
        """The rules of a dataset, oldest first; only those that run by themselves if asked."""
        query = _rules().where(table.c.dataset_id == dataset_id).order_by(table.c.created_at, table.c.id)
        if enabled:
            query = query.where(table.c.enabled)
        return [_rule(row) for row in unit.session.execute(query)]

    def chosen(self, unit: UnitOfWork, dataset_id: UUID, ids: Collection[UUID]) -> list[Rule]:
        """Those of the dataset's rules that are named, oldest first."""
        query = _rules().where(table.c.dataset_id == dataset_id, table.c.id.in_(ids))
        return [_rule(row) for row in unit.session.execute(query.order_by(table.c.created_at, table.c.id))]

    def blocking(self, unit: UnitOfWork, dataset_id: UUID) -> frozenset[UUID]:
        """The enabled rules of a dataset by which versions are quarantined."""
        query = select(table.c.id).where(
            table.c.dataset_id == dataset_id,
            table.c.deleted_at.is_(None),
            table.c.enabled,
            table.c.gates,
            table.c.severity == "error",
        )
        return frozenset(unit.session.execute(query).scalars())

    def project_of(self, unit: UnitOfWork, rule_id: UUID) -> tuple[UUID | None] | None:
        """The project of a rule's dataset, as a tuple; None when there is no such rule."""
        query = _rules().add_columns(dataset.c.project_id).where(table.c.id == rule_id)
        row = unit.session.execute(query).first()
        return (row.project_id,) if row is not None else None

    def add(self, unit: UnitOfWork, dataset_id: UUID, spec: RuleSpec, user_id: UUID | None) -> UUID | None:
        """Adds a rule; None when the dataset has one of that name."""
        made = insert(table).values(
            org_id=unit.tenant, id=new_id(), dataset_id=dataset_id, created_by=user_id, **_values(spec)
        )
        row = unit.session.execute(
            made.on_conflict_do_nothing(
                index_elements=[table.c.org_id, table.c.dataset_id, table.c.name],
                index_where=table.c.deleted_at.is_(None),
            ).returning(table.c.id)
        ).first()
        return row.id if row is not None else None

    def change(self, unit: UnitOfWork, rule_id: UUID, spec: RuleSpec) -> None:
        """Changes a rule."""
        unit.session.execute(
            update(table)
            .where(table.c.id == rule_id)
            .values(revision=table.c.revision + 1, updated_at=func.now(), **_values(spec))
        )

    def named(self, unit: UnitOfWork, dataset_id: UUID, name: str) -> UUID | None:
        """The rule of this name."""
        query = select(table.c.id).where(
            table.c.dataset_id == dataset_id, table.c.name == name, table.c.deleted_at.is_(None)
        )
        return unit.session.execute(query).scalar_one_or_none()

    def set_schedule_job(self, unit: UnitOfWork, rule_id: UUID, job_id: int | None) -> None:
        """Notes which job runs the rule next."""
        unit.session.execute(update(table).where(table.c.id == rule_id).values(schedule_job_id=job_id))

    def delete(self, unit: UnitOfWork, rule_id: UUID) -> None:
        """Hides a rule: validations that ran it refer to it."""
        unit.session.execute(
            update(table).where(table.c.id == rule_id).values(deleted_at=func.now(), schedule_job_id=None)
        )


def _rules() -> Select[Any]:
    joined = select(table).join(dataset, and_(dataset.c.org_id == table.c.org_id, dataset.c.id == table.c.dataset_id))
    return joined.where(dataset.c.deleted_at.is_(None), table.c.deleted_at.is_(None))


def _values(spec: RuleSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "description": spec.description,
        "kind": spec.kind,
        "demand": dict(spec.check),
        "severity": spec.severity,
        "enabled": spec.enabled,
        "gates": spec.gates,
        "tolerance": spec.tolerance,
        "schedule": spec.schedule,
    }


def _rule(row: Row[Any]) -> Rule:
    spec = RuleSpec(
        name=row.name,
        description=row.description,
        check=row.demand,
        severity=row.severity,
        enabled=row.enabled,
        gates=row.gates,
        tolerance=row.tolerance,
        schedule=row.schedule,
    )
    return Rule(
        id=row.id,
        dataset_id=row.dataset_id,
        spec=spec,
        schedule_job_id=row.schedule_job_id,
        revision=row.revision,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
