"""HTML: the text that a reader sees, never what is run, styled or hidden."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from raia_llm import errors
from raia_llm.workers.encoding import decode
from raia_llm.workers.extracted import Extracted, Limits, TextBuilder, clean

_UNSEEN = {
    "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "embed", "applet", "head", "canvas",
    "audio", "video", "select", "datalist", "frameset", "noframes",
}  # fmt: skip
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main", "nav", "ol", "p", "pre", "section",
    "summary", "table", "tr", "ul", "caption", "tbody", "thead", "tfoot",
}  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_\-]{2,40})", re.IGNORECASE)
_BREAK = re.compile(r"(?<![ \t])[ \t]*+\n[ \t]*+")
_DEEPEST = 2_000


def extract_html(path: Path, filename: str, limits: Limits) -> Extracted:
    """The visible text, its headings, and what the page says of itself."""
    if path.stat().st_size > 8 * limits.max_characters:
        raise errors.too_large(filename, 8 * limits.max_characters, "the page is larger than any text that is taken")
    data = path.read_bytes()
    declared = _CHARSET.search(data[:4096])
    decoded = decode(data, filename, declared[1].decode("ascii") if declared else "")
    tree = LexborHTMLParser(decoded.text)
    metadata = {"encoding": decoded.encoding, **_metadata(tree)}
    writer = _Writer(TextBuilder(filename, limits))
    root = tree.body or tree.root
    if root is not None:
        writer.walk(root)
    writer.flush()
    return Extracted("html", writer.builder.text(), headings=writer.builder.headings, metadata=metadata)


def _metadata(tree: LexborHTMLParser) -> dict[str, str]:
    found: dict[str, str] = {}
    title = tree.css_first("title")
    if title is not None:
        found["title"] = _line(title.text())
    for node in tree.css("meta[name]"):
        name = (node.attributes.get("name") or "").lower()
        if name in ("author", "description", "date", "keywords"):
            found[name] = _line(node.attributes.get("content") or "")
    root = tree.css_first("html")
    if root is not None:
        found["language"] = _line(root.attributes.get("lang") or "")
    return {name: value for name, value in found.items() if value}


def _line(text: str) -> str:
    return " ".join(clean(text).split())[:200]


class _Writer:
    """Writes nodes as paragraphs, one block of the page each."""

    def __init__(self, builder: TextBuilder) -> None:
        self.builder = builder
        self._line: list[str] = []
        self._mark = ""

    def walk(self, root: LexborNode) -> None:
        """Writes everything below a node; without recursion, since pages nest as deep as they like."""
        stack: list[tuple[LexborNode, Iterator[LexborNode]]] = [(root, root.iter(include_text=True))]
        while stack:
            node, children = stack[-1]
            child = next(children, None)
            if child is None:
                self._leave(node)
                stack.pop()
            elif child.tag == "-text":
                self._text(child, preformatted=any(each.tag == "pre" for each, _ in stack[-3:]))
            elif self._enter(child) and len(stack) < _DEEPEST:
                stack.append((child, child.iter(include_text=True)))

    def _enter(self, node: LexborNode) -> bool:
        tag = node.tag or ""
        if tag in _UNSEEN or not _visible(node.attributes):
            return False
        if tag in _HEADINGS:
            self.flush()
            self.builder.heading(_HEADINGS[tag], " ".join(clean(_seen_text(node)).split()))
            return False
        if tag == "br":
            self._line.append("\n")
        elif tag in _BLOCKS:
            self.flush()
            self._mark = "- " if tag == "li" else ""
        return True

    def _leave(self, node: LexborNode) -> None:
        if node.tag in ("td", "th"):
            self._line.append(" | ")
        elif node.tag in _BLOCKS:
            self.flush()

    def _text(self, node: LexborNode, *, preformatted: bool) -> None:
        text = clean(node.text_content or "")
        self._line.append(text if preformatted else re.sub(r"\s+", " ", text))

    def flush(self) -> None:
        """Ends the paragraph at hand."""
        text = _BREAK.sub("\n", re.sub(r" {2,}", " ", "".join(self._line))).strip()
        text = text.removesuffix("|").rstrip()
        if text:
            self.builder.paragraph(self._mark + text)
            self._mark = ""
        self._line.clear()


def _seen_text(node: LexborNode) -> str:
    """The text below a heading, without what is unseen."""
    parts: list[str] = []
    stack = [node]
    while stack:
        at = stack.pop()
        if at.tag == "-text":
            parts.append(at.text_content or "")
        elif at.tag not in _UNSEEN and (at is node or _visible(at.attributes)):
            stack.extend(reversed(list(at.iter(include_text=True))))
    return "".join(parts)


def _visible(attributes: dict[str, Any]) -> bool:
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return False
    return not _HIDDEN.search(attributes.get("style") or "")
