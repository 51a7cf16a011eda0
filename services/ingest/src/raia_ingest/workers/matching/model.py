"""What is matched: the columns of a table with what their values show, and the fields of a schema."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

from raia_ingest.workers.matching.words import name_words, text_stems

_OTHERS = re.compile(r"[\W_]+")
_MOST_LISTED = 60
_LONGEST_CODE, _LONGEST_LABEL = 40, 60
_EMPTY = frozenset({"", "na", "n a", "none", "null", "nan", "unknown", "not reported", "missing", "not available"})
_YES_NO = (
    frozenset({"yes", "no"}), frozenset({"y", "n"}), frozenset({"true", "false"}), frozenset({"t", "f"}),
    frozenset({"0", "1"}), frozenset({"present", "absent"}), frozenset({"positive", "negative"}),
)  # fmt: skip
_NUMBER_TYPES = frozenset({"integer", "float", "number", "decimal", "numeric", "money", "percent"})
_TIME_TYPES = frozenset({"date", "datetime", "time", "timestamp"})
_NUMBER_WORDS = frozenset({
    "number", "numer", "numeric", "count", "percent", "percentage", "ratio", "score", "amount", "quantity",
    "average", "total", "sum", "weight", "height", "length", "width", "depth", "size", "rate", "index", "days",
    "years", "months", "hours", "minutes", "measured", "latitude", "longitude", "price", "cost", "value",
})  # fmt: skip
_TIME_WORDS = frozenset({"date", "datetime", "timestamp", "time"})
_CODE_WORDS = frozenset({"id", "identifier", "uuid", "key", "code", "number", "guid"})


class Kind(StrEnum):
    """What sort of values a column or field holds."""

    NUMBER = "number"
    TIME = "time"
    FLAG = "flag"
    CATEGORY = "category"
    IDENTIFIER = "identifier"
    TEXT = "text"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SourceColumn:
    """A column of a table, with a summary of its values."""

    name: str
    type: str = "string"
    description: str = ""
    values: tuple[tuple[str, int], ...] = ()
    """Its most frequent values as text and how often each occurs, most frequent first."""
    rows: int = 0
    """Rows looked at."""
    present: int = 0
    """Rows among them with a value."""
    distinct: int = 0
    """Distinct values among them."""
    numeric: float = 0.0
    """The part of the present values that are numbers."""
    minimum: float | None = None
    maximum: float | None = None
    mean_length: float = 0.0
    """Of the values as text, in characters."""

    @cached_property
    def listed(self) -> tuple[tuple[str, int], ...]:
        """The values that tell something, at most 60."""
        return tuple((value, count) for value, count in self.values if plain(value) not in _EMPTY)[:_MOST_LISTED]

    @cached_property
    def kind(self) -> Kind:
        """What sort of values it holds."""
        if not self.present or self.type == "null":
            return Kind.UNKNOWN
        if self.type in _TIME_TYPES:
            return Kind.TIME
        shown = frozenset(plain(value) for value, _ in self.listed)
        if self.type == "boolean" or (0 < len(shown) <= 2 and any(shown <= pair for pair in _YES_NO)):
            return Kind.FLAG
        unique = self.distinct >= 0.9 * self.present and self.present >= 10
        if self.numeric >= 0.8:
            coded = self.type == "integer" and name_words(self.name)[-1:] in [(word,) for word in _CODE_WORDS]
            return Kind.IDENTIFIER if unique and coded else Kind.NUMBER
        return self._kind_of_text(unique)

    def _kind_of_text(self, unique: bool) -> Kind:
        if unique and self.mean_length <= _LONGEST_CODE and not any(" " in value for value, _ in self.listed[:20]):
            return Kind.IDENTIFIER
        few = self.distinct <= max(30, 0.2 * self.present) and self.mean_length <= _LONGEST_LABEL
        return Kind.CATEGORY if few else Kind.TEXT


@dataclass(frozen=True)
class TargetField:
    """A field of a schema."""

    entity: str
    name: str
    type: str = ""
    description: str = ""
    values: tuple[str, ...] = ()
    """Values that it may have, or examples of them."""
    unit: str = ""
    key: bool = False
    references: str = ""
    """``ENTITY.field`` that it points to."""

    @property
    def path(self) -> str:
        """``ENTITY.field``; the bare name in a schema without entities."""
        return f"{self.entity}.{self.name}" if self.entity else self.name

    @cached_property
    def kind(self) -> Kind:
        """What sort of values it holds, by its type, its values, else its words."""
        if self.key or self.references or self.type == "uuid":
            return Kind.IDENTIFIER
        shown = frozenset(plain(value) for value in self.values) - _EMPTY
        if self.type == "boolean" or (shown and any(shown <= pair for pair in _YES_NO)):
            return Kind.FLAG
        if shown:
            numbers = sum(value.replace(".", "", 1).replace("-", "", 1).isdigit() for value in shown)
            return Kind.NUMBER if self.type in _NUMBER_TYPES and numbers == len(shown) else Kind.CATEGORY
        if self.type in _NUMBER_TYPES:
            return Kind.NUMBER
        if self.type in _TIME_TYPES:
            return Kind.TIME
        return self._kind_by_words()

    def _kind_by_words(self) -> Kind:
        words = name_words(self.name)
        if words and words[-1] in {"id", "identifier", "uuid", "guid", "key"}:
            return Kind.IDENTIFIER
        if _TIME_WORDS & set(words[-1:]):
            return Kind.TIME
        said = " ".join(self.description.lower().split()[:12])
        if "yes/no" in said or said.startswith(("indicator", "indicates whether", "whether", "flag")):
            return Kind.FLAG
        told = set(text_stems(said)) | set(said.replace(",", " ").split()) | set(words)
        if told & _NUMBER_WORDS:
            return Kind.NUMBER
        return Kind.TEXT if self.type in {"string", "text"} else Kind.UNKNOWN


@lru_cache(maxsize=131_072)
def plain(value: str) -> str:
    """A value in lower case with every run of other than letters and digits as one blank."""
    return _OTHERS.sub(" ", value.casefold()).strip()


def source_columns(found: Sequence[Mapping[str, Any]]) -> list[SourceColumn]:
    """Columns from plain data, as they cross to a compute child."""
    return [
        SourceColumn(**{**each, "values": tuple((str(value), int(count)) for value, count in each.get("values", ()))})
        for each in found
    ]


def target_fields(found: Sequence[Mapping[str, Any]]) -> list[TargetField]:
    """Fields from plain data, as they cross to a compute child."""
    return [_target_field(each) for each in found]


def _target_field(found: Mapping[str, Any]) -> TargetField:
    said = {name: value for name, value in found.items() if name in TargetField.__dataclass_fields__}
    said["values"] = tuple(said.get("values", ()))
    return TargetField(**said)


_FITTING: dict[tuple[Kind, Kind], float] = {
    (Kind.NUMBER, Kind.NUMBER): 1.0,
    (Kind.TIME, Kind.TIME): 1.0,
    (Kind.FLAG, Kind.FLAG): 1.0,
    (Kind.CATEGORY, Kind.CATEGORY): 0.6,
    (Kind.IDENTIFIER, Kind.IDENTIFIER): 1.0,
    (Kind.TEXT, Kind.TEXT): 0.5,
    (Kind.CATEGORY, Kind.TEXT): 0.2,
    (Kind.TEXT, Kind.CATEGORY): -0.2,
    (Kind.IDENTIFIER, Kind.TEXT): 0.2,
    (Kind.FLAG, Kind.CATEGORY): 0.0,
    (Kind.CATEGORY, Kind.FLAG): -0.3,
    (Kind.FLAG, Kind.NUMBER): 0.0,
    (Kind.NUMBER, Kind.IDENTIFIER): -0.3,
    (Kind.NUMBER, Kind.TEXT): -0.4,
    (Kind.TIME, Kind.TEXT): -0.3,
    (Kind.IDENTIFIER, Kind.CATEGORY): -0.8,
}


def fitting(source: Kind, target: Kind) -> float:
    """How well values of one sort go into a field of another, from -1 to 1; 0 when either is not known."""
    if Kind.UNKNOWN in (source, target):
        return 0.0
    return _FITTING.get((source, target), -1.0)
