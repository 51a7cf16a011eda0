# ruff: noqa: S608 - queries are made of aliases and constants, never of names or values from a file
"""What the values of columns look like, beyond their profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from raia_ingest.recipes.layers import layered
from raia_ingest.recipes.schema import Schema
from raia_ingest.recipes.sql import text, trimmed
from raia_ingest.recipes.steps.context import Context
from raia_ingest.recipes.steps.types import convert_type, parse_dates
from raia_ingest.workers.recipe.duck import connect, numbered

_TOKENS = ("na", "n/a", "#n/a", "null", "nan", "-", "--", "?", "nil", "(null)", "(blank)")
"""Words that mean missing wherever they stand; ``none`` and ``unknown`` may be answers."""
_CURRENCY = "€$£¥%"
_MOST_DISTINCT = 1000
_LIST = "list({} order by n desc, v)"

Parameters = Mapping[str, Any]
Candidate = tuple[str, Parameters, str]
"""A kind of step, its parameters, and what the spelling is called."""

_CANDIDATES: tuple[Candidate, ...] = (
    ("convert_type",
     {"to": "boolean", "true_values": ["true", "yes", "y", "t"], "false_values": ["false", "no", "n", "f"]},
     "true or false"),
    ("convert_type", {"to": "integer"}, "whole numbers"),
    ("convert_type", {"to": "float"}, "numbers"),
    ("convert_type", {"to": "float", "decimal_separator": ","}, "numbers with a decimal comma"),
    ("convert_type", {"to": "float", "ignored_characters": _CURRENCY + ","}, "amounts with currency signs or grouping"),
    ("convert_type", {"to": "float", "ignored_characters": _CURRENCY, "decimal_separator": ","},
     "amounts with currency signs and a decimal comma"),
    ("convert_type", {"to": "date"}, "ISO dates"),
    ("convert_type", {"to": "datetime"}, "ISO dates and times"),
    *(("parse_dates", {"formats": [pattern]}, f"dates such as {pattern}") for pattern in (
        "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y",
        "%d.%m.%y")),
    *(("parse_dates", {"formats": [pattern], "to": "datetime"}, f"times such as {pattern}") for pattern in (
        "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S",
        "%m/%d/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S")),
)  # fmt: skip
_TWINS = (("%d/%m/%Y", "%m/%d/%Y"), ("%d-%m-%Y", "%m-%d-%Y"), ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"),
          ("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"))  # fmt: skip
"""Formats of which the data must tell which is meant."""


@dataclass
class TextFacts:
    """What a column of texts shows."""

    present: int = 0
    """Values but for words that mean missing and blank texts."""
    untidy: int = 0
    """Texts with white space at an end, or runs of it."""
    blank: int = 0
    tokens: dict[str, int] = field(default_factory=dict)
    """Words that mean missing, with their counts, when other values are no such words."""
    variants: list[tuple[str, list[str]]] = field(default_factory=list)
    """Frequent spellings and those that differ from them in case or white space alone."""
    fitting: list[int] = field(default_factory=list)
    """How many values each candidate reads."""
    leading_zeros: int = 0
    examples: dict[int, list[str]] = field(default_factory=dict)
    """For each candidate: values that it does not read."""

    @property
    def ambiguous_dates(self) -> bool:
        """Whether two orders of day and month fit all values."""
        return any(self._ambiguous(pair) for pair in _TWINS)

    def _ambiguous(self, pair: tuple[str, str]) -> bool:
        first, second = (self.fitting[_place(pattern)] for pattern in pair)
        return bool(self.present) and first == second and first >= 0.9 * self.present

    def typed(self, enough: float) -> tuple[str, Parameters, int, str] | None:
        """The candidate that reads most values, if it reads enough: its step, the count and the spelling's name."""
        if not self.present:
            return None
        unclear = {pattern for pair in _TWINS if self._ambiguous(pair) for pattern in pair}
        best: tuple[int, int] | None = None
        for place, (kind, parameters, _) in enumerate(_CANDIDATES):
            numeric = kind == "convert_type" and parameters["to"] in ("integer", "float")
            if (numeric and self.leading_zeros) or set(parameters.get("formats", ())) & unclear:
                continue
            if best is None or self.fitting[place] > best[0]:
                best = (self.fitting[place], place)
        if best is None or best[0] < enough * self.present:
            return None
        kind, parameters, name = _CANDIDATES[best[1]]
        return kind, dict(parameters), best[0], name

    def exceptions(self, kind: str, parameters: Parameters) -> list[str]:
        """Some values that a candidate does not read."""
        for place, (other, wanted, _) in enumerate(_CANDIDATES):
            if other == kind and dict(wanted) == dict(parameters):
                return self.examples.get(place, [])
        return []


