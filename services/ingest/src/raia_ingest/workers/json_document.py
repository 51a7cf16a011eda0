"""Reads JSON documents: an array of objects, or an object with a table somewhere inside; streaming."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from raia_ingest import errors
from raia_ingest.workers import encoding as encodings
from raia_ingest.workers.columns import ValueColumn
from raia_ingest.workers.encoding import Utf8Stream
from raia_ingest.workers.json_scanner import Broken, Scanner, seek
from raia_ingest.workers.kinds import TEMPORAL_NOTATIONS
from raia_ingest.workers.ledger import Ledger
from raia_ingest.workers.source import Block, FileNote, Header, Headers, Limits, Part, Wanted

_DEEPEST_TABLE = 6
_DEEPEST_VALUE = 200
_BLOCK_RECORDS = 20_000
_BLOCK_CHARACTERS = 8 * 1024**2
_MOST_TABLES = 1_000
_JUDGED_ELEMENTS = 10_000
"""Elements of a document that is one array by which it is judged."""

Path_ = tuple[str, ...]
"""Keys from the document's root to an array."""


@dataclass
class _Found:
    """One array of the document."""

    elements: int = 0
    objects: int = 0
    rows: int = 0
    """Elements that are arrays themselves."""


@dataclass
class _Survey:
    """What a first look at the whole document found."""

    arrays: dict[Path_, _Found] = field(default_factory=dict)
    scalars: dict[Path_, Any] = field(default_factory=dict)
    root: str = ""
    """The character that the document begins with."""


