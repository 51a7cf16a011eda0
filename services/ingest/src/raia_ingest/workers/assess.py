# ruff: noqa: S608 - queries are made of column places and constants, never of names or values from a file
"""The compute function that assesses a canonical Parquet file: what is wrong with it, counted, and a score."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow.parquet as pq

from raia_ingest.workers.assess_columns import ColumnFindings, look_at_columns
from raia_ingest.workers.assess_issues import found_in_column, found_in_rows, found_in_rules, recommendations
from raia_ingest.workers.assess_outliers import Outliers, outliers_of
from raia_ingest.workers.assess_score import Counted, score
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.parts import parts
from raia_ingest.workers.rules import validate_file
from raia_ingest.workers.rules_tables import Source, numbered_view, open_database

_SEVERITIES = ("error", "warning", "info")
_EXAMPLES = 5
_LARGEST_BYTES = 800_000
"""Of what a report says of single columns, twice; an answer carries at most 4 MiB."""
_MOST_TYPES = 10_000
_OUTLIERS, _DUPLICATES, _RULES = 0.7, 0.8, 0.98
Progress = Callable[[float, str], None]


def assess_file(
    *,
    path: str,
    columns: list[dict[str, str]],
    ledger: dict[str, int],
    rules: list[dict[str, Any]],
    others: list[dict[str, Any]],
    now: str,
    memory_bytes: int,
    spill_folder: str,
    progress: Progress,
) -> dict[str, Any]:
    """Assesses the file whose columns are ``columns`` (name, type, timezone; in order).

    ``ledger`` has records_read and rejected of the reading; ``rules`` the dataset's (name, severity, tolerance, check
    and rule_id), ``others`` the files that they name, as for ``validate_file``. Returns what the contract's
    ``DataQualityReport`` holds by those names, with ``issues`` in full, gravest first.
    """
    with explained(), open_database(memory_bytes, spill_folder) as connection:
        rows, findings, outliers = _columns(path, columns, memory_bytes, spill_folder, progress)
        numbered_view(connection, Source(path, columns, "c"))
        duplicates, repeated = duplicate_rows(connection, rows, len(columns))
    progress(_DUPLICATES, "duplicate rows")
    validated = None
    if rules:
        target = Path(spill_folder) / "assessed.parquet"
        validated = validate_file(
            path=path,
            columns=columns,
            rules=rules,
            others=others,
            target=str(target),
            now=now,
            memory_bytes=memory_bytes,
            spill_folder=spill_folder,
            progress=_unheard,
        )
        _add_examples(validated["results"], target, memory_bytes, spill_folder)
    progress(_RULES, "score")
    return _report(
        columns=columns,
        rows=rows,
        findings=findings,
        outliers=outliers,
        duplicates=duplicates,
        repeated=repeated,
        ledger=ledger,
        rules=rules,
        validated=validated,
    )


def _unheard(_fraction: float, _message: str) -> None:
    """The assessment tells of its own progress."""


def _columns(
    path: str, columns: list[dict[str, str]], memory_bytes: int, spill_folder: str, progress: Progress
) -> tuple[int, list[ColumnFindings], dict[int, Outliers]]:
    """How many rows there are, what is found in each column, and the outliers by the column's place."""
    findings: list[ColumnFindings] = []
    outliers: dict[int, Outliers] = {}
    with pq.ParquetFile(path) as file:
        rows = int(file.metadata.num_rows)
    with parts(Path(path), len(columns), Path(spill_folder)) as files:
        for part, positions in files:
            some = [columns[position] for position in positions]
            with open_database(memory_bytes, spill_folder) as connection:
                numbered_view(connection, Source(str(part), some, "c"))
                findings += look_at_columns(connection, some, rows)
                for place, position in enumerate(positions):
                    if columns[position]["type"] in ("integer", "float"):
                        found = outliers_of(connection, f"c{place}")
                        if found is not None:
                            outliers[position] = found
                    progress(_OUTLIERS * (position + 1) / len(columns), f"column {columns[position]['name']}")
    return rows, findings, outliers


