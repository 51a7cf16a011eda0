"""The quality score: a weighted mean of parts, each of which says what it counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raia_ingest.workers.assess_columns import ColumnFindings
from raia_ingest.workers.assess_outliers import Outliers

_WEIGHTS: Mapping[str, float] = {
    "completeness": 0.25,
    "uniqueness": 0.15,
    "validity": 0.20,
    "consistency": 0.10,
    "plausibility": 0.10,
    "intake": 0.10,
    "rules": 0.30,
}
"""Before they are made to add up to 1: the rules count where there are any."""
_SEVERITY: Mapping[str, float] = {"error": 3.0, "warning": 2.0, "info": 1.0}


@dataclass(frozen=True)
class Counted:
    """What a score is made of."""

    rows: int
    findings: Sequence[ColumnFindings]
    outliers: Mapping[int, Outliers]
    duplicates: int
    ledger: Mapping[str, int]
    severities: Sequence[str]
    """Of the rules."""
    results: Sequence[Mapping[str, Any]]
    """Of the rules."""


def score(counted: Counted) -> tuple[float, list[dict[str, Any]]]:
    """The score from 0 to 1, and its parts: name, score, weight, explanation."""
    parts = [
        _completeness(counted),
        _part("uniqueness", counted.duplicates, counted.rows, "rows equal an earlier one"),
        _part(
            "validity", _invalid(counted), _present(counted), "values are blank, damaged or not of their column's kind"
        ),
        _part("consistency", _inconsistent(counted), _texts(counted), "texts are padded or spelled differently"),
        _part(
            "plausibility",
            sum(found.count for found in counted.outliers.values()),
            sum(found.examined for found in counted.outliers.values()),
            "numbers are far from the others",
        ),
        _part(
            "intake", counted.ledger.get("rejected", 0), counted.ledger.get("records_read", 0), "records were rejected"
        ),
    ]
    if counted.results:
        parts.append(_rules(counted))
    total = sum(_WEIGHTS[part["name"]] for part in parts)
    for part in parts:
        part["weight"] = _WEIGHTS[part["name"]] / total
    if not counted.rows:
        return 0.0, parts  # nothing is no good data, whatever may be said of its absence
    return round(sum(part["score"] * part["weight"] for part in parts), 4), parts


def _part(name: str, bad: int, of: int, what: str) -> dict[str, Any]:
    return {
        "name": name,
        "score": 1 - bad / of if of else 1.0,
        "explanation": f"{bad:,} of {of:,} {what}" if of else "there was nothing to count",
    }


def _completeness(counted: Counted) -> dict[str, Any]:
    cells = counted.rows * len(counted.findings)
    part = _part("completeness", sum(finding.missing for finding in counted.findings), cells, "cells are missing")
    return part if cells else {**part, "score": 0.0}


def _present(counted: Counted) -> int:
    return sum(finding.present for finding in counted.findings)


def _invalid(counted: Counted) -> int:
    """Cells that no use of the column can take as they are; one cell may be so in several ways, and counts once."""
    return sum(
        min(
            finding.present,
            sum(finding.counts.get(what, 0) for what in ("blank", "damaged", "infinite"))
            + max(finding.minority("number"), finding.minority("date"), finding.counts.get("null_like", 0)),
        )
        for finding in counted.findings
    )


def _texts(counted: Counted) -> int:
    return sum(finding.present for finding in counted.findings if finding.type == "string")


def _inconsistent(counted: Counted) -> int:
    return sum(
        max(finding.counts.get("padded", 0), finding.counts.get("other_spelling", 0)) for finding in counted.findings
    )


def _rules(counted: Counted) -> dict[str, Any]:
    """The mean over rules of the share of rows that keep them, by severity; a rule that only failed has none."""
    weights = [_SEVERITY[severity] for severity in counted.severities]
    kept = [
        0.0 if result["status"] == "error" or (result["status"] == "failed" and not result["failing_row_count"])
        else 1 - result["failing_fraction"]
        for result in counted.results
    ]  # fmt: skip
    passed = sum(result["status"] == "passed" for result in counted.results)
    return {
        "name": "rules",
        "score": sum(weight * share for weight, share in zip(weights, kept, strict=True)) / sum(weights),
        "explanation": f"{passed:,} of {len(kept):,} rules passed; the share of rows that keep them, by severity",
    }
