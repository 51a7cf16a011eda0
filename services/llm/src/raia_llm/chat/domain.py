"""What an answer is, and how the offline provider makes one: it quotes and never invents."""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from raia_llm.passages.domain import SIMPLE, Passage, Question

NOT_TOLD = "The documents do not tell."
"""The answer when nothing was found that answers the question."""
MODEL = "extractive"
_MOST_QUOTES = 4
_NEAR_BEST = 0.6
"""Sentences are quoted that cover at least this share of what the best one covers."""
_SENTENCE_SHARE = 0.6
"""A sentence must cover this share of what its whole passage must."""
_LONGEST_QUOTE = 1_000
_FEW_WORDS, _SHARE_OF_FEW = 5, 0.6
"""What is as short as a title names a subject and says nothing about it."""
_MARK = re.compile(r"(?:[-*+•–]|#{1,6}|\d{1,3}[.)])[ \t]+(?=\S)")


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
    strict: bool = True
    """Whether a passage must hold the word of the question that tells most."""

    def near(self, passage: Passage) -> bool:
        """Whether a passage means the same as the question, whatever its words."""
        return passage.distance is not None and passage.distance <= self.distance

    def accepts(self, question: Question, passage: Passage, lexemes: AbstractSet[str]) -> bool:
        """Whether a passage with these lexemes, its headings' included, is about the question."""
        if self.near(passage):
            return True
        named = question.names_subject(lexemes) or not self.strict
        return named and question.coverage(lexemes) >= self.coverage


def quote(question: Question, sentences: Sequence[Sentence], relevance: Relevance) -> Reply:
    """The best sentences, word for word; ``NOT_TOLD`` when none is good enough."""
    if question.configuration == SIMPLE:
        return Reply(NOT_TOLD, [], MODEL)
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
    citations: list[Passage] = []
    seen: set[str] = set()
    for score, _, sentence in scored:
        if score < best * _NEAR_BEST or len(citations) == _MOST_QUOTES:
            break
        citation = _citation(sentence)
        if _shown(citation) not in seen:
            seen.add(_shown(citation))
            citations.append(citation)
    lines = [f"“{_shown(citation)}” [{number}]" for number, citation in enumerate(citations, 1)]
    return Reply("\n\n".join(lines), citations, MODEL)


def _score(question: Question, sentence: Sentence) -> float:
    """What the sentence covers, and a third of what only its headings add; a nearer passage wins a tie."""
    own = question.coverage(sentence.lexemes)
    if len(sentence.passage.text[sentence.start : sentence.end].split()) < _FEW_WORDS:
        own *= _SHARE_OF_FEW
    added = question.coverage(sentence.lexemes | sentence.context) - own
    return own + added / 3 + min(sentence.passage.score, 0.01) if own else 0.0


def _citation(sentence: Sentence) -> Passage:
    """The sentence without the mark of a list or a heading before it."""
    mark = _MARK.match(sentence.passage.text, sentence.start, sentence.end)
    start = mark.end() if mark else sentence.start
    return sentence.passage.part(start, min(sentence.end, start + _LONGEST_QUOTE))


def _shown(citation: Passage) -> str:
    return " ".join(citation.text.split())
