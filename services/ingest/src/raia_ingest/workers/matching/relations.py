"""Which rows of which entities a record becomes, and what points to what, in SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from raia_ingest.workers.matching.expressions import SQL_TYPES, Planned


@dataclass
class Filled:
    """An entity that a mapping fills."""

    name: str
    fields: Sequence[Mapping[str, Any]]
    mapped: dict[str, int]
    """Places in the plan by field."""
    qualified: bool = False
    """Whether its key is told apart by what it points to."""
    parents: dict[str, str] = field(default_factory=dict)
    """Entities that its fields point to, by field."""

    @property
    def keys(self) -> list[str]:
        """The fields of its key."""
        return [each["name"] for each in self.fields if each.get("key")]


class Relations:
    """The entities of a plan, and how their keys and references are told for a record."""

    def __init__(self, entities: Sequence[Mapping[str, Any]], plan: Sequence[Planned], prefix: str) -> None:
        self._prefix = prefix
        self.plan = plan
        self.filled: dict[str, Filled] = {}
        for entity in entities:
            mapped = {each.field: at for at, each in enumerate(plan) if each.entity == entity["name"]}
            if mapped:
                self.filled[entity["name"]] = Filled(entity["name"], entity["fields"], mapped)
        self.incomplete: dict[str, Filled] = {}
        for each in self.filled.values():
            for told in each.fields:
                target = str(told.get("references", "")).partition(".")[0]
                if target:
                    each.parents[told["name"]] = target

        self._leave_out()

    def _leave_out(self) -> None:
        """Entities for which a required field has neither a column nor something to point to are not filled."""
        for entity in list(self.filled.values()):
            for told in entity.fields:
                name = told["name"]
                needed = told.get("required") and not told.get("key") and name not in entity.mapped
                if needed and entity.parents.get(name) not in self.filled:
                    self.incomplete[f"{entity.name}.{name}"] = entity
                    self.filled.pop(entity.name, None)

    def pointed_to(self, name: str) -> bool:
        """Whether another entity of the plan points to this one without a column of its own."""
        return any(
            target == name and told not in each.mapped and each.name != name
            for each in self.filled.values()
            for told, target in each.parents.items()
        )

    def present(self, entity: Filled) -> str:
        """Whether a record has a row of the entity: any of its own values."""
        own = [at for name, at in entity.mapped.items() if name not in entity.parents]
        return "(" + " or ".join(f"m.v{at} is not null" for at in own or entity.mapped.values()) + ")"

    def value(self, entity: Filled, name: str, seen: tuple[str, ...] = ()) -> str:
        """A field's value for a record: the column's, the key of what it points to, else made for keys alone."""
        told = next(each for each in entity.fields if each["name"] == name)
        sql = SQL_TYPES[str(told.get("type") or "string")]
        if name in entity.mapped:
            own = f"m.v{entity.mapped[name]}"
            return self._told_apart(entity, name, own) if entity.qualified and told.get("key") else own
        parent = self.filled.get(entity.parents.get(name, ""))
        if parent is not None and parent.name != entity.name and parent.name not in seen and len(parent.keys) == 1:
            key = self.value(parent, parent.keys[0], (*seen, entity.name))
            return f"case when {self.present(parent)} then try_cast({key} as {sql}) end"
        return self._made(entity.name, sql) if told.get("key") else f"null::{sql}"

    def _told_apart(self, entity: Filled, name: str, own: str) -> str:
        others = [self.value(entity, other) for other in entity.parents if other != name]
        parts = ", ".join(f"({each})::varchar" for each in others if not each.startswith("null::"))
        return f"concat_ws('/', {parts}, {own}::varchar)" if parts else own

    def _made(self, entity: str, sql: str) -> str:
        """A key that is the same whenever the same record is stored again."""
        literal = f"{self._prefix}/{entity}/".replace("'", "''")
        text = f"md5('{literal}' || m.position)"
        if sql == "bigint":
            return f"(hash('{literal}' || m.position) >> 2)::bigint"
        return f"left({text}, 24)" if sql == "varchar" else f"try_cast(m.position as {sql})"

    def key_text(self, entity: Filled) -> str:
        """The key as one text; null when a part of it is missing."""
        parts = [f"({self.value(entity, name)})::varchar" for name in entity.keys]
        if not parts:
            return self._made(entity.name, "varchar")
        return " || '/' || ".join(parts)

    def faults(self) -> Iterator[tuple[str, str, str, int]]:
        """What rejects a record: condition, reason, field and place in the plan (-1 for no column)."""
        for entity in self.filled.values():
            present = self.present(entity)
            for told in entity.fields:
                name, path = told["name"], f"{entity.name}.{told['name']}"
                at = entity.mapped.get(name, -1)
                if told.get("key") and at >= 0:
                    yield f"{present} and m.v{at} is null", "key_missing", path, at
                elif told.get("required") and not told.get("key"):
                    missing = f"m.v{at} is null" if at >= 0 else f"({self.value(entity, name)}) is null"
                    why = f"coalesce(m.p{at}, 'required_missing')" if at >= 0 else "'required_missing'"
                    yield f"{present} and {missing}", why, path, at
        stored = " or ".join(self.present(each) for each in self.filled.values()) or "false"
        left_out = " or ".join(self.present(each) for each in self.incomplete.values()) or "false"
        for path, entity in self.incomplete.items():
            yield f"not ({stored}) and {self.present(entity)}", "entity_incomplete", path, min(entity.mapped.values())
        yield f"not ({stored}) and not ({left_out})", "empty_record", "", -1
