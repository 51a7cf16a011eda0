"""Finds the encoding of a text file from all of its bytes, and streams it as UTF-8."""

import codecs
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes

from raia_ingest.workers.latin import best_latin, is_latin

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHUNK = 8 * 1024**2
_SAMPLE_BYTES = 64 * 1024
_GUESS_BYTES = 4 * 1024**2
_OTHER_SCRIPTS = [
    "cp1251", "koi8_r", "iso8859_5", "cp866", "cp1253", "cp1255", "cp1256",
    "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr",
]  # fmt: skip


@dataclass(frozen=True)
class Encoding:
    """How bytes become text."""

    name: str
    """A Python codec's name."""
    bom_bytes: int = 0
    """Leading bytes to skip."""
    invalid: int = 0
    """Bytes or sequences that the codec does not know and that are replaced by U+FFFD."""
    nulls: int = 0
    """NUL characters; many of them mean that this is no text."""
    mixed: bool = False
    """Whether the invalid bytes would be letters in another encoding: the file was put together from two."""


def guess(path: Path) -> Encoding | None:
    """UTF-8 when the beginning of the file is, which saves a pass over a large one; None when all of it must decide.

    Whoever reads the file must notice bytes further down that are not UTF-8.
    """
    with path.open("rb") as file:
        head = file.read(_GUESS_BYTES)
    if any(head.startswith(bom) for bom, _ in _BOMS) or b"\0" in head:
        return None
    try:
        # A character may be cut in two at the end of the piece.
        codecs.getincrementaldecoder("utf-8")("strict").decode(head, len(head) < _GUESS_BYTES)
    except UnicodeDecodeError:
        return None
    return Encoding("utf-8")


def detect(path: Path) -> Encoding:
    """The encoding of the file, decided on all of it: what is valid UTF-8 throughout is UTF-8."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
    for bom, name in _BOMS:
        if head.startswith(bom):
            return _with_invalid(path, Encoding(name, len(bom)))
    wide = _wide_without_bom(head)
    if wide:
        return _with_invalid(path, Encoding(wide))
    scan = _scan_utf8(path)
    if scan.invalid == 0 or scan.valid_multibyte > 2 * scan.invalid:
        return Encoding("utf-8", invalid=scan.invalid, nulls=scan.nulls, mixed=_are_letters(scan.sample))
    name = _legacy(scan.sample)
    return _with_invalid(path, Encoding(name, nulls=scan.nulls))


def _are_letters(sample: bytes) -> bool:
    """Whether the bytes of lines that are not UTF-8 would be letters in the most usual 8-bit encoding."""
    stray = re.sub("[^\udc80-\udcff]", "", sample.decode("utf-8", "surrogateescape"))
    text = stray.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    # The last two letters are rare, and their bytes those of marks and of fillings.
    return bool(text) and sum(each.isalpha() and each not in "þÿ" for each in text) > 0.8 * len(text)


def head_as_utf8(head: bytes) -> bytes:
    """The beginning of a text file as UTF-8, whichever Unicode encoding it is in; other bytes are left alone."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return head[len(bom) :].decode(name, "ignore").encode()
    wide = _wide_without_bom(head)
    return head.decode(wide, "ignore").encode() if wide else head


def _wide_without_bom(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of Latin text is NUL."""
    if len(head) < 4 or b"\0" not in head:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) / 2
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


@dataclass
class _Utf8Scan:
    valid_multibyte: int = 0
    invalid: int = 0
    nulls: int = 0
    sample: bytes = b""
    """Lines that hold bytes above 127."""


def _scan_utf8(path: Path) -> _Utf8Scan:
    scan = _Utf8Scan()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            scan.nulls += chunk.count(0)
            if chunk.isascii() and decoder.getstate() == (b"", 0):
                continue
            text = decoder.decode(chunk)
            replaced = text.count("\ufffd") - chunk.count("\ufffd".encode())
            scan.invalid += max(0, replaced)
            scan.valid_multibyte += len(text) - replaced - len(chunk.translate(None, bytes(range(128, 256))))
            if len(scan.sample) < _SAMPLE_BYTES:
                scan.sample += b"\n".join(re.findall(rb"[^\n]*[\x80-\xff][^\n]*", chunk[: 16 * _SAMPLE_BYTES]))
    scan.invalid += decoder.decode(b"", True).count("\ufffd")
    scan.sample = scan.sample[:_SAMPLE_BYTES]
    return scan


def _legacy(sample: bytes) -> str:
    """The most likely 8-bit or East Asian encoding of lines that are not UTF-8."""
    if is_latin(sample):
        return best_latin(sample)
    best = from_bytes(sample, cp_isolation=_OTHER_SCRIPTS, threshold=0.4).best()
    return best.encoding if best is not None else best_latin(sample)


def _with_invalid(path: Path, encoding: Encoding) -> Encoding:
    """The same encoding with the number of sequences that it does not know."""
    decoder = codecs.getincrementaldecoder(encoding.name)("replace")
    genuine = "\ufffd".encode(encoding.name, "ignore") if encoding.name.startswith("utf") else b""
    invalid = nulls = 0
    with path.open("rb") as file:
        file.seek(encoding.bom_bytes)
        while chunk := file.read(_CHUNK):
            text = decoder.decode(chunk)
            nulls += text.count("\0")
            replaced = text.count("\ufffd")
            if replaced:
                invalid += max(0, replaced - (chunk.count(genuine) if genuine else 0))
    invalid += decoder.decode(b"", True).count("\ufffd")
    return Encoding(encoding.name, encoding.bom_bytes, invalid, nulls)


class Utf8Stream(io.RawIOBase):
    """A text file as UTF-8 bytes, without its byte order mark, ending in exactly one line end.

    Reading is linear. ``consumed`` counts the file's own bytes.
    """

    def __init__(self, path: Path, encoding: Encoding) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._file.seek(encoding.bom_bytes)
        self.consumed = encoding.bom_bytes
        plain = encoding.name == "utf-8" and not encoding.invalid
        self._decoder = None if plain else codecs.getincrementaldecoder(encoding.name)("replace")
        self._buffer = b""
        self._line_ends = b""
        self._ended = False
        self.nulls = 0
        """NUL characters met so far."""

    def readable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()

    def readinto(self, buffer: Any, /) -> int:
        """Fills the buffer as far as there is something left."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes; all that is left when negative."""
        wanted = size if size is not None and size >= 0 else None
        while not self._ended and (wanted is None or len(self._buffer) < wanted):
            self._fill(max(wanted or 0, 64 * 1024))
        if wanted is None or wanted >= len(self._buffer):
            data, self._buffer = self._buffer, b""
        else:
            data, self._buffer = self._buffer[:wanted], self._buffer[wanted:]
        return data

    def _fill(self, size: int) -> None:
        chunk = self._file.read(size)
        self.consumed += len(chunk)
        text = chunk if self._decoder is None else self._decoder.decode(chunk, not chunk).encode("utf-8", "replace")
        self.nulls += text.count(0)
        if not chunk:
            self._ended = True
            self._buffer += text + b"\n"
            return
        # Line ends are held back until something follows them, so that the file ends in one whatever it had.
        text = self._line_ends + text
        body = text.rstrip(b"\r\n")
        self._line_ends = text[len(body) :]
        self._buffer += body
