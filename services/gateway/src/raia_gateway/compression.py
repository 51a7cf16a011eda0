"""gzip and zstd: chosen for answers, undone for bodies, with a limit on what comes out."""

import zlib
from typing import Protocol

import zstandard

from raia_gateway.errors import MalformedRequest, PayloadTooLarge, UnsupportedMediaType

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL_GZIP, _LEVEL_ZSTD = 5, 3


def negotiate(accept_encoding: bytes) -> bytes:
    """``zstd``, ``gzip`` or nothing, by what the client accepts."""
    if not accept_encoding:
        return b""
    accepted = set()
    for item in accept_encoding.lower().split(b","):
        name, _, parameters = item.partition(b";")
        if parameters.replace(b" ", b"").rstrip(b"0").rstrip(b".") != b"q=":
            accepted.add(name.strip())
    return b"zstd" if b"zstd" in accepted else b"gzip" if b"gzip" in accepted else b""


def compress(encoding: bytes, body: bytes) -> bytes:
    """The body in the encoding that ``negotiate`` chose."""
    if encoding == b"zstd":
        return zstandard.ZstdCompressor(level=_LEVEL_ZSTD).compress(body)
    packer = zlib.compressobj(_LEVEL_GZIP, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()


class _Decompressor(Protocol):
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class BodyDecoder:
    """Undoes a content encoding piece by piece; refuses to give more than ``limit`` bytes in all."""

    _PIECE = 1 << 18

    def __init__(self, encoding: bytes, limit: int) -> None:
        name = encoding.strip().lower()
        self._limit, self._given = limit, 0
        self._gzip = zlib.decompressobj(_GZIP) if name in (b"gzip", b"x-gzip") else None
        self._zstd = zstandard.ZstdDecompressor(max_window_size=1 << 23).decompressobj() if name == b"zstd" else None
        if self._gzip is None and self._zstd is None and name not in (b"", b"identity"):
            raise UnsupportedMediaType(f"encoded as {name.decode('latin-1')}", "gzip, zstd or no content encoding")

    def feed(self, data: bytes) -> bytes:
        """The decoded bytes; raises ``PayloadTooLarge`` before they exceed the limit by more than one piece."""
        try:
            decoded = self._decode(data)
        except (zlib.error, zstandard.ZstdError):
            raise MalformedRequest("the body is not what its content encoding says") from None
        self._given += len(decoded)
        if self._given > self._limit:
            raise PayloadTooLarge(self._limit)
        return decoded

    def _decode(self, data: bytes) -> bytes:
        if self._gzip is not None:
            # One byte more than may be given is enough to know that it is too much.
            decoded = self._gzip.decompress(data, self._limit - self._given + 1)
            if self._gzip.unconsumed_tail:
                raise PayloadTooLarge(self._limit)
            return decoded
        if self._zstd is not None:
            # Small steps, because a frame of a few bytes may grow to the whole window at once.
            result = bytearray()
            for start in range(0, len(data), 4096):
                if self._zstd.eof:
                    break
                result += self._zstd.decompress(data[start : start + 4096])
                if self._given + len(result) > self._limit:
                    raise PayloadTooLarge(self._limit)
            return bytes(result)
        return data

    def finish(self) -> None:
        """Raises ``MalformedRequest`` when the encoded body ended early."""
        if (self._gzip is not None and not self._gzip.eof) or (self._zstd is not None and not self._zstd.eof):
            raise MalformedRequest("the encoded body ends in the middle")
