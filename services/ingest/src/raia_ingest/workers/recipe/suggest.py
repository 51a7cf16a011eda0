"""The compute function that suggests a recipe: what the profile and the values show, each step with its reason."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.profile import profile_file
from raia_ingest.workers.recipe.observations import Observer, TextFacts

_ENOUGH = 0.9
"""The share of texts that must be spelled as a type before it is suggested; the others become missing."""
_MOSTLY_MISSING = 0.4
_FEW = 0.05
_FAR_OUT = 3.0
_MOST_OUTLIERS = 0.01
_ONE_HOT = 10
_SKEWED = 1.0

_NAMING = frozenset(
    {"id", "ids", "uuid", "key", "no", "nr", "number", "code", "identifier", "zip", "postcode", "phone"}
)

_MEANINGS = frozenset({"identifier", "uuid", "policy_number", "phone", "iban", "email", "postcode", "payment_card"})

Step = dict[str, Any]


def suggest_steps(
    *,
    path: str,
    columns: list[dict[str, Any]],
    others: dict[str, Any],  # noqa: ARG001 - compute functions of recipes take the same table
    statistics: dict[str, Any] | None,
    purpose: str,
    memory_bytes: int,
    folder: str,
) -> dict[str, Any]:
    """``steps`` that would help, in an order in which they work, and ``remarks`` on what is left to the reader.

    ``statistics`` is the version's profile; it is computed when there is none.
    """
    with explained():
        found = statistics or profile_file(path, columns, memory_bytes, folder, lambda _done, _message: None)
        with Observer(path, columns, memory_bytes, folder) as observer:
            return _Adviser(found, observer, purpose).advise()


class _Adviser:
    """Goes through the columns, kind of fault by kind of fault."""

    def __init__(self, statistics: Mapping[str, Any], observer: Observer, purpose: str) -> None:
        self._columns: list[dict[str, Any]] = [dict(each) for each in statistics["columns"]]
        self._rows = statistics["row_count"]
        self._repeated = statistics["duplicate_row_count"]
        self._observer = observer
        self._modelling = purpose == "modelling"
        self._steps: list[Step] = []
        self._remarks: list[str] = []
        self._gone: set[str] = set()
        self._missing = {each["name"]: each["missing_count"] for each in self._columns}
        self._types = {each["name"]: each["type"] for each in self._columns}

    def advise(self) -> dict[str, Any]:
        """All suggestions."""
        if self._rows:
            self._empty_columns()
            facts = {
                column["name"]: self._observer.texts(column["name"])
                for column in self._left()
                if column["type"] == "string" and column["distinct_count"]
            }
            self._texts(facts)
            self._typed_texts(facts)
            self._repetitions(facts)
            self._outliers()
            self._missing_values()
            if self._modelling:
                self._numbers_for_models()
        return {"steps": self._steps, "remarks": self._remarks}

    def _left(self) -> Iterator[dict[str, Any]]:
        return (column for column in self._columns if column["name"] not in self._gone)

    def _add(self, kind: str, justification: str, **parameters: Any) -> None:
        self._steps.append({"justification": justification, kind: parameters})

    def _share(self, count: int) -> str:
        return f"{count:,} of {self._rows:,} rows ({count / self._rows:.1%})"

    def _empty_columns(self) -> None:
        empty = [column["name"] for column in self._columns if column["missing_count"] == self._rows]
        if empty and len(empty) < len(self._columns):
            self._gone |= set(empty)
            self._add("drop_columns", f"no row has a value: {_listed(empty)}", columns=empty)
        for column in self._left():
            if column["distinct_count"] == 1 and not column["missing_count"] and self._rows > 1:
                self._remarks.append(f"{column['name']} has the same value in every row")

    def _texts(self, facts: Mapping[str, TextFacts]) -> None:
        untidy = [name for name, fact in facts.items() if fact.untidy or fact.tokens]
        if untidy:
            tokens = sorted({token for name in untidy for token in facts[name].tokens})
            spaced, evidence = sum(facts[name].untidy for name in untidy), []
            wanted: dict[str, Any] = {"columns": untidy}
            if spaced:
                evidence.append(f"{spaced:,} texts have needless white space")
                wanted |= {"trim": True, "collapse_spaces": True}
            if tokens:
                count = sum(sum(facts[name].tokens.values()) for name in untidy)
                evidence.append(f"{count:,} are words that mean missing ({_listed(tokens)})")
                wanted["missing_tokens"] = tokens
            why = f"{_listed(untidy)}: {'; '.join(evidence)}"
            self._add("normalize_text", why, **wanted, empty_as_missing=True)
            for name in untidy:
                self._missing[name] += sum(facts[name].tokens.values()) + facts[name].blank
        for name, fact in facts.items():
            if fact.variants:
                old = sum(len(variants) for _, variants in fact.variants)
                self._add(
                    "replace_values",
                    f"{name}: {old} spellings differ from a more frequent one in case alone",
                    column=name,
                    replacements=[
                        {"old_values": variants, "new_value": frequent} for frequent, variants in fact.variants
                    ],
                )

    def _typed_texts(self, facts: Mapping[str, TextFacts]) -> None:
        for name, fact in facts.items():
            if fact.ambiguous_dates:
                self._remarks.append(
                    f"{name} holds dates that may be day/month or month/day: say which with a step parse_dates"
                )
            found = fact.typed(_ENOUGH)
            if found is None:
                continue
            kind, parameters, count, sign = found
            others = fact.present - count
            exceptions = fact.exceptions(kind, parameters)
            if others and (_names(name) or any(character.isdigit() for character in "".join(exceptions))):
                self._remarks.append(
                    f"{name}: {count:,} of {fact.present:,} values are {sign}, but not {_listed(exceptions)}: "
                    "it looks like codes, so the column stays text"
                )
                continue
            evidence = f"{name}: {count:,} of {fact.present:,} values are spelled as {sign}"
            if others:
                evidence += f"; the other {others:,} become missing, such as {_listed(exceptions)}"
            self._add(kind, evidence, columns=[name], **parameters)
            self._types[name] = parameters.get("to", "date")
            self._missing[name] += others

    def _repetitions(self, facts: Mapping[str, TextFacts]) -> None:
        if self._repeated:
            why = f"{self._share(self._repeated)} repeat an earlier row in every column"
            self._add("deduplicate", why)
        elif facts and any(fact.untidy or fact.variants for fact in facts.values()) and self._rows > 1:
            self._remarks.append("texts that become alike may make rows equal: consider a step deduplicate")

    def _outliers(self) -> None:
        for column in self._left():
            numeric = column.get("numeric")
            if not numeric or column["distinct_count"] < 20:
                continue
            quantiles = {each["probability"]: each["value"] for each in numeric["quantiles"]}
            reach = _FAR_OUT * (quantiles[0.75] - quantiles[0.25])
            if reach <= 0:
                continue
            low, high = quantiles[0.25] - reach, quantiles[0.75] + reach
            count = self._observer.outside(column["name"], low, high)
            if not 0 < count <= max(1, _MOST_OUTLIERS * self._rows):
                continue
            action = "clip" if self._modelling else "flag"
            self._add(
                "handle_outliers",
                f"{column['name']}: {self._share(count)} lie more than {_FAR_OUT:g} quartile distances outside the "
                f"middle half, below {low:.6g} or above {high:.6g}",
                columns=[column["name"]],
                method="iqr",
                factor=_FAR_OUT,
                action=action,
            )

    def _missing_values(self) -> None:
        for column in self._left():
            name, count = column["name"], self._missing[column["name"]]
            share = count / self._rows
            if not count or share >= 1:
                continue
            if share > _MOSTLY_MISSING:
                self._remarks.append(f"{name} is missing in {self._share(count)}: consider to drop it")
                continue
            strategy, why = self._strategy(column, share)
            if strategy is None:
                self._remarks.append(f"{name} is missing in {self._share(count)}: {why}")
                continue
            parameters: dict[str, Any] = {"columns": [name], "strategy": strategy}
            if strategy == "constant":
                parameters["value"] = "missing"
            if share > _FEW and strategy != "constant":
                parameters["indicator"] = True
                why += "; a flag keeps the fact that it was missing"
            self._add("fill_missing", f"{name} is missing in {self._share(count)}; {why}", **parameters)

    def _strategy(self, column: Mapping[str, Any], share: float) -> tuple[str | None, str]:
        type_ = self._types[column["name"]]
        if _identifies(column):
            return None, "it names something, for which nothing can be put in"
        if type_ in ("integer", "float"):
            return _for_numbers(column, type_)
        if type_ == "boolean" or (type_ == "string" and column["distinct_count"] <= 50):
            if share <= _FEW:
                return "mode", "few rows, so the most frequent value"
            if type_ == "string":
                return "constant", "too many for the most frequent value, so a category of its own"
            return None, "too many to take the most frequent value for true"
        return None, "nothing in the column says what it could be"

    def _numbers_for_models(self) -> None:
        for column in self._left():
            name, distinct = column["name"], column["distinct_count"]
            if self._types[name] != "string":
                continue
            if distinct <= _ONE_HOT:
                why = f"{name} has {distinct} categories: a column of 0 and 1 for each"
                self._add("encode_categories", why, columns=[name], method="one_hot")
            elif distinct < 0.5 * self._rows:
                why = f"{name} has {distinct:,} categories, too many for a column each: their frequency instead"
                self._add("encode_categories", why, columns=[name], method="frequency")
            else:
                self._remarks.append(f"{name} has {distinct:,} distinct texts: it identifies rows or is free text")
        numbers = [
            column["name"]
            for column in self._left()
            if column.get("numeric") and 2 < column["distinct_count"] < self._rows and not _identifies(column)
        ]
        if numbers:
            why = f"{_listed(numbers)}: numbers of different size on one scale"
            self._add("scale_numbers", why, columns=numbers, method="standard")


def _for_numbers(column: Mapping[str, Any], type_: str) -> tuple[str, str]:
    skewness = (column.get("numeric") or {}).get("skewness")
    if type_ == "float" and skewness is not None and abs(skewness) < _SKEWED:
        return "mean", f"the mean, since values lie evenly around it (skewness {skewness:.2f})"
    return "median", "the median, which extreme values do not move"


def _identifies(column: Mapping[str, Any]) -> bool:
    """Whether a column's name or its meaning in the profile says that its values name things."""
    return _names(column["name"]) or (column.get("semantics") or {}).get("type") in _MEANINGS


def _names(column: str) -> bool:
    """Whether a column's name says that its values name things."""
    words = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower())
    return bool(_NAMING & set(words))


def _listed(values: list[str]) -> str:
    shown = ", ".join(value if len(value) <= 40 else f"{value[:39]}…" for value in values[:5])
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown
