"""Unpacks archives to the table inside: never under a name that an archive gives, and not more than allowed."""

import bz2
import errno
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from backports import zstd

from raia_ingest import errors
from raia_ingest.errors import BadFile
from raia_ingest.workers import formats
from raia_ingest.workers.formats import PACKED, Format
from raia_ingest.workers.source import FileNote, Limits, Part

_CHUNK = 1024**2
_HEAD = 64 * 1024
_RATIO_MATTERS_BYTES = 64 * 1024**2
_DEEPEST = 3
_MOST_MEMBERS = 100_000
_LISTED = 1_000
_OFFICE = frozenset({"xlsx", "xlsm", "xlsb", "ods", "xls"})
_DATA = _OFFICE | {
    "csv", "tsv", "tab", "json", "jsonl", "ndjson", "parquet", "pq", "avro", "orc", "arrow", "feather", "xml",
    "gz", "bz2", "xz", "zst", "zip", "tar", "tgz",
}  # fmt: skip
_DESCRIBES = frozenset({"md", "rst", "pdf", "docx", "doc", "html", "htm"})
_STREAMS: dict[Format, Callable[[Path], Any]] = {
    Format.GZIP: gzip.GzipFile,
    Format.BZIP2: bz2.BZ2File,
    Format.XZ: lzma.LZMAFile,
    Format.ZSTANDARD: zstd.ZstdFile,
}
_NOT_THE_FILES_FAULT = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENOMEM)
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, zstd.ZstdError, EOFError, OSError, ValueError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


@dataclass
class Table:
    """A file that came out of an archive, and what lies beside it there."""

    path: Path
    filename: str
    format: Format
    part: str
    """What is left of the wanted part: the sheet within a member."""
    containers: list[dict[str, str]] = field(default_factory=list)
    """The archives around it, outermost first: format and member."""
    parts: list[Part] = field(default_factory=list)
    notes: list[FileNote] = field(default_factory=list)


class Budget:
    """Bytes that one upload may unpack to, in all its layers together."""

    def __init__(self, packed: int, limits: Limits) -> None:
        self._packed, self._limits = packed, limits
        self._unpacked = 0

    def take(self, size: int) -> None:
        """Counts unpacked bytes; raises ``TooLarge``."""
        self._unpacked += size
        if self._unpacked > self._limits.max_unpacked_bytes:
            raise errors.too_large(self._limits.max_unpacked_bytes, "the archive unpacks to more bytes than allowed")
        suspicious = int(self._packed * self._limits.max_packing_ratio)
        if self._unpacked > _RATIO_MATTERS_BYTES and self._unpacked > suspicious:
            raise errors.too_large(suspicious, "the archive unpacks to suspiciously many bytes for its size")


def unpacked(path: Path, filename: str, found: Format, *, part: str, folder: Path, limits: Limits) -> Table:
    """The table inside an archive, written below ``folder``.

    ``part`` names a member, and behind a ``#`` the part of that; the first table is taken when it is empty. Raises
    ``BadFile`` and ``TooLarge``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = Table(path, filename, found, part)
    budget = Budget(path.stat().st_size, limits)
    for depth in range(_DEEPEST + 1):
        if table.format not in PACKED:
            return table
        if depth == _DEEPEST:
            break
        table = _step(table, folder / str(depth), budget)
        table.format = formats.identify(table.path, table.filename)
    raise errors.unreadable(filename, f"an archive within archives, {_DEEPEST} deep", "pack the table once")


@contextmanager
def _damage(filename: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno in _NOT_THE_FILES_FAULT:
            raise
        if "password" in str(error).lower() or "encrypted" in str(error).lower():
            raise errors.encrypted(filename) from error
        raise errors.corrupt(filename, "its archive ends in the middle or is broken") from error


def _step(table: Table, target: Path, budget: Budget) -> Table:
    """One layer less."""
    with _damage(table.filename):
        if table.format in _STREAMS:
            with _STREAMS[table.format](table.path) as stream:
                _copy(stream, target, budget)
            inner = _without_ending(table.filename)
            around = {"format": table.format.value, "member": inner}
            return Table(target, inner, table.format, table.part, [*table.containers, around], table.parts, table.notes)
        opened = _Zip(table.path) if table.format is Format.ZIP else _Tar(table.path)
        return _member(table, opened, target, budget)


def _member(table: Table, archive: "_Zip | _Tar", target: Path, budget: Budget) -> Table:
    listed = list(archive.listed(budget))
    if archive.encrypted:
        raise errors.encrypted(table.filename)
    tables = [each for each in listed if each.table]
    chosen, rest = _chosen(table, tables)
    with archive.opened(chosen.index) as stream:
        _copy(stream, target, budget)
    prefix = "".join(f"{part.name}#" for part in table.parts if part.chosen)
    parts = [Part(prefix + each.label, "member", each.table, each is chosen, each.note) for each in listed[:_LISTED]]
    notes = list(table.notes)
    others = [each.label for each in tables if each is not chosen]
    if others:
        text = f"only {chosen.label!r} was read, not {', '.join(map(repr, others[:20]))}"
        notes.append(FileNote("members_ignored", text + (" …" if len(others) > 20 else "")))
    if archive.unsafe:
        text = f"{archive.unsafe:,} members have names that lead out of the archive, or are links: not followed"
        notes.append(FileNote("unsafe_names", text))
    around = {"format": table.format.value, "member": chosen.label}
    inner = PurePosixPath(chosen.label).name
    return Table(target, inner, table.format, rest, [*table.containers, around], [*table.parts, *parts], notes)


def _chosen(table: Table, tables: "list[_Listed]") -> "tuple[_Listed, str]":
    if table.part:
        for each in tables:
            if table.part == each.label or table.part.startswith(each.label + "#"):
                return each, table.part[len(each.label) + 1 :]
        raise errors.part_missing(table.filename, table.part, [each.label for each in tables])
    if not tables:
        raise errors.unreadable(table.filename, "an archive without a table", formats.TABLES)
    return min(tables, key=lambda each: each.rank), ""


@dataclass
class _Listed:
    """A member of an archive."""

    index: int
    label: str
    table: bool
    rank: int
    note: str


class _Zip:
    """A zip archive."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path)
        self._entries = self._archive.infolist()
        self.encrypted = any(entry.flag_bits & 1 for entry in self._entries)
        self.unsafe = 0

    def listed(self, budget: Budget) -> Iterator[_Listed]:
        """The members that are files, each judged by its beginning."""
        _check_count(len(self._entries))
        for index, entry in enumerate(self._entries):
            label, safe = _label(entry.filename)
            mode = entry.external_attr >> 16
            self.unsafe += not safe
            if entry.is_dir() or _is_litter(label) or entry.flag_bits & 1 or (mode & 0o170000) == 0o120000:
                continue
            with self._archive.open(entry) as stream:
                head = stream.read(_HEAD)
            budget.take(len(head))
            yield _judged(index, label, head)

    @contextmanager
    def opened(self, index: int) -> Iterator[IO[bytes]]:
        """A member's bytes."""
        with self._archive, self._archive.open(self._entries[index]) as stream:
            yield stream


