"""Finds in lines of text what they say of fields: lists, definitions and tables as people write them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MARKS = re.compile(r"[*]{2,3}|`|(?<!\w)__(?=\w)|(?<=\w)__(?!\w)")
_BULLET = re.compile(r"^\s*(?:[-*+•‣◦]|\d{1,3}[.)])\s+")
_IDENTIFIER = r"[^\W\d_][\w.$#%/-]{0,79}|_\w{1,79}"
_NAMES = rf"(?:{_IDENTIFIER})(?:\s*(?:,|and|&|/)\s*(?:{_IDENTIFIER}))*"
_MARKED = re.compile(
    r"^(?P<names>(?:(?:\*\*|__)?`[^`]{1,120}`(?:\*\*|__)?|\*\*[^*]{1,120}\*\*)"
    r"(?:\s*(?:,|and|&)\s*(?:(?:\*\*|__)?`[^`]{1,120}`(?:\*\*|__)?|\*\*[^*]{1,120}\*\*))*)"
    r"\s*(?:\((?P<type>[^()]{1,80})\)|\[(?P<kind>[^\]]{1,80})\])?\s*(?::|–|—|-+|=)?\s*(?P<text>.*)$"
)
_PLAIN = re.compile(
    rf"^(?P<names>{_NAMES})\s*(?:\((?P<type>[^()]{{1,80}})\)|\[(?P<kind>[^\]]{{1,80}})\])?"
    r"\s*(?:\s[–—-]{1,2}\s|[:=]\s|\t+|\s{3,}|\.{3,})\s*(?P<text>\S.*)$"
)
_PHRASE = re.compile(r"^(?P<names>[^\W\d][^:]{0,60}?)\s*(?::|\s[–—-]\s)\s+(?P<text>\S.*)$")
_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_SEPARATOR = re.compile(r"\s*(?:,|\band\b|&)\s*")
_NAME_WORDS = {
    "column", "column name", "columnname", "field", "field name", "fieldname", "name", "variable", "variable name",
    "attribute", "attribute name", "feature", "header", "item", "data element", "element", "spalte", "feld", "merkmal",
    "variablenname", "champ", "colonne", "campo", "columna",
}  # fmt: skip
_TEXT_WORDS = {
    "description", "definition", "meaning", "label", "comment", "comments", "notes", "note", "explanation", "details",
    "desc", "beschreibung", "bedeutung", "erläuterung", "descripción", "descrição", "descrizione",
}  # fmt: skip
_TYPE_WORDS = {"type", "data type", "datatype", "format", "typ", "datentyp", "field type", "class", "tipo"}


@dataclass(frozen=True)
class Described:
    """What is said of one field."""

    name: str
    description: str
    type: str = ""
    section: str = ""
    """The text that stands before the list it is in."""


def fields_of_text(lines: Iterable[str]) -> list[Described]:
    """The fields that lines describe, in their order."""
    return _Reader().read(list(lines))


class _Reader:
    """Goes through a text line by line."""

    def __init__(self) -> None:
        self._fields: list[Described] = []
        self._section: list[str] = []
        self._open = 0
        """How many of the last fields a following line may still belong to."""
        self._in_list = False

    def read(self, lines: Sequence[str]) -> list[Described]:
        position = 0
        while position < len(lines):
            rows, after = _pipe_table(lines, position)
            if rows:
                self._fields += fields_of_table(rows, " ".join(self._section))
                position, self._open = after, 0
                continue
            self._line(lines[position], lines[position + 1] if position + 1 < len(lines) else "")
            position += 1
        return self._fields

    def _line(self, line: str, following: str) -> None:
        if not line.strip():
            self._open = 0
            return
        bullet = _BULLET.match(line)
        text = line[bullet.end() :] if bullet else line
        found = _MARKED.match(text.strip()) or _PLAIN.match(_MARKS.sub("", text.strip()))
        if found is None and bullet:
            found = _PHRASE.match(_MARKS.sub("", text.strip()))
        definition = following.lstrip().startswith(":") and len(line.strip()) <= 80
        if definition:
            self._add([_MARKS.sub("", line).strip()], "", following.lstrip()[1:].strip())
        elif found is not None and (found["text"] or bullet):
            kinds = found.groupdict()
            names = [_MARKS.sub("", name).strip() for name in _SEPARATOR.split(found["names"])]
            self._add(
                list(filter(None, names)), kinds.get("type") or kinds.get("kind") or "", _MARKS.sub("", found["text"])
            )
        elif self._open and (line[:1].isspace() or line[:1].islower()):
            self._go_on(line.strip())
        elif not line.lstrip().startswith(":"):
            if self._in_list:
                self._section, self._in_list = [], False
            self._open = 0
            self._section = [*self._section[-8:], line.strip()]

    def _add(self, names: list[str], kind: str, text: str) -> None:
        section = " ".join(self._section)
        self._fields += [Described(name, text.strip(), kind.strip(), section) for name in names]
        self._open, self._in_list = len(names), True

    def _go_on(self, text: str) -> None:
        joined = [
            Described(field.name, f"{field.description} {_MARKS.sub('', text)}".strip(), field.type, field.section)
            for field in self._fields[-self._open :]
        ]
        self._fields[-self._open :] = joined


def _pipe_table(lines: Sequence[str], start: int) -> tuple[list[list[str]], int]:
    """The rows of a table drawn with bars that begins at a line, and the line behind it."""
    if "|" not in lines[start] or start + 1 >= len(lines) or not _RULE.match(lines[start + 1]):
        return [], start
    position = start
    rows: list[list[str]] = []
    while position < len(lines) and "|" in lines[position]:
        if position != start + 1:
            cells = lines[position].strip().removeprefix("|").removesuffix("|").replace("\\|", "\0").split("|")
            rows.append([_MARKS.sub("", cell).replace("\0", "|").strip() for cell in cells])
        position += 1
    return rows, position


def fields_of_table(rows: Sequence[Sequence[str]], section: str = "") -> list[Described]:
    """The fields that a table describes: one a row, by the header that says which column is name and which is text.

    Without such a header, a table whose first column looks like names and whose second looks like text is taken.
    """
    for start, row in enumerate(rows[:20]):
        words = [cell.strip().lower().rstrip(":*").replace("_", " ") for cell in row]
        name = next((at for at, word in enumerate(words) if word in _NAME_WORDS), None)
        text = next((at for at, word in enumerate(words) if word in _TEXT_WORDS and at != name), None)
        if name is not None and text is not None:
            kind = next((at for at, word in enumerate(words) if word in _TYPE_WORDS), None)
            return _rows(rows[start + 1 :], name, text, kind, section)
    names = [row[0].strip() for row in rows if len(row) == 2]
    if len(names) >= 2 and len(names) == len(rows) and all(re.fullmatch(_IDENTIFIER, name) for name in names):
        return _rows(rows, 0, 1, None, section)
    return []


def _rows(rows: Sequence[Sequence[str]], name: int, text: int, kind: int | None, section: str) -> list[Described]:
    found = []
    for row in rows:
        cells = [str(cell).strip() for cell in row] + [""] * (max(name, text, kind or 0) + 1 - len(row))
        if cells[name] and cells[text]:
            found.append(Described(cells[name], cells[text], cells[kind] if kind is not None else "", section))
    return found
