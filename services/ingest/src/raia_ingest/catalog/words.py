"""Words of datasets: what a search may find, and where it stands."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MOST_LETTERS = 100_000
"""Of each weight, so that an index entry stays below PostgreSQL's limit."""
_LONGEST_WORD = 100
_MOST_MATCHES = 20
_AROUND = 60
WEIGHTS = {"name": "A", "tag": "B", "column": "B", "description": "C", "value": "D"}


@dataclass(frozen=True)
class Text:
    """Something that can be found."""

    field: str
    text: str
    column: str = ""


def words(text: str) -> list[str]:
    """The words of a text without accents and case; names in camel case are split and kept whole."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    found: list[str] = []
    for word in _WORD.findall(plain):
        parts = [part.casefold() for part in _CAMEL.split(word)]
        found += parts if len(parts) == 1 else [*parts, word.casefold()]
    return [word[:_LONGEST_WORD] for word in found]


def texts_of(
    name: str, description: str, tags: Iterable[str], columns: Iterable[str], profile: Mapping[str, Any] | None
) -> list[Text]:
    """All that can be found of a dataset; of values those that a profile counts as frequent, and no names of people."""
    found = [Text("name", name), *(Text("tag", tag) for tag in tags), *(Text("column", each) for each in columns)]
    if description:
        found.append(Text("description", description))
    for column in (profile or {}).get("columns", []):
        if column.get("type") != "string" or (column.get("personal_data") or {}).get("identifies") == "direct":
            continue
        values = (each["value"] for each in column.get("top_values", []))
        found += (Text("value", value, str(column["name"])) for value in values if isinstance(value, str) and value)
    return found


def by_weight(texts: Iterable[Text]) -> dict[str, str]:
    """The words of each weight, bounded."""
    found: dict[str, list[str]] = {weight: [] for weight in "ABCD"}
    left = dict.fromkeys(found, _MOST_LETTERS)
    for text in texts:
        weight = WEIGHTS[text.field]
        for word in words(text.text):
            left[weight] -= len(word) + 1
            if left[weight] < 0:
                break
            found[weight].append(word)
    return {weight: " ".join(each) for weight, each in found.items()}


def matches(texts: Sequence[Text], wanted: Sequence[str]) -> list[Text]:
    """Where one of the wanted words begins one, the heaviest first."""
    found = []
    for text in texts:
        if any(word.startswith(start) for word in words(text.text) for start in wanted):
            found.append(Text(text.field, _around(text.text, wanted), text.column))
            if len(found) == _MOST_MATCHES:
                break
    return found


def _around(text: str, wanted: Sequence[str]) -> str:
    if len(text) <= 4 * _AROUND:
        return text
    plain = text.casefold()
    places = [place for place in (plain.find(word) for word in wanted) if place >= 0]
    start = max(0, min(places, default=0) - _AROUND)
    end = start + 4 * _AROUND
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
