"""Composes the room of retention."""

from raia.ingest.v1 import retention_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.retention.repository import RetentionRepository
from raia_ingest.retention.service import RetentionService
from raia_ingest.retention.servicer import RetentionServicer


def assemble(ground: Ground) -> Room:
    """How long versions are kept."""
    retention = RetentionService(ground.datasets, RetentionRepository(), ground.runtime.jobs)
    described = retention_service_pb2.DESCRIPTOR.services_by_name["RetentionService"]
    return Room(servicers=[Servicer(described, RetentionServicer(retention))])
