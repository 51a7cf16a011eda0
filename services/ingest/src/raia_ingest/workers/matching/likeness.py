"""How alike words and values are: sparse vectors of letter triples, and a table of words by words."""

from bisect import bisect_left
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from raia_ingest.workers.matching.words import ALIKE, MEANINGS, is_short_for

Floats = NDArray[np.float32]

_DIMENSIONS = 2**18
_PREFIX_AT_LEAST = 3
_DICE_AT_LEAST = 0.6


def triples(text: str) -> list[str]:
    """The runs of three letters of a text with its two ends marked; shorter texts give one."""
    marked = f"^{text}$"
    return [marked[at : at + 3] for at in range(max(1, len(marked) - 2))]


def vectors(documents: Sequence[Sequence[str]]) -> sparse.csr_array:
    """One row a document: how often each of its features occurs, by a hash of the feature."""
    rows: list[int] = []
    columns: list[int] = []
    cache: dict[str, int] = {}
    for row, features in enumerate(documents):
        for feature in features:
            place = cache.get(feature)
            if place is None:
                place = cache[feature] = crc32(feature.encode()) % _DIMENSIONS
            rows.append(row)
            columns.append(place)
    ones = np.ones(len(rows), dtype=np.float32)
    found = sparse.csr_array((ones, (rows, columns)), shape=(len(documents), _DIMENSIONS))
    found.sum_duplicates()
    return found


def rarity(counted: sparse.csr_array) -> Floats:
    """The weight of each feature: the fewer documents have it, the more it says."""
    with_feature = np.bincount(counted.indices, minlength=_DIMENSIONS)
    weights: Floats = np.log((1 + counted.shape[0]) / (1 + with_feature)).astype(np.float32) + np.float32(0.1)
    return weights


def weighted(counted: sparse.csr_array, weights: Floats, *, unit: bool = True) -> sparse.csr_array:
    """The rows with damped counts times the features' weights, of length one if ``unit``."""
    found = counted.copy()
    found.data = (1 + np.log(found.data)) * weights[found.indices]
    if unit:
        lengths = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
        found = (sparse.diags_array(1 / np.maximum(lengths, 1e-9)) @ found).tocsr().astype(np.float32)
    return found


def word_table(words: Sequence[str], vocabulary: Sequence[str]) -> Floats:
    """How alike each of ``words`` is to each word of ``vocabulary``, from 0 to 1; both are stems."""
    table = _spelled_alike(words, vocabulary)
    place = {word: at for at, word in enumerate(vocabulary)}
    ordered = sorted(vocabulary)
    for row, word in enumerate(words):
        _prefixes(table[row], word, place, ordered)
        _meanings(table[row], word, place)
        if word in place:
            table[row, place[word]] = 1.0
    return table


def _spelled_alike(words: Sequence[str], vocabulary: Sequence[str]) -> Floats:
    """Dice's coefficient over letter triples, 0 where it is small or a word is short."""
    ours, theirs = (vectors([sorted(set(triples(word))) for word in group]) for group in (words, vocabulary))
    for each in (ours, theirs):
        each.data[:] = 1
    sizes = np.diff(ours.indptr)[:, None] + np.diff(theirs.indptr)[None, :]
    dice: Floats = (2 * (ours @ theirs.T).toarray() / np.maximum(sizes, 1)).astype(np.float32)
    dice[dice < _DICE_AT_LEAST] = 0
    short = np.array([len(word) < 4 or word.isdigit() for word in words])
    dice[short] = 0
    return dice


def _prefixes(row: Floats, word: str, place: dict[str, int], ordered: list[str]) -> None:
    """A word that begins another one is likely short for it; one that leaves vowels out may be."""
    if word.isdigit():
        return
    if len(word) >= _PREFIX_AT_LEAST:
        at = bisect_left(ordered, word)
        while at < len(ordered) and ordered[at].startswith(word):
            _raise(row, place[ordered[at]], 0.55 + 0.4 * len(word) / len(ordered[at]))
            at += 1
        for length in range(_PREFIX_AT_LEAST, len(word)):
            if word[:length] in place:
                _raise(row, place[word[:length]], 0.55 + 0.4 * length / len(word))
    if 2 <= len(word) <= 5:
        first = bisect_left(ordered, word[0])
        while first < len(ordered) and ordered[first][0] == word[0]:
            if is_short_for(word, ordered[first]):
                _raise(row, place[ordered[first]], 0.6)
            first += 1


def _meanings(row: Floats, word: str, place: dict[str, int]) -> None:
    meant = MEANINGS.get(word, frozenset())
    for other in meant:
        if other in place:
            _raise(row, place[other], 0.9)
        for alike in ALIKE.get(other, ()):
            if alike in place:
                _raise(row, place[alike], 0.65)
    for other in ALIKE.get(word, ()):
        if other in place:
            _raise(row, place[other], 0.75)
    for short, meanings in MEANINGS.items():
        if word in meanings and short in place:
            _raise(row, place[short], 0.9)


def _raise(row: Floats, at: int, likeness: float) -> None:
    row[at] = max(row[at], likeness)


class Lists:
    """Lists of places in one vocabulary, one list a field, for sums and maxima over all lists at once."""

    def __init__(self, lists: Sequence[Sequence[int]]) -> None:
        lengths = np.array([len(each) for each in lists], dtype=np.int64)
        self.flat = np.array([place for each in lists for place in each], dtype=np.int64)
        self.filled = lengths > 0
        self.count = len(lists)
        self._starts = np.concatenate(([0], np.cumsum(lengths[self.filled])[:-1])).astype(np.int64)

    def maximum(self, over: Floats) -> Floats:
        """The greatest of ``over`` (by vocabulary) in each list; 0 for empty lists."""
        return self._reduce(np.maximum, over[self.flat])

    def total(self, over: Floats) -> Floats:
        """The sum of ``over`` (by vocabulary) in each list."""
        return self._reduce(np.add, over[self.flat])

    def _reduce(self, operation: np.ufunc, values: Floats) -> Floats:
        found: Floats = np.zeros(self.count, dtype=np.float32)
        if len(values):
            found[self.filled] = operation.reduceat(values, self._starts)
        return found
