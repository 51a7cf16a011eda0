# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Inventory: levels, turnover, stock-outs and when to order again."""

from collections.abc import Mapping
from typing import Any

from raia_plugins import Processed, ProcessingRequest, Processor, Progress

from raia_ingest.processors.rows import OPTIONS_SCHEMA, Rows, opened, share

_SERVICE_FACTOR = 1.645
"""Standard normal quantile of a 95 % service level."""


class InventoryProcessor(Processor):
    """Reads stock by item, at one time or over time."""

    name = "inventory"
    api_version = 2
    options_schema: Mapping[str, Any] = OPTIONS_SCHEMA
    category = "inventory"

    def process(self, request: ProcessingRequest, progress: Progress) -> Processed:
        """Levels by item and place, and what follows from demand where the file has it."""
        with opened(request, "inventory") as rows:
            rows.require("on_hand")
            self._prepare(rows)
            results: dict[str, Any] = {"levels": self._levels(rows)}
            progress(0.4, "stock-outs")
            results["stock_outs"] = rows.table(
                f"select item, place, on_hand from latest where on_hand <= 0 order by 1, 2 limit {rows.top}"
            )
            progress(0.6, "turnover")
            if rows.has("demand"):
                results["turnover"] = self._turnover(rows)
            results["reorder"] = self._reorder(rows)
            levels = results["levels"]
            headline = (
                f"{levels['items']:,} items, {levels['units']:,.0f} units on hand; {levels['stock_outs']:,} out of "
                f"stock, {results['reorder']['items_to_order']:,} to order again."
            )
            return Processed(headline, results, rows.notes)

    def _prepare(self, rows: Rows) -> None:
        """Makes ``stock``, every row, and ``latest``, the last row of each item and place."""
        item = f"cast({rows.of('item')} as varchar)" if rows.has("item") else "cast(row_number() over () as varchar)"
        place = f"cast({rows.of('place')} as varchar)" if rows.has("place") else "''"
        parts = [f"{item} as item", f"{place} as place", f"cast({rows.of('on_hand')} as double) as on_hand"]
        for role in ("reorder_point", "lead_time", "unit_cost", "demand"):
            parts.append(f"cast({rows.of(role)} as double) as {role}" if rows.has(role) else f"null::double as {role}")
        parts.append(f"{rows.moment('date')} as moment" if rows.has("date") else "null::timestamp as moment")
        rows.execute(f"create temp table stock as select {', '.join(parts)} from rows")
        rows.execute(
            """create temp table latest as select * from stock where on_hand is not null
               qualify row_number() over (partition by item, place order by moment desc nulls last) = 1"""
        )

    def _levels(self, rows: Rows) -> dict[str, Any]:
        found = rows.record(
            """select count(distinct item) as items, count(*) as positions, coalesce(sum(on_hand), 0.0) as units,
                      sum(on_hand * unit_cost) as value, count(*) filter (on_hand <= 0) as stock_outs,
                      count(*) filter (on_hand < 0) as negative from latest"""
        )
        found["rows_without_level"] = rows.one("select count(*) from stock where on_hand is null")
        found["by_place"] = rows.table(
            f"select place, count(*) as positions, sum(on_hand) as units from latest "
            f"group by 1 order by 3 desc, 1 limit {rows.top}"
        )
        return found

    def _turnover(self, rows: Rows) -> dict[str, Any]:
        """Demand over the mean level, for the time that the file spans."""
        found = rows.record(
            """with items as (select item, sum(demand) as demand, avg(on_hand) as level from stock group by 1)
               select sum(demand) as demand, sum(level) as mean_level from items"""
        )
        found["ratio"] = share(found["demand"], found["mean_level"])
        days = rows.one("select date_diff('day', min(moment), max(moment)) + 1 from stock")
        found["days"] = days
        found["days_of_supply"] = share((found["mean_level"] or 0) * (days or 0), found["demand"])
        return found

    def _reorder(self, rows: Rows) -> dict[str, Any]:
        """Items at or under their reorder point: the file's own, else mean demand over the lead time plus safety stock.

        Safety stock is 1.645 standard deviations of demand times the root of the lead time (95 % service level).
        """
        if rows.has("reorder_point"):
            point = "reorder_point"
        elif rows.has("demand", "lead_time", "date"):
            point = "mean * lead_time + 1.645 * deviation * sqrt(lead_time)"
            rows.notes.append(
                f"reorder points assume demand a row is a day's, and {_SERVICE_FACTOR} deviations of safety"
            )
        else:
            rows.notes.append("no reorder points: the file has neither them nor demand, lead time and date")
            return {"items_to_order": 0, "items": []}
        query = f"""with wanted as (select item, place, avg(demand) as mean,
                                           coalesce(stddev_samp(demand), 0) as deviation
                                    from stock group by all),
                         points as (select latest.item, latest.place, on_hand, {point} as point
                                    from latest join wanted using (item, place))
                    select * from points where on_hand <= point"""
        listed = f"select item, place, on_hand, round(point, 4) as reorder_point from ({query}) "
        listed += "order by on_hand - point, item"
        return {
            "items_to_order": rows.one(f"select count(*) from ({query})"),
            "items": rows.table(f"{listed} limit {rows.top}"),
        }
