"""The compute functions that read an uploaded file: a first look, and the whole into Parquet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from raia_ingest import errors
from raia_ingest.workers.canonical import CanonicalWriter, Written
from raia_ingest.workers.delimited import DelimitedSource
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.formats import Format, identify
from raia_ingest.workers.json_lines import JsonLinesSource
from raia_ingest.workers.kinds import Kind
from raia_ingest.workers.parquet import ParquetSource
from raia_ingest.workers.source import FileNote, Limits, PassAgain, Source
from raia_ingest.workers.workbook import WorkbookSource

_SOURCES: dict[Format, Callable[[Path, str, Limits], Source]] = {
    Format.DELIMITED: DelimitedSource,
    Format.JSON_LINES: JsonLinesSource,
    Format.PARQUET: ParquetSource,
    Format.WORKBOOK: WorkbookSource,
}
_ENDINGS = {
    "csv": {"csv", "txt", "dat", "tsv"},
    "tsv": {"tsv", "tab", "txt", "csv"},
    "excel": {"xlsx", "xlsm", "xlsb", "xls", "ods"},
    "jsonl": {"jsonl", "ndjson", "json"},
    "parquet": {"parquet", "pq"},
}


def inspect_file(path: str, filename: str, limits: dict[str, Any]) -> dict[str, Any]:
    """A first look that refuses what cannot be read: format, damage, bombs, encryption, width.

    Returns ``file_type``. Raises ``BadFile`` or ``TooLarge``.
    """
    with explained():
        source = _open(Path(path), filename, Limits(**limits))
        while not _begins(source):
            pass
    return {"file_type": source.file_type}


def read_file(
    path: str, target: str, filename: str, limits: dict[str, Any], progress: Callable[[float, str], None]
) -> dict[str, Any]:
    """Reads the whole file into canonical Parquet at ``target`` and tells what it holds.

    Returns ``file_type``, ``row_count``, ``columns`` (name, type, original_name), ``reading``, ``ledger``, ``notes``.
    Raises ``BadFile`` or ``TooLarge``.
    """
    with explained():
        source = _open(Path(path), filename, Limits(**limits))
        written = CanonicalWriter(source, Path(target), progress).write()
    ledger = source.ledger
    if ledger.stored == 0 and ledger.rejected:
        first = ledger.rejections[0]
        reason = f"none of its {ledger.rejected:,} records is whole; record {first['record']} {first['reason']}"
        raise errors.corrupt(filename, reason)
    if not written.kinds:
        raise errors.empty(filename)
    notes = _notes(source, written, filename)
    return {
        "file_type": source.file_type,
        "row_count": written.rows,
        "columns": _columns(source, written),
        "reading": source.reading(),
        "ledger": ledger.as_dict(),
        "notes": [note.as_dict() for note in notes],
    }


def _begins(source: Source) -> bool:
    """Reads the first block; False when the source asks for another pass, which it will begin in another way."""
    try:
        next(source.blocks(), None)
    except PassAgain:
        return False
    return True


def _open(path: Path, filename: str, limits: Limits) -> Source:
    return _SOURCES[identify(path, filename)](path, filename, limits)


def _columns(source: Source, written: Written) -> list[dict[str, Any]]:
    columns = []
    for header in source.headers():
        kind = written.kinds[header.name]
        column = {"name": header.name, "type": kind.public, "original_name": header.original}
        if kind is Kind.DATETIME_UTC:
            column["timezone"] = "UTC"
        columns.append(column)
    return columns


def _notes(source: Source, written: Written, filename: str) -> list[FileNote]:
    notes = [*source.notes, *written.notes]
    ending = filename.lower().rpartition(".")[2] if "." in filename else ""
    known = set().union(*_ENDINGS.values())
    if ending in known and ending not in _ENDINGS[source.file_type]:
        text = f"the name ends in .{ending} but the file is {source.file_type}"
        notes.insert(0, FileNote("unexpected_ending", text))
    if source.ledger.rejected:
        text = f"{source.ledger.rejected:,} of {source.ledger.rejected + source.ledger.stored:,} records are not stored"
        notes.append(FileNote("ragged_rows", f"{text}: the ledger says which and why"))
    missing = [name for name, kind in written.kinds.items() if kind is Kind.NULL and written.rows]
    notes += [FileNote("all_missing", "the column holds no value", name) for name in missing]
    return notes
