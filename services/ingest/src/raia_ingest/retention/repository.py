"""Retention in PostgreSQL."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.ids import new_id
from sqlalchemy import Row, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.datasets.domain import ARCHIVED, READY
from raia_ingest.datasets.tables import dataset, dataset_version
from raia_ingest.derived.domain import SUCCEEDED
from raia_ingest.lineage.tables import trained_model
from raia_ingest.quality_reports.tables import data_quality_report
from raia_ingest.reports.tables import dataset_report
from raia_ingest.retention.domain import Held, Policy
from raia_ingest.retention.tables import retention_policy


class RetentionRepository:
    """Reads and writes policies, and archives versions."""

    def find(self, unit: UnitOfWork, dataset_id: UUID | None) -> Policy | None:
        """The policy of a dataset, or the organisation's for None."""
        row = unit.session.execute(
            select(retention_policy).where(retention_policy.c.dataset_id.is_not_distinct_from(dataset_id))
        ).first()
        return _policy(row) if row is not None else None

    def by_id(self, unit: UnitOfWork, policy_id: UUID) -> Policy | None:
        """A policy, its row locked."""
        query = select(retention_policy).where(retention_policy.c.id == policy_id).with_for_update()
        row = unit.session.execute(query).first()
        return _policy(row) if row is not None else None

    def put(self, unit: UnitOfWork, policy: Policy) -> UUID:
        """Keeps a policy instead of the one there was; answers its id."""
        values: dict[str, Any] = {
            "keep_versions": policy.keep_versions,
            "keep_days": policy.keep_days,
            "force": policy.force,
            "updated_by": unit.actor.user_id,
            "updated_at": func.now(),
        }
        row = insert(retention_policy).values(org_id=unit.tenant, id=new_id(), dataset_id=policy.dataset_id, **values)
        column = retention_policy.c.dataset_id
        own = policy.dataset_id is not None
        done = row.on_conflict_do_update(
            index_elements=[retention_policy.c.org_id, column] if own else [retention_policy.c.org_id],
            index_where=column.is_not(None) if own else column.is_(None),
            set_=values,
        ).returning(retention_policy.c.id)
        found: UUID = unit.session.execute(done).scalar_one()
        return found

    def set_job(self, unit: UnitOfWork, policy_id: UUID, job_id: int | None) -> None:
        """Notes which job looks next."""
        unit.session.execute(update(retention_policy).where(retention_policy.c.id == policy_id).values(job_id=job_id))

    def datasets(self, unit: UnitOfWork, policy: Policy) -> list[UUID]:
        """The datasets that a policy holds for."""
        query = select(dataset.c.id).where(dataset.c.deleted_at.is_(None))
        if policy.dataset_id is not None:
            query = query.where(dataset.c.id == policy.dataset_id)
        else:
            own = select(retention_policy.c.dataset_id).where(retention_policy.c.dataset_id.is_not(None))
            query = query.where(dataset.c.id.not_in(own))
        return list(unit.session.execute(query.order_by(dataset.c.id)).scalars())

    def ready(self, unit: UnitOfWork, dataset_id: UUID) -> list[Held]:
        """The ready versions of a dataset."""
        trained = and_(
            trained_model.c.org_id == dataset_version.c.org_id,
            trained_model.c.dataset_id == dataset_version.c.dataset_id,
            trained_model.c.dataset_version == dataset_version.c.version,
        )
        told = [
            select(table.c.id)
            .where(
                table.c.org_id == dataset_version.c.org_id,
                table.c.dataset_id == dataset_version.c.dataset_id,
                table.c.version == dataset_version.c.version,
                table.c.status == SUCCEEDED,
            )
            .exists()
            for table in (dataset_report, data_quality_report)
        ]
        referred = or_(select(trained_model.c.model_id).where(trained).exists(), *told)
        query = select(dataset_version.c.version, dataset_version.c.created_at, referred.label("referred")).where(
            dataset_version.c.dataset_id == dataset_id, dataset_version.c.status == READY
        )
        return [Held(row.version, row.created_at, row.referred) for row in unit.session.execute(query)]

    def archive(self, unit: UnitOfWork, dataset_id: UUID, version: int, error: str, receipt: Mapping[str, Any]) -> None:
        """Takes a version its objects, which the collector then deletes, and leaves the receipt."""
        unit.session.execute(
            update(dataset_version)
            .where(dataset_version.c.dataset_id == dataset_id, dataset_version.c.version == version)
            .values(
                status=ARCHIVED, error=error, object_key="", stored_key=None, ledger_key=None, archive=dict(receipt)
            )
        )
        unit.session.execute(
            update(dataset)
            .where(dataset.c.id == dataset_id)
            .values(revision=dataset.c.revision + 1, updated_at=func.now())
        )


def _policy(row: Row[Any]) -> Policy:
    return Policy(
        dataset_id=row.dataset_id,
        keep_versions=row.keep_versions,
        keep_days=row.keep_days,
        force=row.force,
        id=row.id,
        job_id=row.job_id,
        updated_at=row.updated_at,
    )
