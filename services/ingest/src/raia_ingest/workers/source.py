"""What every reader of a file format gives to the writer of the canonical form."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from raia_ingest import errors
from raia_ingest.workers.columns import Column
from raia_ingest.workers.ledger import Ledger

_LONGEST_HEADERS = 2 * 1024**2
"""Bytes of all names, as kept and as they stood in the file: every answer about a dataset carries both."""


@dataclass(frozen=True)
class Limits:
    """How large a file may be in each respect before it is refused."""

    max_columns: int = 10_000
    max_unpacked_bytes: int = 4 * 1024**3
    """Bytes that a packed file (workbook, Parquet) may unpack to."""
    max_sheet_cells: int = 60_000_000
    """Cells, empty ones between others included, that one sheet may span."""
    max_packing_ratio: float = 200.0
    """Unpacked over packed bytes, looked at above 64 MiB unpacked."""


@dataclass(frozen=True)
class Field:
    """One column of a fixed-width layout."""

    name: str
    start: int
    """Its first character, from 1."""
    width: int


@dataclass(frozen=True)
class Wanted:
    """What the uploader says about how to read the file."""

    part: str = ""
    """The sheet, member, array or element to read; the first table when empty."""
    layout: tuple[Field, ...] = ()
    """The columns of a fixed-width file; none for any other."""
    skip: int = 0
    """Lines of a fixed-width file before its first record."""


@dataclass(frozen=True)
class Part:
    """One of several tables in a file, or what is beside them."""

    name: str
    kind: str
    """``sheet``, ``member``, ``array`` or ``element``."""
    table: bool
    """Whether it can be read as a table."""
    chosen: bool = False
    """Whether it is the one that was read."""
    note: str = ""
    """Why it is no table, or what it looks like."""

    def as_dict(self) -> dict[str, Any]:
        """The part as JSON values."""
        return {"name": self.name, "kind": self.kind, "table": self.table, "chosen": self.chosen, "note": self.note}


class PassAgain(Exception):
    """A pass cannot go on as it began; the next one will."""


@dataclass(frozen=True)
class Block:
    """Some consecutive records: one raw column a name, as the source's columns take them."""

    rows: int
    columns: dict[str, Any]


@dataclass
class FileNote:
    """Something the reader of a profile should know."""

    kind: str
    message: str
    column: str = ""

    def as_dict(self) -> dict[str, str]:
        """The note as JSON values."""
        return {"kind": self.kind, "column": self.column, "message": self.message}


@dataclass(frozen=True)
class Header:
    """A column's unique name and the header as it stood in the file."""

    name: str
    original: str


class Source(Protocol):
    """A file being read, in as many passes as its columns need."""

    ledger: Ledger
    """Of the pass at hand."""
    parts: list[Part]
    """The tables that the file holds, when it may hold several."""

    @property
    def file_type(self) -> str:
        """The format, as the contract names it."""

    @property
    def notes(self) -> list[FileNote]:
        """What the reader of a profile should know about the file as a whole."""

    def blocks(self) -> Iterator[Block]:
        """Another pass over the file from its start; the ledger starts anew. Raises ``RaiaError`` for bad files."""

    def new_column(self, name: str) -> Column:
        """A column that has seen nothing yet."""

    def headers(self) -> list[Header]:
        """The columns known so far, in order."""

    def reading(self) -> dict[str, Any]:
        """How the file was read, as JSON values: encoding, delimiter, header, sheet."""

    def progress(self) -> float:
        """How much of the file the pass has read, from 0 to 1."""


@dataclass
class Headers:
    """Gives columns unique, non-empty names."""

    notes: list[FileNote] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)
    _bytes: int = 0

    def name(self, original: str, position: int) -> Header:
        """The header of the column at ``position`` (from 0); a changed name becomes a note.

        Raises ``TooLarge`` when the names together would fill the answers that carry them.
        """
        clean = "".join(character for character in original.strip() if character.isprintable() or character == " ")
        wanted = clean[:255] or f"column_{position + 1}"
        name, repeat = wanted, 2
        while name in self._taken:
            name, repeat = f"{wanted}_{repeat}", repeat + 1
        self._taken.add(name)
        self._bytes += len(name.encode()) + len(original[:1000].encode())
        if self._bytes > _LONGEST_HEADERS:
            raise errors.too_large(_LONGEST_HEADERS, "the names of the columns together are too long")
        if not clean:
            self.notes.append(
                FileNote("renamed_header", "the header is empty: a name was made from its position", name)
            )
        elif name != wanted:
            self.notes.append(
                FileNote("renamed_header", f"the header {wanted!r} is repeated: a number was added", name)
            )
        return Header(name, original[:1000].replace("\0", ""))
