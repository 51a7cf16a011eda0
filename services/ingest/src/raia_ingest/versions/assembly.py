"""Composes the room of versions."""

from raia.ingest.v1 import version_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.versions.service import VersionService
from raia_ingest.versions.servicer import VersionServicer


def assemble(ground: Ground) -> Room:
    """Lists, ledgers and files of versions."""
    versions = VersionService(
        database=ground.runtime.database,
        datasets=ground.datasets,
        objects=ground.runtime.objects,
        pool=ground.at_once,
        versions=ground.versions,
        settings=ground.settings,
    )
    described = version_service_pb2.DESCRIPTOR.services_by_name["DatasetVersionService"]
    return Room(servicers=[Servicer(described, VersionServicer(versions))])
