# ruff: noqa: S608 - queries are made of places, constants and quoted literals, never of bare names or values
"""The files of entities: what they hold already, and what a run makes of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from raia_ingest.workers.matching.expressions import SQL_TYPES
from raia_ingest.workers.matching.relations import Filled
from raia_ingest.workers.tables import row


class Existing:
    """The rows that entities hold before a run, as views x<n> with k and f0, f1, …."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, entities: Sequence[Mapping[str, Any]], paths: Mapping[str, str]
    ) -> None:
        self._views: dict[str, str] = {}
        for number, entity in enumerate(entities):
            path = paths.get(entity["name"])
            if path is None:
                continue
            fields = entity["fields"]
            names = ", ".join(f"f{place}" for place in range(len(fields)))
            keys = [f"f{place}::varchar" for place, each in enumerate(fields) if each.get("key")]
            literal = path.replace("'", "''")
            connection.execute(
                f"create temp view x{number}_file({names}, position) as "
                f"from read_parquet('{literal}', file_row_number = true)"
            )
            key = " || '/' || ".join(keys) if keys else "'existing/' || position"
            connection.execute(f"create temp view x{number} as select {key} k, * from x{number}_file")
            self._views[entity["name"]] = f"x{number}"

    def view(self, entity: str) -> str | None:
        """The view of an entity; None when it holds nothing."""
        return self._views.get(entity)

    def keys_of(self, entity: str) -> str:
        """A query of the keys that an entity holds."""
        view = self._views.get(entity)
        return f"select k from {view}" if view is not None else "select null::varchar k where false"


def written(
    connection: duckdb.DuckDBPyConnection, existing: Existing, entity: Filled, at: int, folder: Path
) -> dict[str, Any]:
    """Writes what the entity holds after the run: its rows, those of the table ``e<at>`` over them."""
    path = folder / f"entity{at}.parquet"
    view = existing.view(entity.name)
    fields = [
        (place, str(each["name"]).replace('"', '""'), SQL_TYPES[str(each.get("type") or "string")])
        for place, each in enumerate(entity.fields)
    ]
    updated = 0
    inserted = int(row(connection, f"select count(*) from e{at}")[0])
    if view is None:
        shown = ", ".join(f'n.f{place}::{sql} "{name}"' for place, name, sql in fields)
        query = f"select {shown} from e{at} n order by n.k"
    else:
        shown = ", ".join(f'coalesce(n.f{place}, o.f{place})::{sql} "{name}"' for place, name, sql in fields)
        query = f"select {shown} from e{at} n full outer join {view} o on n.k = o.k order by coalesce(o.k, n.k)"
        updated = int(row(connection, f"select count(*) from e{at} n where n.k in (select k from {view})")[0])
    literal = str(path).replace("'", "''")
    connection.execute(f"copy ({query}) to '{literal}' (format parquet, compression zstd)")
    total = int(row(connection, f"select count(*) from read_parquet('{literal}')")[0])
    return {
        "entity": entity.name,
        "file": path.name,
        "inserted": inserted - updated,
        "updated": updated,
        "row_count": total,
        "columns": [
            {"name": each["name"], "type": str(each.get("type") or "string"), "original_name": each["name"],
             "description": str(each.get("description", ""))}
            for each in entity.fields
        ],
    }  # fmt: skip
