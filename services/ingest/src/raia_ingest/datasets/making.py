"""Makes stored files and rows versions of datasets; uploads, recipes and other work end here."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound

from raia_ingest.datasets import events
from raia_ingest.datasets.arrivals import Arrivals
from raia_ingest.datasets.domain import Dataset, ReadOutcome, Upload
from raia_ingest.datasets.reading import ReadJobs
from raia_ingest.datasets.repository import DatasetRepository


class VersionMaker:
    """Makes versions in the unit of work that it is given, with their events."""

    def __init__(self, datasets: DatasetRepository, jobs: ReadJobs, arrivals: Arrivals) -> None:
        self._datasets, self._jobs, self._arrivals = datasets, jobs, arrivals

    def make(self, unit: UnitOfWork, upload: Upload, outcome: ReadOutcome | None, user_id: UUID | None) -> Dataset:
        """Adds a version under the upload's name; ready when its rows are given, else to be read by a job."""
        dataset_id, number = self._datasets.add_version(unit, upload, user_id)
        events.uploaded(unit, dataset_id, number, upload)
        if outcome is None:
            self._jobs.enqueue(unit, dataset_id, number, user_id)
        else:
            self._datasets.mark_ready(unit, dataset_id, number, outcome)
        dataset = self._datasets.find(unit, dataset_id, number)
        if dataset is None:
            raise NotFound.of("dataset", dataset_id)
        if outcome is not None:
            events.ready(unit, dataset, number, outcome)
            self._arrivals.tell(unit, dataset)
            self._jobs.spread(unit, dataset, user_id)
            # Whoever was told may keep the version back until it is checked.
            dataset = self._datasets.find(unit, dataset_id, number) or dataset
        return dataset

    def of_part(self, unit: UnitOfWork, dataset: Dataset, part: str, name: str, user_id: UUID | None) -> Dataset:
        """Makes a dataset of another table in the file of the version that ``dataset`` is shown at; a job reads it."""
        dataset_id, number = self._jobs.of_part(unit, dataset, part, name, user_id)
        made = self._datasets.find(unit, dataset_id, number)
        if made is None:
            raise NotFound.of("dataset", dataset_id)
        return made
