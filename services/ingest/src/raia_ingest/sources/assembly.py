"""Composes the room of watched sources."""

from raia.ingest.v1 import source_item_service_pb2, source_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.sources.guard import SourceGuard, SourceItemGuard
from raia_ingest.sources.items import ItemRepository
from raia_ingest.sources.looking import Looking
from raia_ingest.sources.places import Places
from raia_ingest.sources.repository import SourceRepository
from raia_ingest.sources.service import SourceService
from raia_ingest.sources.servicer import SourceItemServicer, SourceServicer
from raia_ingest.sources.taking import Taking


def assemble(ground: Ground) -> Room:
    """Places from which files become datasets by themselves."""
    sources, items, places = SourceRepository(), ItemRepository(), Places(ground.settings)
    taking = Taking(ground, sources, items, places)
    looking = Looking(sources=sources, items=items, places=places, taking=taking, jobs=ground.runtime.jobs)
    service = SourceService(
        sources=sources,
        items=items,
        places=places,
        looking=looking,
        taking=taking,
        access=ground.runtime.access,
    )
    described = source_service_pb2.DESCRIPTOR.services_by_name["SourceService"]
    items_described = source_item_service_pb2.DESCRIPTOR.services_by_name["SourceItemService"]
    return Room(
        servicers=[
            Servicer(described, SourceServicer(service)),
            Servicer(items_described, SourceItemServicer(service)),
        ],
        guards={"source": SourceGuard(sources), "source_item": SourceItemGuard(items)},
    )
