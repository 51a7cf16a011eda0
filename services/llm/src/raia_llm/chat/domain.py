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
"""Sentences are quoted whose score is at least this share of the best one's."""
_SENTENCE_SHARE = 0.6
"""A sentence must cover this share of what its whole passage must."""
_COVERED_BESIDE_NEARNESS = 0.3
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
    """A sentence of a passage and what tells whether it answers."""

    passage: Passage
    start: int
    """In the passage's text."""
    end: int
    lexemes: AbstractSet[str]
    context: AbstractSet[str]
    """The lexemes of the headings and the file name."""
    by_words: bool = True
    """Whether the passage is about the question by its words."""
    nearness: float = 0.0
    """The cosine between sentence and question in a model's eyes; 0 without a model."""


@dataclass(frozen=True)
class Relevance:
    """What is about the question at all."""

    coverage: float
    """The share of the question's weight that a passage must cover."""
    distance: float = -1.0
    """The cosine distance within which a passage is looked at whatever its words; negative: none is."""
    nearness: float = 2.0
    """The cosine from which a sentence answers whatever its words; above 1: none does."""
    strict: bool = True
    """Whether a passage must hold the word of the question that tells most."""

    def near(self, passage: Passage) -> bool:
        """Whether a passage may mean what the question asks, whatever its words."""
        return passage.distance is not None and passage.distance <= self.distance

    def by_words(self, question: Question, lexemes: AbstractSet[str]) -> bool:
        """Whether a passage with these lexemes, its headings' included, is about the question."""
        named = question.names_subject(lexemes) or not self.strict
        return named and question.coverage(lexemes) >= self.coverage


@dataclass(frozen=True)
class _Scored:
    score: float
    good: bool
    sentence: Sentence


def quote(question: Question, sentences: Sequence[Sentence], relevance: Relevance) -> Reply:
    """The best sentences, word for word; ``NOT_TOLD`` when none is good enough."""
    if question.configuration == SIMPLE:
        return Reply(NOT_TOLD, [], MODEL)
    scored = [_scored(question, sentence, relevance) for sentence in sentences]
    scored = sorted((each for each in scored if each.good), key=lambda each: -each.score)
    citations: list[Passage] = []
    seen: set[str] = set()
    for each in scored:
        if each.score < scored[0].score * _NEAR_BEST or len(citations) == _MOST_QUOTES:
            break
        citation = _citation(each.sentence)
        if _shown(citation) not in seen:
            seen.add(_shown(citation))
            citations.append(citation)
    if not citations:
        return Reply(NOT_TOLD, [], MODEL)
    lines = [f"“{_shown(citation)}” [{number}]" for number, citation in enumerate(citations, 1)]
    return Reply("\n\n".join(lines), citations, MODEL)


def _scored(question: Question, sentence: Sentence, relevance: Relevance) -> _Scored:
    """What a model sees in the sentence, or else what of the question it covers; a nearer passage wins a tie."""
    covered = _covered(question, sentence) if sentence.by_words else 0.0
    good = covered >= relevance.coverage * _SENTENCE_SHARE or sentence.nearness >= relevance.nearness
    score = sentence.nearness + covered * _COVERED_BESIDE_NEARNESS if sentence.nearness else covered
    return _Scored(score + min(sentence.passage.score, 0.01), good, sentence)


def _covered(question: Question, sentence: Sentence) -> float:
    """What the sentence covers, and a third of what only its headings add."""
    own = question.coverage(sentence.lexemes)
    if len(sentence.passage.text[sentence.start : sentence.end].split()) < _FEW_WORDS:
        own *= _SHARE_OF_FEW
    added = question.coverage(sentence.lexemes | sentence.context) - own
    return own + added / 3 if own else 0.0


def _citation(sentence: Sentence) -> Passage:
    """The sentence without the mark of a list or a heading before it."""
    mark = _MARK.match(sentence.passage.text, sentence.start, sentence.end)
    start = mark.end() if mark else sentence.start
    return sentence.passage.part(start, min(sentence.end, start + _LONGEST_QUOTE))


def _shown(citation: Passage) -> str:
    return " ".join(citation.text.split())
