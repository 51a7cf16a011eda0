"""Use cases of datasets: list, get, delete."""

from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from raia_kit.errors import Aborted, NotFound
from raia_kit.jobs import JobQueue
from raia_kit.pagination import ListRequest

from raia_ingest.datasets import events
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.derived.repository import DerivedJobs
from raia_ingest.errors import DOMAIN


class EtagMismatch(Aborted):
    """The dataset changed since the etag that the request carries."""

    domain = DOMAIN


class DatasetService:
    """What can be done with datasets but uploading them."""

    def __init__(self, datasets: DatasetRepository, derived: DerivedJobs, jobs: JobQueue, access: AccessIndex) -> None:
        self._datasets, self._derived, self._jobs, self._access = datasets, derived, jobs, access

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[Dataset], str]:
        """A page of the datasets that the caller may see, and the token of the next."""
        visibility = self._access.visible_projects(caller, "datasets.read", "dataset")
        return self._datasets.page(unit, visibility, request)

    def get(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Dataset:
        """One dataset at one version; raises ``NotFound``."""
        found = self._datasets.find(unit, dataset_id, version)
        if found is None:
            raise missing(dataset_id, version)
        return found

    def delete(self, unit: UnitOfWork, dataset_id: UUID, etag: str) -> None:
        """Hides the dataset and stops what still reads it; raises ``NotFound``, ``EtagMismatch``."""
        dataset = self._datasets.lock(unit, dataset_id)
        if dataset is None:
            raise NotFound.of("dataset", dataset_id)
        if etag and etag != dataset.etag:
            raise EtagMismatch(
                "the dataset has changed meanwhile; read it again and retry",
                reason="ETAG_MISMATCH",
                metadata={"etag": dataset.etag},
            )
        under_way = [
            *self._datasets.jobs_under_way(unit, dataset_id),
            *self._derived.jobs_under_way(unit, dataset_id),
        ]
        for job_id in under_way:
            self._jobs.cancel(unit, job_id)
        self._datasets.delete(unit, dataset_id)
        events.deleted(unit, dataset)


def missing(dataset_id: UUID, version: int) -> NotFound:
    """The error for a dataset, or a version of one, that is not there."""
    return NotFound.of("dataset version", f"{dataset_id}/{version}") if version else NotFound.of("dataset", dataset_id)
