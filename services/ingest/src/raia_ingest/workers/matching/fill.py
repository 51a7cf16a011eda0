# ruff: noqa: S608 - queries are made of places, constants and quoted literals, never of bare names or values
"""The compute function of mapping runs: turns the rows of a file into those of a schema's entities."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from raia_ingest.workers.matching import unusual
from raia_ingest.workers.matching.entity_files import Existing, written
from raia_ingest.workers.matching.expressions import Planned, problem_of, text_of, value_of
from raia_ingest.workers.matching.relations import Filled, Relations
from raia_ingest.workers.matching.values import map_values
from raia_ingest.workers.tables import create_view, opened, row

Progress = Callable[[float, str], None]
_BATCH = 1_000
_LONGEST = 10_000
_EXAMPLES = 20
_ANOMALIES = "ANOMALIES"


def fill_entities(*, job: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Writes one Parquet file an entity and the rejected records, and tells the ledger.

    ``job`` has ``path`` (the canonical file, or ``rows``: corrected records), ``columns`` (name, type, timezone),
    ``plan`` (as ``Planned`` takes it, with ``classes`` for closed fields), ``entities`` of the schema, ``existing``
    (paths by entity), ``folder``, ``prefix`` (what surrogate keys are made of), ``now``, ``memory_bytes``.
    """
    folder = Path(job["folder"])
    with opened(job["memory_bytes"], str(folder)) as connection:
        _source(connection, job)
        plan = [_planned(each) for each in job["plan"]]
        for at, each in enumerate(job["plan"]):
            if plan[at].closed:
                _value_map(connection, at, plan[at], each)
        progress(0.2, "values")
        _convert(connection, plan)
        relations = Relations(job["entities"], plan, job["prefix"])
        existing = Existing(connection, job["entities"], job["existing"])
        progress(0.4, "entities")
        work = _Work(connection, relations, existing, job)
        work.reject()
        work.tell_apart()
        work.make_entities()
        progress(0.6, "relations")
        unresolved = work.unresolved()
        anomalies = work.anomalies()
        progress(0.8, "writing")
        filled = [
            written(connection, existing, entity, at, folder) for at, entity in work.numbered() if work.any_rows(at)
        ]
        filled += work.write_anomalies(anomalies, folder) if anomalies else []
        ledger = work.ledger()
        work.write_rejected(folder / "rejected.jsonl")
    return {
        "ledger": ledger,
        "entities": filled,
        "unresolved": unresolved,
        "anomaly_count": len(anomalies),
        "qualified_keys": [name for name, each in relations.filled.items() if each.qualified],
    }


def _source(connection: duckdb.DuckDBPyConnection, job: Mapping[str, Any]) -> None:
    """The view ``src`` with c0, c1, … and ``position``: the file, or corrected records as texts."""
    if job.get("rows") is None:
        create_view(connection, "src", Path(job["path"]), job["columns"])
        return
    names = [each["name"] for each in job["columns"]]
    arrays = {
        f"c{at}": pa.array([each["row"].get(name) for each in job["rows"]], pa.string())
        for at, name in enumerate(names)
    }
    arrays["position"] = pa.array([each["record"] for each in job["rows"]], pa.int64())
    corrected = pa.table(arrays)
    _register(connection, "corrected", corrected)
    connection.execute("create temp table src as from corrected")


