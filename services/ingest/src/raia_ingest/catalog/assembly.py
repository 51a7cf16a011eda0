"""Composes the room of the catalogue."""

from raia.ingest.v1 import catalog_service_pb2
from raia_kit.server import Servicer

from raia_ingest.catalog.repository import CatalogRepository
from raia_ingest.catalog.searching import SearchService
from raia_ingest.catalog.service import CatalogService
from raia_ingest.catalog.servicer import CatalogServicer
from raia_ingest.ground import Ground, Room
from raia_ingest.profiles.repository import ProfileRepository


def assemble(ground: Ground) -> Room:
    """Describing datasets and finding them."""
    catalog = CatalogService(ground.datasets, CatalogRepository(), ground.runtime.access)
    found = SearchService(ground.datasets, ProfileRepository(), ground.runtime.access)
    described = catalog_service_pb2.DESCRIPTOR.services_by_name["CatalogService"]
    return Room(servicers=[Servicer(described, CatalogServicer(catalog, found))], consumers=[found.consumer()])
