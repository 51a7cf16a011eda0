"""Composes the room of datasets."""

from raia.ingest.v1 import dataset_service_pb2
from raia_kit.server import Servicer

from raia_ingest.datasets.guard import DatasetGuard
from raia_ingest.datasets.service import DatasetService
from raia_ingest.datasets.servicer import DatasetServicer
from raia_ingest.datasets.upload import UploadService
from raia_ingest.derived.repository import DerivedJobs
from raia_ingest.ground import Ground, Room
from raia_ingest.profiles.repository import ProfileRepository
from raia_ingest.quality_reports.repository import QualityReportRepository
from raia_ingest.quality_validations.repository import QualityValidationRepository
from raia_ingest.reports.repository import ReportRepository
from raia_ingest.rows.preview import PreviewService
from raia_ingest.version_diffs.repository import VersionDiffRepository


def assemble(ground: Ground) -> Room:
    """Upload, list, look at and delete."""
    runtime = ground.runtime
    uploads = UploadService(
        database=runtime.database,
        datasets=ground.datasets,
        objects=runtime.objects,
        reader=ground.reader,
        versions=ground.versions,
        pool=ground.at_once,
        access=runtime.access,
        settings=ground.settings,
    )
    previews = PreviewService(
        database=runtime.database,
        datasets=ground.datasets,
        objects=runtime.objects,
        pool=ground.at_once,
        changes=ground.changes,
    )
    derived = DerivedJobs(
        ProfileRepository(),
        ReportRepository(),
        QualityReportRepository(),
        QualityValidationRepository(),
        VersionDiffRepository(),
    )
    datasets = DatasetService(ground.datasets, derived, runtime.jobs, runtime.access)
    described = dataset_service_pb2.DESCRIPTOR.services_by_name["DatasetService"]
    return Room(
        servicers=[Servicer(described, DatasetServicer(datasets, uploads, previews))],
        guards={"dataset": DatasetGuard(ground.datasets)},
        references=ground.datasets.references,
    )
