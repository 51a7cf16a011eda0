"""The catalogue of what can be done with a column on its way into a field, and what is recommended for one."""

from collections.abc import Mapping
from typing import Any

from raia_ingest.workers.matching.model import Kind, SourceColumn, TargetField

CATALOGUE: Mapping[str, tuple[str, ...]] = {
    "cleaning": ("parse_numbers", "trim_text"),
    "normalisation": ("unit_conversion", "date_parsing"),
    "value_mapping": ("nearest_value", "exact_value"),
    "text_classification": ("weighted_ngrams", "labelled_examples"),
    "anomaly_detection": ("robust_z", "isolation_forest"),
}
"""What is there, by task; the first of each is the usual one."""
OFF = "off"
_ENOUGH_ROWS = 20
_FOREST_ROWS = 200
_FOREST_COLUMNS = 3
_LEARNT_EXAMPLES = 10


def recommended(
    column: SourceColumn,
    field: TargetField | None,
    conversion: Mapping[str, Any],
    *,
    numeric_columns: int,
    examples: int,
    choices: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Task, algorithm, justification, and whether it is run; ``choices`` are what people chose before."""
    found: list[dict[str, Any]] = []
    _cleaning(found, column, field)
    _normalisation(found, column, field, conversion)
    _classes(found, column, field, examples)
    _anomalies(found, column, numeric_columns)
    done: set[str] = set()
    for each in found:
        chosen = choices.get(each["task"])
        each["source"] = "feedback" if chosen is not None else "figures"
        each["chosen"] = each["algorithm"] == chosen if chosen is not None else each["task"] not in done
        done.add(each["task"])
    return found


def _add(found: list[dict[str, Any]], task: str, algorithm: str, justification: str) -> None:
    found.append({"task": task, "algorithm": algorithm, "justification": justification})


def _cleaning(found: list[dict[str, Any]], column: SourceColumn, field: TargetField | None) -> None:
    if field is not None and field.kind is Kind.NUMBER and column.type == "string":
        part = 1 - column.numeric
        _add(
            found, "cleaning", "parse_numbers",
            f"{field.name} holds numbers; {part:.0%} of the values are not written as plain ones",
        )  # fmt: skip
    ragged = sum(count for value, count in column.values if value != value.strip())
    if ragged:
        _add(found, "cleaning", "trim_text", f"{ragged:,} of {column.present:,} values have blanks at their ends")


def _normalisation(
    found: list[dict[str, Any]], column: SourceColumn, field: TargetField | None, conversion: Mapping[str, Any]
) -> None:
    source, target = conversion.get("source_unit"), conversion.get("target_unit")
    if source and target and source != target:
        _add(found, "normalisation", "unit_conversion", f"{column.name} is in {source}, the field in {target}")
    elif conversion.get("factor"):
        _add(found, "normalisation", "unit_conversion", f"{column.name} is counted in {conversion['factor']:g}")
    if field is not None and field.kind is Kind.TIME and conversion.get("date_format"):
        doubt = "; day and month could be the other way round" if conversion.get("ambiguous") else ""
        order = conversion["date_format"]
        _add(found, "normalisation", "date_parsing", f"all values are dates in the order {order}{doubt}")


def _classes(found: list[dict[str, Any]], column: SourceColumn, field: TargetField | None, examples: int) -> None:
    if field is None or not field.values or field.kind not in (Kind.CATEGORY, Kind.FLAG):
        return
    if column.kind in (Kind.CATEGORY, Kind.FLAG):
        _add(
            found, "value_mapping", "nearest_value",
            f"{field.name} takes {len(field.values)} values, and {column.name} has {column.distinct} of its own",
        )  # fmt: skip
        _add(found, "value_mapping", "exact_value", "takes only values that are spelled as the field's")
    elif column.kind is Kind.TEXT:
        learnt = examples >= _LEARNT_EXAMPLES
        usual = ("weighted_ngrams", f"{column.distinct:,} different texts go into {len(field.values)} classes by words")
        taught = ("labelled_examples", f"people have classified {examples} texts like these")
        for name, why in (taught, usual) if learnt else (usual,):
            _add(found, "text_classification", name, why)


def _anomalies(found: list[dict[str, Any]], column: SourceColumn, numeric_columns: int) -> None:
    if column.kind is not Kind.NUMBER or column.present < _ENOUGH_ROWS or column.distinct < _ENOUGH_ROWS / 2:
        return
    spread = f"from {column.minimum:g} to {column.maximum:g}" if column.minimum is not None else ""
    _add(
        found, "anomaly_detection", "robust_z",
        f"{column.present:,} numbers {spread}: median and its deviation are not moved by what is unusual",
    )  # fmt: skip
    if numeric_columns >= _FOREST_COLUMNS and column.rows >= _FOREST_ROWS:
        _add(
            found, "anomaly_detection", "isolation_forest",
            f"{numeric_columns} numeric columns may be unusual together where each alone is not",
        )  # fmt: skip
