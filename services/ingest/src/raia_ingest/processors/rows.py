"""The rows that a processor reads, as a DuckDB view with columns c0, c1, …, and the roles that columns play."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
from raia_plugins import PluginError, ProcessingRequest

from raia_ingest.processors.concepts import Found, roles

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
OPTIONS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "columns": {
            "type": "object",
            "description": "The column that plays a role, by role, where its name does not tell.",
            "additionalProperties": {"type": "string"},
        },
        "top": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "description": "Rows of ranked tables; 20 when unset.",
        },
    },
    "additionalProperties": False,
}


class Rows:
    """One request's rows and the roles of its columns."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, request: ProcessingRequest, field: str) -> None:
        self._connection = connection
        self.columns = request.columns
        self.top = int(request.options.get("top", 20))
        self.found: dict[str, Found] = (
            roles(field, [(column.name, column.type) for column in request.columns]) if field else {}
        )
        self.notes: list[str] = []
        self._override(request.options.get("columns", {}))
        self.notes += [f"{each.role.replace('_', ' ')} is read from {each.column!r}" for each in self.found.values()]

    def _override(self, named: Mapping[str, str]) -> None:
        positions = {column.name: position for position, column in enumerate(self.columns)}
        for role, name in named.items():
            if name not in positions:
                raise PluginError(f"options.columns.{role} names {name!r}, which is no column of the file")
            self.found[role] = Found(role, name, positions[name], 0.0)

    def has(self, *names: str) -> bool:
        """Whether columns play all these roles."""
        return all(name in self.found for name in names)

    def of(self, role: str) -> str:
        """The SQL name of the column that plays the role."""
        return f"c{self.found[role].position}"

    def require(self, *names: str) -> None:
        """Raises ``PluginError`` naming the roles that no column plays."""
        lacking = [name.replace("_", " ") for name in names if name not in self.found]
        if lacking:
            raise PluginError(
                f"no column was recognised as {' or '.join(lacking)}: name it in options.columns, "
                f'such as {{"columns": {{"{names[0]}": "…"}}}}'
            )

    def moment(self, role: str) -> str:
        """SQL for the role's column as a timestamp; NULL where a text is no date."""
        return f"try_cast({self.of(role)} as timestamp)"

    def one(self, query: str, *values: Any) -> Any:
        """The single value of a query."""
        row = self._connection.execute(query, list(values)).fetchone()
        return plain(row[0]) if row is not None else None

    def record(self, query: str, *values: Any) -> dict[str, Any]:
        """The single row of a query, by column."""
        return next(iter(self.table(query, *values)), {})

    def table(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of a query as JSON values by column."""
        cursor = self._connection.execute(query, list(values))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, map(plain, row), strict=True)) for row in cursor.fetchall()]

    def execute(self, query: str) -> None:
        """Runs a statement, such as the making of a table that later queries share."""
        self._connection.execute(query)


@contextmanager
def opened(request: ProcessingRequest, field: str) -> Iterator[Rows]:
    """The rows of a request; DuckDB holds at most half of its memory and spills to its scratch folder."""
    with duckdb.connect(config=_CONFIG) as connection:
        connection.execute("set memory_limit = ?", [f"{max(request.memory_bytes // 2, 64 * 1024**2)}B"])
        connection.execute("set temp_directory = ?", [str(request.scratch)])
        connection.execute("set preserve_insertion_order = false")
        connection.execute("set enable_progress_bar = false")
        aliases = ", ".join(f"c{position}" for position in range(len(request.columns)))
        literal = str(request.source).replace("'", "''")
        connection.execute(f"create view file({aliases}) as from read_parquet('{literal}')")
        kinds = [str(row[1]) for row in connection.execute("describe file").fetchall()]
        plainly = ", ".join(
            # DuckDB needs further libraries to hand out times with a zone; these are UTC by definition.
            f"make_timestamp(epoch_us(c{position})) c{position}" if "ZONE" in kind else f"c{position}"
            for position, kind in enumerate(kinds)
        )
        connection.execute(f"create view rows as select {plainly} from file")  # noqa: S608 - positions alone
        yield Rows(connection, request, field)


def plain(value: Any) -> Any:
    """A value of DuckDB as a JSON value; what is not finite is None."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def share(part: float | None, whole: float | None) -> float | None:
    """A quotient; None where it is not defined."""
    return round(part / whole, 6) if part is not None and whole else None


def listed(values: Sequence[str]) -> str:
    """Words of a sentence."""
    return ", ".join(values)
