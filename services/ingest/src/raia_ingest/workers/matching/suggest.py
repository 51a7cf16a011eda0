"""The compute functions of mappings: suggest fields for a table's columns, and suggest past ones anew."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from raia_ingest.workers.matching import algorithms
from raia_ingest.workers.matching.dates import date_order
from raia_ingest.workers.matching.evidence import Schema
from raia_ingest.workers.matching.feedback import ACCEPTED, Verdict, column_likeness
from raia_ingest.workers.matching.match import Suggestion, suggest
from raia_ingest.workers.matching.model import Kind, SourceColumn, TargetField, plain, source_columns, target_fields
from raia_ingest.workers.matching.reasons import reasons
from raia_ingest.workers.matching.summary import summaries
from raia_ingest.workers.matching.units import scale_in_text, unit_in_name, unit_in_text, unit_named
from raia_ingest.workers.matching.values import map_values

CANDIDATES = 8
_LIKE_BEFORE = 0.75
_MOST_VALUES_KEPT = 12_000
_MAPPED_VALUES = 200

Progress = Callable[[float, str], None]


def suggest_mapping(
    *,
    path: str,
    columns: list[dict[str, Any]],
    fields: list[dict[str, Any]],
    verdicts: list[dict[str, Any]],
    accept_at: float,
    progress: Progress,
) -> dict[str, Any]:
    """For each column: summary, candidates, status, field, conversion, algorithms.

    ``fields`` are those of the schema, with ``meanings`` by value; ``verdicts`` are people's, each with ``column``,
    ``field``, ``verdict``, and for accepted ones ``values``, ``source_unit``, ``date_format``, ``choices``.
    """
    found = summaries(path, columns)
    progress(0.4, "looking at values")
    return {"columns": _suggested(found, fields, verdicts, accept_at)}


def replay_mappings(
    mappings: list[dict[str, Any]], fields: list[dict[str, Any]], verdicts: list[dict[str, Any]]
) -> dict[str, Any]:
    """What would be suggested today for ``mappings`` (``id``, ``columns``: summaries): likeliest field by column."""
    schema = Schema(target_fields(fields))
    heeded = [Verdict.of(each) for each in verdicts]
    answers = []
    for each in mappings:
        found = suggest(source_columns(each["columns"]), schema, heeded, 1)
        answers.append({"id": each["id"], "columns": [_likeliest(suggestion) for suggestion in found]})
    return {"mappings": answers}


def _likeliest(suggestion: Suggestion) -> dict[str, Any]:
    top = suggestion.candidates[0] if suggestion.candidates else None
    if top is None or top.probability < suggestion.no_match:
        return {"column": suggestion.column, "field": "", "probability": suggestion.no_match}
    return {"column": suggestion.column, "field": top.field, "probability": top.probability}


def decided_columns(decided: list[dict[str, Any]]) -> dict[str, Any]:
    """Conversion and algorithms of columns that a person put into fields.

    Each has ``summary``, ``field`` (of the schema, with ``meanings``) and ``known``: what the person said of it.
    """
    found = []
    for each in decided:
        column, target = source_columns([each["summary"]])[0], target_fields([each["field"]])[0]
        known = each["known"]
        conversion = _conversion(column, target, each["field"].get("meanings", {}), known)
        told = algorithms.recommended(
            column,
            target,
            conversion,
            numeric_columns=int(known.get("numeric_columns", 0)),
            examples=len(known.get("values", {})),
            choices=known.get("choices", {}),
        )
        found.append({"conversion": conversion, "algorithms": told})
    return {"columns": found}


def _suggested(
    found: list[dict[str, Any]], fields: list[dict[str, Any]], verdicts: list[dict[str, Any]], accept_at: float
) -> list[dict[str, Any]]:
    columns, targets = source_columns(found), target_fields(fields)
    schema = Schema(targets)
    heeded = [Verdict.of(each) for each in verdicts]
    suggestions = suggest(columns, schema, heeded, CANDIDATES)
    accepted = _accepted(suggestions, accept_at)
    known = _known(columns, verdicts)
    meanings = {target.path: each.get("meanings", {}) for target, each in zip(targets, fields, strict=True)}
    numeric = sum(column.kind is Kind.NUMBER for column in columns)
    answers = []
    for at, (column, suggestion) in enumerate(zip(columns, suggestions, strict=True)):
        top = suggestion.candidates[0] if suggestion.candidates else None
        field = targets[schema.places[top.field]] if top and top.probability >= suggestion.no_match else None
        told = known[at] if field is not None and known[at].get("field") == field.path else {}
        conversion = _conversion(column, field, meanings.get(field.path, {}), told) if field is not None else {}
        answers.append(
            {
                "summary": _kept(found[at], len(found)),
                "no_match": suggestion.no_match,
                "status": "auto_accepted" if at in accepted and not conversion.get("ambiguous") else "suggested",
                "field": top.field if top and at in accepted and not conversion.get("ambiguous") else "",
                "candidates": _candidates(column, suggestion, schema),
                "conversion": conversion,
                "algorithms": algorithms.recommended(
                    column,
                    field,
                    conversion,
                    numeric_columns=numeric,
                    examples=len(told.get("values", {})),
                    choices=told.get("choices", {}),
                ),
            }
        )
    return answers


def _kept(summary: dict[str, Any], columns: int) -> dict[str, Any]:
    """The summary with as many values as a mapping of so many columns can keep."""
    most = max(5, min(60, _MOST_VALUES_KEPT // max(1, columns)))
    return {**summary, "values": [[value[:80], count] for value, count in summary["values"][:most]]}


def _candidates(column: SourceColumn, suggestion: Suggestion, schema: Schema) -> list[dict[str, Any]]:
    return [
        {
            "field": each.field,
            "probability": round(each.probability, 6),
            "reasons": reasons(column, schema.fields[schema.places[each.field]], each.evidence),
        }
        for each in suggestion.candidates
    ]


def _accepted(suggestions: Sequence[Suggestion], accept_at: float) -> set[int]:
    """The columns that need no person: likely enough, and the likeliest of those for the field."""
    best: dict[str, tuple[float, int]] = {}
    for at, suggestion in enumerate(suggestions):
        if suggestion.candidates and suggestion.candidates[0].probability >= accept_at:
            top = suggestion.candidates[0]
            if top.probability > best.get(top.field, (0.0, 0))[0]:
                best[top.field] = (top.probability, at)
    return {at for _, at in best.values()}


def _known(columns: Sequence[SourceColumn], verdicts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each column what a person said when they put the most similar column into a field; the latest if equal."""
    chosen = [each for each in verdicts if each["verdict"] == ACCEPTED]
    if not chosen:
        return [{} for _ in columns]
    alike = column_likeness(columns, source_columns([each["column"] for each in chosen]))
    found: list[dict[str, Any]] = []
    for row in alike:
        best = max(range(len(chosen)), key=lambda at: (round(float(row[at]), 3), at))
        found.append(chosen[best] if row[best] >= _LIKE_BEFORE else {})
    return found


