"""Text and Markdown."""

import re
from pathlib import Path

from raia_llm import errors
from raia_llm.workers.encoding import decode
from raia_llm.workers.extracted import Extracted, Heading, Limits, clean

_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(\S.*)$")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_PLAIN_TITLE = re.compile(r"^[^\s>#*+\-|`~][^|]*$")


def extract_text(path: Path, filename: str, limits: Limits) -> Extracted:
    """A plain text."""
    text, encoding = _read(path, filename, limits)
    return Extracted("text", text, metadata={"encoding": encoding})


def extract_markdown(path: Path, filename: str, limits: Limits) -> Extracted:
    """Markdown, as it is written; its headings are known."""
    text, encoding = _read(path, filename, limits)
    return Extracted("markdown", text, headings=_headings(text), metadata={"encoding": encoding})


def _read(path: Path, filename: str, limits: Limits) -> tuple[str, str]:
    # The widest encoding takes four bytes for a character.
    if path.stat().st_size > 4 * limits.max_characters + 4:
        raise errors.too_large(filename, limits.max_characters, "the document holds too much text", "characters")
    decoded = decode(path.read_bytes(), filename)
    text = clean(decoded.text)
    if len(text) > limits.max_characters:
        raise errors.too_large(filename, limits.max_characters, "the document holds too much text", "characters")
    return text, decoded.encoding


def _headings(text: str) -> list[Heading]:
    """ATX and underlined headings outside of fenced code."""
    found: list[Heading] = []
    fence, previous, previous_start, start = "", "", 0, 0
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence):
                fence = ""
        elif mark:
            fence = mark[1]
        elif (match := _ATX.match(line)) and (title := _without_closing(match[2])):
            found.append(Heading(start, len(match[1]), title[:300]))
        elif (underline := _UNDERLINE.match(line)) and _PLAIN_TITLE.match(previous):
            found.append(Heading(previous_start, 1 if underline[1][0] == "=" else 2, previous.strip()[:300]))
        previous, previous_start = ("" if fence else line), start
        start += len(line) + 1
    return found


def _without_closing(title: str) -> str:
    """The title without the marks that may close it, as in ``## Title ##``."""
    title = title.rstrip(" \t")
    bare = title.rstrip("#")
    return bare.rstrip(" \t") if not bare or bare[-1] in " \t" else title
