"""The built-in provider: needs nothing, quotes what it found, invents nothing."""

from collections.abc import Sequence

from raia_kit.database import UnitOfWork

from raia_llm.chat.domain import Relevance, Reply, Sentence, quote
from raia_llm.passages.domain import Passage, Question
from raia_llm.passages.repository import PassageRepository
from raia_llm.workers.sentences import sentences


class OfflineProvider:
    """Quotes the sentences that cover most of the question, of the passages that are about it."""

    name = "offline"

    def __init__(self, passages: PassageRepository, relevance: Relevance) -> None:
        self._passages, self._relevance = passages, relevance

    def relevant(
        self, unit: UnitOfWork, question: Question, passages: Sequence[Passage], relevance: Relevance
    ) -> list[Passage]:
        """The passages that are about the question."""
        texts = [f"{_context(passage)}\n{passage.text}" for passage in passages]
        lexemes = self._passages.lexemes(unit, question.configuration, texts)
        return [
            passage
            for passage, held in zip(passages, lexemes, strict=True)
            if relevance.accepts(question, passage, held)
        ]

    def answer(self, unit: UnitOfWork, question: Question, passages: Sequence[Passage], most: int) -> Reply:
        """Quotes of up to ``most`` passages, each a citation of its own with its place in the document."""
        found: list[Sentence] = []
        for passage in self.relevant(unit, question, passages, self._relevance)[:most]:
            spans = list(sentences(passage.text))
            texts = [_context(passage), *(passage.text[start:end] for start, end in spans)]
            context, *held = self._passages.lexemes(unit, question.configuration, texts)
            found += [
                Sentence(passage, start, end, lexemes, context)
                for (start, end), lexemes in zip(spans, held, strict=True)
            ]
        return quote(question, found, self._relevance)


def _context(passage: Passage) -> str:
    """What a sentence's place says about it."""
    return "\n".join([passage.filename.rpartition(".")[0].replace("_", " ").replace("-", " "), *passage.headings])