class _Tar:
    """A tar archive."""

    encrypted = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.unsafe = 0

    def listed(self, budget: Budget) -> Iterator[_Listed]:
        """The members that are files, each judged by its beginning; links and devices are passed over."""
        with tarfile.open(self._path, "r:") as archive:
            for index, entry in enumerate(archive):
                _check_count(index)
                label, safe = _label(entry.name)
                self.unsafe += not safe or entry.issym() or entry.islnk()
                if not entry.isreg() or _is_litter(label):
                    continue
                stream = archive.extractfile(entry)
                head = stream.read(_HEAD) if stream is not None else b""
                budget.take(len(head))
                yield _judged(index, label, head)

    @contextmanager
    def opened(self, index: int) -> Iterator[IO[bytes]]:
        """A member's bytes."""
        with tarfile.open(self._path, "r:") as archive:
            entry = next(entry for at, entry in enumerate(archive) if at == index)
            stream = archive.extractfile(entry)
            if stream is None:
                raise ValueError(entry.name)
            yield stream


def _check_count(count: int) -> None:
    if count > _MOST_MEMBERS:
        raise errors.too_large(_MOST_MEMBERS, "the archive has more members than can be looked at", "members")


def _label(name: str) -> tuple[str, bool]:
    """A member's name without what would lead out of a folder, and whether it was without it from the start."""
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".", "..") and not part.endswith(":")]
    label = "/".join(parts)[:500] or "member"
    safe = ".." not in plain.split("/") and not plain.startswith("/") and ":" not in plain.split("/")[0]
    return "".join(character if character.isprintable() else "\ufffd" for character in label), safe


def _is_litter(label: str) -> bool:
    """What systems leave in archives beside the files."""
    parts = label.split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1] in (".DS_Store", "Thumbs.db", "desktop.ini")


def _judged(index: int, label: str, head: bytes) -> _Listed:
    """Whether a member looks like a table by its name and its beginning."""
    ending = label.lower().rpartition(".")[2]
    rank = 0 if ending in _DATA else 1
    if ending in _DESCRIBES:
        return _Listed(index, label, False, rank, "a document")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        is_table = ending in _OFFICE or head.startswith(b"PK")
        return _Listed(index, label, is_table, rank, "")
    try:
        found = formats.of_head(head, label)
    except BadFile as error:
        return _Listed(index, label, False, rank, error.message)
    return _Listed(index, label, True, rank, found.value)


def _copy(stream: IO[bytes], target: Path, budget: Budget) -> None:
    with target.open("wb") as file:
        while chunk := stream.read(_CHUNK):
            budget.take(len(chunk))
            file.write(chunk)


def _without_ending(filename: str) -> str:
    stem, dot, ending = filename.rpartition(".")
    if ending.lower() == "tgz":
        return stem + ".tar"
    return stem if dot and ending.lower() in ("gz", "gzip", "bz2", "xz", "zst", "zstd") else filename
