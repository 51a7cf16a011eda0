"""In which order texts tell day, month and year."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_DATE = re.compile(r"^\s*(\d{1,4})[./\- ](\d{1,2})[./\- ](\d{1,4})(?:[T ].*)?$")
_COMPACT = re.compile(r"^\s*(\d{4})(\d{2})(\d{2})\s*$")
_MONTHS = 12
_YEAR_DIGITS = 3
FORMATS: dict[str, tuple[str, ...]] = {
    "iso": ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d"),
    "ymd": ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S"),
    "dmy": (
        "%d-%m-%Y", "%d/%m/%Y", "%d.%m.%Y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M",
        "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d %B %Y", "%d %b %Y",
    ),
    "mdy": (
        "%m-%d-%Y", "%m/%d/%Y", "%m.%d.%Y", "%m/%d/%y", "%m-%d-%y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S",
        "%B %d, %Y", "%b %d, %Y",
    ),
}  # fmt: skip
"""What is tried, by the order that it stands for."""


@dataclass(frozen=True)
class DateOrder:
    """The order, empty when the texts are no dates, and whether another one fits as well."""

    order: str
    ambiguous: bool = False


def date_order(texts: Sequence[str]) -> DateOrder:
    """The order that all texts fit; "dmy" and ambiguous when "mdy" fits all of them, too."""
    fits = {"ymd": True, "dmy": True, "mdy": True}
    seen = False
    differing = False
    for text in texts:
        if not text.strip():
            continue
        if _COMPACT.match(text):
            fits["dmy"] = fits["mdy"] = False
            seen = True
            continue
        parts = _DATE.match(text)
        if parts is None:
            return DateOrder("")
        seen = True
        first, second, _ = parts.groups()
        differing = differing or first != second
        year_first = len(first) >= _YEAR_DIGITS
        fits["ymd"] &= year_first and int(second) <= _MONTHS
        fits["dmy"] &= not year_first and int(second) <= _MONTHS and 1 <= int(first) <= 31
        fits["mdy"] &= not year_first and 1 <= int(first) <= _MONTHS and int(second) <= 31
    fitting = [order for order, fit in fits.items() if fit]
    if not seen or not fitting:
        return DateOrder("")
    return DateOrder(fitting[0], ambiguous=len(fitting) > 1 and differing)
