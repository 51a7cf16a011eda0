"""Ranks the fields of a schema for each column of a table, with probabilities, "no match" among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from raia_ingest.workers.matching import weights
from raia_ingest.workers.matching.evidence import EVIDENCE, Evidence, Schema
from raia_ingest.workers.matching.feedback import Learnt, Verdict, learn
from raia_ingest.workers.matching.likeness import Floats
from raia_ingest.workers.matching.model import SourceColumn

_ROUNDS = 2
_NEAR = 30
"""Within about so many places, fields of a schema without entities belong together."""


@dataclass(frozen=True)
class Candidate:
    """A field for a column."""

    field: str
    probability: float
    evidence: Mapping[str, float]
    """What spoke for and against it, by name."""


@dataclass(frozen=True)
class Suggestion:
    """The fields that a column may go into, likeliest first."""

    column: str
    no_match: float
    """The probability that it goes into none."""
    candidates: tuple[Candidate, ...]


class Matcher:
    """Scores all pairs of one table and one schema."""

    def __init__(self, columns: Sequence[SourceColumn], schema: Schema, verdicts: Sequence[Verdict] = ()) -> None:
        self.evidence = Evidence(columns, schema)
        self.learnt: Learnt = learn(columns, schema, verdicts)
        self._schema = schema
        self._base = self._scores()
        self.company = np.zeros_like(self._base)
        self.words = np.zeros_like(self._base)
        self.rival = np.zeros_like(self._base)
        self.probability, self.no_match = self._solve()

    def _scores(self) -> Floats:
        by_name = np.array([weights.WEIGHTS[name] for name in EVIDENCE], dtype=np.float32)
        found: Floats = np.zeros(self.evidence.of["kind"].shape, dtype=np.float32)
        for name, weight in zip(EVIDENCE, by_name, strict=True):
            found += weight * self.evidence.of[name]
        found += weights.ALIAS * self.learnt.alias - weights.REJECTED * self.learnt.rejected**2
        return found

    def _solve(self) -> tuple[Floats, Floats]:
        """Probabilities that make each other: a table's columns go to different fields that belong together."""
        chances, none = self._chances(self._base)
        for _ in range(_ROUNDS):
            self._look_around(chances)
            score = (
                self._base
                - weights.RIVAL * self.rival
                + weights.COMPANY * self.company
                + weights.VOCABULARY * self.words
            )
            chances, none = self._chances(score)
        return chances, none

    def _chances(self, score: Floats) -> tuple[Floats, Floats]:
        score = weights.SHARPNESS * score
        none = weights.SHARPNESS * (weights.NO_MATCH + weights.NOTHING * self.learnt.nothing**2)
        top = np.maximum(score.max(axis=1, initial=-1e9), none)[:, None]
        powers = np.exp(score - top)
        nothing = np.exp(none - top[:, 0])
        total = powers.sum(axis=1) + nothing
        return powers / total[:, None], nothing / total

    def _look_around(self, chances: Floats) -> None:
        """What the other columns' chances say about each pair."""
        if len(chances) < 2:
            return
        ordered = np.partition(chances, -2, axis=0)
        best, second = ordered[-1], ordered[-2]
        others = np.where(chances >= best[None, :], second[None, :], best[None, :])
        self.rival = np.maximum(0, others - chances)
        self._company(chances)
        self._shared_words(chances)

    def _company(self, chances: Floats) -> None:
        entities = {name: at for at, name in enumerate(dict.fromkeys(field.entity for field in self._schema.fields))}
        if len(entities) < 2:
            self._nearness(chances)
            return
        member = np.zeros((len(self._schema.fields), len(entities)), dtype=np.float32)
        for at, field in enumerate(self._schema.fields):
            member[at, entities[field.entity]] = 1
        mass = chances @ member
        others = mass.sum(axis=0)[None, :] - mass
        share = others / np.maximum(others.sum(axis=1, keepdims=True), 0.5)
        self.company = _centred((share @ member.T).astype(np.float32), chances)

    def _nearness(self, chances: Floats) -> None:
        """In a schema without entities, fields that are listed near each other belong together."""
        count = chances.shape[1]
        reach = np.arange(-3 * _NEAR, 3 * _NEAR + 1)
        kernel = np.exp(-np.abs(reach) / _NEAR)
        around = np.array([np.convolve(each, kernel)[3 * _NEAR : 3 * _NEAR + count] for each in chances])
        others = around.sum(axis=0)[None, :] - around
        share = others / np.maximum(others.max(axis=1, keepdims=True), 0.5)
        self.company = _centred(share.astype(np.float32), chances)

    def _shared_words(self, chances: Floats) -> None:
        """Fields that others are likely to go into tell which words this schema's users choose."""
        schema = self._schema
        by_field = chances.sum(axis=0)
        used = np.zeros(len(schema.vocabulary.words), dtype=np.float32)
        for at in np.flatnonzero(by_field > 0.05):
            for word in set(schema.names[at]):
                used[schema.vocabulary.place[word]] += by_field[at]
        general = schema.name_lists.maximum((used / (2 + used)) * np.minimum(schema.name_rarity / 4, 1))
        self.words = np.maximum(general, self.learnt.words)[None, :] - general[None, :] * chances

    def suggestion(self, at: int, most: int = 10) -> Suggestion:
        """The likeliest fields of the column at ``at``."""
        chances = self.probability[at]
        ranked = sorted(range(len(chances)), key=lambda place: (-chances[place], self._schema.fields[place].path))[
            :most
        ]
        return Suggestion(
            column=self.evidence.columns[at].name,
            no_match=float(self.no_match[at]),
            candidates=tuple(
                Candidate(self._schema.fields[place].path, float(chances[place]), self._told(at, place))
                for place in ranked
            ),
        )

    def _told(self, at: int, place: int) -> dict[str, float]:
        found = {name: float(self.evidence.of[name][at, place]) for name in EVIDENCE}
        found["alias"] = float(self.learnt.alias[at, place])
        found["rejected"] = float(self.learnt.rejected[at, place])
        found["company"] = float(self.company[at, place])
        found["rival"] = float(self.rival[at, place])
        return found


def _centred(values: Floats, chances: Floats) -> Floats:
    """Less what a column's own candidates have on average: it ranks them, and makes none likelier than "no match"."""
    total = np.maximum(chances.sum(axis=1, keepdims=True), 1e-6)
    found: Floats = values - (chances * values).sum(axis=1, keepdims=True) / total
    return found


def suggest(
    columns: Sequence[SourceColumn], schema: Schema, verdicts: Sequence[Verdict] = (), most: int = 10
) -> list[Suggestion]:
    """Ranked fields for each column, at most ``most`` of them."""
    if not columns or not schema.fields:
        return [Suggestion(column.name, 1.0, ()) for column in columns]
    matcher = Matcher(columns, schema, verdicts)
    return [matcher.suggestion(at, most) for at in range(len(columns))]


def ranked_fields(matcher: Matcher, at: int) -> list[Any]:
    """Places of all fields for the column at ``at``, likeliest first."""
    return list(np.argsort(-matcher.probability[at], kind="stable"))
