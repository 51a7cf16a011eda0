"""Bytes as text: which encoding they are in, and whether they are text at all."""

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from raia_llm import errors

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAMPLE_BYTES = 64 * 1024
_MOST_CONTROL = 0.005
_HIGH = re.compile(rb"[\x80-\xff]")
_AROUND = 400
"""Bytes of a line on either side of one that is not ASCII."""


@dataclass(frozen=True)
class Decoded:
    """A text and the encoding it was in."""

    text: str
    encoding: str


def decode(data: bytes, filename: str, declared: str = "") -> Decoded:
    """The bytes as text: by their byte order mark, as UTF-8 if valid throughout, as declared, else as detected.

    Raises ``BadDocument`` for bytes that are no text.
    """
    decoded = _decode(data, declared)
    if decoded is None or _is_binary(decoded.text):
        raise errors.unreadable(filename, "binary data", "upload text, Markdown, HTML, PDF or DOCX")
    return decoded


def _decode(data: bytes, declared: str) -> Decoded | None:
    for bom, name in _BOMS:
        if data.startswith(bom):
            return _strict(data, name) or Decoded(data.decode(name, "replace"), name)
    wide = _wide_without_bom(data[:_SAMPLE_BYTES])
    for name in filter(None, (wide, "utf-8", declared)):
        if (found := _strict(data, name)) is not None:
            return found
    return _detected(data)


def _strict(data: bytes, name: str) -> Decoded | None:
    try:
        return Decoded(data.decode(codecs.lookup(name).name), name)
    except (LookupError, UnicodeError, ValueError):
        return None


def _detected(data: bytes) -> Decoded | None:
    if b"\0" in data[:_SAMPLE_BYTES]:
        return None
    best = from_bytes(_telling(data)).best()
    name = best.encoding if best is not None else "cp1252"
    return Decoded(data.decode(name, "replace"), name)


def _telling(data: bytes) -> bytes:
    """What decides: the lines that are not plain ASCII, wherever they stand, since detection is slow on megabytes."""
    parts: list[bytes] = []
    size = end = 0
    while size < _SAMPLE_BYTES and (hit := _HIGH.search(data, end)):
        at = hit.start()
        start = data.rfind(b"\n", max(end, at - _AROUND), at) + 1 or max(end, at - _AROUND)
        stop = data.find(b"\n", at, at + _AROUND)
        end = stop if stop >= 0 else at + _AROUND
        parts.append(data[start:end])
        size += end - start
    return b"\n".join(parts)


def _wide_without_bom(head: bytes) -> str:
    """UTF-16 without a mark: every other byte of Latin text is NUL."""
    if len(head) < 4 or b"\0" not in head:
        return ""
    half = len(head) / 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    return ""


def _is_binary(text: str) -> bool:
    sample = text[:_SAMPLE_BYTES]
    return len(_CONTROL.findall(sample)) > _MOST_CONTROL * len(sample)
