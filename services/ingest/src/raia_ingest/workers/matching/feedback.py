"""What people said about columns before, and what it says about a column that is like theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from raia_ingest.workers.matching.evidence import Schema
from raia_ingest.workers.matching.likeness import Floats, word_table
from raia_ingest.workers.matching.model import Kind, SourceColumn, plain, source_columns
from raia_ingest.workers.matching.words import name_stems

ACCEPTED, REJECTED, NONE = "accepted", "rejected", "none"
_LIKE_AT_LEAST = 0.5


@dataclass(frozen=True)
class Verdict:
    """A person's word about one column: it goes into the field, it does not, or (``none``) it goes nowhere."""

    column: SourceColumn
    field: str
    verdict: str

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Verdict":
        """From plain data: ``column``, ``field``, ``verdict``."""
        return cls(source_columns([found["column"]])[0], str(found.get("field", "")), str(found["verdict"]))


@dataclass(frozen=True)
class Learnt:
    """What feedback adds to each pair, and to "no match" of each column, in likeness from 0 to 1."""

    alias: Floats
    rejected: Floats
    nothing: Floats
    words: Floats
    """How often a person chose fields whose names have the words of the field's, from 0 to 1; one a field."""


def learn(columns: Sequence[SourceColumn], schema: Schema, verdicts: Sequence[Verdict]) -> Learnt:
    """Compares each column with every column that somebody judged."""
    shape = (len(columns), len(schema.fields))
    learnt = Learnt(
        np.zeros(shape, dtype=np.float32),
        np.zeros(shape, dtype=np.float32),
        np.zeros(len(columns), dtype=np.float32),
        chosen_words(schema, [each.field for each in verdicts if each.verdict == ACCEPTED]),
    )
    if not verdicts:
        return learnt
    alike = column_likeness(columns, [each.column for each in verdicts])
    for at, verdict in enumerate(verdicts):
        place = schema.places.get(verdict.field)
        if verdict.verdict == NONE:
            np.maximum(learnt.nothing, alike[:, at], out=learnt.nothing)
        elif place is not None:
            table = learnt.alias if verdict.verdict == ACCEPTED else learnt.rejected
            np.maximum(table[:, place], alike[:, at], out=table[:, place])
    return learnt


def chosen_words(schema: Schema, chosen: Sequence[str]) -> Floats:
    """For each field: the greatest part, over its name's telling words, of the chosen fields that have the word."""
    used = np.zeros(len(schema.vocabulary.words), dtype=np.float32)
    for path in chosen:
        if (place := schema.places.get(path)) is not None:
            for word in set(schema.names[place]):
                used[schema.vocabulary.place[word]] += 1
    return schema.name_lists.maximum(used / (1 + used))


def column_likeness(columns: Sequence[SourceColumn], others: Sequence[SourceColumn]) -> Floats:
    """How alike columns are, by name and values, from 0 to 1; 0 below a half."""
    ours = [name_stems(column.name) or ("?",) for column in columns]
    theirs = [name_stems(column.name) or ("?",) for column in others]
    left, right = (sorted({word for words in group for word in words}) for group in (ours, theirs))
    table = word_table(left, right)
    rows, places = ({word: at for at, word in enumerate(group)} for group in (left, right))
    values = [_values(column) for column in others]
    found: Floats = np.zeros((len(columns), len(others)), dtype=np.float32)
    for at, column in enumerate(columns):
        best = table[[rows[word] for word in ours[at]]]
        shown = _values(column)
        for other in range(len(others)):
            part = best[:, [places[word] for word in theirs[other]]]
            named = float((part.max(axis=1).mean() + part.max(axis=0).mean()) / 2)
            found[at, other] = _combined(named, shown, values[other], column.kind, others[other].kind)
    found[found < _LIKE_AT_LEAST] = 0
    return found


def _values(column: SourceColumn) -> frozenset[str]:
    if column.kind in (Kind.CATEGORY, Kind.FLAG):
        return frozenset(plain(value) for value, _ in column.listed[:60])
    return frozenset()


def _combined(named: float, ours: frozenset[str], theirs: frozenset[str], kind: Kind, other: Kind) -> float:
    """Likeness by name, moved by the values that both have and by what sort they are of."""
    if ours and theirs:
        shared = len(ours & theirs) / min(len(ours), len(theirs))
        return min(1.0, 0.8 * named + 0.2 * shared) if shared else 0.9 * named
    if kind is not other and Kind.UNKNOWN not in (kind, other):
        return 0.8 * named
    return named
