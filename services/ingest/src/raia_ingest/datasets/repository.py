"""Datasets in PostgreSQL."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from raia.ingest.v1 import dataset_pb2, version_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, Select, and_, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.datasets.descriptions import described
from raia_ingest.datasets.domain import ARCHIVED, FAILED, PROCESSING, READY, Dataset, ReadOutcome, Upload, Version
from raia_ingest.datasets.tables import dataset, dataset_version

_SHOWN = and_(
    dataset_version.c.org_id == dataset.c.org_id,
    dataset_version.c.dataset_id == dataset.c.id,
    dataset_version.c.version == dataset.c.shown_version,
)
FIELDS = QueryFields(
    dataset_pb2.Dataset.DESCRIPTOR,
    {
        "id": dataset.c.id,
        "name": dataset.c.name,
        "description": dataset.c.description,
        "file_size": dataset_version.c.file_size,
        "file_type": dataset_version.c.file_type,
        "row_count": dataset_version.c.row_count,
        "column_count": dataset_version.c.column_count,
        "uploaded_by": dataset.c.uploaded_by,
        "created_at": dataset.c.created_at,
        "updated_at": dataset.c.updated_at,
        "status": dataset_version.c.status,
        "project_id": dataset.c.project_id,
        "quality_score": dataset_version.c.quality_score,
        "quality_gate": dataset_version.c.quality_gate,
        "tags": dataset.c.tags,
    },
)

VERSION_FIELDS = QueryFields(
    version_pb2.DatasetVersion.DESCRIPTOR,
    {
        "version": dataset_version.c.version,
        "status": dataset_version.c.status,
        "filename": dataset_version.c.filename,
        "file_type": dataset_version.c.file_type,
        "file_size": dataset_version.c.file_size,
        "sha256": dataset_version.c.sha256,
        "row_count": dataset_version.c.row_count,
        "created_by": dataset_version.c.created_by,
        "created_at": dataset_version.c.created_at,
    },
    id_field="version",
)


class DatasetRepository:
    """Reads and writes datasets and their versions in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[Dataset], str]:
        """A page of the datasets that the caller may see, at the version they show, and the token of the next."""
        visible = _datasets().where(visibility.clause(dataset.c.project_id, dataset.c.id))
        found = list_page(unit.session, visible, FIELDS, request)
        return [_dataset(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, dataset_id: UUID, version: int = 0) -> Dataset | None:
        """A dataset at ``version``, or at the one it shows when 0; None when either is not there."""
        query = _datasets(version) if version else _datasets()
        row = unit.session.execute(query.where(dataset.c.id == dataset_id)).first()
        return _dataset(row) if row is not None else None

    def lock(self, unit: UnitOfWork, dataset_id: UUID) -> Dataset | None:
        """A dataset at the version it shows, its row locked until the transaction ends."""
        locked = select(dataset.c.id).where(dataset.c.id == dataset_id, dataset.c.deleted_at.is_(None))
        if unit.session.execute(locked.with_for_update()).first() is None:
            return None
        return self.find(unit, dataset_id)

    def project_of(self, unit: UnitOfWork, dataset_id: UUID) -> tuple[UUID | None] | None:
        """The project of a dataset that is not deleted, as a tuple; None when there is no such dataset."""
        query = select(dataset.c.project_id).where(dataset.c.id == dataset_id, dataset.c.deleted_at.is_(None))
        row = unit.session.execute(query).first()
        return (row.project_id,) if row is not None else None

    def add_version(self, unit: UnitOfWork, upload: Upload, uploaded_by: UUID | None) -> tuple[UUID, int]:
        """Adds a version under the upload's name, and the dataset if the name is new; locks the dataset's row."""
        made = insert(dataset).values(
            org_id=unit.tenant,
            id=new_id(),
            project_id=upload.project_id,
            name=upload.name,
            description=upload.description,
            uploaded_by=uploaded_by,
            latest_version=1,
            shown_version=1,
        )
        row = unit.session.execute(
            made.on_conflict_do_update(
                index_elements=[dataset.c.org_id, dataset.c.project_id, dataset.c.name],
                index_where=dataset.c.deleted_at.is_(None),
                set_={
                    "latest_version": dataset.c.latest_version + 1,
                    "description": func.coalesce(func.nullif(made.excluded.description, ""), dataset.c.description),
                    "revision": dataset.c.revision + 1,
                    "updated_at": func.now(),
                },
            ).returning(dataset.c.id, dataset.c.latest_version)
        ).one()
        unit.session.execute(
            insert(dataset_version).values(
                org_id=unit.tenant,
                dataset_id=row.id,
                version=row.latest_version,
                status=PROCESSING,
                filename=upload.filename,
                file_type=upload.file_type,
                file_size=upload.file_size,
                sha256=upload.sha256,
                object_key=upload.object_key,
                origin=dict(upload.origin),
                read_options=dict(upload.options),
                created_by=uploaded_by,
            )
        )
        return row.id, row.latest_version

    def set_job(self, unit: UnitOfWork, dataset_id: UUID, version: int, job_id: int) -> None:
        """Notes which job reads the version."""
        unit.session.execute(_version_update(dataset_id, version).values(job_id=job_id))

    def mark_ready(self, unit: UnitOfWork, dataset_id: UUID, version: int, outcome: ReadOutcome) -> bool:
        """Makes a version that is being read ready, and shows it if it is the latest; False when it is not being read.

        The dataset's row must be locked.
        """
        done = unit.session.execute(
            _version_update(dataset_id, version)
            .where(dataset_version.c.status == PROCESSING)
            .values(
                status=READY,
                file_type=outcome.file_type,
                row_count=outcome.row_count,
                column_count=outcome.column_count,
                rejected_row_count=outcome.rejected_row_count,
                repaired_row_count=outcome.repaired_row_count,
                ledger_key=outcome.ledger_key,
                schema_info=described(outcome.schema_info, self.descriptions(unit, dataset_id)),
                stored_key=outcome.stored_key,
                stored_sha256=outcome.stored_sha256,
                stored_bytes=outcome.stored_bytes,
                finished_at=func.now(),
            )
            .returning(dataset_version.c.version)
        ).first()
        if done is not None:
            self._show(unit, dataset_id)
        return done is not None

    def descriptions(self, unit: UnitOfWork, dataset_id: UUID) -> Mapping[str, str]:
        """What attached documents say of columns, by name."""
        query = select(dataset.c.column_descriptions).where(dataset.c.id == dataset_id)
        found: Mapping[str, str] = unit.session.execute(query).scalar_one_or_none() or {}
        return found

    def mark_failed(self, unit: UnitOfWork, dataset_id: UUID, version: int, error: str) -> bool:
        """Ends a version that is being read with an error; False when it is not being read."""
        done = unit.session.execute(
            _version_update(dataset_id, version)
            .where(dataset_version.c.status == PROCESSING)
            .values(status=FAILED, error=error, finished_at=func.now())
            .returning(dataset_version.c.version)
        ).first()
        if done is not None:
            self._show(unit, dataset_id)
        return done is not None

    def delete(self, unit: UnitOfWork, dataset_id: UUID) -> None:
        """Hides a dataset; its versions stay for the records that refer to them."""
        unit.session.execute(
            update(dataset)
            .where(dataset.c.id == dataset_id)
            .values(deleted_at=func.now(), updated_at=func.now(), revision=dataset.c.revision + 1)
        )

    def versions(self, unit: UnitOfWork, dataset_id: UUID, request: ListRequest) -> tuple[list[Dataset], str]:
        """A page of the versions of a dataset, each as the dataset shown at it, and the token of the next."""
        joined = select(*_DATASET_COLUMNS, *_VERSION_COLUMNS, *_VERSION_LABELS, dataset.c.shown_version).join_from(
            dataset,
            dataset_version,
            and_(dataset_version.c.org_id == dataset.c.org_id, dataset_version.c.dataset_id == dataset.c.id),
        )
        query = joined.where(dataset.c.id == dataset_id, dataset.c.deleted_at.is_(None))
        found = list_page(
            unit.session, query, VERSION_FIELDS, request, default_order="version desc", scope=str(dataset_id)
        )
        return [_dataset(row) for row in found.rows], found.next_page_token

    def jobs_under_way(self, unit: UnitOfWork, dataset_id: UUID) -> list[int]:
        """The jobs that read versions of a dataset now."""
        query = select(dataset_version.c.job_id).where(
            dataset_version.c.dataset_id == dataset_id,
            dataset_version.c.status == PROCESSING,
            dataset_version.c.job_id.is_not(None),
        )
        return list(unit.session.execute(query).scalars())

    def bytes_kept(self, unit: UnitOfWork) -> int:
        """Bytes of all files of the organisation that belong to datasets which are not deleted."""
        query = select(func.coalesce(func.sum(dataset_version.c.file_size), 0)).join(
            dataset,
            and_(dataset.c.org_id == dataset_version.c.org_id, dataset.c.id == dataset_version.c.dataset_id),
        )
        there = query.where(dataset.c.deleted_at.is_(None), dataset_version.c.status != ARCHIVED)
        return int(unit.session.execute(there).scalar_one())

    def is_referenced(self, unit: UnitOfWork, key: str) -> bool:
        """Whether a version of the organisation refers to an object."""
        query = select(dataset_version.c.version).where(
            (dataset_version.c.object_key == key)
            | (dataset_version.c.stored_key == key)
            | (dataset_version.c.ledger_key == key)
        )
        return unit.session.execute(query.limit(1)).first() is not None

    def references(self, unit: UnitOfWork) -> Iterable[str]:
        """The keys of all objects that versions of the organisation refer to."""
        keys = select(dataset_version.c.object_key, dataset_version.c.stored_key, dataset_version.c.ledger_key)
        for row in unit.session.execute(keys):
            yield from filter(None, row)

    def _show(self, unit: UnitOfWork, dataset_id: UUID) -> None:
        """Shows the latest ready version, else the latest."""
        unit.session.execute(
            text(
                """
                update dataset set revision = revision + 1, updated_at = now(), shown_version = coalesce(
                    (select max(version) from dataset_version v
                     where v.org_id = dataset.org_id and v.dataset_id = dataset.id and v.status = 'ready'),
                    latest_version)
                where id = :id
                """
            ),
            {"id": dataset_id},
        )


def _version_update(dataset_id: UUID, version: int) -> Any:
    return update(dataset_version).where(
        dataset_version.c.dataset_id == dataset_id, dataset_version.c.version == version
    )


_DATASET_COLUMNS = (
    dataset.c.id,
    dataset.c.name,
    dataset.c.description,
    dataset.c.project_id,
    dataset.c.uploaded_by,
    dataset.c.created_at,
    dataset.c.updated_at,
    dataset.c.revision,
    dataset.c.tags,
)
_VERSION_COLUMNS = tuple(
    dataset_version.c[name]
    for name in (
        "version", "status", "error", "filename", "file_type", "file_size", "sha256", "object_key", "job_id",
        "row_count", "column_count", "rejected_row_count", "schema_info", "stored_key", "stored_sha256", "stored_bytes",
        "origin", "repaired_row_count", "ledger_key", "archive", "read_options", "finished_at",
        "quality_gate", "quality_gate_reason", "quality_score",
    )
)  # fmt: skip


_VERSION_LABELS = (
    dataset_version.c.created_by.label("version_created_by"),
    dataset_version.c.created_at.label("version_created_at"),
)


def _datasets(version: int = 0) -> Select[Any]:
    """Datasets that are not deleted, at one version."""
    shown = _SHOWN
    if version:
        shown = and_(
            dataset_version.c.org_id == dataset.c.org_id,
            dataset_version.c.dataset_id == dataset.c.id,
            dataset_version.c.version == version,
        )
    joined = select(*_DATASET_COLUMNS, *_VERSION_COLUMNS, *_VERSION_LABELS).join_from(dataset, dataset_version, shown)
    return joined.where(dataset.c.deleted_at.is_(None))


def _dataset(row: Row[Any]) -> Dataset:
    version = Version(
        number=row.version,
        status=row.status,
        error=row.error,
        filename=row.filename,
        file_type=row.file_type,
        file_size=row.file_size,
        sha256=row.sha256,
        object_key=row.object_key,
        job_id=row.job_id,
        row_count=row.row_count,
        column_count=row.column_count,
        rejected_row_count=row.rejected_row_count,
        schema_info=row.schema_info,
        stored_key=row.stored_key,
        stored_sha256=row.stored_sha256,
        stored_bytes=row.stored_bytes,
        origin=row.origin,
        repaired_row_count=row.repaired_row_count,
        ledger_key=row.ledger_key,
        archive=row.archive,
        read_options=row.read_options,
        created_by=row.version_created_by,
        created_at=row.version_created_at,
        finished_at=row.finished_at,
        quality_gate=row.quality_gate,
        quality_gate_reason=row.quality_gate_reason,
        quality_score=row.quality_score,
    )
    return Dataset(
        id=row.id,
        name=row.name,
        description=row.description,
        project_id=row.project_id,
        uploaded_by=row.uploaded_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
        version=version,
        tags=tuple(row.tags),
    )
