"""What extracting a document gives: its text, and where pages and headings begin in it."""

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from raia_llm import errors

_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_BREAKS = re.compile(r"\r\n?|[\x85\u2028\u2029\x0c]")


@dataclass(frozen=True)
class Heading:
    """A heading in the text."""

    start: int
    level: int
    """From 1, the outermost."""
    title: str


@dataclass(frozen=True)
class Limits:
    """How large a document may be in each respect before it is refused."""

    max_pages: int = 5_000
    max_characters: int = 20_000_000
    max_unpacked_bytes: int = 512 * 1024**2


@dataclass
class Extracted:
    """The text of a document with its structure; every position is a character's number in ``text``."""

    file_type: str
    text: str
    headings: list[Heading] = field(default_factory=list)
    page_starts: list[int] = field(default_factory=list)
    """Where each page begins; empty for documents without pages."""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def page_at(self, position: int) -> int:
        """The page of a character, from 1; 0 for documents without pages."""
        return bisect_right(self.page_starts, position)


class TextBuilder:
    """Puts a text together piece by piece and refuses it when it grows too long."""

    def __init__(self, filename: str, limits: Limits) -> None:
        self._filename, self._limit = filename, limits.max_characters
        self._parts: list[str] = []
        self.length = 0
        self.headings: list[Heading] = []

    def add(self, text: str) -> int:
        """Appends a text that ``clean`` has cleaned and returns where it begins."""
        start = self.length
        self._parts.append(text)
        self.length += len(text)
        if self.length > self._limit:
            raise errors.too_large(self._filename, self._limit, "the document holds too much text", "characters")
        return start

    def paragraph(self, text: str) -> int:
        """Appends a paragraph of its own and returns where it begins."""
        self.separate()
        return self.add(text)

    def separate(self) -> None:
        """Ends the paragraph at hand with an empty line."""
        if self.length:
            self.add("\n\n")

    def heading(self, level: int, title: str) -> None:
        """Appends a heading."""
        if title:
            self.headings.append(Heading(self.paragraph(title), max(1, level), " ".join(title.split())[:300]))

    def text(self) -> str:
        """All of it."""
        return "".join(self._parts)


def clean(text: str) -> str:
    """The text with one kind of line end and without characters that nobody sees or that cannot be stored."""
    return _UNWANTED.sub("", _BREAKS.sub("\n", text))
