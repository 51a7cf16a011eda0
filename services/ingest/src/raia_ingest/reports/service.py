"""Use cases of reports: how one is computed, and which references a caller may see."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from raia_kit.context import Call
from raia_kit.database import Database, UnitOfWork
from raia_kit.jobs import Job, JobQueue
from raia_kit.objects import ObjectStore
from raia_kit.resources import AccessDecisions

from raia_ingest.changes import Changes
from raia_ingest.datasets.domain import Column, Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.derived.service import DerivedService, Shown
from raia_ingest.profiles.service import ProfileComputing, columns_of
from raia_ingest.reports.domain import Neighbour, Predecessor
from raia_ingest.reports.events import reported
from raia_ingest.reports.repository import ReportRepository
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings

REPORT_JOB = "ingest.report"
_REPORT = "raia_ingest.workers.report:report_file"
_PERMISSION = "datasets.read"
_MOST_NEIGHBOURS = 50
_MOST_FETCHED_BYTES = 2 * 1024**3
"""Of other datasets, when they must be copied from a bucket."""


class ReportService(DerivedService):
    """Reports of dataset versions."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        reports: ReportRepository,
        profiles: ProfileComputing,
        jobs: JobQueue,
        objects: ObjectStore,
        access: AccessDecisions,
        changes: Changes,
        settings: IngestSettings,
    ) -> None:
        super().__init__(
            noun="dataset report",
            kind=REPORT_JOB,
            time_limit=settings.report_time_limit,
            database=database,
            datasets=datasets,
            repository=reports,
            jobs=jobs,
            changes=changes,
        )
        self._reports, self._profiles = reports, profiles
        self._objects, self._access = objects, access
        self._memory, self._scratch = settings.profile_memory_bytes, settings.scratch_folder

    def announce(self, unit: UnitOfWork, dataset: Dataset, version: int, status: str) -> None:
        """Tells that a report has ended."""
        reported(unit, dataset, version, status)

    def compute(self, job: Job, dataset: Dataset) -> dict[str, Any]:
        """The report of the version, from its rows, its profile, the version before and the other datasets."""
        profile = self._profiles.known_or_computed(job, self._datasets, dataset)
        version = dataset.version
        with job.unit() as unit:
            predecessor = self._reports.predecessor(unit, dataset.id, version.number)
            neighbours = self._reports.neighbours(unit, dataset.id, _MOST_NEIGHBOURS)
        chosen = self._affordable(neighbours)
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._scratch))
            arguments = {
                "path": self._local(stack, version.stored_key or ""),
                "name": dataset.name,
                "columns": columns_of(version),
                "profile": profile,
                "previous": self._previous(stack, predecessor),
                "neighbours": [self._other(stack, each) for each in chosen],
                "memory_bytes": self._memory,
                "spill_folder": folder,
            }
            found: dict[str, Any] = job.compute(_REPORT, arguments, affinity=version.stored_key or "")
        if len(chosen) < len(neighbours):
            left = len(neighbours) - len(chosen)
            text = f"{left:,} other datasets were not looked at for references: they are too large to be fetched"
            found["notes"].append({"kind": "references_limited", "column": "", "message": text})
        subject = {"id": str(dataset.id), "name": dataset.name, "version": version.number}
        found["analysis"]["foreign_keys"] = [_foreign_key(each, subject) for each in found["analysis"]["foreign_keys"]]
        return found

    def readable(self, call: Call, shown: Shown) -> list[Mapping[str, Any]]:
        """Of a report's references, those whose other dataset the caller may read."""
        references: list[Mapping[str, Any]] = ((shown[1].result or {}).get("analysis") or {}).get("foreign_keys", [])
        if not references:
            return []
        own, caller = str(shown[0].id), call.authenticated
        kept = []
        with self._database.unit_of_work(call.org_id) as unit:
            for reference in references:
                other = reference["referenced_dataset_id"]
                other = reference["dataset_id"] if other == own else other
                place = self._datasets.project_of(unit, UUID(other))
                if other == own or (
                    place is not None
                    and self._access.allows(
                        caller, _PERMISSION, project_id=place[0], resource_type="dataset", resource_id=other
                    )
                ):
                    kept.append(reference)
        return kept

    def _local(self, stack: ExitStack, key: str) -> str:
        return str(stack.enter_context(self._objects.materialise(key)))

    def _previous(self, stack: ExitStack, predecessor: Predecessor | None) -> dict[str, Any] | None:
        if predecessor is None:
            return None
        return {
            "version": predecessor.version,
            "row_count": predecessor.row_count,
            "columns": _plain(predecessor.columns),
            "path": self._local(stack, predecessor.stored_key),
        }

    def _affordable(self, neighbours: Sequence[Neighbour]) -> list[Neighbour]:
        """Those that lie here, and of those that must be fetched the first ones, up to a number of bytes."""
        fetched = 0
        chosen = []
        for neighbour in neighbours:
            remote = self._objects.local_path(neighbour.stored_key) is None
            if not remote or fetched + neighbour.stored_bytes <= _MOST_FETCHED_BYTES:
                fetched += neighbour.stored_bytes if remote else 0
                chosen.append(neighbour)
        return chosen

    def _other(self, stack: ExitStack, neighbour: Neighbour) -> dict[str, Any]:
        return {
            "id": str(neighbour.dataset_id),
            "name": neighbour.name,
            "version": neighbour.version,
            "row_count": neighbour.row_count,
            "columns": _plain(neighbour.columns),
            "path": self._local(stack, neighbour.stored_key),
        }


def _plain(columns: Iterable[Column]) -> list[dict[str, str]]:
    return [{"name": column.name, "type": column.type, "timezone": column.timezone} for column in columns]


def _foreign_key(found: Mapping[str, Any], subject: Mapping[str, Any]) -> dict[str, Any]:
    """The reference with both of its ends named; the worker knows the subject as None."""
    ends: dict[str, Any] = {}
    for end, prefix in (("from", ""), ("to", "referenced_")):
        place = found[end] or subject
        ends |= {
            f"{prefix}dataset_id": place["id"],
            f"{prefix}dataset_name": place["name"],
            f"{prefix}version": place["version"],
        }
    figures = ("column", "referenced_column", "distinct_count", "found_count", "inclusion", "confidence")
    return ends | {name: found[name] for name in figures}
