"""Looks into a packed workbook before anything reads it: damage, bombs, macros, links."""

import re
import zipfile
import zlib
from pathlib import Path

from raia_ingest import errors
from raia_ingest.workers.source import FileNote, Limits

_RATIO_MATTERS_BYTES = 64 * 1024**2
_MOST_ENTRIES = 20_000
_CHUNK = 1024**2
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml$")
_ROW = re.compile(rb'<row[^>]{0,200}? r="(\d{1,7})"')
_FAR_COLUMN = re.compile(rb' r="([A-Z]{2,3})\d')
_ACTIVE_PARTS = (
    ("vbaProject.bin", "macros_ignored", "the workbook holds macros: they were neither read nor run"),
    ("macrosheets/", "macros_ignored", "the workbook holds macro sheets: they were neither read nor run"),
    ("externalLinks/", "external_links_ignored", "the workbook links to other files: the last stored values were read"),
    ("connections.xml", "external_links_ignored", "the workbook has data connections: they were not followed"),
    ("embeddings/", "embedded_files_ignored", "the workbook embeds other files: they were not read"),
)


def verify(path: Path, filename: str, limits: Limits) -> int:
    """Unpacks every part once, counting and keeping nothing; returns how many formulas its sheets hold.

    Raises ``BadFile`` when a part is damaged, ``TooLarge`` when the parts unpack to more than the limits allow.
    """
    packed = path.stat().st_size
    formulas = 0
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_ENTRIES:
                raise errors.corrupt(filename, f"it has {len(entries):,} parts")
            _check_sizes(sum(entry.file_size for entry in entries), packed, limits)
            unpacked = 0
            for entry in entries:
                extent = _Extent() if _SHEET.match(entry.filename) else None
                with archive.open(entry) as part:
                    while chunk := part.read(_CHUNK):
                        unpacked += len(chunk)
                        _check_sizes(unpacked, packed, limits)
                        if extent is not None:
                            extent.add(chunk)
                            formulas += chunk.count(b"</f>") + chunk.count(b"<f/>")
                if extent is not None and extent.cells > limits.max_sheet_cells:
                    raise errors.too_large(limits.max_sheet_cells, _too_wide(extent), "cells")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise errors.corrupt(filename, "a part of its archive is broken") from error
    return formulas


class _Extent:
    """The corner of a sheet that lies farthest out, from the references of its rows and cells.

    A reader makes room for every cell up to there, empty or not.
    """

    def __init__(self) -> None:
        self.rows = 1
        self.columns = 26
        self._rest = b""

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    def add(self, chunk: bytes) -> None:
        """Looks at the next piece of the sheet."""
        text = self._rest + chunk
        for number in _ROW.findall(text):
            self.rows = max(self.rows, int(number))
        # Columns up to Z are taken for granted: sheets that have no others are looked through quickly.
        for letters in set(_FAR_COLUMN.findall(text)):
            self.columns = max(self.columns, _column_number(letters))
        self._rest = text[-64:]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _too_wide(extent: _Extent) -> str:
    return (
        f"a sheet reaches to row {extent.rows:,} and column {extent.columns:,}, which is more cells than can be read; "
        "delete what lies far out, or save the table as CSV"
    )


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
