"""The compute functions that read an uploaded file: a first look, and the whole into Parquet."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raia_ingest import errors
from raia_ingest.workers.avro import AvroSource
from raia_ingest.workers.canonical import CanonicalWriter, Written
from raia_ingest.workers.delimited import DelimitedSource
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.fixed_width import FixedWidthSource
from raia_ingest.workers.formats import PACKED, Format, identify
from raia_ingest.workers.json_document import JsonDocumentSource
from raia_ingest.workers.json_lines import JsonLinesSource
from raia_ingest.workers.kinds import Kind
from raia_ingest.workers.packed import unpacked
from raia_ingest.workers.parquet import ArrowSource, OrcSource, ParquetSource
from raia_ingest.workers.source import Field, FileNote, Limits, Part, PassAgain, Source, Wanted
from raia_ingest.workers.workbook import WorkbookSource
from raia_ingest.workers.xml_table import XmlSource

_SOURCES: dict[Format, Callable[[Path, str, Limits, Wanted], Source]] = {
    Format.DELIMITED: DelimitedSource,
    Format.JSON_LINES: JsonLinesSource,
    Format.JSON_DOCUMENT: JsonDocumentSource,
    Format.PARQUET: ParquetSource,
    Format.ORC: OrcSource,
    Format.ARROW: ArrowSource,
    Format.AVRO: AvroSource,
    Format.XML: XmlSource,
    Format.WORKBOOK: WorkbookSource,
    Format.FIXED_WIDTH: FixedWidthSource,
}
_ENDINGS = {
    "csv": {"csv", "txt", "dat", "tsv"},
    "tsv": {"tsv", "tab", "txt", "csv"},
    "excel": {"xlsx", "xlsm", "xlsb", "xls", "ods"},
    "jsonl": {"jsonl", "ndjson", "json"},
    "json": {"json", "geojson"},
    "parquet": {"parquet", "pq"},
    "avro": {"avro"},
    "orc": {"orc"},
    "arrow": {"arrow", "feather", "ipc", "arrows"},
    "xml": {"xml"},
    "fixed_width": {"txt", "dat", "fwf", "csv", "prn", "asc"},
}
LEDGER_ENDING = ".ledger"
"""The ledger's entries lie beside the rows, in a file of the same name with this behind it."""


@dataclass
class _Opened:
    """A file's table, out of whatever archives it lay in."""

    source: Source
    filename: str
    containers: list[dict[str, str]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    notes: list[FileNote] = field(default_factory=list)


def inspect_file(
    path: str, filename: str, limits: dict[str, Any], wanted: Mapping[str, Any] | None = None, scratch: str = ""
) -> dict[str, Any]:
    """A first look that refuses what cannot be read: format, damage, bombs, encryption, width.

    Archives are unpacked below ``scratch``. Returns ``file_type``. Raises ``BadFile`` or ``TooLarge``.
    """
    with explained(), tempfile.TemporaryDirectory(dir=scratch or None) as folder:
        source = _open(Path(path), filename, Limits(**limits), _wanted(wanted), Path(folder)).source
        while not _begins(source):
            pass
    return {"file_type": source.file_type}


def read_file(
    path: str,
    target: str,
    filename: str,
    limits: dict[str, Any],
    progress: Callable[[float, str], None],
    *,
    wanted: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Reads the whole file into canonical Parquet at ``target`` and tells what it holds.

    ``wanted`` says which ``part`` to read and by which ``layout`` (name, start, width) and ``skip``. Returns
    ``file_type``, ``row_count``, ``columns`` (name, type, original_name), ``reading``, ``ledger``, ``notes`` and
    ``parts``; the ledger's entries, if there are any, lie at ``target`` + ".ledger". Raises ``BadFile``, ``TooLarge``.
    """
    with explained():
        opened = _open(Path(path), filename, Limits(**limits), _wanted(wanted), Path(target).parent / "unpacked")
        source = opened.source
        source.ledger.keep_in(Path(target + LEDGER_ENDING))
        written = CanonicalWriter(source, Path(target), progress).write()
        source.ledger.close()
    ledger = source.ledger
    if ledger.kept == 0 and ledger.rejected:
        first = ledger.rejections[0]
        reason = f"none of its {ledger.rejected:,} records is whole; record {first['record']} {first['reason']}"
        raise errors.corrupt(filename, reason)
    if not written.kinds:
        raise errors.empty(filename)
    notes = [*opened.notes, *_notes(source, written, opened.filename)]
    inside = "".join(f"{part.name}#" for part in opened.parts if part.chosen)
    reading = source.reading() | ({"archives": opened.containers} if opened.containers else {})
    return {
        "file_type": source.file_type,
        "row_count": written.rows,
        "columns": _columns(source, written),
        "reading": reading,
        "ledger": ledger.as_dict(),
        "notes": [note.as_dict() for note in notes],
        "parts": [
            *(part.as_dict() for part in opened.parts),
            *(part.as_dict() | {"name": inside + part.name} for part in source.parts),
        ],
    }


def _wanted(given: Mapping[str, Any] | None) -> Wanted:
    given = given or {}
    layout = tuple(Field(each["name"], int(each["start"]), int(each["width"])) for each in given.get("layout", ()))
    return Wanted(str(given.get("part", "")), layout, int(given.get("skip", 0)))


def _begins(source: Source) -> bool:
    """Reads the first block; False when the source asks for another pass, which it will begin in another way."""
    try:
        next(source.blocks(), None)
    except PassAgain:
        return False
    return True


def _open(path: Path, filename: str, limits: Limits, wanted: Wanted, folder: Path) -> _Opened:
    found = identify(path, filename)
    opened = _Opened(source=None, filename=filename)  # type: ignore[arg-type]
    if found in PACKED:
        table = unpacked(path, filename, found, part=wanted.part, folder=folder, limits=limits)
        path, found = table.path, table.format
        opened = _Opened(None, table.filename, table.containers, table.parts, table.notes)  # type: ignore[arg-type]
        wanted = Wanted(table.part, wanted.layout, wanted.skip)
    if wanted.layout and found is Format.DELIMITED:
        found = Format.FIXED_WIDTH
    elif wanted.layout:
        raise errors.bad_layout(f"the file is {found.value} and not of fixed width")
    opened.source = _SOURCES[found](path, opened.filename, limits, wanted)
    return opened


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
    ledger = source.ledger
    if ledger.rejected:
        text = f"{ledger.rejected:,} of {ledger.rejected + ledger.kept:,} records are not stored"
        notes.append(FileNote("ragged_rows", f"{text}: the ledger says which and why"))
    if ledger.repaired:
        text = f"{ledger.repaired:,} of {ledger.rejected + ledger.kept:,} records were repaired"
        notes.append(FileNote("repaired_records", f"{text}: the ledger says which and how"))
    missing = [name for name, kind in written.kinds.items() if kind is Kind.NULL and written.rows]
    notes += [FileNote("all_missing", "the column holds no value", name) for name in missing]
    return notes
