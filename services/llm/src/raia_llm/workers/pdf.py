"""PDF, page by page."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pypdf import PasswordType, PdfReader

from raia_llm import errors
from raia_llm.workers.extracted import Extracted, Heading, Limits, TextBuilder, clean

# It tells every oddity of a file that it reads well.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

_END = b"%%EOF"
_END_WITHIN = 4096
_MOST_HEADINGS = 5_000
_HYPHENATED = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]\n(?=[a-zà-öø-ÿ])")
_WRAPPED = re.compile(r"(?<![.!?:;\n])\n(?=[a-zà-öø-ÿ(])")


def extract_pdf(path: Path, filename: str, limits: Limits, progress: Callable[[float, str], None]) -> Extracted:
    """The text of all pages and the headings of the outline; raises ``BadDocument`` and ``TooLarge``."""
    _check_end(path, filename)
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            raise errors.encrypted(filename)
        count = len(reader.pages)
    except (errors.BadDocument, MemoryError):
        raise
    except NotImplementedError as error:
        # Certificates and the like, which nobody here could open.
        raise errors.encrypted(filename) from error
    except Exception as error:  # the library raises whatever a broken file leads it to
        raise errors.damaged(filename, "its pages cannot be found") from error
    if count > limits.max_pages:
        raise errors.too_large(filename, limits.max_pages, f"the document has {count:,} pages", "pages")
    builder = TextBuilder(filename, limits)
    starts, blank = _pages(reader, builder, filename, progress)
    if len(blank) == count:
        pages = "page" if count == 1 else "pages"
        raise errors.empty(
            filename, f"{count:,} {pages} without any: if it is a scan, run text recognition on it first"
        )
    text = builder.text()
    metadata: dict[str, Any] = {"page_count": count, **_metadata(reader)}
    if blank:
        metadata["pages_without_text"] = blank[:500]
    return Extracted("pdf", text, headings=_outline(reader, text, starts), page_starts=starts, metadata=metadata)


def _check_end(path: Path, filename: str) -> None:
    """A file that ends before its last line says so was cut; what could be saved of it would be taken for the whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _END_WITHIN))
        if _END not in file.read():
            raise errors.damaged(filename, "it ends in the middle")


def _pages(
    reader: PdfReader, builder: TextBuilder, filename: str, progress: Callable[[float, str], None]
) -> tuple[list[int], list[int]]:
    """Appends every page; where each begins, and the numbers of those without text."""
    starts: list[int] = []
    blank: list[int] = []
    for number, page in enumerate(reader.pages, 1):
        try:
            raw = page.extract_text()
        except MemoryError:
            raise
        except Exception as error:  # the library raises whatever a broken stream leads it to
            raise errors.damaged(filename, f"page {number} cannot be read") from error
        text = _unwrapped(clean(raw)).strip()
        if text:
            starts.append(builder.paragraph(text))
        else:
            starts.append(builder.length)
            blank.append(number)
        progress(number / len(reader.pages), f"page {number} of {len(reader.pages)}")
    return starts, blank


def _unwrapped(text: str) -> str:
    """Lines that the page's width broke are put together again."""
    return _WRAPPED.sub(" ", _HYPHENATED.sub("", text))


def _metadata(reader: PdfReader) -> dict[str, str]:
    try:
        info = reader.metadata
        found = {"title": info.title, "author": info.author, "subject": info.subject} if info else {}
        if info and info.creation_date:
            found["created"] = info.creation_date.isoformat()
    except Exception:  # what a file says of itself is no reason to refuse it
        return {}
    return {name: clean(str(value))[:200] for name, value in found.items() if value}


def _outline(reader: PdfReader, text: str, starts: list[int]) -> list[Heading]:
    """The outline's entries, each where its title stands on its page, or at the page's beginning."""
    found: list[Heading] = []
    try:
        for level, item in _entries(reader.outline, 1):
            page = reader.get_destination_page_number(item)
            title = " ".join(clean(str(item.title)).split())[:300]
            if page is None or not 0 <= page < len(starts) or not title:
                continue
            end = starts[page + 1] if page + 1 < len(starts) else len(text)
            at = text.find(title, starts[page], end)
            found.append(Heading(at if at >= 0 else starts[page], level, title))
            if len(found) >= _MOST_HEADINGS:
                break
    except Exception:  # a broken outline is no reason to refuse the text
        return sorted(found, key=lambda heading: heading.start)
    return sorted(found, key=lambda heading: heading.start)


def _entries(outline: list[Any], level: int) -> Iterator[tuple[int, Any]]:
    for item in outline:
        if isinstance(item, list):
            if level < 10:
                yield from _entries(item, level + 1)
        else:
            yield level, item
