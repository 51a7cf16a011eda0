"""Reads JSON lines: one object a line; nested values are kept as JSON text."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from raia_ingest import errors
from raia_ingest.workers import encoding as encodings
from raia_ingest.workers.columns import ValueColumn
from raia_ingest.workers.encoding import Utf8Stream
from raia_ingest.workers.kinds import TEMPORAL_NOTATIONS
from raia_ingest.workers.ledger import Entry, Ledger
from raia_ingest.workers.source import Block, FileNote, Header, Headers, Limits, Part, Wanted

_BLOCK_RECORDS = 20_000
_BLOCK_BYTES = 8 * 1024**2
_LONGEST_LINE = 64 * 1024**2
_DEEPEST = 200
"""Levels of nesting that a record may have: the writer of nested values takes 254."""
_LONG_NUMBER = re.compile(rb"[0-9]{19}")


class JsonLinesSource:
    """A file of JSON objects, a line each."""

    file_type = "jsonl"

    def __init__(self, path: Path, filename: str, limits: Limits, wanted: Wanted) -> None:  # noqa: ARG002
        self._path = path
        self._filename = filename
        self._limits = limits
        self._size = max(1, path.stat().st_size)
        self._encoding = encodings.detect(path)
        self._naming = Headers()
        self._by_key: dict[str, Header] = {}
        self._stream: Utf8Stream | None = None
        self.ledger = Ledger()
        self.parts: list[Part] = []

    @property
    def notes(self) -> list[FileNote]:
        """Renamed keys and, when it is not UTF-8, the encoding."""
        notes = list(self._naming.notes)
        if self._encoding.name != "utf-8":
            text = f"the file is encoded in {self._encoding.name} and was converted to UTF-8"
            notes.insert(0, FileNote("encoding", text))
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
        """The encoding."""
        return {"encoding": self._encoding.name}

    def blocks(self) -> Iterator[Block]:
        """Another pass; lines that are no JSON object are rejected in the ledger."""
        self.ledger.restart()
        self._stream = Utf8Stream(self._path, self._encoding)
        repairs: dict[int, list[Entry]] = {}
        with io.BufferedReader(self._stream, 1024**2) as lines:
            records: list[dict[str, Any]] = []
            size = number = 0
            while line := lines.readline(_LONGEST_LINE):
                if len(line) >= _LONGEST_LINE:
                    raise errors.corrupt(self._filename, f"a line is longer than {_LONGEST_LINE // 1024**2} MiB")
                if not line.strip():
                    continue
                number += 1
                record = self._parse(line, number, repairs)
                if record is not None:
                    records.append(record)
                    size += len(line)
                if len(records) >= _BLOCK_RECORDS or size >= _BLOCK_BYTES:
                    yield self._block(records, repairs)
                    records, size, repairs = [], 0, {}
            if records:
                yield self._block(records, repairs)

    def _parse(self, line: bytes, number: int, repairs: dict[int, list[Entry]]) -> dict[str, Any] | None:
        try:
            value = _loads(line)
            entries: list[Entry] = []
        except (ValueError, RecursionError):
            value, entries = _mended(line)
        if not isinstance(value, dict):
            broken = value is _BROKEN
            reason, message = ("not_json", "is not valid JSON") if broken else ("not_object", "is not a JSON object")
            self.ledger.reject(number, reason, message, line.decode("utf-8", "replace"))
            return None
        if line.count(b"{") + line.count(b"[") > _DEEPEST and _is_deeper(value, _DEEPEST):
            text = line[:1000].decode("utf-8", "replace")
            self.ledger.reject(number, "too_deep", f"is nested more than {_DEEPEST} levels deep", text)
            return None
        if self._encoding.invalid and b"\xef\xbf\xbd" in line:
            message = "held bytes that are not of the file's encoding and became U+FFFD"
            entries = [*entries, Entry("invalid_characters", message, content=line.decode())]
        if entries:
            repairs[number] = entries
        return value

    def _block(self, records: list[dict[str, Any]], repairs: dict[int, list[Entry]]) -> Block:
        keys = dict.fromkeys(key for record in records for key in record)
        for key in keys:
            if key not in self._by_key:
                self._by_key[key] = self._naming.name(key, len(self._by_key))
        if len(self._by_key) > self._limits.max_columns:
            raise errors.too_many_columns(len(self._by_key), self._limits.max_columns)
        self.ledger.take(len(records), repairs)
        return Block(len(records), {self._by_key[key].name: [record.get(key) for record in records] for key in keys})


_BROKEN = object()


def _mended(line: bytes) -> tuple[Any, list[Entry]]:
    """The value of a line without stray NUL and the comma behind it, and what was left out."""
    text, entries = line.strip(), []
    content = line.decode("utf-8", "replace")
    if b"\0" in text:
        text = text.replace(b"\0", b"").strip()
        entries.append(Entry("stray_nul", "held NUL characters, which were left out", content=content))
    if text.endswith(b"},"):
        text = text[:-1]
        entries.append(Entry("trailing_comma", "had a comma behind it, which was left out", content=content))
    try:
        return (_loads(text) if entries and text else _BROKEN), entries
    except (ValueError, RecursionError):
        return _BROKEN, []


def _loads(line: bytes) -> Any:
    """The value of a line; raises ``ValueError``.

    NaN and infinities, which JSON has not but many writers do, and whole numbers of any size are taken too: the fast
    parser refuses the former and rounds the latter.
    """
    if _LONG_NUMBER.search(line) is None:
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(line)
    value = json.loads(line, parse_constant=lambda name: name if name == "NaN" else float(name))
    json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in level)
