"""Looks through an Excel 97 workbook before the reader does: it makes room for whatever the file says that it holds."""

import struct
from collections.abc import Iterator
from pathlib import Path

from raia_ingest import errors
from raia_ingest.workers.source import Limits

_END = 0xFFFFFFFA
"""Sector numbers from here on mean something else than a sector."""
_DIMENSIONS, _SST, _BOF = 0x0200, 0x00FC, 0x0809
_CELLS = frozenset({0x0203, 0x0204, 0x00FD, 0x0205, 0x0006, 0x0206, 0x0406, 0x027E, 0x0201, 0x00BD, 0x00BE, 0x00D6})
_SEVERAL = frozenset({0x00BD, 0x00BE})
_SMALLEST_TEXT = 3
"""Bytes that a shared text takes at least."""


def verify(path: Path, filename: str, limits: Limits) -> None:
    """Raises ``BadFile`` when the container is damaged, ``TooLarge`` when a sheet spans more cells than are read."""
    try:
        stream = _workbook(path)
    except (struct.error, IndexError, ValueError) as error:
        raise errors.corrupt(filename, "its container is broken") from error
    rows = columns = 1
    for kind, data in _records(stream):
        if kind == _BOF:
            rows = columns = 1
        elif kind == _DIMENSIONS and len(data) >= 12:
            _, last_row, _, last_column = struct.unpack_from("<IIHH", data)
            rows, columns = max(rows, last_row), max(columns, last_column)
        elif kind in _CELLS and len(data) >= 4:
            row, column = struct.unpack_from("<HH", data)
            if kind in _SEVERAL:
                column = max(column, struct.unpack_from("<H", data, len(data) - 2)[0])
            rows, columns = max(rows, row + 1), max(columns, column + 1)
        elif kind == _SST and len(data) >= 8 and struct.unpack_from("<I", data, 4)[0] * _SMALLEST_TEXT > len(stream):
            raise errors.corrupt(filename, "it says that it holds more texts than it has room for")
        if rows * columns > limits.max_sheet_cells:
            what = f"a sheet reaches to row {rows:,} and column {columns:,}, which is more cells than can be read"
            raise errors.too_large(limits.max_sheet_cells, what, "cells")


def _records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def _workbook(path: Path) -> bytes:
    """The stream with the sheets; empty when there is none."""
    file = path.read_bytes()
    shift, small_shift = struct.unpack_from("<HH", file, 0x1E)
    if shift not in (9, 12) or small_shift != 6:
        raise ValueError("sector size")
    size = 1 << shift
    directory_start, cutoff, small_start = (struct.unpack_from("<I", file, at)[0] for at in (0x30, 0x38, 0x3C))
    table = _table(file, size)
    directory = _chain(file, table, directory_start, size, size)
    entries = [directory[at : at + 128] for at in range(0, len(directory) - 127, 128)]
    streams = {_name(entry): struct.unpack_from("<II", entry, 0x74) for entry in entries}
    start, length = next((streams[name] for name in ("workbook", "book") if name in streams), (_END, 0))
    root_start, _ = struct.unpack_from("<II", entries[0], 0x74)
    small = _chain(file, table, root_start, size, size)
    packed = _chain(file, table, small_start, size, size)
    if length >= cutoff:
        return _chain(file, table, start, size, size)[:length]
    small_table = list(struct.unpack(f"<{len(packed) // 4}I", packed[: len(packed) // 4 * 4]))
    return _chain(small, small_table, start, 64, 0)[:length]


def _name(entry: bytes) -> str:
    length = struct.unpack_from("<H", entry, 0x40)[0]
    return entry[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace").lower()


def _table(file: bytes, size: int) -> list[int]:
    """Which sector follows which."""
    places = list(struct.unpack_from("<109I", file, 0x4C))
    following, count = struct.unpack_from("<II", file, 0x44)
    for _ in range(min(count, len(file) // size)):
        if following >= _END:
            break
        block = struct.unpack_from(f"<{size // 4}I", file, (following + 1) * size)
        places += block[:-1]
        following = block[-1]
    table: list[int] = []
    for place in places:
        if place < _END:
            sector = file[(place + 1) * size : (place + 2) * size]
            table += struct.unpack(f"<{len(sector) // 4}I", sector[: len(sector) // 4 * 4])
    return table


def _chain(data: bytes, table: list[int], start: int, size: int, header: int) -> bytes:
    """The sectors of a stream, joined; raises ``ValueError`` when they run in circles."""
    pieces: list[bytes] = []
    sector = start
    while sector < len(table):
        if len(pieces) > len(table):
            raise ValueError("a stream without an end")
        pieces.append(data[header + sector * size : header + (sector + 1) * size])
        sector = table[sector]
    return b"".join(pieces)
