"""Which embedder a child computes with."""

from functools import cache
from typing import Any

from raia_llm.embedding.embedder import Embedder
from raia_llm.embedding.hashed import HashedEmbedder


def open_embedder(options: dict[str, Any]) -> Embedder:
    """The embedder of ``kind`` "hashed", or "onnx" with its ``folder``; kept open in a child that stays warm."""
    return _open(str(options["kind"]), str(options.get("folder", "")))


@cache
def _open(kind: str, folder: str) -> Embedder:
    if kind == "onnx":
        from raia_llm.workers.onnx import OnnxEmbedder

        return OnnxEmbedder(folder)
    return HashedEmbedder()
