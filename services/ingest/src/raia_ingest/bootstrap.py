"""The composition root: settings → repositories → use cases → servicers."""

from raia.ingest.v1 import dataset_service_pb2, profile_service_pb2, reader_service_pb2
from raia_kit.compute import ComputePool
from raia_kit.housekeeping import Housekeeping
from raia_kit.runtime import Runtime
from raia_kit.server import Servicer
from raia_kit.service import Service

from raia_ingest.changes import Changes
from raia_ingest.datasets.guard import DatasetGuard
from raia_ingest.datasets.reading import FileReader, ReadJobs
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import DatasetService
from raia_ingest.datasets.servicer import DatasetServicer
from raia_ingest.datasets.upload import UploadService
from raia_ingest.profiles.repository import ProfileRepository
from raia_ingest.profiles.service import ProfileService
from raia_ingest.profiles.servicer import ProfileServicer
from raia_ingest.rows.preview import PreviewService
from raia_ingest.rows.servicer import ReaderServicer
from raia_ingest.rows.stream import RowStreamService
from raia_ingest.scratch import clear_scratch
from raia_ingest.settings import IngestSettings


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
    changes = Changes()
    datasets, profiles = DatasetRepository(), ProfileRepository()
    previews = _pool("previews", settings, settings.preview_children)
    streams = _pool("row streams", settings, settings.reader_children)
    objects, database = runtime.objects, runtime.database
    reader = FileReader(objects, settings)
    read_jobs = ReadJobs(jobs=runtime.jobs, datasets=datasets, reader=reader, changes=changes, settings=settings)
    uploads = UploadService(
        database=database,
        datasets=datasets,
        objects=objects,
        reader=reader,
        jobs=read_jobs,
        pool=previews.pool,
        access=runtime.access,
        settings=settings,
    )
    profile_service = ProfileService(
        database=database,
        datasets=datasets,
        profiles=profiles,
        jobs=runtime.jobs,
        objects=objects,
        changes=changes,
        settings=settings,
    )
    preview_service = PreviewService(
        database=database, datasets=datasets, objects=objects, pool=previews.pool, changes=changes
    )
    row_streams = RowStreamService(
        database=database,
        datasets=datasets,
        objects=objects,
        pool=streams.pool,
        access=runtime.access,
        settings=settings,
    )
    Housekeeping(database, objects=objects, references=datasets.references).schedule(runtime.jobs)
    dataset_servicer = DatasetServicer(
        DatasetService(datasets, profiles, runtime.jobs, runtime.access), uploads, preview_service
    )
    return Service(
        settings=settings,
        runtime=runtime,
        servicers=[
            Servicer(dataset_service_pb2.DESCRIPTOR.services_by_name["DatasetService"], dataset_servicer),
            Servicer(
                profile_service_pb2.DESCRIPTOR.services_by_name["ProfileService"], ProfileServicer(profile_service)
            ),
            Servicer(reader_service_pb2.DESCRIPTOR.services_by_name["DatasetReader"], ReaderServicer(row_streams)),
        ],
        resource_guards={"dataset": DatasetGuard(datasets)},
        background=[previews, streams],
        prepare=lambda: _prepare(settings),
    )


def _pool(name: str, settings: IngestSettings, children: int) -> PoolPart:
    return PoolPart(name, ComputePool(children, settings.compute_idle_seconds, settings.compute_memory_bytes))


def _prepare(settings: IngestSettings) -> None:
    clear_scratch(settings.scratch_folder)
