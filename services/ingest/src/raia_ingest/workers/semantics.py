# ruff: noqa: S608 - queries are made of constants, never of names or values from a file
"""What the values of a column mean: the forms are weighed on a sample, the best one is then counted on every value."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from raia_ingest.workers.semantic_data import word_set, words
from raia_ingest.workers.semantic_forms import FORMS, Form, currency_of
from raia_ingest.workers.semantic_numbers import meaning_of_numbers

SAMPLE = 1000
_FIRST_LOOK = 40
_BATCH = 20_000
_LEAST_SHARE = 0.6
"""Below this share of its values, a column is not of a form."""
_NAME_RAISES = 0.5
_TRUTHS = (
    {"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"0", "1"}, {"ja", "nein"}, {"oui", "non"}, {"si", "no"},
    {"on", "off"}, {"x", "-"},
)  # fmt: skip
_ID_WORDS = word_set("id ids key code no nr num number ref reference uuid identifier sku isbn vin serial")
_GIVEN = Form("person_name", 0.9, "[A-ZÀ-ÖØ-Þ][A-Za-zÀ-ÿ'.-]+")
_PERSON_WORDS = word_set(
    "customer person employee insured holder client patient contact owner driver member firstname lastname surname "
    "fullname forename first last full given family claimant agent"
)


@dataclass(frozen=True)
class Column:
    """What is known of the column before its values are read for their meaning."""

    name: str
    kind: str
    rows: int
    present: int
    distinct: int

    @property
    def words(self) -> frozenset[str]:
        """The words of its name."""
        return frozenset(words(self.name))


@dataclass
class Verdict:
    """A meaning and how sure it is."""

    type: str
    confidence: float
    matching: int
    evidence: list[str]
    currency: str = ""
    format: str = ""

    def as_dict(self, present: int) -> dict[str, Any]:
        """As the contract's ``Semantics`` names it."""
        return {
            "type": self.type,
            "confidence": round(min(self.confidence, 1.0), 4),
            "matching_count": self.matching,
            "other_count": present - self.matching,
            "evidence": self.evidence,
            "currency": self.currency,
            "format": self.format,
        }


def raised(confidence: float, hinted: bool) -> float:
    """The confidence, raised when the column's name says the same."""
    return confidence + (1 - confidence) * _NAME_RAISES if hinted else confidence


def read_meaning(
    connection: duckdb.DuckDBPyConnection, column: Column, numeric: dict[str, Any] | None
) -> dict[str, Any] | None:
    """The meaning of the values in the temporary table ``g(v, n)``; None for a column without any."""
    if not column.present:
        return None
    if column.kind == "string":
        return _Texts(connection, column).verdict().as_dict(column.present)
    if column.kind in ("integer", "float"):
        found = meaning_of_numbers(connection, column, numeric)
        return Verdict(*found).as_dict(column.present)
    certain = Verdict(column.kind, 1.0, column.present, [f"every value is a {column.kind} by its type"])
    return certain.as_dict(column.present)