def _register(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.execute("select 1").fetchall()  # ends a result that was not read to its end
    connection.register(name, table)


def _planned(found: Mapping[str, Any]) -> Planned:
    return Planned(**{name: found[name] for name in Planned.__dataclass_fields__})


def _value_map(connection: duckdb.DuckDBPyConnection, at: int, plan: Planned, found: Mapping[str, Any]) -> None:
    """What each distinct value of a column becomes, as the table ``map<at>``."""
    rows = connection.execute(f"select distinct {text_of(plan)} t from src s where t is not null order by t").fetchall()
    texts = [str(value) for (value,) in rows]
    known = {
        each["source"]: each["target"] for each in found["conversion"].get("values", ()) if each["probability"] == 1
    }
    shown = {each["source"].strip(): each for each in found["conversion"].get("values", ())}
    new = [text for text in texts if text not in shown]
    classes = [(value, meaning) for value, meaning in found["classes"]]
    told = [(each["source"].strip(), each["target"], each["probability"]) for each in shown.values()]
    told += [(each.source, each.target, each.probability) for each in map_values(new, classes, known)]
    similar = plan.tasks.get("value_mapping") == "nearest_value" or "text_classification" in plan.tasks
    told = [(source, target, likely) for source, target, likely in told if target and (likely == 1 or similar)]
    mapped = pa.table(
        {
            "source": pa.array([source for source, _, _ in told], pa.string()),
            "target": pa.array([target for _, target, _ in told], pa.string()),
            "sure": pa.array([likely == 1 for _, _, likely in told], pa.bool_()),
        }
    )
    _register(connection, f"mapped{at}", mapped)
    connection.execute(
        f"create temp table map{at} as select source, any_value(target) target, any_value(sure) sure "
        f"from mapped{at} group by source"
    )


def _convert(connection: duckdb.DuckDBPyConnection, plan: Sequence[Planned]) -> None:
    """The table ``m``: position, and for each column on its way its value v<n> and what is wrong with it, p<n>."""
    parts = [f"{value_of(each, at)} v{at}, {problem_of(each, at)} p{at}" for at, each in enumerate(plan)]
    joins = [f"left join map{at} on map{at}.source = {text_of(each)}" for at, each in enumerate(plan) if each.closed]
    connection.execute(f"create temp table m as select s.position, {', '.join(parts)} from src s {' '.join(joins)}")


class _Work:
    """One run over the tables of a database."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, relations: Relations, existing: Existing, job: Mapping[str, Any]
    ) -> None:
        self._connection, self._relations, self._existing, self._job = connection, relations, existing, job
        self._plan = relations.plan
        self._conflicts: dict[str, int] = {}

    def numbered(self) -> list[tuple[int, Filled]]:
        """The filled entities with the numbers of their tables."""
        return list(enumerate(self._relations.filled.values()))

    def any_rows(self, at: int) -> bool:
        """Whether an entity has a row of this run."""
        return bool(row(self._connection, f"select count(*) from e{at}")[0])

    def reject(self) -> None:
        """The table ``fatal``: positions of records that are not stored, and why."""
        self._connection.execute(
            "create temp table fatal (position bigint, reason varchar, field varchar, place integer)"
        )
        for condition, reason, path, at in self._relations.faults():
            why = reason if "(" in reason or reason.startswith("'") else f"'{reason}'"
            self._connection.execute(
                f"insert into fatal select m.position, {why}, ?, ? from m where {condition}", [path, at]
            )
        for entity in self._relations.filled.values():
            for told in entity.fields:
                if told.get("required") and told["name"] in entity.parents and told["name"] in entity.mapped:
                    self._reject_unresolved(entity, told["name"])

    def _reject_unresolved(self, entity: Filled, name: str) -> None:
        at, target = entity.mapped[name], entity.parents[name]
        known = [self._existing.keys_of(target)]
        parent = self._relations.filled.get(target)
        if parent is not None:
            known.append(f"select {self._relations.key_text(parent)} k from m where {self._relations.present(parent)}")
        self._connection.execute(
            f"insert into fatal select m.position, 'unresolved_reference', ?, ? from m where m.v{at} is not null "
            f"and m.v{at}::varchar not in (select k from ({' union all '.join(known)}) where k is not null)",
            [f"{entity.name}.{name}", at],
        )

    def tell_apart(self) -> None:
        """Keys that are not unique by themselves are told apart by what their rows point to; the rest is rejected."""
        self._connection.execute("create temp view ok as from m where position not in (select position from fatal)")
        for entity in self._relations.filled.values():
            mapped_keys = [name for name in entity.keys if name in entity.mapped]
            if not mapped_keys or self._relations.pointed_to(entity.name):
                continue
            if self._clashes(entity) and len(entity.keys) == 1 and self._textual(entity):
                entity.qualified = True
            if self._clashes(entity):
                content, key = self._content(entity), self._relations.key_text(entity)
                self._connection.execute(
                    f"insert into fatal select position, 'key_conflict', ?, ? from (select m.position, {content} h, "
                    f"arg_min({content}, m.position) over (partition by {key}) lowest from ok m "
                    f"where {self._relations.present(entity)}) where h <> lowest",
                    [f"{entity.name}.{mapped_keys[0]}", entity.mapped[mapped_keys[0]]],
                )

    def _textual(self, entity: Filled) -> bool:
        told = next(each for each in entity.fields if each["name"] == entity.keys[0])
        return str(told.get("type") or "string") == "string"

    def _content(self, entity: Filled) -> str:
        parts = [
            f"coalesce(({self._relations.value(entity, each['name'])})::varchar, '')"
            for each in entity.fields
            if not each.get("key") and (each["name"] in entity.mapped or each["name"] in entity.parents)
        ]
        return f"hash({', '.join(parts)})" if parts else "0"

    def _clashes(self, entity: Filled) -> bool:
        found = row(
            self._connection,
            f"select count(*) from (select {self._relations.key_text(entity)} k from ok m "
            f"where {self._relations.present(entity)} group by k having count(distinct {self._content(entity)}) > 1)",
        )
        return bool(found[0])

    def make_entities(self) -> None:
        """The tables e<n>: one row a key, with the fields f0, f1, … of the entity; later records win."""
        for at, entity in self.numbered():
            values = [self._relations.value(entity, each["name"]) for each in entity.fields]
            shown = ", ".join(f"{value} f{place}" for place, value in enumerate(values))
            last = ", ".join(
                f"arg_max(f{place}, position) filter (f{place} is not null) f{place}" for place in range(len(values))
            )
            self._connection.execute(
                f"create temp table e{at} as with each as (select m.position, {self._relations.key_text(entity)} k, "
                f"{shown} from ok m where {self._relations.present(entity)}) "
                f"select k, {last} from each where k is not null group by k"
            )

    def unresolved(self) -> list[dict[str, Any]]:
        """References that point to nothing, with examples."""
        found = []
        tables = {entity.name: f"e{at}" for at, entity in self.numbered()}
        for at, entity in self.numbered():
            for place, told in enumerate(entity.fields):
                target = entity.parents.get(told["name"])
                if target is None:
                    continue
                known = [self._existing.keys_of(target)]
                if target in tables:
                    known.append(f"select k from {tables[target]}")
                missing = (
                    f"select distinct f{place}::varchar v from e{at} where f{place} is not null and "
                    f"f{place}::varchar not in (select k from ({' union all '.join(known)}) where k is not null)"
                )
                count = int(row(self._connection, f"select count(*) from ({missing})")[0])
                if count:
                    rows = self._connection.execute(f"{missing} order by v limit {_EXAMPLES}").fetchall()
                    examples = [str(value)[:200] for (value,) in rows]
                    path = f"{entity.name}.{told['name']}"
                    found.append(
                        {"field": path, "references": told["references"], "count": count, "examples": examples}
                    )
        return found

    def anomalies(self) -> list[dict[str, Any]]:
        """Unusual values of the fields for which that was chosen."""
        found: list[dict[str, Any]] = []
        for at, entity in self.numbered():
            forest: dict[str, str] = {}
            for place, told in enumerate(entity.fields):
                mapped = entity.mapped.get(told["name"], -1)
                if mapped < 0 or told.get("type") not in ("integer", "float"):
                    continue
                chosen = self._plan[mapped].tasks.get("anomaly_detection")
                if chosen == "robust_z":
                    found += unusual.by_value(self._connection, entity, f"e{at}", told["name"], f"f{place}")
                elif chosen == "isolation_forest":
                    forest[told["name"]] = f"f{place}"
            if len(forest) > 1:
                names, columns = list(forest), list(forest.values())
                found += unusual.together(self._connection, entity, f"e{at}", names, columns)
        return found

    def write_anomalies(self, found: Sequence[Mapping[str, Any]], folder: Path) -> list[dict[str, Any]]:
        """The anomalies as rows of the schema's entity for them; nothing is written when it has none."""
        entity = next((each for each in self._job["entities"] if each["name"].upper() == _ANOMALIES), None)
        if entity is None or entity["name"] in self._relations.filled:
            return []
        filled = Filled(entity["name"], entity["fields"], {})
        told = [{**each, "detected_at": self._job["now"], "anomaly_id": _anomaly_id(each)} for each in found]
        keys = pa.array([str(each["anomaly_id"]) for each in told], pa.string())
        arrays: dict[str, Any] = {"k": keys}
        casts = ["k"]
        for place, each in enumerate(entity["fields"]):
            values = [None if (value := row.get(each["name"])) in (None, "") else str(value) for row in told]
            arrays[f"t{place}"] = pa.array(values, pa.string())
            casts.append(f"try_cast(t{place} as {_sql(each)}) f{place}")
        at = len(self._relations.filled)
        _register(self._connection, "found_anomalies", pa.table(arrays))
        self._connection.execute(f"create temp table e{at} as select {', '.join(casts)} from found_anomalies")
        return [written(self._connection, self._existing, filled, at, folder)]

    def ledger(self) -> dict[str, Any]:
        """Records read = stored + repaired + rejected, and how often each reason occurred."""
        parts = [
            f"select position, p{at} reason, {at} place from ok where p{at} is not null"
            for at in range(len(self._plan))
        ]
        parts += [
            f"select m.position, 'entity_incomplete:{number}' reason, {min(entity.mapped.values())} place from ok m "
            f"where {self._relations.present(entity)}"
            for number, entity in enumerate(self._relations.incomplete.values())
        ]
        self._connection.execute(f"create temp view mended as {' union all '.join(parts)}")
        read, rejected, repaired = (
            int(row(self._connection, query)[0])
            for query in (
                "select count(*) from m",
                "select count(distinct position) from fatal",
                "select count(distinct position) from mended",
            )
        )
        reasons = self._connection.execute(
            "select reason, field, place, count(distinct position), true from fatal group by 1, 2, 3 "
            "union all select reason, '', place, count(*), false from mended group by 1, 3 order by 4 desc, 1, 3"
        ).fetchall()
        return {
            "records_read": read,
            "stored": read - rejected - repaired,
            "repaired": repaired,
            "rejected": rejected,
            "reasons": [
                {**self._reason(reason, path, place), "rejected": fatal, "count": count}
                for reason, path, place, count, fatal in reasons
            ],
        }

    def _reason(self, reason: str, path: str, place: int) -> dict[str, str]:
        name, _, number = reason.partition(":")
        if number:  # the field that keeps an entity from being filled
            path = list(self._relations.incomplete)[int(number)]
        return {"reason": name, "field": path or (self._plan[place].path if place >= 0 else "")}

    def write_rejected(self, path: Path) -> None:
        """One JSON line a rejected record, in their order: why, and the record as it stands."""
        names = [each["name"] for each in self._job["columns"]]
        shown = ", ".join(f"s.c{at}::varchar" for at in range(len(names)))
        cursor = self._connection.execute(
            "select f.position, f.reason, f.field, f.place"
            + (f", {shown} " if shown else " ")
            + "from (select position, "
            "arg_min(reason, o) reason, arg_min(field, o) field, arg_min(place, o) place "
            "from (select *, if(place < 0, 1000000, place) o from fatal) group by position) f "
            "join src s using (position) order by f.position"
        )
        with path.open("wb") as file:
            while rows := cursor.fetchmany(_BATCH):
                for position, reason, field, place, *values in rows:
                    shown_values = zip(names, values, strict=True)
                    record = {name: value[:_LONGEST] for name, value in shown_values if value is not None}
                    column = self._plan[place].column if place >= 0 else ""
                    told = {
                        "record": position,
                        "reason": reason,
                        "field": field,
                        "column": column,
                        "value": (record.get(column) or "")[:500],
                        "row": record,
                    }
                    file.write(orjson.dumps(told) + b"\n")


def _sql(told: Mapping[str, Any]) -> str:
    from raia_ingest.workers.matching.expressions import SQL_TYPES

    return SQL_TYPES[str(told.get("type") or "string")]


def _anomaly_id(found: Mapping[str, Any]) -> str:
    """The same for the same value found in the same way again."""
    told = "/".join(str(found[name]) for name in ("entity", "record_id", "field", "method"))
    return hashlib.sha256(told.encode()).hexdigest()[:24]
