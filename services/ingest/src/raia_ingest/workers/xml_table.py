"""Reads XML documents whose repeated elements are the rows of a table; streaming, entities refused."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from lxml import etree

from raia_ingest import errors
from raia_ingest.workers.columns import TextColumn, as_text
from raia_ingest.workers.ledger import Ledger
from raia_ingest.workers.source import Block, FileNote, Header, Headers, Limits, Part, Wanted

_BLOCK_RECORDS = 5_000
_DEEPEST = 50
_MOST_PATHS = 10_000
_CHUNK = 256 * 1024
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

Where = tuple[str, ...]
"""Names of the elements from the root to a row."""


@dataclass
class _Place:
    """A place in the document where elements of one name stand."""

    where: Where
    count: int = 0
    attributes: bool = False
    parts: dict[Any, "_Place"] = field(default_factory=dict)

    def within(self) -> Iterator["_Place"]:
        """All places below it."""
        for part in self.parts.values():
            yield part
            yield from part.within()


class XmlSource:
    """The rows of an XML document: one kind of repeated element."""

    file_type = "xml"

    def __init__(self, path: Path, filename: str, limits: Limits, wanted: Wanted) -> None:
        self._path, self._filename, self._limits = path, filename, limits
        self._size = max(1, path.stat().st_size)
        self._read = 0
        self._counts: Counter[Where] = Counter()
        self._wide: set[Where] = set()
        self._survey()
        self._where = self._choose(wanted.part)
        self._naming = Headers()
        self._by_key: dict[str, Header] = {}
        self.parts = self._parts()
        self.ledger = Ledger()

    @property
    def notes(self) -> list[FileNote]:
        """Renamed elements."""
        return list(self._naming.notes)

    def headers(self) -> list[Header]:
        """The elements and attributes met so far, in the order of their first appearance."""
        return list(self._by_key.values())

    def new_column(self, name: str) -> TextColumn:  # noqa: ARG002 - all columns of text are alike
        """A column of text."""
        return TextColumn()

    def progress(self) -> float:
        """Bytes read over bytes of the file."""
        return min(1.0, self._read / self._size)

    def reading(self) -> dict[str, Any]:
        """Which element is a row."""
        return {"path": _name(self._where)}

    def _events(self) -> Iterator[tuple[str, Any]]:
        """Starts and ends of elements; raises ``BadFile`` for damage and for declared entities."""
        parser = etree.XMLPullParser(
            events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        self._read = 0
        checked = False
        try:
            with self._path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    self._read += len(chunk)
                    parser.feed(chunk)
                    for event, element in parser.read_events():
                        if not checked:
                            checked = True
                            self._refuse_entities(element)
                        yield event, element
            parser.close()
            yield from parser.read_events()
        except etree.XMLSyntaxError as error:
            raise errors.corrupt(self._filename, "it is not well-formed XML, or ends in the middle") from error

    def _refuse_entities(self, element: Any) -> None:
        declared = element.getroottree().docinfo.internalDTD
        if declared is not None and any(True for _ in declared.iterentities()):
            raise errors.unreadable(
                self._filename, "an XML document that declares entities of its own", "write it without them"
            )

    def _survey(self) -> None:
        """Counts the elements by their place, and which of them have parts."""
        root = _Place(())
        here, places = [root], 0
        for event, element in self._events():
            if event == "end":
                here.pop()
                _forget(element)
                continue
            parent = here[-1]
            place = parent.parts.get(element.tag)
            if place is None:
                places += 1
                if places > _MOST_PATHS:
                    raise errors.too_many_columns(places, _MOST_PATHS)
                place = parent.parts[element.tag] = _Place((*parent.where, _local(element.tag)))
            place.count += 1
            place.attributes = place.attributes or bool(element.attrib)
            here.append(place)
            if len(here) > _DEEPEST:
                raise errors.corrupt(self._filename, f"it is nested more than {_DEEPEST} levels deep")
        for place in root.within():
            self._counts[place.where] += place.count
            if place.parts or place.attributes:
                self._wide.add(place.where)

    def _choose(self, part: str) -> Where:
        tables = self._tables()
        if part:
            found = next((path for path in tables if _name(path) == part), None)
            if found is None:
                raise errors.part_missing(self._filename, part, [_name(path) for path in tables])
            return found
        if not tables:
            raise errors.unreadable(self._filename, "an XML document without a table", "repeat an element for each row")
        shallowest = min(len(path) for path in tables)
        return max((path for path in tables if len(path) == shallowest), key=lambda path: self._counts[path])

    def _tables(self) -> list[Where]:
        """Places of elements that are repeated and have parts; without such, the innermost that has."""
        wide = [path for path in self._counts if path in self._wide]
        repeated = [path for path in wide if len(path) > 1 and self._counts[path] > 1]
        return repeated or sorted((path for path in wide if len(path) > 1), key=len)[-1:] or wide[-1:]

    def _parts(self) -> list[Part]:
        tables = self._tables()
        if len(tables) < 2:
            return []
        return [
            Part(_name(path), "element", True, path == self._where, f"{self._counts[path]:,} elements")
            for path in tables
        ]

    def blocks(self) -> Iterator[Block]:
        """Another pass over the document."""
        self.ledger.restart()
        rows: list[dict[str, str | None]] = []
        where: list[str] = []
        row_depth, depth = len(self._where), 0
        for event, element in self._events():
            if event == "start":
                depth += 1
                if depth <= row_depth:
                    where.append(_local(element.tag))
                continue
            depth -= 1
            if depth >= row_depth and tuple(where) == self._where:
                continue
            if depth == row_depth - 1 and tuple(where) == self._where:
                rows.append(_row(element))
            if depth < row_depth:
                where.pop()
            _forget(element)
            if len(rows) >= _BLOCK_RECORDS:
                yield self._block(rows)
                rows = []
        if rows:
            yield self._block(rows)

    def _block(self, rows: list[dict[str, str | None]]) -> Block:
        keys = dict.fromkeys(key for row in rows for key in row)
        for key in keys:
            if key not in self._by_key:
                self._by_key[key] = self._naming.name(key, len(self._by_key))
        if len(self._by_key) > self._limits.max_columns:
            raise errors.too_many_columns(len(self._by_key), self._limits.max_columns)
        self.ledger.take(len(rows))
        columns = {self._by_key[key].name: pa.array([row.get(key) for row in rows], pa.string()) for key in keys}
        return Block(len(rows), columns)


def _row(element: Any) -> dict[str, str | None]:
    """Attributes and parts of a row: texts by name, deeper ones by dotted names, repeated ones as a JSON list."""
    row: dict[str, str | None] = {}
    _collect(element, "", row)
    text = _text(element)
    if text and not len(element):
        row["value" if row else _local(element.tag)] = text
    return row


def _collect(element: Any, prefix: str, row: dict[str, str | None]) -> None:
    for name, value in element.attrib.items():
        if name != _NIL:
            row[prefix + _local(name)] = value or None
    children: dict[str, list[Any]] = {}
    for child in element:
        if isinstance(child.tag, str):
            children.setdefault(_named(child), []).append(child)
    for name, same in children.items():
        key = prefix + name
        if key in row:
            key = prefix + "_" + name
        if len(same) > 1:
            row[key] = as_text([_nested(child) for child in same])
        elif len(same[0]):
            _collect(same[0], key + ".", row)
        else:
            row[key] = None if same[0].get(_NIL) == "true" else _text(same[0]) or None
            for attribute, value in same[0].attrib.items():
                if attribute != _NIL and not _names_field(same[0]):
                    row[f"{key}.{_local(attribute)}"] = value or None


def _names_field(element: Any) -> bool:
    """``<field name="age">42</field>`` is a field called age."""
    return _local(element.tag).lower() in ("field", "column", "col", "property") and "name" in element.attrib


def _named(element: Any) -> str:
    return str(element.get("name")) if _names_field(element) else _local(element.tag)


def _nested(element: Any) -> Any:
    """An element as JSON values."""
    values: dict[str, Any] = {_local(name): value for name, value in element.attrib.items() if name != _NIL}
    for child in element:
        if not isinstance(child.tag, str):
            continue
        name, value = _named(child), _nested(child)
        if name in values:
            known = values[name]
            values[name] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            values[name] = value
    text = _text(element)
    if not values:
        return text or None
    return values | ({"value": text} if text else {})


def _text(element: Any) -> str:
    return "".join(element.itertext()).strip() if not len(element) else (element.text or "").strip()


@lru_cache(maxsize=10_000)
def _local(name: Any) -> str:
    return str(name).rpartition("}")[2]


def _name(where: Where) -> str:
    return "/".join(where)


def _forget(element: Any) -> None:
    """Frees what has been read."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
