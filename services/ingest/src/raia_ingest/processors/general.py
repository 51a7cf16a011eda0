# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Files of no particular field: the main figures of every column."""

from collections.abc import Mapping
from typing import Any

from raia_plugins import Processed, ProcessingRequest, Processor, Progress

from raia_ingest.processors.rows import OPTIONS_SCHEMA, Rows, opened

_MOST_COLUMNS = 500


class GeneralProcessor(Processor):
    """Reads anything."""

    name = "general"
    api_version = 2
    options_schema: Mapping[str, Any] = OPTIONS_SCHEMA
    category = "general"

    def process(self, request: ProcessingRequest, progress: Progress) -> Processed:
        """Ranges of numbers and times, the commonest texts."""
        with opened(request, "") as rows:
            count = rows.one("select count(*) from rows")
            columns = []
            for position, column in enumerate(request.columns[:_MOST_COLUMNS]):
                progress(position / len(request.columns), column.name)
                columns.append(
                    {"column": column.name, "type": column.type} | self._figures(rows, position, column.type)
                )
            if len(request.columns) > _MOST_COLUMNS:
                rows.notes.append(f"the first {_MOST_COLUMNS} of {len(request.columns):,} columns are summarised")
            headline = f"{count:,} rows in {len(request.columns):,} columns."
            return Processed(headline, {"rows": count, "columns": columns}, rows.notes)

    def _figures(self, rows: Rows, position: int, kind: str) -> dict[str, Any]:
        name = f"c{position}"
        if kind in {"integer", "float"}:
            return rows.record(
                f"select count(*) - count({name}) as missing, min({name}) as min, max({name}) as max, "
                f"avg({name}) as mean, median({name}) as median from rows"
            )
        if kind in {"date", "datetime", "time"}:
            return rows.record(
                f"select count(*) - count({name}) as missing, min({name}) as min, max({name}) as max from rows"
            )
        found = rows.record(
            f"select count(*) - count({name}) as missing, count(distinct {name}) as distinct_values from rows"
        )
        found["commonest"] = rows.table(
            f"select left(cast({name} as varchar), 200) as value, count(*) as rows from rows where {name} is not null "
            "group by 1 order by 2 desc, 1 limit 5"
        )
        return found
