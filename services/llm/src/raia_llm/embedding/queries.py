"""Which embedder the service uses, and questions as vectors."""

from collections.abc import Mapping
from typing import Any

from raia_kit.compute import ComputePool

from raia_llm.embedding.embedder import literal
from raia_llm.embedding.hashed import HashedEmbedder
from raia_llm.embedding.onnx_name import FURTHEST, onnx_name
from raia_llm.settings import LlmSettings

_EMBED = "raia_llm.workers.read:embed_texts"
_COMPARE = "raia_llm.workers.read:compare_texts"
_SECONDS = 30.0


class QueryEmbedder:
    """The configured embedder: the hashed one answers in this process, a model in a compute child."""

    def __init__(self, settings: LlmSettings, pool: ComputePool) -> None:
        self._pool = pool
        self._hashed = HashedEmbedder() if settings.embedder == "hashed" else None
        folder = settings.embedder_folder
        self.options: dict[str, Any] = {"kind": settings.embedder, "folder": str(folder or "")}
        """What a child needs to open the same one."""
        self.name = self._hashed.name if self._hashed else onnx_name(folder)
        self.furthest = self._hashed.furthest if self._hashed else FURTHEST
        self.weighs_words = self._hashed is not None

    def embed(self, text: str, weights: Mapping[str, float]) -> str:
        """The vector of a question, as pgvector reads it; raises what ``ComputePool.run`` does."""
        if self._hashed is not None:
            return literal(self._hashed.embed([text], weights)[0])
        arguments = {"texts": [text], "weights": {}, "embedder": self.options}
        vectors: list[str] = self._pool.run(_EMBED, arguments, time_limit=_SECONDS, affinity="embedder")
        return vectors[0]

    def nearness(self, question: str, texts: list[str]) -> list[float] | None:
        """The cosine between a question and each text; None if the embedder hashes rather than understands."""
        if self._hashed is not None:
            return None
        arguments = {"question": question, "texts": texts, "embedder": self.options}
        found: list[float] = self._pool.run(_COMPARE, arguments, time_limit=_SECONDS, affinity="embedder")
        return found
