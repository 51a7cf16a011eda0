"""What an answer is, and how the offline provider makes one: it quotes and never invents."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from raia_llm.passages.domain import Passage, Question

NOT_TOLD = "The documents do not tell."
"""The answer when nothing was found that answers the question."""
MODEL = "extractive"
_MOST_QUOTES = 4
_NEAR_BEST = 0.6
"""Sentences are quoted that cover at least this share of what the best one covers."""
_SENTENCE_SHARE = 0.6
"""A sentence must cover this share of what its whole passage must."""
_LONGEST_QUOTE = 1_000


@dataclass(frozen=True)
class Reply:
    """What a provider answers: a text in which [n] stands for the n-th citation."""

    text: str
    citations: Sequence[Passage]
    model: str
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class Answer:
    """A reply with what makes it an answer of ours."""

    id: UUID
    reply: Reply
    provider: str
    created_at: datetime


@dataclass(frozen=True)
class Sentence:
    """A sentence of a passage and the lexemes that stand in it."""

    passage: Passage
    start: int
    """In the passage's text."""
    end: int
    lexemes: AbstractSet[str]
    context: AbstractSet[str]
    """The lexemes of the headings and the file name."""


@dataclass(frozen=True)
class Relevance:
    """Which passages are about the question at all."""

    coverage: float
    """The share of the question's weight that a passage must cover."""
    distance: float = -1.0
    """The cosine distance within which a passage is relevant whatever its words; negative: none is."""

    def near(self, passage: Passage) -> bool:
        """Whether a passage means the same as the question, whatever its words."""
        return passage.distance is not None and passage.distance <= self.distance

    def accepts(self, question: Question, passage: Passage, lexemes: AbstractSet[str]) -> bool:
        """Whether a passage with these lexemes, its headings' included, is about the question."""
        return self.near(passage) or question.coverage(lexemes) >= self.coverage


def quote(question: Question, sentences: Sequence[Sentence], relevance: Relevance) -> Reply:
    """The best sentences, word for word; ``NOT_TOLD`` when none is good enough."""
    scored = sorted(
        ((_score(question, sentence), -place, sentence) for place, sentence in enumerate(sentences)),
        key=lambda each: each[:2],
        reverse=True,
    )
    best = scored[0][0] if scored else 0.0
    by_meaning = any(
        each.passage.distance is not None and each.passage.distance <= relevance.distance for each in sentences
    )
    if not scored or (best < relevance.coverage * _SENTENCE_SHARE and not by_meaning):
        return Reply(NOT_TOLD, [], MODEL)
    chosen: list[Sentence] = []
    seen: set[str] = set()
    for score, _, sentence in scored:
        text = " ".join(sentence.passage.text[sentence.start : sentence.end].split())
        if score < best * _NEAR_BEST or len(chosen) == _MOST_QUOTES:
            break
        if text not in seen:
            seen.add(text)
            chosen.append(sentence)
    citations = [each.passage.part(each.start, min(each.end, each.start + _LONGEST_QUOTE)) for each in chosen]
    lines = [f"“{_shown(citation)}” [{number}]" for number, citation in enumerate(citations, 1)]
    return Reply("\n\n".join(lines), citations, MODEL)


def _score(question: Question, sentence: Sentence) -> float:
    """What the sentence covers, and a third of what only its headings add; a nearer passage wins a tie."""
    own = question.coverage(sentence.lexemes)
    added = question.coverage(sentence.lexemes | sentence.context) - own
    return own + added / 3 + min(sentence.passage.score, 0.01) if own else 0.0


def _shown(citation: Passage) -> str:
    return " ".join(citation.text.split())
