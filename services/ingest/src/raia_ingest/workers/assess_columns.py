# ruff: noqa: S608 - queries are made of column places and constants, never of names or values from a file
"""What is to be found in single columns: counted in one scan, with the first rows that show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from raia_ingest.workers.column_profile import as_json
from raia_ingest.workers.kinds import NULL_TOKENS

_BATCH = 30
"""Columns that are looked at in one scan."""
_EXAMPLES = 5
_LONGEST = 200
"""Characters of an example that are shown."""
_FEW_SPELLINGS = 5_000
"""Distinct texts up to which spellings are compared."""
_TOKENS = ", ".join(f"'{token}'" for token in NULL_TOKENS)
_DATE = r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}"
_LOOKS: Mapping[str, str] = {
    "blank": r"regexp_full_match({0}, '\s+') or {0} = ''",
    "padded": r"{0} <> trim({0}) and not regexp_full_match({0}, '\s+')",
    "null_like": f"{{0}} in ({_TOKENS})",
    "number": "try_cast({0} as double) is not null",
    "date": f"regexp_full_match({{0}}, '{_DATE}')",
    "damaged": "contains({0}, chr(65533))",
}
"""What texts are looked at for."""


def shown(value: Any) -> Any:
    """An example, cut with an ellipsis when it is a long text."""
    return value[:_LONGEST] + "…" if isinstance(value, str) and len(value) > _LONGEST else value


@dataclass
class ColumnFindings:
    """What was found in a column."""

    name: str
    type: str
    rows: int
    missing: int = 0
    constant: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    """Cells by what they are: blank, padded, null_like, number, date, damaged, infinite, other_spelling."""
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The first rows of each, with their values."""
    spellings: list[str] = field(default_factory=list)
    """Values that are spelled in several ways, each with its spellings."""

    @property
    def present(self) -> int:
        """Cells with a value."""
        return self.rows - self.missing

    def minority(self, what: str) -> int:
        """Cells of a text column that are not ``what`` (number, date), where most are; 0 where most are not."""
        some = self.counts.get(what, 0)
        return self.present - some if self.present * 0.5 <= some < self.present else 0

    def type_facts(self) -> dict[str, Any]:
        """The type, and what speaks against it."""
        facts: dict[str, Any] = {"type": self.type}
        for what in ("number", "date"):
            if self.minority(what):
                facts["mostly"] = what
                facts["others"] = self.minority(what)
        return facts


def look_at_columns(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Mapping[str, str]], rows: int
) -> list[ColumnFindings]:
    """What is found in each column of the view ``data``, in order."""
    found = [ColumnFindings(column["name"], column["type"], rows) for column in columns]
    if rows == 0:
        return found
    for start in range(0, len(columns), _BATCH):
        _scan(connection, found, range(start, min(start + _BATCH, len(columns))))
    for place, finding in enumerate(found):
        if finding.type == "string" and finding.present:
            _compare_spellings(connection, f"c{place}", finding)
            for what in ("number", "date"):
                if finding.minority(what):
                    _exceptions(connection, f"c{place}", finding, what)
    return found


def _looks(finding: ColumnFindings, alias: str) -> dict[str, str]:
    if finding.type == "string":
        return {name: look.replace("{0}", alias) for name, look in _LOOKS.items()}
    return {"infinite": f"isinf({alias})"} if finding.type == "float" else {}


def _scan(connection: duckdb.DuckDBPyConnection, found: list[ColumnFindings], places: range) -> None:
    asked: list[str] = []
    for place in places:
        alias = f"c{place}"
        asked += [f"count({alias})", f"min({alias}) = max({alias})"]
        for look in _looks(found[place], alias).values():
            asked += [
                f"count(*) filter ({look})",
                f"min(row, {_EXAMPLES}) filter ({look})",
                f"arg_min({alias}, row, {_EXAMPLES}) filter ({look})",
            ]
    answers = iter(connection.execute(f"select {', '.join(asked)} from data").fetchone() or ())
    for place in places:
        finding = found[place]
        finding.missing = finding.rows - int(next(answers))
        finding.constant = bool(next(answers)) and finding.rows > 1
        for name in _looks(finding, ""):
            count, numbers, values = next(answers), next(answers), next(answers)
            finding.counts[name] = int(count)
            finding.examples[name] = _examples(numbers, values)


def _examples(numbers: Sequence[int] | None, values: Sequence[Any] | None) -> list[dict[str, Any]]:
    pairs = zip(numbers or (), values or (), strict=True)
    return [{"row_number": int(number), "value": shown(as_json(value))} for number, value in pairs]


def _exceptions(connection: duckdb.DuckDBPyConnection, alias: str, finding: ColumnFindings, what: str) -> None:
    """Examples of the cells that are not what most are."""
    other = f"{alias} is not null and not ({_LOOKS[what].replace('{0}', alias)})"
    numbers, values = connection.execute(
        f"select min(row, {_EXAMPLES}), arg_min({alias}, row, {_EXAMPLES}) from data where {other}"
    ).fetchone() or (None, None)
    finding.examples[f"not_{what}"] = _examples(numbers, values)


def _compare_spellings(connection: duckdb.DuckDBPyConnection, alias: str, finding: ColumnFindings) -> None:
    """Values that differ in case and white space alone: all but the most frequent spelling count."""
    few = connection.execute(f"select approx_count_distinct({alias}) from data").fetchone()
    if few is None or few[0] > _FEW_SPELLINGS or few[0] > finding.present * 0.5:
        return
    groups = connection.execute(
        f"select sum(n) - max(n), list(v order by n desc, v) from (select {alias} v, count(*) n from data "
        f"where regexp_matches({alias}, '\\S') group by 1) group by lower(regexp_replace(trim(v), '\\s+', ' ', 'g')) "
        "having count(*) > 1 order by 1 desc"
    ).fetchall()
    finding.counts["other_spelling"] = sum(int(count) for count, _ in groups)
    finding.spellings = [" / ".join(repr(shown(value)) for value in values[:4]) for _, values in groups[:3]]
