"""Composes the room of profiles."""

from raia.ingest.v1 import profile_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.profiles.servicer import ProfileServicer


def assemble(ground: Ground) -> Room:
    """Statistics of versions."""
    described = profile_service_pb2.DESCRIPTOR.services_by_name["ProfileService"]
    return Room(servicers=[Servicer(described, ProfileServicer(ground.profiles))])
