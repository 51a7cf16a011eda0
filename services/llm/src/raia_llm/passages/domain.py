"""What a question and a passage are."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from uuid import UUID

SIMPLE = "simple"
"""PostgreSQL's text search configuration without stop words and stems."""

_AS_TELLING = 0.97
_MISSPELT = 0.8
_SHORTEST_MISSPELT = 6


@dataclass(frozen=True)
class Question:
    """A text that is looked for, analysed."""

    text: str
    lexemes: Mapping[str, float]
    """The words that tell something, as the text search has them, with their weights."""
    weights: Mapping[str, float]
    """The weights of all its words, as they stand."""
    configuration: str
    """The text search configuration that the lexemes are of: SIMPLE when the language's left none."""
    unknown: AbstractSet[str] = frozenset()
    """Lexemes that no chunk of the organisation holds: misspelt, perhaps."""
    common: AbstractSet[str] = frozenset()
    """Lexemes that thousands of chunks hold: they weigh what is found, but do not find it."""

    @property
    def finding(self) -> Sequence[str]:
        """The lexemes by which passages are found: those that are not common, or all when all are."""
        return [lexeme for lexeme in self.lexemes if lexeme not in self.common] or list(self.lexemes)

    def coverage(self, lexemes: AbstractSet[str]) -> float:
        """How much of the question's weight these lexemes hold, from 0 to 1; 0 for a question that tells nothing.

        An unknown word counts in part where a word stands that differs in one letter.
        """
        total = sum(self.lexemes.values())
        return (
            sum(weight * self._held(lexeme, lexemes) for lexeme, weight in self.lexemes.items()) / total
            if total
            else 0.0
        )

    def names_subject(self, lexemes: AbstractSet[str]) -> bool:
        """Whether these lexemes hold the word that tells most, or one that tells about as much."""
        most = max(self.lexemes.values(), default=0.0) * _AS_TELLING
        return any(self._held(lexeme, lexemes) for lexeme, weight in self.lexemes.items() if weight >= most)

    def _held(self, lexeme: str, lexemes: AbstractSet[str]) -> float:
        if lexeme in lexemes:
            return 1.0
        if lexeme in self.unknown and any(nearly_same(lexeme, other) for other in lexemes):
            return _MISSPELT
        return 0.0


def nearly_same(one: str, other: str) -> bool:
    """Whether two words of at least six letters begin alike and differ in one letter: added, left out or replaced."""
    if min(len(one), len(other)) < _SHORTEST_MISSPELT or one[0] != other[0] or abs(len(one) - len(other)) > 1:
        return False
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    return longer[begin + 1 :] == shorter[begin + (len(one) == len(other)) :]


@dataclass(frozen=True)
class Passage:
    """A part of a document, word for word, with its place and why it was found."""

    document_id: UUID
    filename: str
    chunk: int
    text: str
    start: int
    end: int
    page: int
    page_starts: Sequence[int]
    """Where the pages after ``page`` begin that it reaches into."""
    headings: Sequence[str]
    score: float = 0.0
    vector_rank: int = 0
    text_rank: int = 0
    distance: float | None = None
    """The cosine distance to the question; None when it was found by words alone."""

    def part(self, start: int, end: int) -> "Passage":
        """The part between two positions of ``text``, as a passage of its own at its own place."""
        begin = self.start + start
        page = self.page + bisect_right(self.page_starts, begin) if self.page else 0
        return Passage(
            document_id=self.document_id,
            filename=self.filename,
            chunk=self.chunk,
            text=self.text[start:end],
            start=begin,
            end=self.start + end,
            page=page,
            page_starts=[at for at in self.page_starts if begin < at < self.start + end],
            headings=self.headings,
            score=self.score,
            vector_rank=self.vector_rank,
            text_rank=self.text_rank,
            distance=self.distance,
        )


@dataclass(frozen=True)
class Found:
    """A question and the passages found for it, best first."""

    question: Question
    passages: Sequence[Passage] = field(default_factory=tuple)