class JsonDocumentSource:
    """One table of a JSON document."""

    file_type = "json"

    def __init__(self, path: Path, filename: str, limits: Limits, wanted: Wanted) -> None:
        self._path, self._filename, self._limits = path, filename, limits
        self._size = max(1, path.stat().st_size)
        self._encoding = encodings.detect(path)
        self._stream: Utf8Stream | None = None
        self._naming = Headers()
        self._by_key: dict[str, Header] = {}
        self.ledger = Ledger()
        self._scanner = self._scan()
        self._survey = self._look()
        self._where, self._shape = self._choose(wanted.part)
        self._names: list[str] | None = None
        self.parts = self._parts()

    def _scan(self) -> Scanner:
        self._stream = Utf8Stream(self._path, self._encoding)
        return Scanner(TextIOWrapper(self._stream, "utf-8", newline=""))  # type: ignore[arg-type]

    def _look(self) -> _Survey:
        survey, scanner = _Survey(), self._scan()
        survey.root = scanner.peek()
        try:
            self._walk(scanner, (), survey)
            whole = () in survey.arrays and survey.arrays[()].elements >= _JUDGED_ELEMENTS
            if not whole and scanner.peek():
                raise Broken
        except (Broken, RecursionError, ValueError) as error:
            raise self._damage() from error
        return survey

    def _damage(self) -> errors.BadFile:
        return errors.corrupt(self._filename, "it is not valid JSON, or ends in the middle")

    def _walk(self, scanner: Scanner, where: Path_, survey: _Survey) -> None:
        first = scanner.peek()
        if first == "[":
            if len(survey.arrays) >= _MOST_TABLES:
                raise Broken
            found = survey.arrays.setdefault(where, _Found())
            for element in scanner.elements():
                found.elements += 1
                found.objects += isinstance(element, dict)
                found.rows += isinstance(element, list)
                if not where and found.elements >= _JUDGED_ELEMENTS:
                    return  # nothing lies beside it; what is wrong further down, reading finds
        elif first == "{" and len(where) < _DEEPEST_TABLE:
            for key in scanner.members():
                self._walk(scanner, (*where, key), survey)
        else:
            value = scanner.value()
            if len(survey.scalars) < _MOST_TABLES:
                survey.scalars[where] = value

    def _choose(self, part: str) -> tuple[Path_, str]:  # noqa: PLR0911 - one shape after the other
        """Where the rows are, and what they look like: objects, rows, columns, values or one object."""
        arrays = self._survey.arrays
        if part:
            where = next((path for path in arrays if _name(path) == part), None)
            if where is None:
                raise errors.part_missing(self._filename, part, [_name(path) for path in arrays])
            return where, self._shape_of(where)
        named = [path for path, found in arrays.items() if found.rows and self._names_beside(path) is not None]
        if named:
            return max(named, key=lambda path: arrays[path].rows), "rows"
        tables = [path for path, found in arrays.items() if found.objects]
        if tables:
            return max(tables, key=lambda path: (arrays[path].objects, -len(path))), "objects"
        rows = [path for path, found in arrays.items() if found.rows]
        if rows:
            return max(rows, key=lambda path: arrays[path].rows), "rows"
        columns = [path for path, found in arrays.items() if path and found.elements]
        alone = not self._survey.scalars and len({path[:-1] for path in columns}) == 1
        if len(columns) > 1 and alone and len({arrays[path].elements for path in columns}) == 1:
            return columns[0][:-1], "columns"
        if () in arrays and arrays[()].elements:
            return (), "values"
        if self._survey.root == "{" and self._survey.scalars:
            return (), "object"
        if self._survey.root in "[{" and not self._survey.scalars and not columns:
            raise errors.empty(self._filename)
        raise errors.unreadable(self._filename, "a JSON document without a table", "write an array of objects")

    def _shape_of(self, where: Path_) -> str:
        found = self._survey.arrays[where]
        return "objects" if found.objects else "rows" if found.rows else "values"

    def _parts(self) -> list[Part]:
        arrays = {path: found for path, found in self._survey.arrays.items() if found.objects or found.rows}
        if len(arrays) < 2:
            return []
        return [
            Part(_name(path), "array", True, path == self._where, f"{found.elements:,} elements")
            for path, found in arrays.items()
        ]

    @property
    def notes(self) -> list[FileNote]:
        """Renamed keys, the encoding, and what of the document is not in the table."""
        notes = list(self._naming.notes)
        if self._encoding.name != "utf-8":
            text = f"the file is encoded in {self._encoding.name} and was converted to UTF-8"
            notes.insert(0, FileNote("encoding", text))
        if self._survey.scalars and self._shape != "object":
            names = ", ".join(repr(_name(path)) for path in list(self._survey.scalars)[:20])
            notes.append(FileNote("values_beside_table", f"not part of the table: {names}"))
        return notes

    def headers(self) -> list[Header]:
        """The keys met so far, in the order of their first appearance."""
        return list(self._by_key.values())

    def new_column(self, name: str) -> ValueColumn:  # noqa: ARG002 - all keys are alike
        """A column of JSON values; texts that are ISO dates and times become such."""
        return ValueColumn(text_notations=TEMPORAL_NOTATIONS)

    def progress(self) -> float:
        """Bytes read over bytes of the file."""
        return min(1.0, self._stream.consumed / self._size) if self._stream else 0.0

    def reading(self) -> dict[str, Any]:
        """The encoding, and where in the document the table is."""
        return {"encoding": self._encoding.name, "path": _name(self._where), "shape": self._shape}

    def blocks(self) -> Iterator[Block]:
        """Another pass; elements that are not like the table's others are rejected in the ledger."""
        self.ledger.restart()
        self._names = None
        records: list[dict[str, Any]] = []
        size = number = 0
        for element in self._elements():
            if self._shape == "rows" and self._names is None and self._are_names(element):
                continue
            number += 1
            record = self._record(number, element)
            if record is not None:
                records.append(record)
                size += len(self._scanner.text)
            if len(records) >= _BLOCK_RECORDS or size >= _BLOCK_CHARACTERS:
                yield self._block(records)
                records, size = [], 0
        if records:
            yield self._block(records)

    def _are_names(self, element: Any) -> bool:
        """Takes the first row as names when it is one, or those beside the table when there are."""
        self._names = []
        beside = self._names_beside(self._where)
        if beside is not None:
            self._names = [str(_label(each)) for each in self._array(beside)]
            return False
        texts = isinstance(element, list) and all(isinstance(each, str) and each for each in element)
        if texts and len(set(element)) == len(element) and self._survey.arrays[self._where].elements > 1:
            self._names = list(element)
            return True
        return False

    def _names_beside(self, where: Path_) -> Path_ | None:
        """The array beside one of rows that names their values."""
        beside = (path for path in self._survey.arrays if path and path != where and path[:-1] == where[:-1])
        return next((path for path in beside if path[-1].lower() in ("columns", "fields", "header")), None)

    def _elements(self) -> Iterator[Any]:
        if self._shape == "object":
            yield {_name(path): value for path, value in self._survey.scalars.items()} | {
                _name(path): list(self._array(path)) for path in self._survey.arrays
            }
        elif self._shape == "columns":
            paths = [path for path in self._survey.arrays if path[:-1] == self._where]
            walks = [self._array(path) for path in paths]
            for values in zip(*walks, strict=True):
                yield {path[-1]: value for path, value in zip(paths, values, strict=True)}
        else:
            yield from self._array(self._where)

    def _array(self, where: Path_) -> Iterator[Any]:
        scanner = self._scan()
        self._scanner = scanner
        try:
            yield from seek(scanner, where)
            if not where and scanner.peek():
                raise Broken
        except (Broken, RecursionError, ValueError) as error:
            raise self._damage() from error

    def _record(self, number: int, element: Any) -> dict[str, Any] | None:  # noqa: PLR0911 - one fault after the other
        if self._shape == "values":
            return {"value": element}
        if self._shape == "rows":
            if not isinstance(element, list):
                self.ledger.reject(number, "not_row", "is not an array as the others are", _told(element))
                return None
            names = self._names or []
            if names and len(element) != len(names):
                text = f"has {len(element):,} values instead of {len(names):,}"
                self.ledger.reject(number, "ragged", text, _told(element))
                return None
            return {names[at] if names else f"column_{at + 1}": value for at, value in enumerate(element)}
        if not isinstance(element, dict):
            self.ledger.reject(number, "not_object", "is not a JSON object", _told(element))
            return None
        text = self._scanner.text
        if "\\u" in text and _holds_half_a_character(element):
            self.ledger.reject(number, "not_text", "holds half a character", _told(element))
            return None
        if text.count("{") + text.count("[") > _DEEPEST_VALUE and _is_deeper(element, _DEEPEST_VALUE):
            self.ledger.reject(number, "too_deep", f"is nested more than {_DEEPEST_VALUE} levels deep")
            return None
        return element

    def _block(self, records: list[dict[str, Any]]) -> Block:
        keys = dict.fromkeys(key for record in records for key in record)
        for key in keys:
            if key not in self._by_key:
                self._by_key[key] = self._naming.name(key, len(self._by_key))
        if len(self._by_key) > self._limits.max_columns:
            raise errors.too_many_columns(len(self._by_key), self._limits.max_columns)
        self.ledger.take(len(records))
        columns = {self._by_key[key].name: [record.get(key) for record in records] for key in keys}
        return Block(len(records), columns)


def _holds_half_a_character(element: Any) -> bool:
    try:
        json.dumps(element, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return True
    return False


def _name(where: Path_) -> str:
    return ".".join(where) or "$"


def _label(value: Any) -> Any:
    return value.get("name", value) if isinstance(value, dict) else value


def _told(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)[:10_000]
    except (ValueError, RecursionError):
        return ""


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
