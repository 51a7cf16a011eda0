"""The words of a text, as they are weighed and hashed."""

import re
import unicodedata
from collections.abc import Iterator

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_LONGEST = 40


def words_of(text: str) -> Iterator[str]:
    """The words in order, folded to one case and form, none longer than 40 characters.

    Scripts that set no spaces between words give overlapping pairs of characters.
    """
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text)):
        word = match[0].casefold()
        if word.isascii() or not _UNSPACED.search(word):
            for start in range(0, len(word), _LONGEST):
                yield word[start : start + _LONGEST]
        else:
            yield from _pairs(word)


def _pairs(word: str) -> Iterator[str]:
    end = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > end:
            yield word[end : run.start()][:_LONGEST]
        characters = run[0]
        if len(characters) == 1:
            yield characters
        for start in range(len(characters) - 1):
            yield characters[start : start + 2]
        end = run.end()
    if end < len(word):
        yield word[end:][:_LONGEST]
