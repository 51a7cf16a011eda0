"""Composes the room of attached documents."""

from raia.ingest.v1 import attachment_service_pb2
from raia_kit.server import Servicer

from raia_ingest.attachments.repository import AttachmentRepository
from raia_ingest.attachments.service import AttachmentService
from raia_ingest.attachments.servicer import AttachmentServicer
from raia_ingest.ground import Ground, Room


def assemble(ground: Ground) -> Room:
    """Attach, list, fetch, take off."""
    runtime, attachments = ground.runtime, AttachmentRepository()
    service = AttachmentService(
        database=runtime.database,
        attachments=attachments,
        datasets=ground.datasets,
        objects=runtime.objects,
        pool=ground.at_once,
        access=runtime.access,
    )
    described = attachment_service_pb2.DESCRIPTOR.services_by_name["AttachmentService"]
    return Room(servicers=[Servicer(described, AttachmentServicer(service))], references=attachments.references)
