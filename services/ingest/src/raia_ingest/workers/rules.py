# ruff: noqa: S608 - queries are made of column places and of what raia_ingest.quality wrote, never of a user's text
"""The compute function that runs rules on a canonical Parquet file and keeps the number of every row that fails."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from raia_ingest.quality.kinds import Table, Unfit
from raia_ingest.quality.plans import (
    NEVER,
    CrossPlan,
    Data,
    FreshnessPlan,
    Plan,
    ReferencePlan,
    RowPlan,
    UniquePlan,
    other_dataset,
    plan,
)
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.rules_tables import Source, create_view, numbered_view, open_database

_BATCH = 50
"""Row conditions that are looked at in one scan."""
PASSED, FAILED, ERROR = "passed", "failed", "error"
_SCAN_STEPS = 0.9
Progress = Callable[[float, str], None]


def validate_file(
    *,
    path: str,
    columns: list[dict[str, str]],
    rules: list[dict[str, Any]],
    others: list[dict[str, Any]],
    target: str,
    now: str,
    memory_bytes: int,
    spill_folder: str,
    progress: Progress,
) -> dict[str, Any]:
    """Runs ``rules`` (each with ``check`` and ``tolerance``) on the file and writes what fails to ``target``.

    ``columns`` are the file's (name, type, timezone), in order; ``others`` the other datasets that rules name, each
    with dataset_id, version as the rule says it, path, columns, or an ``error`` that says why it cannot be read.
    ``target`` becomes a Parquet file of ``rule`` (place from 1) and ``row`` (number from 1), ordered; none is written
    when nothing fails. Returns row_count, failing_row_count and a result a rule: status, failing_row_count, message,
    observed. DuckDB holds at most ``memory_bytes`` and spills to ``spill_folder``.
    """
    with explained(), open_database(memory_bytes, spill_folder) as connection:
        run = _Run(connection, path, columns, others, now=dt.datetime.fromisoformat(now), folder=spill_folder)
        results = run.all([rule["check"] for rule in rules], progress)
        failing = run.write(Path(target))
        for rule, result in zip(rules, results, strict=True):
            judge(result, rule.get("tolerance", 0.0), run.rows)
        return {"row_count": run.rows, "failing_row_count": failing, "results": results}


def judge(result: dict[str, Any], tolerance: float, rows: int) -> None:
    """Says whether a rule passed, in ``status`` and ``message``."""
    failing = result["failing_row_count"]
    result["failing_fraction"] = failing / rows if rows else 0.0
    if result["status"]:
        return
    result["status"] = FAILED if failing > tolerance * rows else PASSED
    if failing:
        share = f"{failing:,} of {rows:,} rows fail ({result['failing_fraction']:.2%})"
        within = f"{share}, within the tolerance of {tolerance:.2%}"
        result["message"] = within if result["status"] == PASSED else share


def _result() -> dict[str, Any]:
    return {"status": "", "failing_row_count": 0, "message": "", "observed": {}}


class _Run:
    """One validation."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: str,
        columns: list[dict[str, str]],
        others: list[dict[str, Any]],
        *,
        now: dt.datetime,
        folder: str,
    ) -> None:
        self._connection, self._now, self._folder = connection, now, folder
        self._source = Source(path, columns, "c")
        self._table = Table(columns)
        self._others = {(other["dataset_id"], int(other["version"])): other for other in others}
        self._tables = {
            wanted: Table(other["columns"], "o") for wanted, other in self._others.items() if not other.get("error")
        }
        self._views: dict[tuple[str, int], str] = {}
        self.rows = 0
        connection.execute("create temp table failing(rule integer, row bigint)")

    def all(self, checks: Sequence[Mapping[str, Any]], progress: Progress) -> list[dict[str, Any]]:
        """A result for each demand; a demand that cannot be evaluated disturbs no other."""
        results = [_result() for _ in checks]
        rowwise: list[tuple[int, str]] = []
        others: list[tuple[int, Plan, Mapping[str, Any]]] = []
        for place, check in enumerate(checks):
            try:
                made = plan(check, self._data(check))
            except Unfit as error:
                results[place] |= {"status": ERROR, "message": str(error)}
                continue
            if isinstance(made, RowPlan):
                rowwise.append((place, made.fails))
            else:
                others.append((place, made, check))
        numbered_view(self._connection, self._source.narrowed(self._table.used, self._folder))
        self.rows = int(self._one("select count(*) from data")[0])
        done = 0
        for start in range(0, len(rowwise), _BATCH):
            batch = rowwise[start : start + _BATCH]
            self._row_conditions(batch, results)
            done += len(batch)
            progress(_SCAN_STEPS * done / len(checks), "rules on rows")
        for place, made, check in others:
            self._guarded(results[place], partial(self._other, place, made, check))
            done += 1
            progress(_SCAN_STEPS * done / len(checks), "rules on keys")
        return results

    def write(self, target: Path) -> int:
        """Stores the failing rows, ordered, and returns how many different rows they are."""
        found = int(self._one("select count(distinct row) from failing")[0])
        if found:
            literal = str(target).replace("'", "''")
            self._connection.execute(
                f"copy (select rule, row from failing order by rule, row) to '{literal}' "
                "(format parquet, compression zstd, row_group_size 122880)"
            )
        return found

    def _data(self, check: Mapping[str, Any]) -> Data:
        wanted = other_dataset(check)
        if wanted is None:
            return Data(self._table, self._now)
        other = self._others.get(wanted)
        if other is None or other.get("error"):
            raise Unfit(other["error"] if other else f"dataset {wanted[0]} is not there")
        return Data(self._table, self._now, self._tables[wanted])

    def _one(self, query: str) -> tuple[Any, ...]:
        found = self._connection.execute(query).fetchone()
        if found is None:
            raise LookupError(query)
        return tuple(found)

    def _row_conditions(self, batch: Sequence[tuple[int, str]], results: list[dict[str, Any]]) -> None:
        """Looks at several conditions in one scan, or one by one when one of them cannot be evaluated."""
        asked = [(place, fails) for place, fails in batch if fails != NEVER]
        if not asked:
            return
        try:
            counts = self._scan(asked)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            if len(asked) == 1:
                results[asked[0][0]] |= {"status": ERROR, "message": told(error)}
                return
            for single in asked:
                self._row_conditions([single], results)
            return
        for (place, _), count in zip(asked, counts, strict=True):
            results[place]["failing_row_count"] = count

    def _scan(self, asked: Sequence[tuple[int, str]]) -> list[int]:
        flags = ", ".join(f"coalesce({fails}, false) f{place}" for place, fails in asked)
        some = " or ".join(f"f{place}" for place, _ in asked)
        # Rows that fail are few as a rule: they are kept once, with the flags of all conditions.
        self._connection.execute(
            f"create or replace temp table flagged as select * from (select row, {flags} from data) where {some}"
        )
        counts = self._one("select " + ", ".join(f"count(*) filter (f{place})" for place, _ in asked) + " from flagged")
        for (place, _), count in zip(asked, counts, strict=True):
            if count:
                self._connection.execute(f"insert into failing select {place + 1}, row from flagged where f{place}")
        self._connection.execute("drop table flagged")
        return [int(count) for count in counts]

    def _guarded(self, result: dict[str, Any], work: Callable[[], dict[str, Any]]) -> None:
        try:
            result |= work()
        except duckdb.OutOfMemoryException:
            raise
        except (duckdb.Error, Unfit) as error:
            result |= {"status": ERROR, "message": told(error)}

    def _other(self, place: int, made: Plan, check: Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(made, UniquePlan):
            return self._unique(place, made)
        if isinstance(made, FreshnessPlan):
            return self._freshness(made)
        view = self._view(check)
        if isinstance(made, ReferencePlan):
            return self._reference(place, made, view)
        if isinstance(made, CrossPlan):
            return self._whole(made, view) if not made.keys else self._cross(place, made, view)
        raise TypeError(type(made).__name__)

    def _view(self, check: Mapping[str, Any]) -> str:
        wanted = other_dataset(check)
        if wanted is None:
            raise Unfit("the rule names no other dataset")
        if wanted not in self._views:
            name = f"other{len(self._views)}"
            other = self._others[wanted]
            source = Source(other["path"], other["columns"], "o")
            create_view(self._connection, name, source.narrowed(self._tables[wanted].used, self._folder))
            self._views[wanted] = name
        return self._views[wanted]

    def _keep(self, place: int, query: str) -> int:
        """Adds the rows that ``query`` gives to those that fail; returns how many."""
        return int(self._one(f"insert into failing select {place + 1}, row from ({query})")[0])

    def _unique(self, place: int, made: UniquePlan) -> dict[str, Any]:
        keys = ", ".join(made.keys)
        present = " and ".join(f"{key} is not null" for key in made.keys)
        repeated = f"select {keys} from data where {present} group by {keys} having count(*) > 1"
        self._connection.execute(f"create or replace temp table repeated as {repeated}")
        groups = int(self._one("select count(*) from repeated")[0])
        failing = 0
        if groups:
            failing = self._keep(place, f"select row from data semi join repeated using ({keys})")
        self._connection.execute("drop table repeated")
        return {"failing_row_count": failing, "observed": {"repeated_values": groups}}

    def _reference(self, place: int, made: ReferencePlan, view: str) -> dict[str, Any]:
        present = " and ".join(f"{key} is not null" for key in made.keys)
        known = ", ".join(made.other_keys)
        same = " and ".join(f"d.{a} = k.{b}" for a, b in zip(made.keys, made.other_keys, strict=True))
        failing = self._keep(
            place,
            f"select row from (select * from data where {present}) d "
            f"anti join (select distinct {known} from {view}) k on {same}",
        )
        return {"failing_row_count": failing}

    def _freshness(self, made: FreshnessPlan) -> dict[str, Any]:
        (newest,) = self._one(f"select max({made.alias})::timestamp from data")
        if newest is None:
            return {"status": FAILED, "message": "there is no date or time at all"}
        age = (made.now.replace(tzinfo=None) - newest).total_seconds()
        oldest = made.oldest.replace(tzinfo=None)
        fresh = newest.date() >= oldest.date() if made.is_date else newest >= oldest
        shown = newest.date().isoformat() if made.is_date else newest.isoformat()
        message = "" if fresh else f"the newest value is {shown}, older than {oldest.isoformat(timespec='seconds')}"
        return {
            "status": PASSED if fresh else FAILED,
            "message": message,
            "observed": {"newest": shown, "age_seconds": age},
        }

    def _whole(self, made: CrossPlan, view: str) -> dict[str, Any]:
        """Compares two datasets as a whole."""
        if made.condition.plain:
            raise Unfit('without columns to join by, write aggregates of "other." columns, such as sum(other.amount)')
        here, other = made.condition.here, made.condition.other
        left = ", ".join(f"{sql} h{number}" for number, sql in enumerate(here)) or "1 one"
        right = ", ".join(f"{sql} g{number}" for number, sql in enumerate(other))
        values = [f"h{number}" for number in range(len(here))] + [f"g{number}" for number in range(len(other))]
        holds, *found = self._one(
            f"select {made.condition.sql}, {', '.join(f'({value})::varchar' for value in values)} "
            f"from (select {left} from data), (select {right} from {view})"
        )
        observed = dict(zip(values, found, strict=True))
        if holds is False:
            shown = ", ".join(str(value) for value in found)
            return {"status": FAILED, "message": f"the condition does not hold for {shown}", "observed": observed}
        return {"status": PASSED, "observed": observed}

    def _cross(self, place: int, made: CrossPlan, view: str) -> dict[str, Any]:
        """Compares rows, or groups of rows, with the other dataset's rows of the same key."""
        here, other = made.condition.here, made.condition.other
        if made.condition.plain:
            self._require_unique(made, view)
        known = ", ".join(f"{key} k{number}" for number, key in enumerate(made.other_keys))
        found = ", ".join(f"{sql} g{number}" for number, sql in enumerate(other))
        theirs = f"select {known}, {found} from {view} group by {', '.join(made.other_keys)}"
        keys = ", ".join(made.keys)
        present = " and ".join(f"{key} is not null" for key in made.keys)
        same = " and ".join(f"d.{key} = t.k{number}" for number, key in enumerate(made.keys))
        unmet = f"not coalesce({made.condition.sql}, true)"
        if not here:
            query = f"select row from (select * from data where {present}) d left join ({theirs}) t on {same}"
            return {"failing_row_count": self._keep(place, f"{query} where {unmet}")}
        ours = ", ".join(f"{sql} h{number}" for number, sql in enumerate(here))
        grouped = f"select {keys}, {ours} from data where {present} group by {keys}"
        self._connection.execute(
            f"create or replace temp table unmet as select d.* from ({grouped}) d left join ({theirs}) t on {same} "
            f"where {unmet}"
        )
        groups = int(self._one("select count(*) from unmet")[0])
        failing = self._keep(place, f"select row from data semi join unmet using ({keys})") if groups else 0
        self._connection.execute("drop table unmet")
        return {"failing_row_count": failing, "observed": {"failing_groups": groups}}

    def _require_unique(self, made: CrossPlan, view: str) -> None:
        keys = ", ".join(made.other_keys)
        present = " and ".join(f"{key} is not null" for key in made.other_keys)
        query = f"select 1 from {view} where {present} group by {keys} having count(*) > 1 limit 1"
        if self._connection.execute(query).fetchone() is not None:
            raise Unfit(
                "the other dataset has several rows of one key: say which value is meant, by minimum(other.…), "
                "maximum(other.…), sum(other.…) and the like"
            )


def told(error: Exception) -> str:
    """What a caller may read of an error: the rule's own faults in words, the database's without its texts."""
    if isinstance(error, Unfit):
        return str(error)
    if isinstance(error, duckdb.OutOfRangeException):
        return "a number in the calculation is larger than any type holds"
    if isinstance(error, duckdb.InvalidInputException | duckdb.BinderException):
        return "the pattern or format cannot be used: check its syntax (RE2)"
    return f"the rule cannot be evaluated on these values ({type(error).__name__})"
