"""The composition root: settings → repositories → use cases → servicers."""

from collections.abc import Iterable

from raia_kit.compute import ComputePool
from raia_kit.database import UnitOfWork
from raia_kit.housekeeping import Housekeeping
from raia_kit.runtime import Runtime
from raia_kit.service import Service

from raia_ingest.attachments import assembly as attachments
from raia_ingest.catalog import assembly as catalog
from raia_ingest.changes import Changes
from raia_ingest.charts import assembly as charts
from raia_ingest.datasets import assembly as datasets
from raia_ingest.datasets.arrivals import Arrivals
from raia_ingest.datasets.making import VersionMaker
from raia_ingest.datasets.reading import FileReader, ReadJobs
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.ground import Ground, Room
from raia_ingest.lineage import assembly as lineage
from raia_ingest.mapping import assembly as mapping
from raia_ingest.mapping_runs import assembly as mapping_runs
from raia_ingest.processing import assembly as processing
from raia_ingest.profiles import assembly as profiles
from raia_ingest.profiles.repository import ProfileRepository
from raia_ingest.profiles.service import ProfileService
from raia_ingest.quality_rules import assembly as quality
from raia_ingest.recipe_runs import assembly as recipe_runs
from raia_ingest.recipes import assembly as recipes
from raia_ingest.reports import assembly as reports
from raia_ingest.retention import assembly as retention
from raia_ingest.rows import assembly as rows
from raia_ingest.scratch import clear_scratch
from raia_ingest.settings import IngestSettings
from raia_ingest.sources import assembly as sources
from raia_ingest.streams import assembly as record_streams
from raia_ingest.target_schemas import assembly as target_schemas
from raia_ingest.uploads import assembly as uploads
from raia_ingest.version_diffs import assembly as version_diffs
from raia_ingest.versions import assembly as versions

ROOMS = (
    attachments,
    catalog,
    charts,
    datasets,
    lineage,
    processing,
    profiles,
    quality,
    recipe_runs,
    recipes,
    reports,
    retention,
    rows,
    version_diffs,
    sources,
    versions,
    uploads,
    mapping,
    mapping_runs,
    target_schemas,
    record_streams,
)
"""Every resource of the service; each has an ``assemble``."""


class PoolPart:
    """Compute children apart from those of jobs, ended with the process."""

    def __init__(self, name: str, pool: ComputePool) -> None:
        self.name = name
        self.pool = pool

    def start(self) -> None:
        """Nothing: children start on demand."""

    def stop(self, timeout: float = 10.0) -> bool:  # noqa: ARG002 - children are killed at once
        """Kills the children."""
        self.pool.close()
        return True

    def healthy(self) -> tuple[bool, str]:
        """Always: a child that cannot start fails its own call."""
        return True, ""


def build(settings: IngestSettings, runtime: Runtime | None = None) -> Service:
    """The service, composed, on the runtime that the settings describe unless one is given."""
    runtime = runtime or Runtime(settings)
    at_once = _pool("previews", settings, settings.preview_children)
    streams = _pool("row streams", settings, settings.reader_children)
    drawing = _pool("charts", settings, settings.chart_children)
    ground = lay_ground(settings, runtime, at_once.pool, streams.pool, drawing.pool)
    rooms = [room.assemble(ground) for room in ROOMS]
    Housekeeping(runtime.database, objects=runtime.objects, references=lambda unit: _references(rooms, unit)).schedule(
        runtime.jobs
    )
    return Service(
        settings=settings,
        runtime=runtime,
        servicers=[servicer for room in rooms for servicer in room.servicers],
        consumers=[consumer for room in rooms for consumer in room.consumers],
        resource_guards={kind: guard for room in rooms for kind, guard in room.guards.items()},
        background=[at_once, streams, drawing, *(part for room in rooms for part in room.background)],
        prepare=lambda: _prepare(settings),
    )


def lay_ground(
    settings: IngestSettings, runtime: Runtime, at_once: ComputePool, streams: ComputePool, charts: ComputePool
) -> Ground:
    """What every resource stands on."""
    changes, found, arrivals = Changes(), DatasetRepository(), Arrivals()
    reader = FileReader(runtime.objects, settings)
    read_jobs = ReadJobs(
        jobs=runtime.jobs, datasets=found, reader=reader, changes=changes, arrivals=arrivals, settings=settings
    )
    return Ground(
        settings=settings,
        runtime=runtime,
        changes=changes,
        datasets=found,
        reader=reader,
        versions=VersionMaker(found, read_jobs, arrivals),
        arrivals=arrivals,
        profiles=ProfileService(
            database=runtime.database,
            datasets=found,
            profiles=ProfileRepository(),
            jobs=runtime.jobs,
            objects=runtime.objects,
            changes=changes,
            settings=settings,
        ),
        at_once=at_once,
        streams=streams,
        charts=charts,
    )


def _references(rooms: Iterable[Room], unit: UnitOfWork) -> Iterable[str]:
    for room in rooms:
        if room.references is not None:
            yield from room.references(unit)


def _pool(name: str, settings: IngestSettings, children: int) -> PoolPart:
    return PoolPart(name, ComputePool(children, settings.compute_idle_seconds, settings.compute_memory_bytes))


def _prepare(settings: IngestSettings) -> None:
    clear_scratch(settings.scratch_folder)
