"""The built-in provider: needs nothing, quotes what it found, invents nothing."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from uuid import UUID

from raia_kit.database import Database

from raia_llm.chat.domain import Relevance, Reply, Sentence, quote
from raia_llm.embedding.queries import QueryEmbedder
from raia_llm.passages.domain import Passage, Question
from raia_llm.passages.repository import PassageRepository
from raia_llm.workers.sentences import sentences


class OfflineProvider:
    """Quotes the sentences that answer the question best, of the passages that are about it."""

    name = "offline"

    def __init__(
        self, database: Database, passages: PassageRepository, embedder: QueryEmbedder, relevance: Relevance
    ) -> None:
        self._database, self._passages, self._embedder = database, passages, embedder
        self.relevance = relevance

    def relevant(
        self, org_id: UUID, question: Question, passages: Sequence[Passage], relevance: Relevance
    ) -> list[tuple[Passage, bool]]:
        """The passages that are, or may be, about the question; with whether their words say so."""
        texts = [f"{_context(passage)}\n{passage.text}" for passage in passages]
        lexemes = self._lexemes(org_id, question, texts)
        judged = [
            (passage, relevance.by_words(question, held)) for passage, held in zip(passages, lexemes, strict=True)
        ]
        return [(passage, by_words) for passage, by_words in judged if by_words or relevance.near(passage)]

    def answer(self, org_id: UUID, question: Question, passages: Sequence[Passage], most: int) -> Reply:
        """Quotes of up to ``most`` passages, each a citation of its own with its place in the document."""
        found = [
            sentence
            for passage, by_words in self.relevant(org_id, question, passages, self.relevance)[:most]
            for sentence in self._sentences(org_id, question, passage, by_words)
        ]
        texts = [each.passage.text[each.start : each.end] for each in found]
        nearness = self._embedder.nearness(question.text, texts)
        if nearness is not None:
            found = [replace(each, nearness=value) for each, value in zip(found, nearness, strict=True)]
        return quote(question, found, self.relevance)

    def _sentences(self, org_id: UUID, question: Question, passage: Passage, by_words: bool) -> list[Sentence]:
        spans = list(sentences(passage.text))
        texts = [_context(passage), *(passage.text[start:end] for start, end in spans)]
        context, *held = self._lexemes(org_id, question, texts)
        return [
            Sentence(passage, start, end, lexemes, context, by_words)
            for (start, end), lexemes in zip(spans, held, strict=True)
        ]

    def _lexemes(self, org_id: UUID, question: Question, texts: Sequence[str]) -> list[AbstractSet[str]]:
        with self._database.unit_of_work(org_id) as unit:
            return list(self._passages.lexemes(unit, question.configuration, texts))


def _context(passage: Passage) -> str:
    """What a sentence's place says about it."""
    return "\n".join([passage.filename.rpartition(".")[0].replace("_", " ").replace("-", " "), *passage.headings])
