"""How values travel between a process and its compute children: a JSON header and raw buffers, never pickle."""

import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

_PREFIX = struct.Struct("<IIQ")
"""Length of the header, whether it holds tags, length of all buffers together."""

_BYTES, _FLOAT, _ESCAPED = "\x00bytes", "\x00float", "\x00map"
_TAGS = frozenset((_BYTES, _FLOAT, _ESCAPED))


def encode(value: Any) -> list[bytes | memoryview]:
    """The frame of a value, as pieces to write in order.

    Values are None, bool, int of 64 bits, float (NaN and infinities too), str, bytes, and lists, tuples and mappings
    with str keys of these; dates, times, UUIDs and numpy scalars arrive as str, int or float. Tuples arrive as lists,
    ``bytearray`` and ``memoryview`` as ``bytes``. Raises ``TypeError`` for anything else: an array goes as its bytes.
    """
    writer = _Writer()
    tree = writer.plain(value)
    try:
        header = orjson.dumps(tree)
    except orjson.JSONEncodeError as error:
        raise TypeError(f"this value cannot cross to or from a compute child: {error}") from error
    size = sum(len(buffer) for buffer in writer.buffers)
    return [_PREFIX.pack(len(header), int(writer.tagged), size), header, *writer.buffers]


class Decoder:
    """Puts frames together from the pieces in which they arrive."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, piece: bytes) -> Iterator[Any]:
        """The values of the frames that ``piece`` completes."""
        self._received += piece
        while (size := self._frame_size()) is not None and len(self._received) >= size:
            value = decode(memoryview(self._received)[:size].toreadonly())
            del self._received[:size]
            yield value

    def _frame_size(self) -> int | None:
        if len(self._received) < _PREFIX.size:
            return None
        header, _, buffers = _PREFIX.unpack_from(self._received)
        return int(_PREFIX.size + header + buffers)


def decode(frame: memoryview) -> Any:
    """The value of one whole frame."""
    header_size, tagged, _ = _PREFIX.unpack_from(frame)
    start = _PREFIX.size
    with frame[start : start + header_size] as header, frame[start + header_size :] as buffers, frame:
        tree = orjson.loads(header)
        return _restored(tree, buffers) if tagged else tree


class _Writer:
    """Turns a value into a tree of JSON and lays its byte strings aside."""

    def __init__(self) -> None:
        self.buffers: list[bytes | memoryview] = []
        self.tagged = False
        self._offset = 0

    def plain(self, value: Any) -> Any:
        """The value with everything that JSON lacks replaced by a tag."""
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else self._tag(_FLOAT, repr(float(value)))
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, (list, tuple)):
            return [self.plain(item) for item in value]
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._buffer(value)
        if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
            return self.plain(value.item())
        return value

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        plain = {key: self.plain(item) for key, item in value.items()}
        if _TAGS.isdisjoint(plain):
            return plain
        return self._tag(_ESCAPED, [[key, item] for key, item in plain.items()])

    def _buffer(self, value: bytes | bytearray | memoryview) -> Any:
        buffer = value if isinstance(value, bytes) else memoryview(value).cast("B")
        start, self._offset = self._offset, self._offset + len(buffer)
        self.buffers.append(buffer)
        return self._tag(_BYTES, [start, self._offset])

    def _tag(self, tag: str, value: Any) -> dict[str, Any]:
        self.tagged = True
        return {tag: value}


def _restored(tree: Any, buffers: memoryview) -> Any:
    if isinstance(tree, list):
        return [_restored(item, buffers) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        tag, value = next(iter(tree.items()))
        if tag == _BYTES:
            return bytes(buffers[value[0] : value[1]])
        if tag == _FLOAT:
            return float(value)
        if tag == _ESCAPED:
            return {key: _restored(item, buffers) for key, item in value}
    return {key: _restored(item, buffers) for key, item in tree.items()}
