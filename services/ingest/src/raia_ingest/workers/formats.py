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
    JSON_DOCUMENT = "json"
    PARQUET = "parquet"
    WORKBOOK = "excel"
    AVRO = "avro"
    ORC = "orc"
    ARROW = "arrow"
    XML = "xml"
    FIXED_WIDTH = "fixed_width"
    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTANDARD = "zstandard"


PACKED = frozenset({Format.ZIP, Format.TAR, Format.GZIP, Format.BZIP2, Format.XZ, Format.ZSTANDARD})
"""What holds other files."""

TABLES = "upload CSV, TSV, Excel, JSON, XML, Parquet, Avro, ORC or Arrow, packed or not"
_UNPACK = f"unpack it and upload the table inside ({TABLES})"
_MAGIC = (
    (b"\x89PNG\r\n", "a PNG image", TABLES),
    (b"\xff\xd8\xff", "a JPEG image", TABLES),
    (b"GIF8", "a GIF image", TABLES),
    (b"%PDF-", "a PDF document", TABLES),
    (b"\x7fELF", "a program", TABLES),
    (b"MZ", "a program", TABLES),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"SQLite format 3\0", "an SQLite database", f"export the table and {TABLES}"),
    (b"FEA1", "a Feather file of version 1", "save it as Feather version 2 or Parquet"),
    (b"\x89HDF", "an HDF5 file", "save it as Parquet"),
    (b"OggS", "a sound file", TABLES),
    (b"ID3", "a sound file", TABLES),
    (b"RIFF", "a sound or video file", TABLES),
    (b"\x80\x04\x95", "a Python pickle", "save it as Parquet"),
)
_READABLE = (
    (b"PAR1", Format.PARQUET),
    (b"ARROW1", Format.ARROW),
    (b"\xff\xff\xff\xff", Format.ARROW),
    (b"ORC", Format.ORC),
    (b"Obj\x01", Format.AVRO),
    (b"\x1f\x8b", Format.GZIP),
    (b"BZh", Format.BZIP2),
    (b"\xfd7zXZ", Format.XZ),
    (b"\x28\xb5\x2f\xfd", Format.ZSTANDARD),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEAD = 64 * 1024
_TABLE_DEPTH = 5
_ELEMENT = tuple(bytes([each]) for each in b'{["-0123456789tfnNI]')


def identify(path: Path, filename: str) -> Format:
    """The format of the file; raises ``BadFile`` when it can be none of them."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip(path, filename)
    if head.startswith(_OLE):
        return _ole(path, filename)
    return of_head(head, filename, path)


def of_head(head: bytes, filename: str, path: Path | None = None) -> Format:
    """The format by the file's beginning, of any but zip and OLE containers; raises ``BadFile``."""
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf\xfe\xff"):
        raise errors.empty(filename)
    for magic, found in _READABLE:
        if head.startswith(magic) and not _is_text(magic, head):
            return found
    if head[257:262] == b"ustar":
        return Format.TAR
    for magic, what, advice in _MAGIC:
        if head.startswith(magic) and not _is_text(magic, head):
            raise errors.unreadable(filename, what, advice)
    return _text(path, head, filename)


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
    if any(name.startswith("word/") for name in names):
        raise errors.unreadable(filename, "a Word document", TABLES)
    return Format.ZIP


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
    raise errors.unreadable(filename, "a document of an older Office", TABLES)


def _text(path: Path | None, head: bytes, filename: str) -> Format:
    start = head_as_utf8(head).lstrip()
    lowered = start[:100].lower()
    if lowered.startswith((b"<!doctype html", b"<html")):
        raise errors.unreadable(filename, "a web page", TABLES)
    if lowered.startswith(b"<?xml") or (lowered.startswith(b"<") and filename.lower().endswith(".xml")):
        return Format.XML
    if start.startswith((b"{", b"[")):
        return _json(path, start, filename)
    return Format.DELIMITED


def _json(path: Path | None, start: bytes, filename: str) -> Format:
    """JSON lines, a document, or a table whose first cell begins with a bracket."""
    following = start[1:].lstrip()[:1]
    if start.startswith(b"["):
        return Format.JSON_DOCUMENT if following in _ELEMENT else Format.DELIMITED
    named = filename.lower().rsplit(".", 1)[-1]
    if named in ("jsonl", "ndjson"):
        return Format.JSON_LINES
    first, ended, rest = start.partition(b"\n")
    try:
        value = orjson.loads(first)
    except orjson.JSONDecodeError:
        if named != "json" and not ended and _goes_on(path):
            return Format.JSON_LINES
        return Format.JSON_DOCUMENT if following in (b'"', b"}") else Format.DELIMITED
    several = rest.strip(b"\0 \t\r\n") or _goes_on(path)
    document = not several and _holds_table(value, named == "json", _TABLE_DEPTH)
    return Format.JSON_DOCUMENT if document else Format.JSON_LINES


def _goes_on(path: Path | None) -> bool:
    """Whether something follows the file's first line."""
    if path is None:
        return False
    with path.open("rb") as file:
        while line := file.readline(_HEAD):
            if line.endswith(b"\n"):
                return bool(file.read(_HEAD).strip())
    return False


def _holds_table(value: object, any_list: bool, levels: int) -> bool:
    """Whether an object holds, not too deep, an array of objects, or any array."""
    if not isinstance(value, dict) or levels == 0:
        return False
    return any(
        _holds_table(each, any_list, levels - 1)
        or (isinstance(each, list) and any(any_list or isinstance(one, dict) for one in each))
        for each in value.values()
    )
