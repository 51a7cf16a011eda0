"""Models, their versions and the production pointer in PostgreSQL."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from raia.ml.v1 import model_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import OrderTerm, QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page, paginate
from sqlalchemy import ColumnElement, Row, Select, and_, case, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ml.models.domain import DRAFT, PRODUCTION, RETIRED, Deployment, Model, NewVersion, Version
from raia_ml.models.tables import deployment, deployment_change, model, model_version

_STATUS = case(
    (deployment.c.production_version.is_not(None), PRODUCTION),
    (deployment.c.deployed_at.is_not(None), RETIRED),
    else_=DRAFT,
)
_SERVING = func.coalesce(deployment.c.production_version, model.c.latest_version)
FIELDS = QueryFields(
    model_pb2.Model.DESCRIPTOR,
    {
        "id": model.c.id,
        "name": model.c.name,
        "type": model.c.type,
        "algorithm": model_version.c.algorithm,
        "status": _STATUS,
        "created_by": model.c.created_by,
        "created_at": model.c.created_at,
        "updated_at": model.c.updated_at,
        "project_id": model.c.project_id,
    },
)
_FACTS = (
    "algorithm", "framework", "digest", "object_key", "size_bytes", "holdout_key", "holdout_sha256", "accuracy",
    "signature", "metrics", "training_data_info", "metadata", "training_run_id",
)  # fmt: skip


class ModelRepository:
    """Reads and writes models in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[Model], str]:
        """A page of the models that the caller may see, at the version they show, and the token of the next."""
        visible = _models(_SERVING).where(visibility.clause(model.c.project_id, model.c.id))
        found = list_page(unit.session, visible, FIELDS, request)
        return [_model(row) for row in found.rows], found.next_page_token

    def versions(self, unit: UnitOfWork, model_id: UUID, page_size: int, page_token: str) -> tuple[list[Model], str]:
        """A page of the model at each of its versions, newest first, and the token of the next."""
        query = _models(None).where(model.c.id == model_id, model_version.c.version.is_not(None))
        order = [OrderTerm("version", model_version.c.version, descending=True)]
        found = paginate(
            unit.session, query, order, page_size=page_size, page_token=page_token, query=f"versions {model_id}"
        )
        return [_model(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, model_id: UUID, version: int = 0) -> Model | None:
        """A model at ``version``, or at the one it shows when 0; None when either is not there."""
        wanted: ColumnElement[Any] = func.coalesce(version) if version else _SERVING
        query = _models(wanted).where(model.c.id == model_id)
        if version:
            query = query.where(model_version.c.version == version)
        row = unit.session.execute(query).first()
        return _model(row) if row is not None else None

    def named(self, unit: UnitOfWork, name: str) -> Model | None:
        """The model of this name."""
        row = unit.session.execute(_models(_SERVING).where(model.c.name == name)).first()
        return _model(row) if row is not None else None

    def create(self, unit: UnitOfWork, name: str, project_id: UUID | None, created_by: UUID | None) -> Model | None:
        """A new model without a version; None when the name is taken, also by one that commits at the same time."""
        made = insert(model).values(
            org_id=unit.tenant, id=new_id(), name=name, project_id=project_id, created_by=created_by
        )
        row = unit.session.execute(
            made.on_conflict_do_nothing(
                index_elements=[model.c.org_id, model.c.name], index_where=model.c.deleted_at.is_(None)
            ).returning(model.c.id)
        ).first()
        if row is None:
            return None
        unit.session.execute(insert(deployment).values(org_id=unit.tenant, model_id=row.id))
        return self.find(unit, row.id)

    def project_of(self, unit: UnitOfWork, model_id: UUID) -> tuple[UUID | None] | None:
        """The project of a model, as a tuple; None when there is no such model."""
        query = select(model.c.project_id).where(model.c.id == model_id, model.c.deleted_at.is_(None))
        row = unit.session.execute(query).first()
        return (row.project_id,) if row is not None else None

    def lock(self, unit: UnitOfWork, model_id: UUID) -> Model | None:
        """A model at the version it shows, its row locked until the transaction ends."""
        locked = select(model.c.id).where(model.c.id == model_id, model.c.deleted_at.is_(None))
        if unit.session.execute(locked.with_for_update()).first() is None:
            return None
        return self.find(unit, model_id)

    def add_version(
        self, unit: UnitOfWork, model_id: UUID, kind: str, version: NewVersion, created_by: UUID | None
    ) -> int:
        """Adds a version to a model whose row is locked, and returns its number."""
        number = unit.session.execute(
            update(model)
            .where(model.c.id == model_id)
            .values(
                latest_version=model.c.latest_version + 1,
                type=kind,
                revision=model.c.revision + 1,
                updated_at=func.now(),
            )
            .returning(model.c.latest_version)
        ).scalar_one()
        facts = {name: getattr(version, name) for name in _FACTS}
        unit.session.execute(
            insert(model_version).values(
                org_id=unit.tenant, model_id=model_id, version=number, created_by=created_by, **facts
            )
        )
        return int(number)

    def lock_deployment(self, unit: UnitOfWork, model_id: UUID) -> Deployment | None:
        """The production pointer, its row locked until the transaction ends."""
        query = select(deployment.c.model_id, deployment.c.production_version).where(deployment.c.model_id == model_id)
        row = unit.session.execute(query.with_for_update()).first()
        return Deployment(row.model_id, row.production_version) if row is not None else None

    def swap(
        self,
        unit: UnitOfWork,
        current: Deployment,
        version: Version | None,
        verdict_id: UUID | None,
        reason: str = "",
    ) -> None:
        """Moves a locked production pointer to ``version``, or to none, and records the change.

        The database refuses a version without a verdict of this very transaction that allows it.
        """
        target = version.number if version else None
        digest = version.digest if version else None
        change_id = new_id()
        unit.session.execute(
            insert(deployment_change).values(
                org_id=unit.tenant,
                id=change_id,
                model_id=current.model_id,
                version=target,
                previous_version=current.production_version,
                digest=digest,
                verdict_id=verdict_id,
                reason=reason,
                created_by=unit.actor.user_id,
            )
        )
        pointer: dict[str, Any] = {
            "production_version": target,
            "digest": digest,
            "verdict_id": verdict_id,
            "change_id": change_id,
        }
        if version is not None:
            pointer["deployed_at"] = func.now()
        unit.session.execute(update(deployment).where(deployment.c.model_id == current.model_id).values(**pointer))
        unit.session.execute(
            update(model)
            .where(model.c.id == current.model_id)
            .values(revision=model.c.revision + 1, updated_at=func.now())
        )

    def references(self, unit: UnitOfWork) -> Iterable[str]:
        """The keys of all objects that versions of the organisation refer to."""
        for row in unit.session.execute(select(model_version.c.object_key, model_version.c.holdout_key)):
            yield row.object_key
            yield row.holdout_key


_MODEL_COLUMNS = tuple(
    model.c[name].label(f"model_{name}")
    for name in (
        "id", "name", "type", "project_id", "created_by", "created_at", "updated_at", "revision", "latest_version",
    )
)  # fmt: skip
_VERSION_COLUMNS = tuple(
    model_version.c[name].label(f"version_{name}") for name in ("version", "created_by", "created_at", *_FACTS)
)


def _models(version: ColumnElement[Any] | None) -> Select[Any]:
    """Models that are not deleted, each at one version; at every one of its versions when None."""
    of_model = and_(model_version.c.org_id == model.c.org_id, model_version.c.model_id == model.c.id)
    if version is not None:
        of_model = and_(of_model, model_version.c.version == version)
    query = (
        select(*_MODEL_COLUMNS, *_VERSION_COLUMNS, deployment.c.production_version, _STATUS.label("deployment_status"))
        .join_from(
            model,
            deployment,
            and_(deployment.c.org_id == model.c.org_id, deployment.c.model_id == model.c.id),
        )
        .outerjoin(model_version, of_model)
    )
    return query.where(model.c.deleted_at.is_(None))


def _model(row: Row[Any]) -> Model:
    fields = row._mapping
    version = None
    if fields["version_version"] is not None:
        version = Version(
            number=fields["version_version"],
            created_by=fields["version_created_by"],
            created_at=fields["version_created_at"],
            **{name: fields[f"version_{name}"] for name in _FACTS},
        )
    return Model(
        **{column.name.removeprefix("model_"): fields[column.name] for column in _MODEL_COLUMNS},
        production_version=fields["production_version"],
        status=fields["deployment_status"],
        version=version,
    )
