"""Where the sentences of a text begin and end."""

import re
from collections.abc import Iterator

# Runs of marks and of spaces are taken whole and from their beginning: else a long one takes the square of its length.
_BOUNDARY = re.compile(
    r"""
    (?<![.!?…])(?P<mark>[.!?…]++['"’”»)\]]*+) (?:[ \t]*+\n[ \t]*+|[ \t]++) (?=\S)
  | [。！？]['"’”»）」』]*
  | (?<![ \t])[ \t]*+\n[ \t]*+(?:\n[ \t]*+)++        # an empty line
  | \n(?=[ \t]*(?:[-*+•–]|\d{1,3}[.)]|\#{1,6})[ \t])   # an item of a list, a heading
  | (?<=\S)\n(?=[ \t]*\|)                            # a row of a table
    """,
    re.VERBOSE,
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'])(?:[A-Za-z]|[A-Za-z](?:\.[A-Za-z])+|Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|Art|Arts|No|Nos|Nr|Fig|Figs|Tab|Eq|"
    r"Sec|Sect|Ch|Vol|pp?|cf|vs|etc|al|approx|ca|Inc|Ltd|Co|Corp|Dept|Gen|Gov|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|"
    r"Dec|bzw|usw|Abs|Ziff|Hr|Fr|incl|excl|max|min|para|paras|ed|eds|est)\.$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?:^|\n)[ \t]*\d{1,3}(?:\.\d{1,3})*\.$")


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Beginning and end of each sentence between two positions, without the white space around it."""
    stop = len(text) if end is None else end
    begin = start
    for match in _BOUNDARY.finditer(text, start, stop):
        mark = match["mark"]
        close = match.start() + len(mark) if mark else match.end()
        if mark and not _ends(text, begin, close, match):
            continue
        yield from _trimmed(text, begin, close)
        begin = match.end()
    yield from _trimmed(text, begin, stop)


def _ends(text: str, begin: int, close: int, match: re.Match[str]) -> bool:
    if match["mark"] != ".":
        return not (match["mark"].startswith("…") and text[match.end()].islower())
    following = text[match.end()]
    if following.islower():
        return False
    tail = text[max(begin, close - 24) : close]
    return not (_ABBREVIATION.search(tail) or _NUMBERED.search(tail))


def _trimmed(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    if begin < end:
        yield begin, end
