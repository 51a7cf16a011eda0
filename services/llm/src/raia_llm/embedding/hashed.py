"""The embedder that needs no model: hashed words, pairs of words and runs of letters, weighted by the corpus."""

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from raia_llm.embedding.embedder import DIMENSIONS
from raia_llm.embedding.weights import word_weight
from raia_llm.embedding.words import words_of

_UNKNOWN = word_weight(0, 0)
_LETTERS = 1.4
"""Weight of all runs of letters of a word beside the word itself: what likens its forms, and misspellings, to it."""
_PAIR = 0.25


class HashedEmbedder:
    """Each feature goes to one dimension, with a sign, by its hash; pure Python, so a query costs no child."""

    name = "hashed-1024-v1"
    furthest = 0.9
    weighs_words = True

    def embed(self, texts: Sequence[str], weights: Mapping[str, float]) -> list[list[float]]:
        """As ``Embedder.embed``; a text without words becomes zeros."""
        return [_embed(list(words_of(text)), weights) for text in texts]


def _embed(words: list[str], weights: Mapping[str, float]) -> list[float]:
    vector = [0.0] * DIMENSIONS
    for word, count in Counter(words).items():
        weight = weights.get(word, _UNKNOWN) * (1 + math.log(count))
        for dimension, value in _word_features(word):
            vector[dimension] += weight * value
    for pair, count in Counter(pairwise(words)).items():
        weight = min(weights.get(word, _UNKNOWN) for word in pair) * _PAIR * (1 + math.log(count))
        dimension, sign = _place(f"{pair[0]} {pair[1]}")
        vector[dimension] += weight * sign
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else vector


@lru_cache(maxsize=100_000)
def _word_features(word: str) -> tuple[tuple[int, float], ...]:
    """Where a word goes."""
    features: dict[int, float] = {}
    dimension, sign = _place(f" {word} ")
    features[dimension] = sign
    runs = set(_runs(f"<{word}>"))
    for run in runs:
        dimension, sign = _place(run)
        features[dimension] = features.get(dimension, 0.0) + sign * _LETTERS / math.sqrt(len(runs))
    return tuple(features.items())


def _runs(marked: str) -> Iterable[str]:
    for size in (3, 4, 5):
        for start in range(len(marked) - size + 1):
            yield marked[start : start + size]


def _place(feature: str) -> tuple[int, float]:
    value = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
    return value % DIMENSIONS, 1.0 if value & 0x80000000 else -1.0
