"""Composes the room of lineage."""

from raia.ingest.v1 import lineage_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.lineage import models
from raia_ingest.lineage.repository import LineageRepository
from raia_ingest.lineage.service import DatasetLineageService
from raia_ingest.lineage.servicer import LineageServicer


def assemble(ground: Ground) -> Room:
    """Where versions come from, and what was made of them."""
    lineage = DatasetLineageService(ground.datasets, LineageRepository(), ground.runtime.access)
    described = lineage_service_pb2.DESCRIPTOR.services_by_name["LineageService"]
    return Room(servicers=[Servicer(described, LineageServicer(lineage))], consumers=[models.consumer()])
