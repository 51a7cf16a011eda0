"""Work that is begun for every version as it becomes ready."""

from collections.abc import Callable

from raia_kit.database import UnitOfWork

from raia_ingest.datasets.domain import Dataset

Begin = Callable[[UnitOfWork, Dataset], None]
"""Given the unit of work that makes a version ready and the dataset at that version, whose row is locked."""


class Arrivals:
    """Who wants to know of ready versions; told in the very transaction, so that no version is missed or told twice."""

    def __init__(self) -> None:
        self._begin: list[Begin] = []

    def add(self, begin: Begin) -> None:
        """Has ``begin`` called for every version; it enqueues jobs and does no work itself."""
        self._begin.append(begin)

    def tell(self, unit: UnitOfWork, dataset: Dataset) -> None:
        """A version is ready."""
        for begin in self._begin:
            begin(unit, dataset)