class Observer:
    """Looks at the values of one file."""

    def __init__(self, path: str, columns: Sequence[Mapping[str, Any]], memory_bytes: int, folder: str) -> None:
        self._schema = Schema.of(columns)
        self._connection = connect(memory_bytes, folder)
        self._connection.execute("set preserve_insertion_order = false")
        self._connection.execute(f"create temp view data as select * from {numbered(path, columns)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def outside(self, name: str, low: float, high: float) -> int:
        """How many numbers of a column lie below or above."""
        alias = self._alias(name)
        return int(self._row(f"select count(*) from data where {alias} < {low!r} or {alias} > {high!r}")[0])

    def texts(self, name: str) -> TextFacts:
        """What a column of texts shows."""
        self._connection.execute(
            f"create or replace temp table g as select {self._alias(name)} v, count(*) n from data "
            f"where {self._alias(name)} is not null group by 1"
        )
        plain = trimmed("v")
        tokens = ", ".join(map(text, _TOKENS))
        facts = TextFacts()
        facts.untidy, facts.blank = self._row(
            f"select coalesce(sum(n) filter (v <> {plain} or contains(v, '  ')), 0)::bigint, "
            f"coalesce(sum(n) filter ({plain} = ''), 0)::bigint from g"
        )
        found = self._connection.execute(
            f"select lower({plain}) t, sum(n)::bigint from g where lower({plain}) in ({tokens}) group by 1 order by 1"
        ).fetchall()
        facts.tokens = dict(found)
        self._connection.execute(
            f"create or replace temp table h as select {plain} v, sum(n)::bigint n from g "
            f"where {plain} <> '' and lower({plain}) not in ({tokens}) group by 1"
        )
        facts.present, facts.leading_zeros, distinct = self._row(
            "select coalesce(sum(n), 0)::bigint, "
            "coalesce(sum(n) filter (regexp_full_match(v, '0[0-9]+')), 0)::bigint, count(*) from h"
        )
        self._count_candidates(facts)
        if distinct <= _MOST_DISTINCT and facts.typed(0.9) is None:
            facts.variants = self._variants()
        return facts

    def _count_candidates(self, facts: TextFacts) -> None:
        for place, (kind, parameters, _) in enumerate(_CANDIDATES):
            source, value = _readable(kind, parameters)
            (count,) = self._row(f"select coalesce(sum(n), 0)::bigint from {source} where ({value}) is not null")
            facts.fitting.append(count)
            if 0.9 * facts.present <= count < facts.present:
                rows = self._connection.execute(
                    f"select c0 from {source} where ({value}) is null order by n desc, c0 limit 3"
                ).fetchall()
                facts.examples[place] = [value for (value,) in rows]

    def _variants(self) -> list[tuple[str, list[str]]]:
        rows = self._connection.execute(
            f"select {_LIST.format('v')} from h group by lower(v) having count(*) > 1 order by min(v)"
        ).fetchall()
        return [(spellings[0], spellings[1:]) for (spellings,) in rows]

    def _alias(self, name: str) -> str:
        return self._schema.column(name, "column").alias

    def _row(self, query: str) -> tuple[Any, ...]:
        return tuple(self._connection.execute(query).fetchall()[0])


def _readable(kind: str, parameters: Parameters) -> tuple[str, str]:
    """A source of the texts as ``c0``, and SQL that is null for a text which the step cannot read."""
    schema = Schema.of([{"name": "v", "type": "string"}])
    build = convert_type if kind == "convert_type" else parse_dates
    stage = build({**parameters, "columns": ["v"]}, schema, Context())
    local = stage.local({}) if stage.local else None
    made = next(iter(local.sets.values())) if local else "null"
    return layered("(select v as c0, n from h)", stage.prepared), made


def _place(pattern: str) -> int:
    return next(n for n, (_, parameters, _) in enumerate(_CANDIDATES) if parameters.get("formats") == [pattern])
