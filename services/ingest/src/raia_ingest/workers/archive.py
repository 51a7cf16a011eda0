"""Looks into a packed workbook before anything reads it: damage, bombs, macros, links."""

import zipfile
import zlib
from pathlib import Path

from raia_ingest import errors
from raia_ingest.workers.source import FileNote, Limits

_RATIO_MATTERS_BYTES = 64 * 1024**2
_MOST_ENTRIES = 20_000
_CHUNK = 1024**2
_ACTIVE_PARTS = (
    ("vbaProject.bin", "macros_ignored", "the workbook holds macros: they were neither read nor run"),
    ("macrosheets/", "macros_ignored", "the workbook holds macro sheets: they were neither read nor run"),
    ("externalLinks/", "external_links_ignored", "the workbook links to other files: the last stored values were read"),
    ("connections.xml", "external_links_ignored", "the workbook has data connections: they were not followed"),
    ("embeddings/", "embedded_files_ignored", "the workbook embeds other files: they were not read"),
)


def verify(path: Path, filename: str, limits: Limits) -> None:
    """Unpacks every part once, counting and keeping nothing.

    Raises ``BadFile`` when a part is damaged, ``TooLarge`` when the parts unpack to more than the limits allow.
    """
    packed = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_ENTRIES:
                raise errors.corrupt(filename, f"it has {len(entries):,} parts")
            _check_sizes(sum(entry.file_size for entry in entries), packed, limits)
            unpacked = 0
            for entry in entries:
                with archive.open(entry) as part:
                    while chunk := part.read(_CHUNK):
                        unpacked += len(chunk)
                        _check_sizes(unpacked, packed, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise errors.corrupt(filename, "a part of its archive is broken") from error


def _check_sizes(unpacked: int, packed: int, limits: Limits) -> None:
    if unpacked > limits.max_unpacked_bytes:
        raise errors.too_large(limits.max_unpacked_bytes, "the workbook unpacks to more bytes than allowed")
    if unpacked > _RATIO_MATTERS_BYTES and unpacked > packed * limits.max_packing_ratio:
        raise errors.too_large(
            int(packed * limits.max_packing_ratio), "the workbook unpacks to suspiciously many bytes for its size"
        )


def active_parts(path: Path) -> list[FileNote]:
    """Notes on macros, links and embedded files of a workbook in a zip archive."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    notes = {kind: text for part, kind, text in _ACTIVE_PARTS if any(part in name for name in names)}
    return [FileNote(kind, text) for kind, text in notes.items()]
