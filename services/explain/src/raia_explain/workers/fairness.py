"""The compute function of a fairness analysis: the decisions of a model on its hold-out rows, group by group."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from raia_scoring.model import ScoringModel
from raia_scoring.signature import numbers, texts

from raia_explain.errors import attribute_unusable, class_unknown
from raia_explain.workers import advice, groups, loaded, parity, table

Progress = Callable[[float, str], None]


def analyse(
    *,
    model_path: str,
    digest: str,
    data_path: str,
    holdout: bytes,
    target: str,
    definitions: Sequence[Mapping[str, Any]],
    favourable: Mapping[str, Any],
    progress: Progress,
) -> dict[str, Any]:
    """The content of a fairness report, and its figures for the gate.

    ``favourable`` says ``favourable_class`` (and perhaps ``threshold``) for a classifier, ``regression_threshold`` and
    ``side`` for a regressor. Rows without a label are left out. Raises ``AttributeUnusable``, ``ClassUnknown``,
    ``ColumnsMissing``, ``RowOutOfRange``.
    """
    model = loaded.explainer(model_path, digest).model
    wanted = [groups.Definition(**each) for each in definitions]
    columns = list(dict.fromkeys([*model.signature.names, target, *(each.column for each in wanted)]))
    frame = table.frame(table.chosen(table.read(data_path, columns), table.row_numbers(holdout)))
    deserving, known = labels(model, frame[target], favourable)
    frame, deserving = frame[known].reset_index(drop=True), deserving[known]
    selected = decisions(model, frame, favourable)
    progress(0.3, "decisions made")
    attributes = []
    for place, each in enumerate(wanted):
        attributes.append(_attribute(each, frame, selected, deserving))
        progress(0.3 + 0.7 * (place + 1) / len(wanted), each.name)
    content = {
        "row_count": len(frame),
        "attributes": attributes,
        "bias_detected": advice.bias_detected(attributes),
        "recommendations": advice.recommendations(attributes),
        "resamples": parity.RESAMPLES,
        "seed": parity.SEED,
    }
    return {"content": content, "figures": figures(attributes, favourable)}


def labels(
    model: ScoringModel, target: "pd.Series[Any]", favourable: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row deserved the favourable outcome, and whether that is known; booleans (n,)."""
    if model.kind == "regression":
        values = numbers(target)
        return _favoured(values, favourable), ~np.isnan(values)
    found = texts(target)
    return found == favourable["favourable_class"], np.array([value is not None for value in found], dtype=bool)


def decisions(model: ScoringModel, frame: pd.DataFrame, favourable: Mapping[str, Any]) -> np.ndarray:
    """Whether the model decides in favour of each row, boolean (n,); raises ``ClassUnknown``."""
    if model.kind == "regression":
        return _favoured(model.predict(frame), favourable)
    label = favourable["favourable_class"]
    if label not in model.classes:
        raise class_unknown(label, model.classes)
    if favourable.get("threshold") is None:
        return np.asarray(model.predict(frame) == label, dtype=bool)
    chance = model.predict_proba(frame)[:, model.classes.index(label)]
    return np.asarray(chance >= favourable["threshold"], dtype=bool)


def figures(attributes: Sequence[Mapping[str, Any]], favourable: Mapping[str, Any]) -> dict[str, Any]:
    """The figures by attribute, for the gate and for programs: values, ends of intervals, and groups by name.

    Each says what counted as favourable: the gate rests on decisions that the model itself makes.
    """
    outcome = {name: value for name, value in favourable.items() if value not in (None, "")}
    return {str(each["attribute"]): {**_figures(each), "favourable_outcome": outcome} for each in attributes}


def _figures(found: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"judged": found["judged"], "reference_group": found["reference_group"]}
    if found["not_judged_because"]:
        shown["not_judged_because"] = found["not_judged_because"]
    for name in ("disparate_impact", "demographic_parity_difference", "equalized_odds_difference"):
        if name in found:
            shown[name] = found[name]["value"]
            shown[f"{name}_interval"] = [found[name]["lower"], found[name]["upper"]]
    shown["groups"] = {
        str(group["group"]): {
            **{name: value for name, value in group.items() if name not in ("group", "selection_rate")},
            "selection_rate": group["selection_rate"]["value"],
        }
        for group in found["groups"]
    }
    return shown


def _attribute(
    definition: groups.Definition, frame: pd.DataFrame, selected: np.ndarray, deserving: np.ndarray
) -> dict[str, Any]:
    assigned = groups.assign(definition, frame[definition.column])
    present = {group for group in assigned if group is not None}
    if definition.reference_group and definition.reference_group not in present:
        shown = ", ".join(repr(group) for group in sorted(present)[:10])
        raise attribute_unusable(
            definition.name,
            f"no hold-out row belongs to the reference group {definition.reference_group!r}; there are {shown}",
        )
    return parity.analyse(
        selected, deserving, assigned, attribute=definition.name, reference_group=definition.reference_group
    )


def _favoured(values: np.ndarray, favourable: Mapping[str, Any]) -> np.ndarray:
    limit = favourable["regression_threshold"]
    with np.errstate(invalid="ignore"):
        return np.asarray(values <= limit if favourable["side"] == "below" else values >= limit, dtype=bool)
