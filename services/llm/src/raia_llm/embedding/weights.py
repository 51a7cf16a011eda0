"""How much a word tells, by how few of the organisation's chunks it stands in."""

import math

_PRIOR_CHUNKS = 100
STOP_WEIGHT = 0.05
"""The weight of words that the language's list of stop words names."""


def word_weight(chunks_with: int, chunks: int, *, stop: bool = False) -> float:
    """The inverse document frequency, smoothed by 100 imagined chunks without the word; about 0.01 to 17.

    The imagined ones keep a small corpus from calling its own subject commonplace.
    """
    if stop:
        return STOP_WEIGHT
    total = max(chunks, chunks_with) + _PRIOR_CHUNKS
    return math.log(1 + (total - chunks_with + 0.5) / (chunks_with + 0.5))
