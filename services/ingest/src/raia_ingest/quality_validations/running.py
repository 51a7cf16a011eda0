"""Runs rules on a version's rows: fetches the files that they need and asks a compute child."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from raia_kit.jobs import Job
from raia_kit.objects import ObjectStore

from raia_ingest.datasets.domain import READY, Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.profiles.service import columns_of
from raia_ingest.quality.plans import other_dataset
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings


@dataclass(frozen=True)
class Material:
    """What a compute child needs beside the rules, as its arguments."""

    arguments: Mapping[str, Any]
    """path, columns, others, now, memory_bytes and spill_folder."""
    folder: Path
    """A temporary folder for what it writes."""


class RuleRunning:
    """Brings rules and rows together."""

    def __init__(self, datasets: DatasetRepository, objects: ObjectStore, settings: IngestSettings) -> None:
        self._datasets, self._objects = datasets, objects
        self._memory, self._scratch = settings.profile_memory_bytes, settings.scratch_folder

    @contextmanager
    def material(self, job: Job, dataset: Dataset, checks: Sequence[Mapping[str, Any]]) -> Iterator[Material]:
        """The files that the checks need, on local disk while the context lasts."""
        version = dataset.version
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._scratch))
            arguments = {
                "path": str(stack.enter_context(self._objects.materialise(version.stored_key or ""))),
                "columns": columns_of(version),
                "others": [self._other(job, stack, *wanted) for wanted in _named(checks)],
                "now": datetime.now(UTC).isoformat(),
                "memory_bytes": self._memory,
                "spill_folder": folder,
            }
            yield Material(arguments, Path(folder))

    def _other(self, job: Job, stack: ExitStack, dataset_id: str, number: int) -> dict[str, Any]:
        with job.unit() as unit:
            found = self._datasets.find(unit, UUID(dataset_id), number)
        place = {"dataset_id": dataset_id, "version": number}
        if found is None:
            return {**place, "error": "the other dataset is no longer there"}
        version = found.version
        if version.status != READY:
            return {**place, "error": f"version {version.number} of the other dataset, {found.name}, is not ready"}
        if version.kept_back:
            return {**place, "error": f"version {version.number} of the other dataset, {found.name}, is kept back"}
        path = stack.enter_context(self._objects.materialise(version.stored_key or ""))
        return {**place, "path": str(path), "columns": columns_of(version)}


def _named(checks: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    return list(dict.fromkeys(wanted for check in checks if (wanted := other_dataset(check)) is not None))
