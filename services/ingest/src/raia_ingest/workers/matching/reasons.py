"""What speaks for and against a candidate, in sentences with what each adds to its score."""

from collections.abc import Mapping
from typing import Any

from raia_ingest.workers.matching import weights
from raia_ingest.workers.matching.model import SourceColumn, TargetField

_GROUPS: dict[str, tuple[str, ...]] = {
    "name": ("name_equal", "name_covered", "field_covered", "name_both", "name_valued"),
    "description": ("name_described", "text_alike", "description_alike"),
    "values": ("values_equal", "values_alike", "values_kin", "values_coded", "values_apart"),
    "unit": ("unit",),
    "type": ("kind",),
}
_WORTH_SAYING = 0.15


def reasons(column: SourceColumn, field: TargetField, evidence: Mapping[str, float]) -> list[dict[str, Any]]:
    """Kind, message and weight of each reason worth saying, weightiest first."""
    found = []
    for kind, names in _GROUPS.items():
        weight = sum(weights.WEIGHTS[name] * evidence[name] for name in names)
        if abs(weight) >= _WORTH_SAYING:
            found.append(
                {"kind": kind, "message": _MESSAGES[kind](column, field, evidence), "weight": round(weight, 3)}
            )
    around = weights.COMPANY * evidence["company"] - weights.RIVAL * evidence["rival"]
    if abs(around) >= _WORTH_SAYING:
        found.append({"kind": "neighbours", "message": _neighbours(field, evidence), "weight": round(around, 3)})
    told = weights.ALIAS * evidence["alias"] - weights.REJECTED * evidence["rejected"] ** 2
    if abs(told) >= _WORTH_SAYING:
        found.append({"kind": "feedback", "message": _feedback(evidence), "weight": round(told, 3)})
    return sorted(found, key=lambda each: -abs(each["weight"]))


def _name(column: SourceColumn, field: TargetField, evidence: Mapping[str, float]) -> str:
    if evidence["name_equal"]:
        return f"{column.name} and {field.name} are the same words"
    if evidence["name_valued"] > evidence["name_both"]:
        return f"the name {column.name} tells values of {field.name}"
    return (
        f"{evidence['name_covered']:.0%} of the words of {column.name} are in {field.name}, "
        f"{evidence['field_covered']:.0%} the other way round"
    )


def _description(column: SourceColumn, field: TargetField, evidence: Mapping[str, float]) -> str:
    if evidence["description_alike"]:
        return f"the data dictionary's words for {column.name} are {evidence['description_alike']:.0%} like the field's"
    return f"{evidence['name_described']:.0%} of the words of {column.name} are in what is said of {field.name}"


def _values(column: SourceColumn, field: TargetField, evidence: Mapping[str, float]) -> str:
    if evidence["values_apart"] and evidence["values_alike"] < evidence["values_apart"]:
        return f"the values of {column.name} are none of those of {field.name}"
    if evidence["values_coded"]:
        return f"the values of {column.name} are codes for those of {field.name}"
    return f"the values of {column.name} are like those of {field.name}"


def _unit(_column: SourceColumn, field: TargetField, evidence: Mapping[str, float]) -> str:
    if evidence["unit"] < 0:
        return f"{field.name} is measured in a unit of another dimension"
    return f"{field.name} is measured in {'the same unit' if evidence['unit'] == 1 else 'a unit of the same dimension'}"


def _type(column: SourceColumn, field: TargetField, evidence: Mapping[str, float]) -> str:
    fits = "goes" if evidence["kind"] > 0 else "hardly goes"
    return f"a column of sort {column.kind} {fits} into a field of sort {field.kind}"


def _neighbours(field: TargetField, evidence: Mapping[str, float]) -> str:
    if evidence["rival"] > evidence["company"]:
        return f"another column is likelier for {field.name}"
    return f"other columns go into {field.entity}, too"


def _feedback(evidence: Mapping[str, float]) -> str:
    if evidence["rejected"] > evidence["alias"]:
        return "for a column like this one somebody said no to this field"
    return f"somebody chose this field for a column that is {evidence['alias']:.0%} like this one"


_MESSAGES = {"name": _name, "description": _description, "values": _values, "unit": _unit, "type": _type}
