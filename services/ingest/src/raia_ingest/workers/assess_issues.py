"""What was found, said in words: how grave it is, and what to do about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from raia_ingest.workers.assess_columns import ColumnFindings
from raia_ingest.workers.assess_outliers import Outliers

_MANY_MISSING, _SOME_MISSING = 0.5, 0.05
_MANY_DUPLICATES = 0.05
_MANY_REJECTED = 0.05
_HEAVY_TAILS = 0.1
_MOST_RECOMMENDATIONS = 50
_SAID: Mapping[str, tuple[str, str, str, str]] = {
    "blank": (
        "blank_text", "validity", "{n} texts of {c} are empty or white space alone",
        "Treat the blank texts of {c} as missing.",
    ),
    "null_like": (
        "null_like_text", "validity", "{n} texts of {c} are words such as NA or NULL",
        "Decide whether these words of {c} mean that the value is missing.",
    ),
    "damaged": (
        "damaged_characters", "validity", "{n} texts of {c} hold characters that could not be read",
        "Export the file in UTF-8 again: the letters lost in {c} cannot be recovered from it.",
    ),
    "padded": (
        "surrounding_white_space", "consistency", "{n} texts of {c} begin or end with white space",
        "Trim the texts of {c}, so that equal values are equal.",
    ),
    "infinite": (
        "infinite_values", "validity", "{n} values of {c} are infinite",
        "Look for divisions by zero where {c} comes from; no statistic includes these values.",
    ),
}  # fmt: skip
"""Kind, dimension, message and recommendation, by what was counted."""


def _issue(
    kind: str,
    severity: str,
    dimension: str,
    count: int,
    rows: int,
    *,
    message: str,
    advice: str,
    column: str = "",
    examples: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    return {
        "kind": kind,
        "severity": severity,
        "dimension": dimension,
        "column": column,
        "count": count,
        "fraction": count / rows if rows else 0.0,
        "message": message[0].upper() + message[1:] + ".",
        "recommendation": advice,
        "examples": list(examples),
    }


def found_in_rows(
    rows: int, duplicates: int, repeated: Sequence[int], ledger: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Issues of whole rows and of the file."""
    issues = []
    if rows == 0:
        advice = "Check the export: the file has a header and no data."
        issues.append(
            _issue("no_rows", "error", "completeness", 0, 0, message="the dataset has no rows", advice=advice)
        )
    if duplicates:
        severity = "error" if duplicates > _MANY_DUPLICATES * rows else "warning"
        message = f"{duplicates:,} rows equal an earlier row in every column"
        advice = "Find out whether the rows were exported twice; remove the repetitions if they mean nothing."
        examples = [{"row_number": number} for number in repeated]
        issues.append(
            _issue(
                "duplicate_rows",
                severity,
                "uniqueness",
                duplicates,
                rows,
                message=message,
                advice=advice,
                examples=examples,
            )
        )
    read, rejected = ledger.get("records_read", 0), ledger.get("rejected", 0)
    if rejected:
        severity = "error" if rejected > _MANY_REJECTED * read else "warning"
        message = f"{rejected:,} of {read:,} records of the file were rejected"
        advice = "Read the ledger in the dataset's schema_info: it tells where and why; mend the export."
        issues.append(_issue("rejected_records", severity, "intake", rejected, read, message=message, advice=advice))
    return issues


def found_in_column(finding: ColumnFindings, outliers: Outliers | None, rows: int) -> list[dict[str, Any]]:
    """Issues of one column."""
    issues = _missing(finding, rows)
    for what, (kind, dimension, message, advice) in _SAID.items():
        count = finding.counts.get(what, 0)
        if count:
            severity = "info" if dimension == "consistency" else "warning"
            said, todo = message.format(n=f"{count:,}", c=finding.name), advice.format(c=finding.name)
            issues.append(
                _issue(
                    kind,
                    severity,
                    dimension,
                    count,
                    rows,
                    message=said,
                    advice=todo,
                    column=finding.name,
                    examples=finding.examples[what],
                )
            )
    return issues + _mixed(finding, rows) + _alike(finding, rows) + _outliers(finding, outliers, rows)


def _mixed(finding: ColumnFindings, rows: int) -> list[dict[str, Any]]:
    """Texts among numbers, or among dates."""
    issues = []
    for what in ("number", "date"):
        others = finding.minority(what)
        if others:
            message = f"{others:,} values of {finding.name} are no {what}s as the others are, which makes it text"
            advice = f"Mend or remove the values of {finding.name} that are no {what}s."
            issues.append(
                _issue(
                    "mixed_types",
                    "warning",
                    "validity",
                    others,
                    rows,
                    message=message,
                    advice=advice,
                    column=finding.name,
                    examples=finding.examples.get(f"not_{what}", []),
                )
            )
    return issues


