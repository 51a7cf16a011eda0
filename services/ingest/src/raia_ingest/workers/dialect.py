"""Finds delimiter, quoting and header of a delimited text from its first records."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from raia_ingest.workers.columns import TextColumn
from raia_ingest.workers.kinds import NULL_TOKENS, Kind

SAMPLE_CHARACTERS = 256 * 1024
_SAMPLE_RECORDS = 500
_JUDGED_COLUMNS = 200
_DELIMITERS = (",", ";", "\t", "|", ":", "^", "~", "\x01", "\x1f", " ")
_RARE = frozenset(":^~ ")
_CELL = re.compile(
    r"""^(
        [+-]?[0-9]+([.,][0-9]+)*([eE][+-]?[0-9]+)?[ ]?[%€$£]?   # numbers
      | [0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T][0-9:.]+(Z|[+-][0-9:]+)?)?   # dates and times
      | [0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?
      | [^\s@,;|]+@[^\s@,;|]+ | https?://[^\s|]+            # addresses
      | [^\W\d_][\w .'’&/()+-]*                             # words
      | [\w-]+                                              # identifiers
    )?$""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Dialect:
    """How records and cells are told apart."""

    delimiter: str
    quote: str | None
    escape: str | None
    width: int
    """Cells that a record has."""
    skipped: int
    """Records before the header, such as a title."""
    header: bool
    """Whether the first record after them names the columns."""
    names: list[str]
    """The cells of the header, filled up to ``width``; empty without one."""


def detect(text: str, whole: bool) -> Dialect:
    """The dialect of the text; ``whole`` tells that it is the whole file and not its beginning."""
    candidates = []
    for delimiter in _DELIMITERS:
        if delimiter not in text:
            continue
        for quote, escape in _quotings(text, delimiter):
            records = parse(text, delimiter, quote, escape, whole)
            score = _score(records) * (0.6 if delimiter in _RARE else 1.0)
            candidates.append((score, -_DELIMITERS.index(delimiter), delimiter, quote, escape, records))
    single = parse(text, ",", '"', None, whole) if not candidates else []
    if candidates:
        best = max(candidates, key=lambda candidate: candidate[:2])
        score, _, delimiter, quote, escape, records = best
        lines = parse(text, "\0", '"', None, whole) if "\0" not in text else []
        if score <= _single_score(lines):
            delimiter, quote, escape, records = ",", '"', None, lines
    else:
        delimiter, quote, escape, records = ",", '"', None, single
    return _complete(delimiter, quote, escape, records)


def _quotings(text: str, delimiter: str) -> list[tuple[str | None, str | None]]:
    """Quote and escape characters worth trying: those that stand where a cell begins."""
    edge = re.escape(delimiter)
    found: list[tuple[str | None, str | None]] = []
    for quote in ('"', "'"):
        opens = re.search(rf"(^|{edge}){quote}", text, re.MULTILINE)
        closes = re.search(rf"{quote}({edge}|\r?$)", text, re.MULTILINE)
        if opens and closes:
            found.append((quote, None))
            if "\\" + quote in text:
                found.append((quote, "\\"))
    if found and found[0][0] == '"':
        return [candidate for candidate in found if candidate[0] == '"']
    return [('"', None), *found]


def parse(
    text: str, delimiter: str, quote: str | None, escape: str | None, whole: bool, *, most: int = _SAMPLE_RECORDS
) -> list[list[str]]:
    """The first records; the last one is left out when the text may end inside it."""
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=quote,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        doublequote=escape is None,
        escapechar=escape,
        skipinitialspace=False,
    )
    records: list[list[str]] = []
    try:
        for record in reader:
            records.append(record)
            if len(records) > most:
                break
    except csv.Error:
        return records
    if not whole and len(records) <= most and len(records) > 1:
        records.pop()
    return [record for record in records if record]


def _score(records: list[list[str]]) -> float:
    """High for records of one width and cells that look like values; after the idea of data consistency measures."""
    if not records:
        return 0.0
    widths = Counter(map(len, records))
    pattern = sum(count * (width - 1) / width for width, count in widths.items()) / len(records)
    modal = widths.most_common(1)[0][1] / len(records)
    cells = [cell for record in records[:200] for cell in record[:200]]
    return pattern * modal * (0.05 + _typed(cells))


def _single_score(lines: list[list[str]]) -> float:
    """What one column of lines is worth: every delimiter found must do better."""
    cells = [cell for line in lines[:200] for cell in line]
    return 0.15 * (0.05 + _typed(cells)) if cells else 0.0


def _typed(cells: list[str]) -> float:
    return sum(_CELL.match(cell.strip()) is not None for cell in cells) / max(1, len(cells))


def _complete(delimiter: str, quote: str | None, escape: str | None, records: list[list[str]]) -> Dialect:
    """Width, leading text and header of the records."""
    width, skipped = _width(records)
    body = records[skipped:]
    header = _has_header(body, width)
    names = list(body[0]) if header and body else []
    if header and len(names) == width - 1 and any(record[-1] for record in body[1:] if len(record) == width):
        names.insert(0, "")  # the header has no name for a first column of row names
    names += [""] * (width - len(names)) if header else []
    return Dialect(delimiter, quote, escape, width, skipped, header, names)


def _width(records: list[list[str]]) -> tuple[int, int]:
    """Cells a record, and how many records stand before the first one of that width (or one short of it)."""
    if not records:
        return 0, 0
    widths = Counter(len(record) for record in records[:1000])
    width, count = widths.most_common(1)[0]
    if count <= len(records) * 0.5 or len(records) <= 2:
        return len(records[0]), 0
    for position, record in enumerate(records[:50]):
        if width - 1 <= len(record) and (width > 1 or len(record) == 1):
            return (max(width, len(record)) if position == 0 and len(record) <= width else width), position
    return width, 0


def _has_header(records: list[list[str]], width: int) -> bool:
    """Whether the first record names the columns, judged by how it differs from those below it."""
    if not records:
        return False
    first = [cell.strip() for cell in records[0][:_JUDGED_COLUMNS]]
    below = [record for record in records[1:] if len(record) == width]
    if _kinds_of([first], len(first)).count(Kind.STRING) == 0 and any(first):
        return False
    if not below:
        return all(first) or len(records) > 1
    kinds = _kinds_of(below, min(width, _JUDGED_COLUMNS))
    tops = _kinds_of([first], len(first))
    score = 0
    for position, (kind, top) in enumerate(zip(kinds, tops, strict=False)):
        if kind not in (Kind.STRING, Kind.NULL):
            if top is Kind.STRING and first[position] not in NULL_TOKENS:
                score += 2
            elif top is kind and not re.fullmatch(r"(19|20)[0-9]{2}", first[position]):
                score -= 2
        elif kind is Kind.STRING and any(record[position].strip() == first[position] for record in below):
            score -= 1
    if score:
        return score > 0
    named = [cell for cell in first if cell]
    return len(set(named)) == len(named) and len(named) >= len(first) / 2


def _kinds_of(records: list[list[str]], width: int) -> list[Kind]:
    kinds = []
    for position in range(width):
        column = TextColumn()
        column.take(pa.array([record[position] or None for record in records], pa.string()))
        kinds.append(column.kind)
    return kinds
