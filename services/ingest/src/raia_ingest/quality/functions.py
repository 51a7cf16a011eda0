"""The functions that expressions of rules may call: a closed list, each with what it takes and how SQL says it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from raia_ingest.quality.kinds import (
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NULL,
    NUMBER,
    NUMBERS,
    TEMPORAL,
    TEXT,
    TIME,
    Unfit,
    comparable,
)

_ANY = frozenset({BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, TEXT, TIME})
_TEXTS = frozenset({TEXT})


@dataclass(frozen=True)
class Function:
    """One function."""

    takes: Sequence[frozenset[str]]
    """The kinds that each argument may have."""
    gives: str
    """The kind of its value; "same" for that of its arguments."""
    sql: Callable[..., str]
    """Writes it, from the arguments in SQL."""
    optional: int = 0
    """How many arguments at the end may be left out."""
    more: bool = False
    """The last argument may be repeated."""

    def kind(self, name: str, kinds: Sequence[str]) -> str:
        """The kind of a call's value; raises ``Unfit`` when the arguments do not fit."""
        least, most = len(self.takes) - self.optional, len(self.takes)
        if len(kinds) < least or (len(kinds) > most and not self.more):
            raise Unfit(f"{name}() takes {least if least == most else f'{least} to {most}'} values, not {len(kinds)}")
        for place, kind in enumerate(kinds):
            allowed = self.takes[min(place, most - 1)]
            if kind != NULL and kind not in allowed:
                raise Unfit(f"{name}() takes {' or '.join(sorted(allowed))} as value {place + 1}, not {kind}")
        if self.gives != "same":
            return self.gives
        known = [kind for kind in kinds if kind != NULL]
        if any(not comparable(known[0], kind) for kind in known):
            raise Unfit(f"{name}() takes values of one kind, not {' and '.join(sorted(set(known)))}")
        if set(known) == NUMBERS:
            return NUMBER
        return DATETIME if set(known) == TEMPORAL else known[0] if known else NULL


def _simple(name: str) -> Callable[..., str]:
    return lambda *arguments: f"{name}({', '.join(arguments)})"


_DAY = TEMPORAL | _TEXTS
FUNCTIONS: Mapping[str, Function] = {
    "abs": Function([NUMBERS], "same", _simple("abs")),
    "ceil": Function([NUMBERS], NUMBER, lambda x: f"ceil(({x})::double)"),
    "floor": Function([NUMBERS], NUMBER, lambda x: f"floor(({x})::double)"),
    "round": Function([NUMBERS, frozenset({INTEGER})], NUMBER, lambda x, n="0": f"round(({x})::double, {n})", 1),
    "sqrt": Function([NUMBERS], NUMBER, lambda x: f"case when ({x}) >= 0 then sqrt(({x})::double) end"),
    "ln": Function([NUMBERS], NUMBER, lambda x: f"case when ({x}) > 0 then ln(({x})::double) end"),
    "length": Function([_TEXTS], INTEGER, _simple("length")),
    "lower": Function([_TEXTS], TEXT, _simple("lower")),
    "upper": Function([_TEXTS], TEXT, _simple("upper")),
    "trim": Function([_TEXTS], TEXT, _simple("trim")),
    "substring": Function([_TEXTS, frozenset({INTEGER}), frozenset({INTEGER})], TEXT, _simple("substring"), 1),
    "starts_with": Function([_TEXTS, _TEXTS], BOOLEAN, _simple("starts_with")),
    "ends_with": Function([_TEXTS, _TEXTS], BOOLEAN, _simple("ends_with")),
    "contains": Function([_TEXTS, _TEXTS], BOOLEAN, _simple("contains")),
    "number": Function([_ANY], NUMBER, lambda x: f"try_cast(({x}) as double)"),
    "text": Function([_ANY], TEXT, lambda x: f"({x})::varchar"),
    "date": Function([_DAY], DATE, lambda x: f"try_cast(({x}) as date)"),
    "datetime": Function([_DAY], DATETIME, lambda x: f"try_cast(({x}) as timestamp)"),
    "year": Function([TEMPORAL], INTEGER, _simple("year")),
    "month": Function([TEMPORAL], INTEGER, _simple("month")),
    "day": Function([TEMPORAL], INTEGER, _simple("day")),
    "weekday": Function([TEMPORAL], INTEGER, _simple("isodow")),
    "hour": Function([frozenset({DATETIME, TIME})], INTEGER, _simple("hour")),
    "days_between": Function(
        [TEMPORAL, TEMPORAL], INTEGER, lambda first, last: f"date_diff('day', ({first})::date, ({last})::date)"
    ),
    "coalesce": Function([_ANY], "same", _simple("coalesce"), more=True),
    "least": Function([_ANY - {BOOLEAN}], "same", _simple("least"), more=True),
    "greatest": Function([_ANY - {BOOLEAN}], "same", _simple("greatest"), more=True),
}
"""Every function by name; ``today`` and ``now`` are known beside them."""

AGGREGATES: Mapping[str, tuple[frozenset[str], str, str]] = {
    "sum": (NUMBERS, NUMBER, "coalesce(fsum(({})::double), 0)"),
    "average": (NUMBERS, NUMBER, "favg(({})::double)"),
    "minimum": (_ANY - {BOOLEAN}, "same", "min({})"),
    "maximum": (_ANY - {BOOLEAN}, "same", "max({})"),
    "count": (_ANY, INTEGER, "count({})"),
    "count_distinct": (_ANY, INTEGER, "count(distinct {})"),
}
"""Aggregates, in conditions between tables alone: what they take, the kind they give, and their SQL."""