def _alike(finding: ColumnFindings, rows: int) -> list[dict[str, Any]]:
    """Values that are spelled differently, or are all the same."""
    issues = []
    spelled = finding.counts.get("other_spelling", 0)
    if spelled:
        message = f"{spelled:,} values of {finding.name} are spelled in several ways: {'; '.join(finding.spellings)}"
        advice = f"Write equal values of {finding.name} alike."
        issues.append(
            _issue(
                "inconsistent_spelling",
                "warning",
                "consistency",
                spelled,
                rows,
                message=message,
                advice=advice,
                column=finding.name,
            )
        )
    if finding.constant and finding.present == finding.rows:
        message = f"{finding.name} has the same value in every row"
        advice = f"{finding.name} tells nothing: leave it out of models, or check that the export is whole."
        issues.append(
            _issue(
                "constant_column",
                "info",
                "consistency",
                finding.rows,
                rows,
                message=message,
                advice=advice,
                column=finding.name,
            )
        )
    return issues


def _missing(finding: ColumnFindings, rows: int) -> list[dict[str, Any]]:
    name, missing = finding.name, finding.missing
    if not missing:
        return []
    if missing == rows:
        message, advice = f"{name} has no value at all", f"Remove {name}, or find out why it is empty."
        return [
            _issue("all_missing", "error", "completeness", missing, rows, message=message, advice=advice, column=name)
        ]
    share = missing / rows
    severity = "error" if share > _MANY_MISSING else "warning" if share > _SOME_MISSING else "info"
    message = f"{name} lacks a value in {missing:,} of {rows:,} rows ({share:.1%})"
    advice = (
        f"Find out why {name} is mostly missing; leave it out unless missing means something."
        if share > _MANY_MISSING
        else f"Fill the gaps of {name}, or treat missing as a value of its own."
    )
    return [
        _issue("missing_values", severity, "completeness", missing, rows, message=message, advice=advice, column=name)
    ]


def _outliers(finding: ColumnFindings, outliers: Outliers | None, rows: int) -> list[dict[str, Any]]:
    if outliers is None or not outliers.count:
        return []
    name = finding.name
    heavy = outliers.count > _HEAVY_TAILS * outliers.examined
    severity = "info" if heavy or outliers.count <= 0.01 * outliers.examined else "warning"
    message = f"{outliers.count:,} values of {name} lie outside {outliers.lower:g} … {outliers.upper:g}"
    advice = (
        f"{name} has heavy tails rather than errors: use methods that bear them, or its logarithm."
        if heavy
        else f"Check the extreme values of {name}: wrong units and slipped decimal points look like this."
    )
    return [
        _issue(
            "outliers",
            severity,
            "plausibility",
            outliers.count,
            rows,
            message=message,
            advice=advice,
            column=name,
            examples=outliers.examples,
        )
    ]  # fmt: skip


def found_in_rules(
    rules: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, Any]], rows: int
) -> list[dict[str, Any]]:
    """Rules that failed or could not be evaluated."""
    issues = []
    for rule, result in zip(rules, results, strict=True):
        if result["status"] == "passed":
            continue
        failed = result["status"] == "failed"
        message = f"the rule {rule['name']!r} {'failed' if failed else 'could not be evaluated'}: {result['message']}"
        advice = (
            f"Mend the rows that break {rule['name']!r}; a validation lists every one of them."
            if failed
            else f"Change {rule['name']!r}, or bring back what it needs."
        )
        issue = _issue(
            "rule_failed",
            rule["severity"],
            "rules",
            result["failing_row_count"],
            rows,
            message=message.rstrip("."),
            advice=advice,
            column=rule.get("column", ""),
            examples=result.get("examples", []),
        )
        issues.append(issue | {"rule_id": rule.get("rule_id", "")})
    return issues


def recommendations(issues: Sequence[Mapping[str, Any]]) -> str:
    """What to do, the gravest first, a line each."""
    lines = list(dict.fromkeys(issue["recommendation"] for issue in issues))
    if not lines:
        return "Nothing was found that needs mending."
    more = len(lines) - _MOST_RECOMMENDATIONS
    return "\n".join(
        lines[:_MOST_RECOMMENDATIONS] + ([f"{more:,} more are listed with the issues."] if more > 0 else [])
    )
