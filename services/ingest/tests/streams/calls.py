"""What tests of streams share."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import stream_delivery_pb2, stream_service_pb2, stream_service_pb2_grpc

SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer", "required": True},
        {"name": "amount", "type": "float", "minimum": 0, "maximum": 1000},
        {"name": "region", "type": "string", "allowed": ["north", "south"], "max_length": 5},
        {"name": "at", "type": "datetime"},
    ]
}


class Streams:
    """Calls of one person."""

    def __init__(self, channel: Any, person: Any) -> None:
        self.stub, self.metadata = stream_service_pb2_grpc.StreamServiceStub(channel), person.metadata

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.stub, name)

        def call(**values: Any) -> Any:
            messages = stream_delivery_pb2 if name == "DeliverRecords" else stream_service_pb2
            request = getattr(messages, f"{name}Request")()
            return method(ParseDict(values, request), metadata=self.metadata)

        return call

    def webhook(self, name: str = "orders", **values: Any) -> Any:
        """A webhook stream that runs."""
        made = self.CreateStream(name=name, source_type="webhook", **{"schema_info": SCHEMA, **values})
        return self.StartStream(id=made.id)


def table(rig: Any, stream_id: str) -> pa.Table:
    """Everything that a stream has landed, in order."""
    keys = rig.rows(
        "select v.stored_key from stream_landing l join dataset_version v on v.org_id = l.org_id"
        " and v.dataset_id = l.dataset_id and v.version = l.dataset_version where l.stream_id = %s order by l.number",
        stream_id,
    )
    tables = []
    for (key,) in keys:
        with rig.runtime.objects.materialise(key) as path:
            tables.append(pq.read_table(path))
    return pa.concat_tables(tables)


def record(number: int, **values: Any) -> dict[str, Any]:
    """A record that is as the schema says."""
    row = {"id": number, "amount": number % 1000 / 2, "region": "north", "at": "2026-03-01T12:00:00+01:00"}
    return row | values
