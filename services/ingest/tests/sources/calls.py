"""Calls of SourceService in the tests."""

from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from raia.ingest.v1 import source_item_service_pb2 as items_pb2
from raia.ingest.v1 import source_item_service_pb2_grpc, source_pb2, source_service_pb2_grpc
from raia.ingest.v1 import source_service_pb2 as pb2

from ..rig import Person, Rig, wait_until


class Client:
    """What a person does with sources."""

    def __init__(self, channel: grpc.Channel, person: Person, folder: Path) -> None:
        self.stub, self.headers = source_service_pb2_grpc.SourceServiceStub(channel), person.metadata
        self.item_stub = source_item_service_pb2_grpc.SourceItemServiceStub(channel)
        self.folder = folder / "watched" / str(person.org_id)
        self.folder.mkdir(parents=True, exist_ok=True)

    def create(self, name: str = "inbox", **values: Any) -> source_pb2.Source:
        if "objects" not in values:
            values.setdefault("folder", source_pb2.FolderPlace())
        request = pb2.CreateSourceRequest(**{"name": name, "poll_seconds": 1, "settle_seconds": 0, **values})
        return self.stub.CreateSource(request, metadata=self.headers)

    def get(self, source: source_pb2.Source) -> source_pb2.Source:
        return self.stub.GetSource(pb2.GetSourceRequest(id=source.id), metadata=self.headers)

    def call(self, verb: str, source: source_pb2.Source, **values: Any) -> source_pb2.Source:
        request = getattr(pb2, f"{verb}SourceRequest")(id=source.id, **values)
        return getattr(self.stub, f"{verb}Source")(request, metadata=self.headers)

    def items(self, source: source_pb2.Source, filter_: str = "") -> list[source_pb2.SourceItem]:
        request = items_pb2.ListSourceItemsRequest(source_id=source.id, filter=filter_, order_by="key", page_size=1000)
        return list(self.item_stub.ListSourceItems(request, metadata=self.headers).source_items)

    def notify(self, source: source_pb2.Source, event: dict[str, Any]) -> source_pb2.Source:
        request = items_pb2.NotifySourceRequest(id=source.id, event=ParseDict(event, Struct()))
        return self.item_stub.NotifySource(request, metadata=self.headers)

    def retry(self, item: source_pb2.SourceItem) -> source_pb2.SourceItem:
        return self.item_stub.RetrySourceItem(items_pb2.RetrySourceItemRequest(id=item.id), metadata=self.headers)

    def drop(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ended(self, source: source_pb2.Source, count: int, seconds: float = 30.0) -> list[source_pb2.SourceItem]:
        """The items once as many have ended."""
        wait_until(lambda: sum(item.completed_at.seconds > 0 for item in self.items(source)) >= count, seconds)
        return self.items(source)

    def looked(self, source: source_pb2.Source) -> source_pb2.Source:
        """The source once one more look has ended."""
        before = self.get(source).polled_at.ToNanoseconds()
        wait_until(lambda: self.get(source).polled_at.ToNanoseconds() > before)
        return self.get(source)


def client_of(rig: Rig, person: Person) -> Client:
    return Client(rig.channel, person, rig.folder)
