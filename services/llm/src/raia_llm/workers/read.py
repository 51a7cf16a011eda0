"""The compute functions that make an uploaded file passages, and passages vectors."""

from collections import Counter
from collections.abc import Callable, Iterator
from operator import mul
from pathlib import Path
from typing import Any

import orjson

from raia_llm import errors
from raia_llm.embedding.embedder import literal
from raia_llm.embedding.words import words_of
from raia_llm.handover import CHUNKS, TEXT, VECTORS, WEIGHTS, WORDS
from raia_llm.workers.chunks import Chunk, chunks
from raia_llm.workers.docx import extract_docx
from raia_llm.workers.embedders import open_embedder
from raia_llm.workers.extracted import Extracted, Limits
from raia_llm.workers.formats import identify
from raia_llm.workers.html import extract_html
from raia_llm.workers.pdf import extract_pdf
from raia_llm.workers.plain import extract_markdown, extract_text

Progress = Callable[[float, str], None]

_BATCH = 64
_SHOWN_CHARACTERS = 100_000
_MOST_WORDS = 100_000
"""Distinct words of a document that are counted, the commonest; a rarer one weighs as one that was never seen."""


def read_document(path: str, filename: str, folder: str, limits: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Extracts the text of a file and cuts it into chunks.

    Writes TEXT, CHUNKS (JSON lines) and WORDS (how many chunks hold each word) into ``folder``; returns ``file_type``,
    ``metadata``, ``content`` (the text's beginning), ``character_count`` and ``chunk_count``. Raises ``BadDocument``
    and ``TooLarge``.
    """
    document = extract(Path(path), filename, Limits(**limits), progress)
    if not any(character.isalnum() for character in document.text):
        raise errors.empty(filename, "nothing in it is a letter or a digit")
    target = Path(folder)
    (target / TEXT).write_text(document.text, encoding="utf-8", newline="")
    counts: Counter[str] = Counter()
    written = 0
    with (target / CHUNKS).open("wb") as file:
        for chunk in chunks(document):
            written += 1
            counts.update(set(words_of(document.text[chunk.start : chunk.end])))
            file.write(orjson.dumps(_record(document.text, chunk)) + b"\n")
    (target / WORDS).write_bytes(orjson.dumps(dict(counts.most_common(_MOST_WORDS))))
    return {
        "file_type": document.file_type,
        "metadata": dict(document.metadata),
        "content": document.text[:_SHOWN_CHARACTERS],
        "character_count": len(document.text),
        "chunk_count": written,
    }


def extract(path: Path, filename: str, limits: Limits, progress: Progress) -> Extracted:
    """The text and structure of a file; raises ``BadDocument`` and ``TooLarge``."""
    match identify(path, filename):
        case "pdf":
            return extract_pdf(path, filename, limits, progress)
        case "docx":
            return extract_docx(path, filename, limits)
        case "html":
            return extract_html(path, filename, limits)
        case "markdown":
            return extract_markdown(path, filename, limits)
        case _:
            return extract_text(path, filename, limits)


def embed_chunks(folder: str, embedder: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Embeds the chunks of CHUNKS with the weights of WEIGHTS; writes VECTORS, a literal on each line."""
    place = Path(folder)
    model = open_embedder(embedder)
    weights = orjson.loads((place / WEIGHTS).read_bytes())
    done, total = 0, max(1, (place / CHUNKS).stat().st_size)
    with (place / CHUNKS).open("rb") as source, (place / VECTORS).open("wb") as target:
        for lines in _batches(source):
            texts = [_embedded_text(orjson.loads(line)) for line in lines]
            for vector in model.embed(texts, weights):
                target.write(literal(vector).encode() + b"\n")
            done += sum(len(line) for line in lines)
            progress(done / total, "embedding")
    return {}


def embed_texts(texts: list[str], weights: dict[str, float], embedder: dict[str, Any]) -> list[str]:
    """The vectors of a few texts, as pgvector reads them."""
    return [literal(vector) for vector in open_embedder(embedder).embed(texts, weights)]


def compare_texts(question: str, texts: list[str], embedder: dict[str, Any]) -> list[float]:
    """The cosine between a question and each text."""
    asked, *vectors = open_embedder(embedder).embed([question, *texts], {})
    return [sum(map(mul, asked, vector)) for vector in vectors]


def _batches(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _record(text: str, chunk: Chunk) -> dict[str, Any]:
    return {
        "text": text[chunk.start : chunk.end],
        "start": chunk.start,
        "end": chunk.end,
        "page": chunk.page,
        "page_starts": chunk.page_starts,
        "headings": chunk.headings,
    }


def _embedded_text(record: dict[str, Any]) -> str:
    """A passage is found by the headings above it too."""
    return "\n".join([*record["headings"], record["text"]])
