"""Cuts a text into passages along its headings and sentences."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from raia_llm.workers.extracted import Extracted
from raia_llm.workers.sentences import sentences

_MOST = 280
"""Words of a chunk at most."""
_FEW = 80
"""Below so many words, a chunk goes on over a heading rather than end there."""
_OVERLAP = 40
"""Words at most that a chunk repeats of the one before, in whole sentences."""
_LETTERS_A_WORD = 6
"""Long words, and scripts without spaces, count by their length."""
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Chunk:
    """A passage: ``text[start:end]`` of the document, word for word."""

    start: int
    end: int
    page: int
    """That it begins on, from 1; 0 for documents without pages."""
    page_starts: tuple[int, ...]
    """Where the pages begin that it reaches into."""
    headings: tuple[str, ...]
    """Above its beginning, outermost first."""


@dataclass(frozen=True)
class _Piece:
    start: int
    end: int
    size: int
    section: int


def chunks(document: Extracted) -> Iterator[Chunk]:
    """The passages in order; every character that is no white space is in at least one."""
    text = document.text
    starts = [heading.start for heading in document.headings]
    paths = _paths(document)
    held: list[_Piece] = []
    size = 0
    for piece in _pieces(text, starts):
        full = size + piece.size > _MOST
        if held and (full or (piece.section != held[-1].section and size >= _FEW)):
            yield _chunk(document, held, paths)
            held = _overlap(held, piece)
            size = sum(each.size for each in held)
        held.append(piece)
        size += piece.size
    if held:
        yield _chunk(document, held, paths)


def _paths(document: Extracted) -> list[tuple[str, ...]]:
    """The headings above each section, section 0 being what stands before the first heading."""
    path: list[tuple[int, str]] = []
    paths: list[tuple[str, ...]] = [()]
    for heading in document.headings:
        path = [(level, title) for level, title in path if level < heading.level] + [(heading.level, heading.title)]
        paths.append(tuple(title for _, title in path))
    return paths


def _pieces(text: str, headings: list[int]) -> Iterator[_Piece]:
    """The sentences of each section, those that are too long cut between words."""
    for section, (start, end) in enumerate(pairwise([0, *headings, len(text)])):
        for begin, close in sentences(text, start, end):
            size = _size(text, begin, close)
            if size <= _MOST:
                yield _Piece(begin, close, size, section)
            else:
                yield from _cut(text, begin, close, section)


def _size(text: str, start: int, end: int) -> int:
    words = sum(1 for _ in _WORD.finditer(text, start, end))
    return max(words, (end - start) // _LETTERS_A_WORD, 1)


def _cut(text: str, start: int, end: int, section: int) -> Iterator[_Piece]:
    longest = _MOST * _LETTERS_A_WORD
    begin, close, words = start, start, 0
    for word in _WORD.finditer(text, start, end):
        if close > begin and (words == _MOST or word.end() - begin > longest):
            yield _Piece(begin, close, _size(text, begin, close), section)
            begin, words = word.start(), 0
        close, words = word.end(), words + 1
        while close - begin > longest:
            yield _Piece(begin, begin + longest, _MOST, section)
            begin += longest
    if close > begin:
        yield _Piece(begin, close, _size(text, begin, close), section)


def _overlap(held: list[_Piece], following: _Piece) -> list[_Piece]:
    """The last sentences of a chunk that the next one begins with, of the same section alone."""
    kept: list[_Piece] = []
    size = 0
    for piece in reversed(held[1:]):
        size += piece.size
        if size > _OVERLAP or piece.section != following.section or size + following.size > _MOST:
            break
        kept.insert(0, piece)
    return kept


def _chunk(document: Extracted, held: list[_Piece], paths: list[tuple[str, ...]]) -> Chunk:
    start, end = held[0].start, held[-1].end
    first, last = bisect_right(document.page_starts, start), bisect_left(document.page_starts, end)
    return Chunk(start, end, document.page_at(start), tuple(document.page_starts[first:last]), paths[held[0].section])
