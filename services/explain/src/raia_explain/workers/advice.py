"""What fairness figures say, in sentences with the figures in them."""

from collections.abc import Mapping, Sequence
from typing import Any

LEAST_IMPACT = 0.80
"""Disparate impact below this counts as bias: the four-fifths rule."""


def bias_detected(attributes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any attribute's disparate impact is below 0.80 or could not be judged."""
    return any(not each["judged"] or each["disparate_impact"]["value"] < LEAST_IMPACT for each in attributes)


def recommendations(attributes: Sequence[Mapping[str, Any]]) -> str:
    """A paragraph an attribute, in the order given."""
    return "\n\n".join(" ".join(_sentences(each)) for each in attributes)


def _sentences(found: Mapping[str, Any]) -> list[str]:
    name = found["attribute"]
    if not found["judged"]:
        return [
            f"{name}: not judged, because {found['not_judged_because']}.",
            "Analyse a version with more hold-out rows, or join small groups by a map or wider bins.",
        ]
    judged = [group for group in found["groups"] if group["judged"]]
    said = [_impact(name, found, judged), *_further(found, judged)]
    small = [group["group"] for group in found["groups"] if not group["judged"]]
    if small:
        said.append(f"Groups with fewer than 30 hold-out rows were not judged: {', '.join(small)}.")
    if found["ungrouped_row_count"]:
        said.append(f"{found['ungrouped_row_count']:,} rows belong to no group.")
    return said


def _impact(name: str, found: Mapping[str, Any], judged: Sequence[Mapping[str, Any]]) -> str:
    low = min(judged, key=lambda group: group["selection_rate"]["value"])
    high = max(judged, key=lambda group: group["selection_rate"]["value"])
    impact = found["disparate_impact"]
    rates = (
        f"{low['group']} has the favourable outcome in {_percent(low)} of cases, {high['group']} in {_percent(high)}"
        if low is not high
        else f"every judged group has the favourable outcome in {_percent(low)} of cases"
    )
    compared = (
        f"{name}: {rates}; disparate impact {impact['value']:.3f} "
        f"(95 % interval {impact['lower']:.3f} to {impact['upper']:.3f})"
    )
    if impact["value"] < LEAST_IMPACT:
        return f"{compared}, below the {LEAST_IMPACT:.2f} of the four-fifths rule."
    if impact["lower"] < LEAST_IMPACT:
        return f"{compared}, at or above {LEAST_IMPACT:.2f}, though the interval reaches below it."
    return f"{compared}, at or above {LEAST_IMPACT:.2f} over the whole interval."


def _further(found: Mapping[str, Any], judged: Sequence[Mapping[str, Any]]) -> list[str]:
    said = []
    odds = found.get("equalized_odds_difference")
    if odds is not None and odds["value"] > 0.1:
        said.append(
            f"Error rates differ by {odds['value']:.3f} between groups (equalised odds difference): "
            "see which groups the model misjudges."
        )
    impact = found["disparate_impact"]
    if impact["value"] < LEAST_IMPACT:
        low = min(judged, key=lambda group: group["selection_rate"]["value"])
        high = max(group["selection_rate"]["value"] for group in judged)
        wanted = LEAST_IMPACT * high - low["selection_rate"]["value"]
        said.append(
            f"To reach {LEAST_IMPACT:.2f}, {_cases(wanted * low['count'])} of {low['count']:,} {low['group']} "
            "hold-out rows would need the favourable outcome, all else equal: look for columns that stand in for the "
            "attribute, collect more data of that group, or move the threshold."
        )
    elif impact["lower"] < LEAST_IMPACT:
        said.append("More hold-out rows would narrow the interval.")
    return said


def _cases(count: float) -> str:
    whole = max(1, -int(-count // 1))
    return f"{whole:,} more"


def _percent(group: Mapping[str, Any]) -> str:
    return f"{group['selection_rate']['value'] * 100:.1f} %"
