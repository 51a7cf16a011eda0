"""Fairness figures of one protected attribute, with 95 % bootstrap intervals.

A decision, a label and a group are all that counts of a row, so each group is a table of four counts: selected and
deserving (tp), selected and not (fp), deserving alone (fn), neither (tn). Rows drawn with replacement within a group
have multinomial counts, so a bootstrap stratified by group needs no rows.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

LEAST_ROWS = 30
"""Groups with fewer rows are shown and not judged."""
RESAMPLES = 2_000
SEED = 20_240_229
_LEVELS = (2.5, 97.5)

Counts = np.ndarray
"""Counts tp, fp, fn, tn in the last axis; any axes before it."""


def counts(selected: np.ndarray, deserving: np.ndarray, groups: np.ndarray, names: Sequence[str]) -> Counts:
    """The counts of each group, int64 (g, 4), from boolean decisions and labels and the group of each row, (n,)."""
    cells = np.where(selected, np.where(deserving, 0, 1), np.where(deserving, 2, 3))
    return np.array([np.bincount(cells[groups == name], minlength=4) for name in names], dtype=np.int64)


def selection_rate(table: Counts) -> np.ndarray:
    """Share of rows with the favourable outcome."""
    return _ratio(table[..., 0] + table[..., 1], table.sum(axis=-1))


def true_positive_rate(table: Counts) -> np.ndarray:
    """Favourable among those who deserved it; NaN without such rows."""
    return _ratio(table[..., 0], table[..., 0] + table[..., 2])


def false_positive_rate(table: Counts) -> np.ndarray:
    """Favourable among those who did not deserve it; NaN without such rows."""
    return _ratio(table[..., 1], table[..., 1] + table[..., 3])


def accuracy(table: Counts) -> np.ndarray:
    """Share of right decisions."""
    return _ratio(table[..., 0] + table[..., 3], table.sum(axis=-1))


def disparate_impact(table: Counts) -> np.ndarray:
    """The lowest over the highest selection rate of the groups (second to last axis); NaN when the highest is 0."""
    rates = selection_rate(table)
    return _ratio(rates.min(axis=-1), rates.max(axis=-1))


def demographic_parity_difference(table: Counts) -> np.ndarray:
    """The greatest minus the least selection rate of the groups."""
    rates = selection_rate(table)
    return np.asarray(rates.max(axis=-1) - rates.min(axis=-1))


def equalized_odds_difference(table: Counts) -> np.ndarray:
    """The greater of the ranges of true- and false-positive rates; NaN when no two groups have either rate."""
    return np.asarray(np.fmax(_range(true_positive_rate(table)), _range(false_positive_rate(table))))


def resample(table: Counts, resamples: int = RESAMPLES, seed: int = SEED) -> Counts:
    """Counts of rows drawn with replacement within each group, int64 (resamples, g, 4)."""
    random = np.random.default_rng(seed)
    drawn = np.zeros((resamples, *table.shape), dtype=np.int64)
    for place, row in enumerate(table):
        if row.sum():
            drawn[:, place] = random.multinomial(row.sum(), row / row.sum(), size=resamples)
    return drawn


def interval(figure: Callable[[Counts], np.ndarray], table: Counts, drawn: Counts) -> dict[str, float] | None:
    """A figure's value and the percentiles 2.5 and 97.5 of its resamples; None when the value is undefined."""
    value = float(figure(table))
    if np.isnan(value):
        return None
    spread = np.asarray(figure(drawn))
    spread = spread[~np.isnan(spread)]
    lower, upper = np.percentile(spread, _LEVELS) if len(spread) else (value, value)
    return {"value": value, "lower": float(lower), "upper": float(upper)}


def analyse(
    selected: np.ndarray, deserving: np.ndarray, groups: np.ndarray, *, attribute: str, reference_group: str = ""
) -> dict[str, Any]:
    """All figures of one attribute, as the contract's ``AttributeFairness`` has them.

    ``groups`` holds a text a row, or None for a row of no group. Differences are taken to ``reference_group``, the
    largest judged group when that is empty.
    """
    names = sorted({group for group in groups if group is not None})
    table = counts(selected, deserving, groups, names) if names else np.zeros((0, 4), dtype=np.int64)
    sizes = table.sum(axis=1)
    order = sorted(range(len(names)), key=lambda k: (sizes[k] < LEAST_ROWS, -sizes[k], names[k]))
    names, table, sizes = [names[k] for k in order], table[order], sizes[order]
    drawn = resample(table)
    judged = int((sizes >= LEAST_ROWS).sum())
    reference = reference_group or (names[0] if judged else "")
    why = _not_judged(table[:judged])
    found: dict[str, Any] = {
        "attribute": attribute,
        "reference_group": reference,
        "judged": not why,
        "not_judged_because": why,
        "groups": [
            _group(name, table[k], drawn[:, k], k < judged, _rate_of(reference, names, table))
            for k, name in enumerate(names)
        ],
        "ungrouped_row_count": int(sum(group is None for group in groups)),
    }
    if judged >= 2:
        of_judged, drawn_judged = table[:judged], drawn[:, :judged]
        if not why:
            found["disparate_impact"] = interval(disparate_impact, of_judged, drawn_judged)
        found["demographic_parity_difference"] = interval(demographic_parity_difference, of_judged, drawn_judged)
        found["equalized_odds_difference"] = interval(equalized_odds_difference, of_judged, drawn_judged)
    return {name: value for name, value in found.items() if value is not None}


def _group(name: str, row: Counts, drawn: Counts, judged: bool, reference_rate: float | None) -> dict[str, Any]:
    rate = interval(selection_rate, row, drawn)
    found: dict[str, Any] = {
        "group": name,
        "count": int(row.sum()),
        "judged": judged,
        "selection_rate": rate,
        "true_positive_rate": _number(true_positive_rate(row)),
        "false_positive_rate": _number(false_positive_rate(row)),
        "accuracy": _number(accuracy(row)),
    }
    if rate is not None and reference_rate is not None:
        found["selection_rate_difference"] = rate["value"] - reference_rate
    return {key: value for key, value in found.items() if value is not None}


def _rate_of(name: str, names: Sequence[str], table: Counts) -> float | None:
    return _number(selection_rate(table[list(names).index(name)])) if name in names else None


def _not_judged(judged: Counts) -> str:
    """Why groups of these counts cannot be judged; empty when they can."""
    if len(judged) < 2:
        found = "no group has" if not len(judged) else "only one group has"
        return f"{found} at least {LEAST_ROWS} hold-out rows, and a comparison needs two"
    if selection_rate(judged).max() == 0:
        return "no row of any judged group has the favourable outcome, so there is nothing to compare"
    return ""


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    found = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def _range(rates: np.ndarray) -> np.ndarray:
    """Greatest minus least along the last axis among those that are defined; NaN when fewer than two are."""
    defined = ~np.isnan(rates)
    high = np.where(defined, rates, -np.inf).max(axis=-1)
    low = np.where(defined, rates, np.inf).min(axis=-1)
    enough = defined.sum(axis=-1) >= 2
    return np.asarray(np.where(enough, np.where(enough, high, 0.0) - np.where(enough, low, 0.0), np.nan))


def _number(value: np.ndarray) -> float | None:
    return None if np.isnan(value) else float(value)