def _report(
    *,
    columns: list[dict[str, str]],
    rows: int,
    findings: list[ColumnFindings],
    outliers: dict[int, Outliers],
    duplicates: int,
    repeated: list[int],
    ledger: dict[str, int],
    rules: list[dict[str, Any]],
    validated: dict[str, Any] | None,
) -> dict[str, Any]:
    results = validated["results"] if validated is not None else []
    issues = found_in_rows(rows, duplicates, repeated, ledger)
    for place, finding in enumerate(findings):
        issues += found_in_column(finding, outliers.get(place), rows)
    issues += found_in_rules(rules, results, rows)
    issues.sort(key=lambda issue: (_SEVERITIES.index(issue["severity"]), -issue["fraction"]))
    counted = Counted(rows, findings, outliers, duplicates, ledger, [rule["severity"] for rule in rules], results)
    quality_score, parts = score(counted)
    missing = sum(finding.missing for finding in findings)
    gaps = {
        finding.name: {"count": finding.missing, "fraction": finding.missing / rows}
        for finding in findings
        if finding.missing
    }
    far = {columns[place]["name"]: found.facts(rows) for place, found in outliers.items() if found.count}
    return {
        "row_count": rows,
        "missing_values": {
            "total": missing,
            "fraction": missing / (rows * len(columns)) if rows and columns else 0.0,
            **_fitting(gaps),
        },
        "outliers": {"total": sum(found.count for found in outliers.values()), **_fitting(far)},
        "duplicates": duplicates,
        "data_types": {finding.name: finding.type_facts() for finding in findings[:_MOST_TYPES]},
        "issues": issues,
        "recommendations": recommendations(issues),
        "quality_score": quality_score,
        "score_parts": parts,
    }


def _fitting(columns: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """As many columns, those of the greatest counts, as one answer may hold."""
    kept: dict[str, dict[str, Any]] = {}
    size = 0
    for name, facts in sorted(columns.items(), key=lambda item: -item[1]["count"]):
        size += len(orjson.dumps(facts)) + len(name.encode())
        if size > _LARGEST_BYTES:
            return {"columns": kept, "columns_left_out": len(columns) - len(kept)}
        kept[name] = facts
    return {"columns": kept}


def duplicate_rows(connection: duckdb.DuckDBPyConnection, rows: int, width: int) -> tuple[int, list[int]]:
    """How many rows equal an earlier one in every column, and the numbers of the first of them.

    Different hashes mean different rows, so only rows of one hash are compared.
    """
    if rows == 0 or width == 0:
        return 0, []
    cells = ", ".join(f"c{place}" for place in range(width))
    hashed = f"select hash({cells}) h from data"
    distinct = connection.execute(f"select count(distinct h) from ({hashed})").fetchone()
    if distinct is not None and distinct[0] == rows:
        return 0, []
    suspects = f"select h from ({hashed}) group by h having count(*) > 1"
    connection.execute(
        f"create or replace temp table repeated as select count(*) - 1 n, min(row, {_EXAMPLES + 1})[2:] later "
        f"from data where hash({cells}) in ({suspects}) group by {cells} having count(*) > 1"
    )
    found = connection.execute("select coalesce(sum(n), 0)::bigint from repeated").fetchone()
    first = connection.execute(f"select later from repeated order by later limit {_EXAMPLES}").fetchall()
    connection.execute("drop table repeated")
    count = found[0] if found is not None else 0
    numbers = sorted(number for (each,) in first for number in each)
    return int(count), [int(number) for number in numbers[:_EXAMPLES]]


def _add_examples(results: list[dict[str, Any]], target: Path, memory_bytes: int, spill_folder: str) -> None:
    if not target.exists():
        return
    literal = str(target).replace("'", "''")
    with open_database(memory_bytes, spill_folder) as connection:
        query = f"select rule, min(row, {_EXAMPLES}) from read_parquet('{literal}') group by rule"
        for rule, numbers in connection.execute(query).fetchall():
            results[rule - 1]["examples"] = [{"row_number": int(number)} for number in numbers]
    target.unlink()
