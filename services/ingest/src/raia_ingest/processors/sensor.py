# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Sensors: what was measured, how regularly, and what stands out."""

from collections.abc import Mapping
from typing import Any

from raia_plugins import PluginError, Processed, ProcessingRequest, Processor, Progress

from raia_ingest.processors.rows import OPTIONS_SCHEMA, Rows, opened

_MOST_SERIES = 200
_SCALE = 1.4826
"""Makes the median absolute deviation of normal values their standard deviation."""
_FAR = 5.0
"""Robust z beyond which a reading is an outlier."""


class SensorProcessor(Processor):
    """Reads measurements: every numeric column is a series, by sensor where a column names it."""

    name = "sensor"
    api_version = 2
    options_schema: Mapping[str, Any] = OPTIONS_SCHEMA
    category = "sensor"

    def process(self, request: ProcessingRequest, progress: Progress) -> Processed:
        """Range, rhythm, gaps, flat lines and outliers of each series."""
        with opened(request, "sensor") as rows:
            measures = self._measures(rows)
            if not measures:
                raise PluginError("the file has no numeric column to read as measurements")
            self._prepare(rows, measures)
            series = self._ranges(rows)
            progress(0.4, "rhythm")
            results: dict[str, Any] = {"series": series}
            if rows.has("time"):
                results["rhythm"] = self._rhythm(rows)
                results["flat_lines"] = self._flat_lines(rows)
            progress(0.7, "outliers")
            results["outliers"] = self._outliers(rows)
            gaps = sum(each["gaps"] for each in results.get("rhythm", []))
            headline = (
                f"{len(series):,} series, {sum(each['readings'] for each in series):,} readings; "
                f"{results['outliers']['count']:,} outliers, {gaps:,} gaps."
            )
            rows.notes.append(f"outliers lie more than {_FAR:g} robust deviations from their series' median")
            return Processed(headline, results, rows.notes)

    def _measures(self, rows: Rows) -> list[int]:
        used = {found.position for role, found in rows.found.items() if role in {"time", "sensor", "unit", "quality"}}
        return [
            position
            for position, column in enumerate(rows.columns)
            if column.type in {"integer", "float"} and position not in used
        ][:_MOST_SERIES]

    def _prepare(self, rows: Rows, measures: list[int]) -> None:
        """Makes ``readings``: sensor, measure (a column's position), moment, value."""
        sensor = f"cast({rows.of('sensor')} as varchar)" if rows.has("sensor") else "''"
        moment = rows.moment("time") if rows.has("time") else "null::timestamp"
        chosen = " union all ".join(
            f"select {sensor} as sensor, {position} as measure, {moment} as moment, cast(c{position} as double) "
            f"as value from rows where c{position} is not null"
            for position in measures
        )
        rows.execute(f"create temp table readings as {chosen}")

    def _named(self, rows: Rows, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each | {"measure": rows.columns[each["measure"]].name} for each in found]

    def _ranges(self, rows: Rows) -> list[dict[str, Any]]:
        found = rows.table(
            f"""select sensor, measure, count(*) as readings, min(value) as min, max(value) as max, avg(value) as mean,
                       median(value) as median, stddev_samp(value) as deviation, arg_max(value, moment) as latest,
                       min(moment) as first_at, max(moment) as last_at
                from readings group by 1, 2 order by 1, 2 limit {_MOST_SERIES}"""
        )
        return self._named(rows, found)

    def _rhythm(self, rows: Rows) -> list[dict[str, Any]]:
        """The usual step in seconds; a gap is a step of more than three of them."""
        found = rows.table(
            f"""with steps as (select sensor, measure, epoch(moment - lag(moment) over series) as step from readings
                               where moment is not null
                               window series as (partition by sensor, measure order by moment)),
                     usual as (select sensor, measure, median(step) as step_seconds from steps
                               where step > 0 group by 1, 2)
                select usual.*, count(*) filter (step > 3 * step_seconds) as gaps, max(step) as longest_seconds,
                       count(*) filter (step = 0) as repeated_times
                from usual join steps using (sensor, measure) group by all order by 1, 2 limit {_MOST_SERIES}"""
        )
        return self._named(rows, found)

    def _flat_lines(self, rows: Rows) -> list[dict[str, Any]]:
        """Runs of at least 20 equal readings in a series that otherwise moves."""
        found = rows.table(
            f"""with marked as (select *, value is distinct from lag(value) over series as starts from readings
                                window series as (partition by sensor, measure order by moment)),
                     runs as (select *, sum(starts::int) over (partition by sensor, measure order by moment
                                                               rows unbounded preceding) as run from marked),
                     moving as (select sensor, measure from readings group by 1, 2 having count(distinct value) > 10)
                select sensor, measure, min(moment) as first_at, max(moment) as last_at, count(*) as readings,
                       any_value(value) as value
                from runs semi join moving using (sensor, measure) group by sensor, measure, run
                having count(*) >= 20 order by readings desc, 1, 2, 3 limit {rows.top}"""
        )
        return self._named(rows, found)

    def _outliers(self, rows: Rows) -> dict[str, Any]:
        """Readings far from the median of their series, in median absolute deviations (Iglewicz and Hoaglin, 1993)."""
        query = f"""with middles as (select sensor, measure, median(value) as middle, {_SCALE} * mad(value) as scale
                                     from readings group by 1, 2)
                    select sensor, measure, moment, value, (value - middle) / scale as robust_z
                    from readings join middles using (sensor, measure)
                    where scale > 0 and abs(value - middle) > {_FAR} * scale"""
        far = rows.table(f"select * from ({query}) order by abs(robust_z) desc, moment limit {rows.top}")
        return {"count": rows.one(f"select count(*) from ({query})"), "farthest": self._named(rows, far)}
