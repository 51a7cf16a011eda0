"""Which value of a column becomes which value of a field, and how texts are put into the classes of a field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from raia_ingest.workers.matching.likeness import Floats, rarity, triples, vectors, weighted
from raia_ingest.workers.matching.model import plain
from raia_ingest.workers.matching.words import ALIKE, MEANINGS, stem, text_stems

LIKELY = 0.5
"""A value is mapped when it is at least this likely."""
_SLOPE, _MIDDLE = 9.0, 0.42
_CODE_LENGTH = 3
_LONG_WORD = 5
_SAME_SPELLING = 0.85
_TRUE = frozenset({"true", "yes", "y", "t", "1", "x", "present", "positive", "on"})
_FALSE = frozenset({"false", "no", "n", "f", "0", "absent", "negative", "off"})


@dataclass(frozen=True)
class ValueMatch:
    """What a value becomes; ``target`` is empty when nothing is likely."""

    source: str
    target: str
    probability: float


def map_values(
    values: Sequence[str], classes: Sequence[tuple[str, str]], known: Mapping[str, str] | None = None
) -> list[ValueMatch]:
    """The class of each value: what ``known`` (people's word) says, the equal one, else the most alike.

    ``classes`` are values of the field with what each means; the probability is 1 for known and equal ones.
    """
    told = {plain(source): target for source, target in (known or {}).items()}
    equal = {plain(value): value for value, _ in classes}
    codes = _codes(values, classes)
    examples = [(target, source) for source, target in (known or {}).items() if target]
    alike = _alike(values, classes, examples)
    found = []
    for at, value in enumerate(values):
        key = plain(value)
        if key in told:
            found.append(ValueMatch(value, told[key], 1.0))
        elif key in equal:
            found.append(ValueMatch(value, equal[key], 1.0))
        elif value in codes:
            found.append(ValueMatch(value, codes[value], 0.85))
        else:
            found.append(_likeliest(value, classes, alike[at]))
    return found


def _likeliest(value: str, classes: Sequence[tuple[str, str]], alike: Floats) -> ValueMatch:
    if not len(alike):
        return ValueMatch(value, "", 0.0)
    best = int(np.argmax(alike))
    second = float(np.partition(alike, -2)[-2]) if len(alike) > 1 else 0.0
    score = float(alike[best]) - 0.5 * second
    likely = 1 / (1 + float(np.exp(-_SLOPE * (score - _MIDDLE / 2 - 0.1))))
    return ValueMatch(value, classes[best][0] if likely >= LIKELY else "", round(likely, 4))


def _codes(values: Sequence[str], classes: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Short codes that begin one class each, all of them and no two the same: M, F; yes/no spelled in other ways."""
    found = {}
    truths = {plain(value): value for value, _ in classes}
    for value in values:
        for group in (_TRUE, _FALSE):
            if plain(value) in group and len(set(truths) & group) == 1:
                found[value] = truths[next(iter(set(truths) & group))]
    if found:
        return found
    for value in values:
        code = plain(value)
        if not code or len(code) > _CODE_LENGTH or not code.isalpha():
            return {}
        fitting = [label for label, _ in classes if _begins(code, plain(label))]
        if len(fitting) != 1:
            return {}
        found[value] = fitting[0]
    return found if len(set(found.values())) == len(found) > 1 else {}


def _begins(code: str, label: str) -> bool:
    words = label.split()
    return label.startswith(code) or (
        len(words) == len(code) > 1 and all(w[0] == c for w, c in zip(words, code, strict=True))
    )


def _alike(values: Sequence[str], classes: Sequence[tuple[str, str]], examples: Sequence[tuple[str, str]]) -> Floats:
    """Values × classes: the greatest of the likeness to the label, to what it means, and to known examples of it."""
    if not values or not classes:
        return np.zeros((len(values), len(classes)), dtype=np.float32)
    by_class: dict[str, list[str]] = {}
    for target, source in examples:
        by_class.setdefault(target, []).append(source)
    labels = [[label] for label, _ in classes]
    meanings = [
        [part for part in meaning.split(",") if part.strip()] + by_class.get(label, []) for label, meaning in classes
    ]
    told = [text for group in (*labels, *meanings) for text in group]
    counted = vectors([_features(text) for text in told])
    weights = rarity(counted)
    likeness = (
        weighted(vectors([_features(value) for value in values]), weights) @ weighted(counted, weights).T
    ).toarray()
    found = np.zeros((len(values), len(classes)), dtype=np.float32)
    at = 0
    for groups, share in ((labels, 1.0), (meanings, 0.9)):
        for place, group in enumerate(groups):
            if group:
                found[:, place] = np.maximum(found[:, place], share * likeness[:, at : at + len(group)].max(axis=1))
            at += len(group)
    return np.maximum(found, _covered(values, classes))


def _features(text: str) -> list[str]:
    words = text_stems(plain(text)) or (plain(text),)
    return [part for word in words for part in (f"={word}", f"={word}", *triples(word))]


def _covered(values: Sequence[str], classes: Sequence[tuple[str, str]]) -> Floats:
    """1 less a little where every word of a label, or one said alike, is in the value."""
    found = np.zeros((len(values), len(classes)), dtype=np.float32)
    labels = [text_stems(plain(label)) for label, _ in classes]
    for at, value in enumerate(values):
        words = set(text_stems(plain(value)))
        near = words | {other for word in words for other in (*ALIKE.get(word, ()), *MEANINGS.get(word, ()))}
        for place, label in enumerate(labels):
            if label and all(stem(word) in words for word in label):
                found[at, place] = 0.9
            elif label and all(stem(word) in near for word in label):
                found[at, place] = 0.55
            elif _misspelt(plain(value), plain(classes[place][0])):
                found[at, place] = 0.8
    return found


def _misspelt(value: str, label: str) -> bool:
    """Whether two longer words differ in a letter or two."""
    if min(len(value), len(label)) < _LONG_WORD or abs(len(value) - len(label)) > 2:
        return False
    compared = SequenceMatcher(None, value, label, autojunk=False)
    return compared.quick_ratio() >= _SAME_SPELLING and compared.ratio() >= _SAME_SPELLING
