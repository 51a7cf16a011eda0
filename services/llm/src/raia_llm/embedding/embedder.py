"""What turns texts into vectors."""

from collections.abc import Mapping, Sequence
from typing import Protocol

DIMENSIONS = 1024
"""Of every vector that is stored: shorter ones are filled up with zeros, which changes no angle."""


class Embedder(Protocol):
    """One way to turn texts into vectors of length 1."""

    @property
    def name(self) -> str:
        """Tells apart vectors that cannot be compared; changes whenever the vectors of a text would."""

    @property
    def furthest(self) -> float:
        """The cosine distance beyond which two texts have nothing to do with each other."""

    @property
    def weighs_words(self) -> bool:
        """Whether ``embed`` looks at the weights of words."""

    def embed(self, texts: Sequence[str], weights: Mapping[str, float]) -> list[list[float]]:
        """A vector of ``DIMENSIONS`` numbers for each text; ``weights`` are those of the words, by word."""


def literal(vector: Sequence[float]) -> str:
    """The vector as pgvector reads it, to the four digits that half precision holds."""
    return "[" + ",".join(f"{value:.4g}" if value else "0" for value in vector) + "]"
