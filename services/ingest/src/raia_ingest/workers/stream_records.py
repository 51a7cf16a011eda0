"""Takes records that come by a stream: reads them, checks them against the schema and packs them as Arrow."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa
from google.protobuf.json_format import MessageToDict
from raia.ingest.v1 import stream_delivery_pb2

from raia_ingest.streams.domain import OTHER_FIELDS, columns_of
from raia_ingest.workers.kinds import ARROW_TYPES, Kind
from raia_ingest.workers.stream_fields import Unfit, check_of

LARGEST_RECORD = 1024 * 1024
"""Bytes of one record."""
_SHOWN = 2000
_SHOWN_NAME = 255

Record = tuple[str, bytes | None, Any]
"""Where it stood, its bytes (None when there are none), and its value where that is known already."""


class Intake:
    """Sorts the records of one batch into stored and rejected."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._fields = [(each["name"], check_of(each), bool(each.get("required"))) for each in schema["fields"]]
        self._names = frozenset(each["name"] for each in schema["fields"])
        self._unknown = schema.get("unknown_fields") or "reject"
        self._schema = arrow_schema(schema)
        self._columns: list[list[Any]] = [[] for _ in self._schema]
        self.rejections: list[dict[str, str]] = []
        self.stored = 0

    def take(self, position: str, raw: bytes | None, value: Any = None) -> None:
        """Takes one record."""
        try:
            row = self._row(_parsed(raw) if value is None else value)
        except Unfit as unfit:
            shown = raw if raw is not None else orjson.dumps(value) if value is not None else b""
            self.rejections.append(
                {
                    "position": position,
                    "field": _storable(unfit.field[:_SHOWN_NAME]),
                    "code": unfit.code,
                    "reason": _storable(unfit.reason),
                    "record": _storable(shown[: 4 * _SHOWN].decode(errors="replace")[:_SHOWN]),
                }
            )
            return
        self.stored += 1
        for column, cell in zip(self._columns, row, strict=True):
            column.append(cell)

    def packed(self) -> bytes:
        """The stored records as an Arrow stream; empty when there are none."""
        if not self.stored:
            return b""
        arrays = [pa.array(cells, kind.type) for cells, kind in zip(self._columns, self._schema, strict=True)]
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(sink, self._schema, options=options) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        return bytes(sink.getvalue())

    def result(self) -> dict[str, Any]:
        """``content``, ``stored`` and ``rejections``."""
        return {"content": self.packed(), "stored": self.stored, "rejections": self.rejections}

    def _row(self, value: Any) -> list[Any]:
        if type(value) is not dict:
            raise Unfit("not_an_object", "a record is a JSON object")
        row: list[Any] = []
        found = 0
        for name, check, required in self._fields:
            cell = value.get(name)
            found += name in value
            if cell is None:
                if required:
                    raise Unfit("missing", "the field is required", name)
                row.append(None)
                continue
            try:
                row.append(check(cell))
            except Unfit as unfit:
                unfit.field = name
                raise
        if self._unknown == "keep":
            others = {name: each for name, each in value.items() if name not in self._names}
            row.append(orjson.dumps(others).decode() if others else None)
        elif self._unknown == "reject" and found < len(value):
            name = next(name for name in value if name not in self._names)
            raise Unfit("unknown_field", "the schema does not name this field", name)
        return row


def arrow_schema(schema: Mapping[str, Any]) -> pa.Schema:
    """The columns that records of a schema have."""
    fields = [
        pa.field(each["name"], ARROW_TYPES[Kind.DATETIME_UTC if each.get("timezone") else Kind(each["type"])])
        for each in columns_of(schema)
    ]
    return pa.schema(fields)


def take_messages(
    schema: dict[str, Any], partitions: list[int], offsets: list[int], lengths: list[int], data: bytes
) -> dict[str, Any]:
    """Takes the values of messages: ``data`` holds them end to end, a length of -1 stands for a message without one.

    Returns ``content`` (Arrow), ``stored`` and ``rejections``.
    """
    intake = Intake(schema)
    for position, raw in _messages(partitions, offsets, lengths, data):
        intake.take(position, raw)
    return intake.result()


def take_delivery(schema: dict[str, Any], request: bytes) -> dict[str, Any]:
    """Takes the records of a ``DeliverRecordsRequest``; returns what ``take_messages`` does."""
    delivery = MessageToDict(
        stream_delivery_pb2.DeliverRecordsRequest.FromString(request), preserving_proto_field_name=True
    )
    intake = Intake(schema)
    for place, record in enumerate(delivery["records"], start=1):
        intake.take(f"delivery {delivery['delivery_id']}, record {place}", None, _whole(record))
    return intake.result()


def _messages(
    partitions: Sequence[int], offsets: Sequence[int], lengths: Sequence[int], data: bytes
) -> Iterator[tuple[str, bytes | None]]:
    start = 0
    for partition, offset, length in zip(partitions, offsets, lengths, strict=True):
        raw = None
        if length >= 0:
            raw = data[start : start + length]
            start += length
        yield f"partition {partition}, offset {offset}", raw


def _parsed(raw: bytes | None) -> Any:
    if raw is None:
        raise Unfit("no_value", "the message has no value")
    if len(raw) > LARGEST_RECORD:
        raise Unfit("too_large", f"the record has {len(raw):,} bytes, more than {LARGEST_RECORD:,}")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unfit("not_json", f"the record is no JSON: {error.msg} at character {error.pos + 1:,}") from error


def _whole(value: Any) -> Any:
    """A value whose numbers without a fraction are whole again: protobuf keeps every number as a float."""
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if type(value) is dict:
        return {name: _whole(each) for name, each in value.items()}
    return [_whole(each) for each in value] if type(value) is list else value


def _storable(text: str) -> str:
    return text.replace("\x00", "␀")


__all__ = ["LARGEST_RECORD", "OTHER_FIELDS", "Intake", "arrow_schema", "take_delivery", "take_messages"]
