"""Policies, evidence and verdicts in PostgreSQL."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.filtering import OrderTerm
from raia_kit.ids import new_id
from raia_kit.pagination import paginate
from sqlalchemy import Row, Table, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ml.gates.domain import Check, Evidence, Policy, Verdict
from raia_ml.gates.tables import deployment_policy, deployment_policy_version, evidence, verdict


class GateRepository:
    """Reads and writes what gates rest on, in the unit of work that it is given."""

    def policy(self, unit: UnitOfWork, *, lock: str = "") -> Policy:
        """The organisation's policy, its row locked for ``share`` or for ``update`` if asked."""
        query = select(deployment_policy_version).join_from(
            deployment_policy,
            deployment_policy_version,
            and_(
                deployment_policy.c.org_id == deployment_policy_version.c.org_id,
                deployment_policy.c.version == deployment_policy_version.c.version,
            ),
        )
        if lock:
            # First alone: a query that waits for the lock would join to the version of before.
            unit.session.execute(select(deployment_policy.c.version).with_for_update(read=lock == "share"))
        row = unit.session.execute(query).first()
        return _policy(row) if row is not None else Policy()

    def replace_policy(
        self, unit: UnitOfWork, protected_attributes: tuple[str, ...], minimum: float, updated_by: UUID | None
    ) -> Policy:
        """Makes a new version of the policy, which then applies. The row must be locked, or not exist."""
        head = insert(deployment_policy).values(org_id=unit.tenant, version=1)
        number = unit.session.execute(
            head.on_conflict_do_update(
                index_elements=[deployment_policy.c.org_id], set_={"version": deployment_policy.c.version + 1}
            ).returning(deployment_policy.c.version)
        ).scalar_one()
        row = unit.session.execute(
            insert(deployment_policy_version)
            .values(
                org_id=unit.tenant,
                version=number,
                protected_attributes=list(protected_attributes),
                minimum_disparate_impact=minimum,
                updated_by=updated_by,
            )
            .returning(deployment_policy_version)
        ).one()
        return _policy(row)

    def evidence_of(self, unit: UnitOfWork, model_id: UUID, digest: str, *, lock: bool = False) -> list[Evidence]:
        """Evidence about an artefact that is not withdrawn, newest first, its rows locked for share if asked."""
        query = (
            select(evidence)
            .where(evidence.c.model_id == model_id, evidence.c.digest == digest, evidence.c.withdrawn_at.is_(None))
            .order_by(evidence.c.created_at.desc(), evidence.c.id.desc())
        )
        rows = unit.session.execute(query.with_for_update(read=True) if lock else query)
        return [_evidence(row) for row in rows]

    def find_evidence(self, unit: UnitOfWork, report_id: UUID, *, lock: bool = False) -> Evidence | None:
        """The evidence of a report."""
        query = select(evidence).where(evidence.c.report_id == report_id)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return _evidence(row) if row is not None else None

    def add_evidence(self, unit: UnitOfWork, values: dict[str, Any]) -> Evidence | None:
        """Keeps evidence; None when there is some of the same report, also by one that commits at the same time."""
        row = unit.session.execute(
            insert(evidence)
            # The time at hand, under the model's lock: that of the transaction may be earlier than another report's.
            .values(org_id=unit.tenant, id=new_id(), created_at=func.clock_timestamp(), **values)
            .on_conflict_do_nothing(index_elements=[evidence.c.org_id, evidence.c.report_id])
            .returning(evidence)
        ).first()
        return _evidence(row) if row is not None else None

    def withdraw(self, unit: UnitOfWork, evidence_id: UUID) -> None:
        """Withdraws evidence that is not withdrawn."""
        unit.session.execute(
            update(evidence)
            .where(evidence.c.id == evidence_id, evidence.c.withdrawn_at.is_(None))
            .values(withdrawn_at=func.now())
        )

    def add_verdict(self, unit: UnitOfWork, decided: Verdict) -> Verdict:
        """Keeps a verdict."""
        verdict_id = new_id()
        created_at = unit.session.execute(
            insert(verdict)
            .values(
                org_id=unit.tenant,
                id=verdict_id,
                model_id=decided.model_id,
                version=decided.version,
                digest=decided.digest,
                allowed=decided.allowed,
                policy_version=decided.policy_version,
                checks=[check.to_json() for check in decided.checks],
                created_by=unit.actor.user_id,
                created_at=func.clock_timestamp(),
            )
            .returning(verdict.c.created_at)
        ).scalar_one()
        return replace(decided, id=verdict_id, created_at=created_at, created_by=unit.actor.user_id)

    def evidence_page(
        self, unit: UnitOfWork, model_id: UUID, page_size: int, page_token: str
    ) -> tuple[list[Evidence], str]:
        """A page of a model's evidence, newest first, and the token of the next."""
        rows, token = _page(unit, evidence, model_id, page_size, page_token)
        return [_evidence(row) for row in rows], token

    def verdict_page(
        self, unit: UnitOfWork, model_id: UUID, page_size: int, page_token: str
    ) -> tuple[list[Verdict], str]:
        """A page of a model's verdicts, newest first, and the token of the next."""
        rows, token = _page(unit, verdict, model_id, page_size, page_token)
        return [_verdict(row) for row in rows], token


def _page(
    unit: UnitOfWork, table: Table, model_id: UUID, page_size: int, page_token: str
) -> tuple[list[Row[Any]], str]:
    columns = table.c
    order = [
        OrderTerm("created_at", columns.created_at, descending=True),
        OrderTerm("id", columns.id, descending=True),
    ]
    found = paginate(
        unit.session,
        select(table).where(columns.model_id == model_id),
        order,
        page_size=page_size,
        page_token=page_token,
        query=f"{table.name} {model_id}",
    )
    return list(found.rows), found.next_page_token


def _policy(row: Row[Any]) -> Policy:
    return Policy(
        version=row.version,
        protected_attributes=tuple(row.protected_attributes),
        minimum_disparate_impact=row.minimum_disparate_impact,
        updated_by=row.updated_by,
        updated_at=row.updated_at,
    )


def _evidence(row: Row[Any]) -> Evidence:
    return Evidence(
        id=row.id,
        kind=row.kind,
        model_id=row.model_id,
        version=row.version,
        digest=row.digest,
        report_id=row.report_id,
        report_digest=row.report_digest,
        figures=row.figures,
        created_at=row.created_at,
        withdrawn_at=row.withdrawn_at,
    )


def _verdict(row: Row[Any]) -> Verdict:
    return Verdict(
        model_id=row.model_id,
        version=row.version,
        digest=row.digest,
        policy_version=row.policy_version,
        checks=tuple(Check.from_json(each) for each in row.checks),
        id=row.id,
        created_at=row.created_at,
        created_by=row.created_by,
    )
