"""Composes the room of uploads in parts."""

from raia.ingest.v1 import upload_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.uploads.repository import UploadRepository
from raia_ingest.uploads.service import PartedUploadService, UploadGuard
from raia_ingest.uploads.servicer import UploadServicer


def assemble(ground: Ground) -> Room:
    """Open, send parts, complete."""
    runtime, uploads = ground.runtime, UploadRepository()
    service = PartedUploadService(
        database=runtime.database,
        uploads=uploads,
        datasets=ground.datasets,
        versions=ground.versions,
        objects=runtime.objects,
        jobs=runtime.jobs,
        access=runtime.access,
        changes=ground.changes,
        settings=ground.settings,
    )
    described = upload_service_pb2.DESCRIPTOR.services_by_name["UploadService"]
    return Room(
        servicers=[Servicer(described, UploadServicer(service))],
        guards={"upload": UploadGuard(uploads)},
        references=uploads.references,
    )
