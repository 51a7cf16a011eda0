"""Tells from its bytes what a file is; its name is a hint and no more."""

import zipfile
from enum import StrEnum
from pathlib import Path

import orjson

from raia_ingest import errors
from raia_ingest.workers.encoding import head_as_utf8


class Format(StrEnum):
    """The formats that can be read."""

    DELIMITED = "delimited"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"
    WORKBOOK = "excel"


_TABLES = "upload CSV, TSV, Excel, JSON lines or Parquet"
_UNPACK = f"unpack it and upload the table inside ({_TABLES})"
_MAGIC = (
    (b"\x89PNG\r\n", "a PNG image", _TABLES),
    (b"\xff\xd8\xff", "a JPEG image", _TABLES),
    (b"GIF8", "a GIF image", _TABLES),
    (b"%PDF-", "a PDF document", _TABLES),
    (b"\x7fELF", "a program", _TABLES),
    (b"MZ", "a program", _TABLES),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ", "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"SQLite format 3\0", "an SQLite database", f"export the table and {_TABLES}"),
    (b"ARROW1", "an Arrow file", "save it as Parquet"),
    (b"FEA1", "a Feather file", "save it as Parquet"),
    (b"ORC", "an ORC file", "save it as Parquet"),
    (b"Obj\x01", "an Avro file", "save it as Parquet"),
    (b"\x89HDF", "an HDF5 file", "save it as Parquet"),
    (b"OggS", "a sound file", _TABLES),
    (b"ID3", "a sound file", _TABLES),
    (b"RIFF", "a sound or video file", _TABLES),
    (b"\x80\x04\x95", "a Python pickle", "save it as Parquet"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEAD = 64 * 1024


def identify(path: Path, filename: str) -> Format:
    """The format of the file; raises ``BadFile`` when it can be none of them."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf\xfe\xff"):
        raise errors.empty(filename)
    if head.startswith(b"PAR1"):
        return Format.PARQUET
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip(path, filename)
    if head.startswith(_OLE):
        return _ole(path, filename)
    for magic, what, advice in _MAGIC:
        if head.startswith(magic) and not _is_text(magic, head):
            raise errors.unreadable(filename, what, advice)
    return _text(head, filename)


def _is_text(magic: bytes, head: bytes) -> bool:
    """A CSV may begin with letters that are also a magic number."""
    return magic.isalnum() and b"\0" not in head and b"\n" in head


def _zip(path: Path, filename: str) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            encrypted = any(info.flag_bits & 1 for info in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise errors.corrupt(filename, "its archive ends in the middle or is broken") from error
    if encrypted:
        raise errors.encrypted(filename)
    if names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
        return Format.WORKBOOK
    kind = "a Word document" if any(name.startswith("word/") for name in names) else "a zip archive"
    raise errors.unreadable(filename, kind, _UNPACK)


def _ole(path: Path, filename: str) -> Format:
    """Excel 97 and encrypted workbooks lie in OLE containers, whose directory names its streams in UTF-16."""
    found: set[str] = set()
    overlap = b""
    with path.open("rb") as file:
        while chunk := file.read(1024**2):
            window = overlap + chunk
            found |= {name for name in ("EncryptedPackage", "Workbook", "Book") if name.encode("utf-16-le") in window}
            overlap = window[-64:]
    if "EncryptedPackage" in found:
        raise errors.encrypted(filename)
    if found:
        return Format.WORKBOOK
    raise errors.unreadable(filename, "a document of an older Office", _TABLES)


def _text(head: bytes, filename: str) -> Format:
    start = head_as_utf8(head).lstrip()
    lowered = start[:100].lower()
    if lowered.startswith((b"<!doctype html", b"<html")):
        raise errors.unreadable(filename, "a web page", _TABLES)
    if lowered.startswith(b"<?xml"):
        raise errors.unreadable(filename, "an XML document", _TABLES)
    if start.startswith((b"{", b"[")):
        return _json(start, filename)
    return Format.DELIMITED


def _json(start: bytes, filename: str) -> Format:
    line = start.split(b"\n", 1)[0].strip()
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, dict):
        return Format.JSON_LINES
    named = filename.lower().rsplit(".", 1)[-1]
    if isinstance(value, list) or named == "json" or line in (b"{", b"["):
        raise errors.unreadable(filename, "a JSON document", "write one object a line (JSON lines)")
    return Format.JSON_LINES if named in ("jsonl", "ndjson") else Format.DELIMITED
