"""Keeps a profile as small as one answer may be, however wide the table and however long its values."""

from typing import Any

LARGEST_BYTES = 3 * 1024**2
"""Of a whole profile; an answer carries at most 4 MiB."""
LONGEST_VALUE = 500
"""Characters of a top value that are kept."""
_COLUMN, _BIN, _VALUE, _MEANING, _OUTLIERS = 300, 26, 24, 60, 70
_STEPS = ((10, True), (5, True), (3, False), (1, False), (0, False))
"""Top values kept a column, and whether its histogram is, from the mildest cut to the hardest."""


def shortened(value: Any) -> Any:
    """A top value, cut with an ellipsis when it is a long text."""
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return value[:LONGEST_VALUE] + "…"
    return value


def fit(profiles: list[dict[str, Any]]) -> str:
    """Cuts top values and histograms of all columns alike until the profile fits; returns a sentence if it had to."""
    if _size(profiles) <= LARGEST_BYTES:
        return ""
    for values, histogram in _STEPS:
        for profile in profiles:
            profile["top_values"] = profile["top_values"][:values]
            _cut_details(profile, values, histogram=histogram)
        if _size(profiles) <= LARGEST_BYTES:
            break
    left_out = "" if histogram else ", and histograms are left out"
    return f"the table is too wide for every detail: {values} top values a column are shown{left_out}"


def _cut_details(profile: dict[str, Any], values: int, *, histogram: bool) -> None:
    """Reasons, spellings and farthest values go with the histogram; with the last top value, outliers go altogether."""
    profile["variants"] = profile.get("variants", [])[: values if histogram else 0]
    if histogram:
        return
    profile["histogram"] = []
    if profile.get("semantics"):
        profile["semantics"]["evidence"] = []
    if profile.get("outliers"):
        profile["outliers"]["farthest"] = []
    if not values:
        profile.pop("outliers", None)


def _size(profiles: list[dict[str, Any]]) -> int:
    """About how many bytes the contract's message takes."""
    return sum(
        _COLUMN
        + len(profile["name"].encode())
        + _BIN * len(profile["histogram"])
        + sum(_VALUE + _length(entry["value"]) for entry in profile["top_values"])
        + sum(_VALUE + _length(each["value"]) for group in profile.get("variants", []) for each in group["spellings"])
        + _MEANING
        + sum(len(reason.encode()) + 3 for reason in (profile.get("semantics") or {}).get("evidence", []))
        + (_OUTLIERS + _VALUE * len(profile["outliers"]["farthest"]) if profile.get("outliers") else 0)
        for profile in profiles
    )


def _length(value: Any) -> int:
    return len(value.encode()) if isinstance(value, str) else 8
