"""What speaks for each pair of a column and a field, as one number each, over all pairs at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from raia_ingest.workers.matching.likeness import Floats, Lists, rarity, triples, vectors, weighted, word_table
from raia_ingest.workers.matching.model import Kind, SourceColumn, TargetField, fitting, plain
from raia_ingest.workers.matching.units import agreement, unit_in_name, unit_in_text, unit_named
from raia_ingest.workers.matching.words import initials, name_stems, name_words, text_stems

EVIDENCE = (
    "name_equal",
    "name_covered",
    "field_covered",
    "name_both",
    "name_described",
    "text_alike",
    "description_alike",
    "values_equal",
    "values_alike",
    "values_kin",
    "values_coded",
    "values_apart",
    "name_valued",
    "unit",
    "kind",
)
"""The names of the numbers, in their order."""
_VALUES_OF_FIELD = 400


@dataclass(frozen=True)
class Vocabulary:
    """Words with their places."""

    words: list[str]
    place: dict[str, int]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]]) -> "Vocabulary":
        """All words of the lists."""
        words = sorted({word for each in lists for word in each})
        return cls(words, {word: at for at, word in enumerate(words)})

    def lists(self, of: Sequence[Sequence[str]]) -> Lists:
        """The lists as places."""
        return Lists([[self.place[word] for word in each] for each in of])


class Schema:
    """The fields of a schema, prepared once for any number of tables."""

    def __init__(self, fields: Sequence[TargetField]) -> None:
        self.fields = tuple(fields)
        self.places = {field.path: at for at, field in enumerate(fields)}
        self.kinds = [field.kind for field in fields]
        self.names = [name_stems(field.name) for field in fields]
        entities = [text_stems(field.entity) for field in fields]
        told = [
            tuple(dict.fromkeys((*name, *entity, *text_stems(f"{field.description} {field.unit}"))))
            for name, entity, field in zip(self.names, entities, fields, strict=True)
        ]
        self.vocabulary = Vocabulary.of(told)
        self.name_lists = self.vocabulary.lists(self.names)
        # A column may be named with the entity: vehicle value is the value of VEHICLES.
        self.full_lists = self.vocabulary.lists(
            [tuple(dict.fromkeys((*name, *entity))) for name, entity in zip(self.names, entities, strict=True)]
        )
        self.told_lists = self.vocabulary.lists(told)
        self.rarity = self._rarity(told)
        self.name_rarity = self._rarity(self.names)
        self.name_weight = self.name_lists.total(self.name_rarity)
        self.by_name: dict[str, list[int]] = {}
        self.by_initials: dict[str, list[int]] = {}
        for at, field in enumerate(fields):
            self.by_name.setdefault("".join(self.names[at]), []).append(at)
            for letters in initials(name_words(field.name)):
                self.by_initials.setdefault(letters, []).append(at)
        self.units = [
            unit_named(field.unit) or unit_in_text(field.description) or unit_in_name(field.name)[0] for field in fields
        ]
        self._prepare_texts(told)
        self._prepare_values()

    def _rarity(self, lists: Sequence[Sequence[str]]) -> Floats:
        counts = np.zeros(len(self.vocabulary.words), dtype=np.float32)
        for words in lists:
            for word in set(words):
                counts[self.vocabulary.place[word]] += 1
        weights: Floats = np.log((2 + len(lists)) / (1 + counts)).astype(np.float32)
        return weights

    def _prepare_texts(self, told: Sequence[Sequence[str]]) -> None:
        counted = vectors([[part for word in words for part in _features(word)] for words in told])
        self.text_weights = rarity(counted)
        self.texts = weighted(counted, self.text_weights)

    def _prepare_values(self) -> None:
        listed = [list(dict.fromkeys(filter(None, map(plain, each.values))))[:_VALUES_OF_FIELD] for each in self.fields]
        self.values = Vocabulary.of(listed)
        self.value_lists = self.values.lists(listed)
        stems = [tuple(dict.fromkeys(word for value in values for word in text_stems(value))) for values in listed]
        self.value_words = Vocabulary.of(stems)
        self.value_word_lists = self.value_words.lists(stems)
        counts = np.bincount(self.value_word_lists.flat, minlength=max(1, len(self.value_words.words)))
        self.value_word_rarity = np.log((2 + len(listed)) / (1 + counts)).astype(np.float32)
        self.closed = np.array([1.0 if 0 < len(v) <= 20 else 0.4 if v else 0.0 for v in listed], dtype=np.float32)
        holders = np.bincount(self.value_lists.flat, minlength=max(1, len(self.values.words)))
        with_values = max(1, sum(map(bool, listed)))
        self.value_rarity = np.log((2 + with_values) / (1 + holders)).astype(np.float32) / np.log(2 + with_values)
        beginning: dict[str, set[int]] = {}
        for at, values in enumerate(listed):
            for value in values:
                words = value.split()
                starts = {"".join(word[0] for word in words)} | {word[:size] for word in words for size in (1, 2, 3)}
                for start in starts:
                    beginning.setdefault(start, set()).add(at)
        self.by_beginning = {start: np.array(sorted(places)) for start, places in beginning.items()}
        counted = vectors([triples(value) for value in self.values.words])
        self.value_weights = rarity(counted)
        self.value_vectors = weighted(counted, self.value_weights)
        kin = vectors([[part for value in values for part in _kin(value)] for values in listed])
        self.kin_weights = rarity(kin)
        self.kin = weighted(kin, self.kin_weights)


def _features(word: str) -> list[str]:
    """A word as features of a text: itself and, for longer ones, its letter triples."""
    return [f"={word}", *triples(word)] if len(word) > 3 else [f"={word}"]


def _kin(value: str) -> list[str]:
    return [part for word in value.split() for part in _features(word)]


class Evidence:
    """The numbers of all pairs of a table's columns with a schema's fields: ``of[name]`` is columns × fields."""

    def __init__(self, columns: Sequence[SourceColumn], schema: Schema) -> None:
        self.columns, self.schema = tuple(columns), schema
        shape = (len(columns), len(schema.fields))
        self.of = {name: np.zeros(shape, dtype=np.float32) for name in EVIDENCE}
        self.units = [unit_in_name(column.name) for column in columns]
        self.names = [self._name(column, told) for column, (_, told) in zip(columns, self.units, strict=True)]
        self._names()
        self._texts()
        self._values()
        self._name_in_values()
        self._kinds()

    @staticmethod
    def _name(column: SourceColumn, told: int) -> tuple[str, ...]:
        """The words of a column's name that say what it is, not in what unit."""
        words = name_words(column.name)
        return name_stems(" ".join(words[: len(words) - told])) or ("?",)

    def stacked(self) -> Floats:
        """Columns × fields × evidence."""
        return np.stack([self.of[name] for name in EVIDENCE], axis=2)

    def _word_weights(self, rarity_of: Floats) -> dict[str, float]:
        """Words in many names of the table say little about each; words that no field has say a little less."""
        schema, total = self.schema, len(self.columns)
        counts: dict[str, int] = {}
        for words in self.names:
            for word in set(words):
                counts[word] = counts.get(word, 0) + 1
        usual = float(np.median(rarity_of[schema.name_lists.flat])) if len(schema.name_lists.flat) else 1.0
        weights = {}
        for word, count in counts.items():
            place = schema.vocabulary.place.get(word)
            rare = float(rarity_of[place]) if place is not None else usual
            here = np.log((2 + total) / (1 + count)) / np.log(2 + total) if total > 3 else 1.0
            weights[word] = max(0.05, rare * max(0.1, float(here)) * (0.4 if word.isdigit() else 1.0))
        return weights

    def _names(self) -> None:
        schema = self.schema
        ours = sorted({word for words in self.names for word in words})
        place = {word: at for at, word in enumerate(ours)}
        table = word_table(ours, schema.vocabulary.words)
        weights, telling = self._word_weights(schema.name_rarity), self._word_weights(schema.rarity)
        in_names = np.stack([schema.full_lists.maximum(row) for row in table])
        in_told = np.stack([schema.told_lists.maximum(row) for row in table])
        for at, words in enumerate(self.names):
            rows = [place[word] for word in words]
            weight = np.array([weights[word] for word in words], dtype=np.float32)[:, None]
            total = float(weight.sum())
            covered: Floats = ((in_names[rows] * weight).sum(axis=0) / total).astype(np.float32)
            best = table[rows].max(axis=0)
            found_back = schema.name_lists.total(best * schema.name_rarity) / np.maximum(schema.name_weight, 1e-6)
            back: Floats = found_back.astype(np.float32)
            self._short(at, covered, back)
            self.of["name_covered"][at] = covered
            self.of["field_covered"][at] = back
            self.of["name_both"][at] = 2 * covered * back / np.maximum(covered + back, 1e-6)
            weight = np.array([telling[word] for word in words], dtype=np.float32)[:, None]
            self.of["name_described"][at] = (in_told[rows] * weight).sum(axis=0) / weight.sum()
            self.of["name_equal"][at][schema.by_name.get("".join(words), [])] = 1

    def _short(self, at: int, covered: Floats, back: Floats) -> None:
        """A name that is the initials of a field's words, or the other way round, covers it."""
        words = name_words(self.columns[at].name)
        whole = "".join(words)
        fields = list(self.schema.by_initials.get(whole, ())) if 2 < len(whole) < 7 else []
        for letters in initials(words):
            fields += self.schema.by_name.get(letters, ()) if len(letters) > 2 else ()
        covered[fields] = np.maximum(covered[fields], 0.8)
        back[fields] = np.maximum(back[fields], 0.8)

    def _texts(self) -> None:
        schema = self.schema
        told = [
            (*words, *text_stems(column.description)) for words, column in zip(self.names, self.columns, strict=True)
        ]
        counted = vectors([[part for word in words for part in _features(word)] for words in told])
        alike = weighted(counted, schema.text_weights) @ schema.texts.T
        self.of["text_alike"][:] = alike.toarray()
        described = [text_stems(column.description) for column in self.columns]
        if any(described):
            counted = vectors([[f"={word}" for word in words] for words in described])
            alike = weighted(counted, schema.text_weights) @ schema.texts.T
            self.of["description_alike"][:] = alike.toarray()

    def _values(self) -> None:
        schema = self.schema
        told = [self._told(column) for column in self.columns]
        ours = Vocabulary.of([list(values) for values in told])
        if not ours.words or not schema.values.words:
            return
        counted = vectors([triples(value) for value in ours.words])
        alike = weighted(counted, schema.value_weights) @ schema.value_vectors.T
        kin = vectors([[part for value in values for part in _kin(value)] for values in told])
        self.of["values_kin"][:] = (weighted(kin, schema.kin_weights) @ schema.kin.T).toarray()
        for at, values in enumerate(told):
            if values:
                self._compare(at, values, alike[[ours.place[value] for value in values]].toarray())

    @staticmethod
    def _told(column: SourceColumn) -> dict[str, int]:
        """The values of a column of names and codes, as they are compared; none of measurements and identifiers."""
        if column.kind not in (Kind.CATEGORY, Kind.FLAG, Kind.TEXT):
            return {}
        found: dict[str, int] = {}
        for value, count in column.listed:
            if text := plain(value)[:80]:
                found[text] = found.get(text, 0) + count
        return found

    def _compare(self, at: int, values: dict[str, int], alike: Floats) -> None:
        schema = self.schema
        weight = np.sqrt(np.array(list(values.values()), dtype=np.float32))
        equal = np.zeros(len(schema.fields), dtype=np.float32)
        close = np.zeros_like(equal)
        for row, (value, each) in enumerate(zip(values, weight, strict=True)):
            place = schema.values.place.get(value)
            if place is not None:
                alike[row, place] = 1.0
                exact = np.zeros(len(schema.values.words), dtype=np.float32)
                exact[place] = max(0.05, float(schema.value_rarity[place]))
                equal += each * schema.value_lists.maximum(exact)
            close += each * schema.value_lists.maximum(alike[row] * np.maximum(schema.value_rarity, 0.05))
        # Two values that agree say less than ten: many fields are positive or negative.
        sure = 1 - 0.5 ** len(values)
        self.of["values_equal"][at] = sure * equal / weight.sum()
        self.of["values_alike"][at] = sure * close / weight.sum()
        self.of["values_kin"][at] *= sure
        self._codes(at, values)
        near = np.maximum(self.of["values_alike"][at], 0.7 * self.of["values_coded"][at])
        self.of["values_apart"][at] = schema.closed * np.maximum(0, 1 - 4 * near)

    def _codes(self, at: int, values: dict[str, int]) -> None:
        """Values of one to three letters that begin the fields' values, or their words: M, F; male, female."""
        codes = [value for value in values if value.isalpha() and len(value) <= 3]
        if len(codes) < 2 or len(codes) < len(values):
            return
        schema = self.schema
        hits = np.zeros(len(schema.fields), dtype=np.float32)
        for code in codes:
            holders = schema.by_beginning.get(code, np.zeros(0, dtype=np.int64))
            hits[holders] += 1
        self.of["values_coded"][at] = (hits / len(codes)) ** 2

    def _name_in_values(self) -> None:
        """Names that list what a field may hold: tumor/normal, day/night."""
        schema = self.schema
        if not schema.value_words.words:
            return
        for at, words in enumerate(self.names):
            total = np.zeros(len(schema.fields), dtype=np.float32)
            for word in words:
                place = schema.value_words.place.get(word)
                if place is not None:
                    there = np.zeros(len(schema.value_words.words), dtype=np.float32)
                    there[place] = 1
                    total += schema.value_word_lists.maximum(there)
            listed = any(mark in self.columns[at].name for mark in "/|") and len(words) > 1
            self.of["name_valued"][at] = (total / len(words)) * (1.0 if listed else 0.3)

    def _kinds(self) -> None:
        for at, column in enumerate(self.columns):
            kind = column.kind
            by_kind = {other: fitting(kind, other) for other in Kind}
            self.of["kind"][at] = [by_kind[other] for other in self.schema.kinds]
            unit, _ = self.units[at]
            if unit is not None:
                self.of["unit"][at] = [agreement(unit, other) for other in self.schema.units]
