"""Reads Avro files."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import fastavro
import pyarrow as pa

from raia_ingest import errors
from raia_ingest.workers.columns import as_text
from raia_ingest.workers.source import Limits
from raia_ingest.workers.typed import TypedSource

_BLOCK_RECORDS = 5_000
_PRIMITIVES: dict[str, pa.DataType] = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "int": pa.int64(),
    "long": pa.int64(),
    "float": pa.float64(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "fixed": pa.binary(),
    "string": pa.string(),
    "enum": pa.string(),
}
_LOGICAL: dict[str, pa.DataType] = {
    "date": pa.date32(),
    "time-millis": pa.time64("us"),
    "time-micros": pa.time64("us"),
    "timestamp-millis": pa.timestamp("us", "UTC"),
    "timestamp-micros": pa.timestamp("us", "UTC"),
    "local-timestamp-millis": pa.timestamp("us"),
    "local-timestamp-micros": pa.timestamp("us"),
    "uuid": pa.string(),
}


class AvroSource(TypedSource):
    """An Avro file of records."""

    file_type = "avro"

    def _open(self, limits: Limits) -> pa.Schema:  # noqa: ARG002 - blocks are read one by one
        with self._path.open("rb") as file:
            schema = self._told(lambda: fastavro.reader(file).writer_schema, "its header is broken")
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise errors.unreadable(self._filename, "an Avro file without records", "write records")
        return pa.schema([(field["name"], _stated(field["type"])) for field in schema["fields"]])

    def _told(self, work: Any, what: str) -> Any:
        """What reading gives; the library raises whatever damage makes it stumble over."""
        try:
            return work()
        except (MemoryError, RecursionError) as error:
            raise errors.corrupt(self._filename, "it states a block or a nesting that cannot be") from error
        except Exception as error:
            if "codec" in str(error).lower():
                raise errors.unreadable(
                    self._filename, "an Avro file with an unknown compression", "write it with deflate, snappy or zstd"
                ) from error
            raise errors.corrupt(self._filename, what) from error

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with self._path.open("rb") as file:
            records = self._told(lambda: fastavro.reader(file), "its header is broken")
            while taken := self._told(lambda: list(islice(records, _BLOCK_RECORDS)), "one of its blocks is broken"):
                yield self._told(lambda taken=taken: self._batch(taken), "a record is not of its schema")

    def _batch(self, records: list[dict[str, Any]]) -> pa.RecordBatch:
        arrays = []
        for field in self._schema:
            values = [record.get(field.name) for record in records]
            if pa.types.is_string(field.type):
                values = [None if value is None else _text(value) for value in values]
            elif pa.types.is_floating(field.type):
                values = [None if value is None else float(value) for value in values]
            arrays.append(pa.array(values, field.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else as_text(value)


def _stated(kind: Any) -> pa.DataType:
    """The Arrow type of an Avro type; what is nested, or may be of several types, becomes text."""
    if isinstance(kind, list):
        others = [each for each in kind if each != "null"]
        if len(others) == 1:
            return _stated(others[0])
        simple = {str(each) for each in others}
        return pa.float64() if others and simple <= {"int", "long", "float", "double"} else pa.string()
    if isinstance(kind, dict):
        logical = kind.get("logicalType", "")
        if logical == "decimal":
            precision, scale = int(kind.get("precision", 38)), int(kind.get("scale", 0))
            return pa.decimal128(precision, scale) if 0 < precision <= 38 and 0 <= scale <= precision else pa.string()
        if logical in _LOGICAL:
            return _LOGICAL[logical]
        return _stated(kind.get("type")) if isinstance(kind.get("type"), str | dict) else pa.string()
    return _PRIMITIVES.get(str(kind), pa.string())