def _conversion(
    column: SourceColumn, field: TargetField, meanings: Mapping[str, str], known: Mapping[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if field.kind is Kind.NUMBER:
        found.update(_number(column, field, known))
    if field.kind is Kind.TIME and column.type == "string":
        order = date_order([value for value, _ in column.values])
        if known.get("date_format"):
            found["date_format"] = known["date_format"]
        elif order.order:
            found.update(date_format=order.order, ambiguous=order.ambiguous)
    if field.values and field.kind in (Kind.CATEGORY, Kind.FLAG):
        classes = [(value, meanings.get(value, "")) for value in field.values]
        shown = [value for value, _ in column.values if plain(value)][:_MAPPED_VALUES]
        found["values"] = [
            {"source": each.source, "target": each.target, "probability": each.probability}
            for each in map_values(shown, classes, known.get("values", {}))
        ]
    return found


def _number(column: SourceColumn, field: TargetField, known: Mapping[str, Any]) -> dict[str, Any]:
    stated = unit_named(str(known.get("source_unit", "")))
    target = unit_named(field.unit) or unit_in_text(field.description)
    source = stated or unit_in_name(column.name, target)[0] or unit_in_text(column.description)
    found: dict[str, Any] = {}
    if target is not None:
        found["target_unit"] = target.name
    if source is not None and (target is None or source.dimension == target.dimension):
        found["source_unit"] = source.name
    factor = scale_in_text(column.description) / scale_in_text(field.description)
    if factor != 1 and source is None:
        found["factor"] = factor
    return found
