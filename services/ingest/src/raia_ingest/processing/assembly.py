"""Composes the room of routing and processing."""

from raia.ingest.v1 import processing_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.processing.guard import ProcessingGuard
from raia_ingest.processing.repository import ProcessingRepository, RoutingRepository
from raia_ingest.processing.service import ProcessingService
from raia_ingest.processing.servicer import ProcessingServicer


def assemble(ground: Ground) -> Room:
    """Every version that becomes ready is routed and processed."""
    results = ProcessingRepository()
    processing = ProcessingService(
        datasets=ground.datasets,
        routings=RoutingRepository(),
        results=results,
        jobs=ground.runtime.jobs,
        objects=ground.runtime.objects,
        access=ground.runtime.access,
        settings=ground.settings,
    )
    ground.arrivals.add(processing.begin)
    described = processing_service_pb2.DESCRIPTOR.services_by_name["ProcessingService"]
    return Room(
        servicers=[Servicer(described, ProcessingServicer(processing))],
        guards={"processing_result": ProcessingGuard(results)},
    )