class _Texts:
    """One column of texts."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, column: Column) -> None:
        self._connection, self._column = connection, column
        rows = connection.execute(
            f"select trim(v), n from g where trim(v) <> '' order by hash(v), v limit {SAMPLE}"
        ).fetchall()
        self._sample: list[tuple[str, int]] = [(str(value)[:2000], int(count)) for value, count in rows]
        self._blank = not self._sample

    def verdict(self) -> Verdict:
        """The most telling form, else what can be said of any text."""
        if self._blank:
            return Verdict("free_text", 0.0, 0, ["every value is blank"])
        truth = self._truth()
        if truth is not None:
            return truth
        forms = self._forms()
        found = self._counted(forms) if forms else None
        if found is not None and found.matching >= self._column.present / 2:
            return found
        return self._person() or self._plain()

    def _truth(self) -> Verdict | None:
        values = {value.lower() for value, _ in self._sample}
        if self._column.distinct <= 4 and len(values) == 2 and any(values <= pair for pair in _TRUTHS):
            spelled = " and ".join(sorted(values))
            return Verdict("boolean", 0.97, self._column.present, [f"its values are {spelled}"])
        return None

    def _share(self, form: Form, sample: list[tuple[str, int]]) -> float:
        return sum(form.fits(value) for value, _ in sample) / len(sample)

    def _forms(self) -> list[tuple[float, Form]]:
        """The forms that the sample is of, by weight; those that are as likely as the first, alone."""
        found = []
        for form in FORMS:
            hinted = bool(form.hints & self._column.words)
            if form.type == "person_name" or (form.needs_hint and not hinted):
                continue
            if self._share(form, self._sample[:_FIRST_LOOK]) < _LEAST_SHARE / 2:
                continue
            share = self._share(form, self._sample)
            if share >= _LEAST_SHARE and not (form.type == "country" and not self._may_be_country(share)):
                found.append((raised(share * form.weight, hinted), share, form))
        found.sort(key=lambda each: -each[0])
        return [(share, form) for weight, share, form in found if weight >= found[0][0] - 1e-9]

    def _may_be_country(self, share: float) -> bool:
        """Codes of two letters are also those of states and much else: all must fit, or the name must say so."""
        short = sum(len(value) == 2 for value, _ in self._sample) > len(self._sample) / 2
        return not short or "country" in self._column.words or (share > 0.98 and len(self._sample) >= 8)

    def _counted(self, forms: list[tuple[float, Form]]) -> Verdict:
        """The verdict for the best form, with every value counted; forms that fit alike are named beside each other."""
        _, form = forms[0]
        matching, currencies = self._count(form)
        share = matching / self._column.present
        hinted = bool(form.hints & self._column.words)
        evidence = [f"{matching:,} of {self._column.present:,} values are written as {_shown(form)}"]
        if form.check is not None and form.type in ("iban", "payment_card"):
            evidence.append("their check digits are right")
        if hinted:
            evidence.append("the column's name says the same")
        alike = [other.format for _, other in forms if other.type == form.type and other.format]
        if form.type in ("date", "datetime") and len(alike) > 1:
            evidence.append("day and month cannot be told apart: no day is beyond the twelfth")
        currency = next(iter(currencies)) if len(currencies) == 1 else ""
        if len(currencies) > 1:
            evidence.append("several currencies: " + ", ".join(sorted(currencies)))
        confidence = raised(share * form.weight, hinted) * (1.0 if len(alike) < 2 else 0.8)
        return Verdict(form.type, confidence, matching, evidence, currency, " or ".join(dict.fromkeys(alike)))

    def _count(self, form: Form) -> tuple[int, set[str]]:
        """Rows whose value is of the form, and the currencies of amounts."""
        if form.check is None:
            pattern = form.pattern.replace("'", "''")
            query = f"select coalesce(sum(n) filter (regexp_full_match(trim(v), '{pattern}')), 0)::bigint from g"
            (count,) = self._connection.execute(query).fetchone() or (0,)
            return int(count), set()
        matching, currencies = 0, set()
        for value, count in self._all():
            if form.fits(value):
                matching += count
                if form.type == "money":
                    currencies.add(currency_of(value))
        return matching, currencies

    def _all(self) -> Iterator[tuple[str, int]]:
        if self._column.distinct <= SAMPLE:
            yield from self._sample
            return
        found = self._connection.execute("select trim(v), n from g")
        while rows := found.fetchmany(_BATCH):
            yield from rows

    def _person(self) -> Verdict | None:
        """Names of persons: written like names, and either some are common or the column's name says so."""
        form = next(each for each in FORMS if each.type == "person_name")
        sample = self._sample
        written = sum(form.compiled.fullmatch(value) is not None for value, _ in sample) / len(sample)
        single = sum(value.istitle() and value.isalpha() for value, _ in sample) / len(sample)
        common = self._share(form, sample)
        known = sum(form.check(value) for value, _ in sample if form.check) / len(sample)
        hinted = bool(_PERSON_WORDS & self._column.words) and "name" in "".join(self._column.words)
        if written >= 0.8 and (common >= 0.1 or hinted):
            matching, _ = self._count(Form("person_name", form.weight, form.pattern))
            sure = raised(0.5 + 0.4 * min(1.0, common * 2), hinted)
        elif single >= 0.8 and (known >= 0.3 or (hinted and known > 0)):
            matching, _ = self._count(_GIVEN)
            sure = raised(0.4 + 0.5 * min(1.0, known), hinted)
        else:
            return None
        evidence = [f"{matching:,} of {self._column.present:,} values are written as names of persons are"]
        if known:
            evidence.append(f"{known:.0%} of a sample hold a common given name")
        return Verdict("person_name", sure * matching / self._column.present, matching, evidence)

    def _plain(self) -> Verdict:
        """What can be said of texts that are of no known form."""
        column = self._column
        unique = column.distinct / column.present
        lengths = [len(value) for value, _ in self._sample]
        wordy = sum(len(value.split()) >= 4 for value, _ in self._sample) / len(self._sample)
        shape, of_shape = self._shape()
        hinted = bool(_ID_WORDS & column.words)
        compact = of_shape >= 0.9 and any(sign in shape for sign in "9") and " " not in shape
        if not wordy and (compact or hinted) and (unique > 0.9 or (hinted and column.distinct > 20)):
            evidence = [f"{column.distinct:,} of {column.present:,} values differ"]
            if compact:
                evidence.append(f"they are written alike: {shape}")
            if hinted:
                evidence.append("the column's name says so")
            sure = raised((0.6 if compact else 0.4) + 0.3 * unique, hinted)
            return Verdict("identifier", sure, column.present, evidence)
        repeated = column.distinct <= 50 or (unique <= 0.05 and column.distinct <= 5000)
        if repeated and unique < 0.9 and wordy < 0.8:
            text = f"{column.distinct:,} values occur {column.present / column.distinct:,.1f} times each on average"
            return Verdict("category", min(0.95, 0.6 + 0.35 * (1 - unique)), column.present, [text])
        mean = sum(lengths) / len(lengths)
        text = f"{column.distinct:,} different texts of {mean:.0f} characters on average"
        return Verdict("free_text", 0.5 + 0.4 * wordy, column.present, [text])

    def _shape(self) -> tuple[str, float]:
        """The most frequent shape of the sample (letters A, digits 9; runs of digits as long as they are)."""
        shapes = Counter(_shape_of(value) for value, _ in self._sample)
        shape, count = shapes.most_common(1)[0]
        return shape, count / len(self._sample)


def _shape_of(value: str) -> str:
    return "".join("9" if sign.isdigit() else "A" if sign.isalpha() else sign for sign in value[:60])


_SHOWN = {
    "iban": "an IBAN", "email": "an e-mail address", "url": "a web address", "ip_address": "an IP address",
    "uuid": "a UUID", "phone": "a telephone number", "payment_card": "a payment card number", "money": "an amount",
    "coordinates": "a pair of coordinates", "percentage": "a percentage", "postcode": "a postcode",
    "country": "a country", "currency": "a currency", "policy_number": "a policy number", "address": "an address",
    "time": "a time of day",
}  # fmt: skip


def _shown(form: Form) -> str:
    return f"{form.type}s spelled {form.format}" if form.type in ("date", "datetime") else _SHOWN[form.type]
