"""Searching in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from sqlalchemy import text

from raia_llm.embedding.weights import word_weight
from raia_llm.passages.domain import SIMPLE, Passage, Question

_ANALYSE = text("""
select w.word, coalesce(k.chunks, 0) as chunks,
    tsvector_to_array(to_tsvector(cast(:language as regconfig), w.word)) as lexemes,
    tsvector_to_array(to_tsvector('simple', w.word)) as plain
from unnest(cast(:words as text[])) as w(word) left join word k on k.word = w.word
""")
_SIZE = text("select chunks from corpus")
_LEXEMES = text("""
select tsvector_to_array(to_tsvector(cast(:configuration as regconfig), t.text)) as lexemes
from unnest(cast(:texts as text[])) with ordinality as t(text, place) order by t.place
""")
_SEARCH = text("""
select * from search_chunks(
    cast(:embedding as halfvec), cast(:query as tsquery), cast(cast(:words as text[]) as tsquery[]),
    cast(:weights as double precision[]), :organisation, cast(:hidden as uuid[]), cast(:projects as uuid[]),
    cast(:resources as uuid[]), cast(:documents as uuid[]), :embedder, :furthest, :candidates, :most, :exact_below)
""")

_ASKING = {
    "english": frozenset(
        {
            "describ", "discuss", "explain", "find", "get", "give", "happen", "know", "list", "long", "make", "mani",
            "much", "need", "pleas", "regard", "say", "show", "tell", "want",
        }
    )
}  # fmt: skip
"""Lexemes, by language, of words that ask rather than name what is asked about."""
_ASKING_SHARE = 0.3
_MOST_LEXEMES = 64
_COMMON = 2_000
"""Chunks that hold a word beyond which it finds too much to be ranked in no time."""


class PassageRepository:
    """Looks for passages in the unit of work that it is given."""

    def __init__(self, language: str, exact_below: int) -> None:
        self._language, self._exact_below = language, exact_below

    def analyse(self, unit: UnitOfWork, question: str, words: Sequence[str]) -> Question:
        """The question with its words weighed by the organisation's corpus."""
        total = unit.session.execute(_SIZE).scalar() or 0
        distinct = list(dict.fromkeys(words))
        rows = unit.session.execute(_ANALYSE, {"words": distinct, "language": self._language}).all()
        weights = {row.word: word_weight(row.chunks, total, stop=not row.lexemes) for row in rows}
        lexemes = _weighed((row.lexemes, weights[row.word]) for row in rows)
        if lexemes:
            known = {lexeme for row in rows if row.chunks for lexeme in row.lexemes}
            asking = _ASKING.get(self._language, frozenset())
            telling = {
                lexeme: weight * (_ASKING_SHARE if lexeme in asking else 1.0) for lexeme, weight in lexemes.items()
            }
            return Question(
                question,
                _heaviest(telling),
                weights,
                self._language,
                unknown=lexemes.keys() - known,
                common={lexeme for row in rows if row.chunks > _COMMON for lexeme in row.lexemes},
            )
        # Nothing but stop words: they are all there is to look for.
        plain = _weighed((row.plain, word_weight(row.chunks, total)) for row in rows)
        return Question(question, _heaviest(plain), weights, SIMPLE)

    def lexemes(self, unit: UnitOfWork, configuration: str, texts: Sequence[str]) -> list[frozenset[str]]:
        """The lexemes of each text."""
        parameters = {"configuration": configuration, "texts": list(texts)}
        return [frozenset(row.lexemes) for row in unit.session.execute(_LEXEMES, parameters)]

    def search(
        self,
        unit: UnitOfWork,
        question: Question,
        embedding: str,
        visibility: Visibility,
        *,
        embedder: str,
        furthest: float,
        most: int,
        document_ids: Sequence[UUID],
    ) -> list[Passage]:
        """The passages that come first by meaning and by words, fused by their ranks, of what the caller may see."""
        quoted = [_quoted(lexeme) for lexeme in question.lexemes]
        rows = unit.session.execute(
            _SEARCH,
            {
                "embedding": embedding,
                "query": " | ".join(map(_quoted, question.finding)),
                "words": quoted,
                "weights": list(question.lexemes.values()),
                "organisation": visibility.organisation,
                "hidden": list(visibility.hidden),
                "projects": list(visibility.projects),
                "resources": list(visibility.resources),
                "documents": list(document_ids) or None,
                "embedder": embedder,
                "furthest": furthest,
                "candidates": max(50, most),
                "most": most,
                "exact_below": self._exact_below,
            },
        )
        return [_passage(row) for row in rows]


def _weighed(words: Iterable[tuple[Sequence[str], float]]) -> Mapping[str, float]:
    """Weights by lexeme; a word of several shares its weight among them."""
    found: dict[str, float] = {}
    for lexemes, weight in words:
        for lexeme in lexemes:
            found[lexeme] = max(found.get(lexeme, 0.0), weight / len(lexemes))
    return found


def _heaviest(lexemes: Mapping[str, float]) -> Mapping[str, float]:
    """The lexemes that tell most: a page of text that is asked as a question is looked for by these."""
    if len(lexemes) <= _MOST_LEXEMES:
        return lexemes
    return dict(sorted(lexemes.items(), key=lambda each: -each[1])[:_MOST_LEXEMES])


def _quoted(lexeme: str) -> str:
    """A lexeme as a tsquery has it."""
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _passage(row: Any) -> Passage:
    return Passage(
        document_id=row.document_id,
        filename=row.filename,
        chunk=row.number,
        text=row.text,
        start=row.start_at,
        end=row.end_at,
        page=row.page,
        page_starts=row.page_starts,
        headings=row.headings,
        score=row.score,
        vector_rank=row.vector_rank,
        text_rank=row.text_rank,
        distance=row.distance,
    )
