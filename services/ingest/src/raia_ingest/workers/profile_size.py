"""Keeps a profile as small as one answer may be, however wide the table and however long its values."""

from typing import Any

LARGEST_BYTES = 3 * 1024**2
"""Of a whole profile; an answer carries at most 4 MiB."""
LONGEST_VALUE = 500
"""Characters of a top value that are kept."""
_COLUMN, _BIN, _VALUE = 300, 26, 24
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
            if not histogram:
                profile["histogram"] = []
        if _size(profiles) <= LARGEST_BYTES:
            break
    left_out = "" if histogram else ", and histograms are left out"
    return f"the table is too wide for every detail: {values} top values a column are shown{left_out}"


def _size(profiles: list[dict[str, Any]]) -> int:
    """About how many bytes the contract's message takes."""
    return sum(
        _COLUMN
        + len(profile["name"].encode())
        + _BIN * len(profile["histogram"])
        + sum(_VALUE + _length(entry["value"]) for entry in profile["top_values"])
        for profile in profiles
    )


def _length(value: Any) -> int:
    return len(value.encode()) if isinstance(value, str) else 8
