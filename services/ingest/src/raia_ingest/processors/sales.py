# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Sales: revenue, returns, baskets, seasonality, what sells and what does not."""

from collections.abc import Mapping
from typing import Any

from raia_plugins import PluginError, Processed, ProcessingRequest, Processor, Progress

from raia_ingest.processors.rows import OPTIONS_SCHEMA, Rows, opened, share

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class SalesProcessor(Processor):
    """Reads lines of sales: a quantity and a price, or an amount; negative lines are returns."""

    name = "sales"
    api_version = 2
    options_schema: Mapping[str, Any] = OPTIONS_SCHEMA
    category = "sales"

    def process(self, request: ProcessingRequest, progress: Progress) -> Processed:
        """Revenue and its parts."""
        with opened(request, "sales") as rows:
            self._prepare(rows)
            results: dict[str, Any] = {"totals": self._totals(rows)}
            progress(0.3, "baskets")
            if rows.has("order_id"):
                results["basket"] = self._basket(rows)
            progress(0.5, "seasons")
            if rows.has("date"):
                results |= self._seasons(rows)
            progress(0.7, "items")
            if rows.has("item"):
                results |= self._items(rows)
            for role, title in (("place", "by_place"), ("customer", "top_customers")):
                if rows.has(role):
                    results[title] = rows.table(
                        f"select cast({role} as varchar) as {role}, sum(amount) as revenue, count(*) as lines "
                        f"from lines where {role} is not null group by 1 order by 2 desc, 1 limit {rows.top}"
                    )
            totals = results["totals"]
            rows.notes.append("amounts are in the file's own currency; returns are lines with a negative amount")
            headline = (
                f"Revenue {totals['net_revenue']:,.2f} from {totals['sale_lines']:,} lines; "
                f"returns {totals['returned_amount']:,.2f}."
            )
            return Processed(headline, results, rows.notes)

    def _prepare(self, rows: Rows) -> None:
        """Makes ``lines``: a line a row with its amount, quantity and the roles that the file has."""
        if rows.has("quantity", "unit_price"):
            amount = f"cast({rows.of('quantity')} as double) * {rows.of('unit_price')}"
        elif rows.has("amount"):
            amount = f"cast({rows.of('amount')} as double)"
        else:
            raise PluginError(
                "no columns were recognised as quantity and unit price, nor one as amount: name them in "
                'options.columns, such as {"columns": {"amount": "…"}}'
            )
        parts = [f"{amount} as amount"]
        parts.append(
            f"cast({rows.of('quantity')} as double) as quantity" if rows.has("quantity") else "1.0 as quantity"
        )
        parts += [
            f"{rows.of(role)} as {role}"
            for role in ("order_id", "item", "item_name", "customer", "place")
            if rows.has(role)
        ]
        if rows.has("date"):
            parts.append(f"{rows.moment('date')} as moment")
        rows.execute(f"create temp table lines as select {', '.join(parts)} from rows where ({amount}) is not null")

    def _totals(self, rows: Rows) -> dict[str, Any]:
        found = rows.record(
            """select coalesce(sum(amount), 0.0) as net_revenue,
                      coalesce(sum(amount) filter (amount > 0), 0.0) as gross_revenue,
                      coalesce(-sum(amount) filter (amount < 0), 0.0) as returned_amount,
                      count(*) filter (amount >= 0) as sale_lines, count(*) filter (amount < 0) as return_lines,
                      count(*) filter (amount = 0) as free_lines,
                      coalesce(sum(quantity) filter (amount > 0), 0.0) as units_sold from lines"""
        )
        found["return_rate"] = share(found["returned_amount"], found["gross_revenue"])
        found["rows_without_amount"] = rows.one("select (select count(*) from rows) - (select count(*) from lines)")
        return found

    def _basket(self, rows: Rows) -> dict[str, Any]:
        return rows.record(
            """with orders as (select order_id, count(*) as lines, sum(quantity) as units, sum(amount) as value
                               from lines where amount > 0 and order_id is not null group by 1)
               select count(*) as orders, avg(value) as mean_value, median(value) as median_value,
                      avg(lines) as mean_lines, avg(units) as mean_units from orders"""
        )

    def _seasons(self, rows: Rows) -> dict[str, Any]:
        whole = "from lines where moment is not null"
        days = rows.one(f"select count(distinct cast(moment as date)) {whole}")
        grain = "day" if (days or 0) <= 400 else "month"
        series = rows.table(
            f"select cast(date_trunc('{grain}', moment) as date) as period, sum(amount) as revenue, "
            f"count(*) as lines {whole} group by 1 order by 1 limit 1000"
        )
        weekdays = rows.table(
            f"select isodow(moment) as weekday, sum(amount) as revenue, count(distinct cast(moment as date)) as days "
            f"{whole} group by 1 order by 1"
        )
        for each in weekdays:
            each["weekday"] = _DAYS[each["weekday"] - 1]
            each["revenue_a_day"] = share(each["revenue"], each["days"])
        hours = rows.table(f"select hour(moment) as hour, sum(amount) as revenue {whole} group by 1 order by 1")
        months = rows.table(f"select month(moment) as month, sum(amount) as revenue {whole} group by 1 order by 1")
        found: dict[str, Any] = {"revenue_by_period": {"grain": grain, "series": series}, "by_weekday": weekdays}
        return found | {"by_hour": hours if len(hours) > 1 else [], "by_month": months if len(months) > 1 else []}

    def _items(self, rows: Rows) -> dict[str, Any]:
        called = "any_value(item_name)" if rows.has("item_name") else "null"
        rows.execute(
            f"""create temp table items as
                select cast(item as varchar) as item, {called} as name, sum(amount) as revenue, sum(quantity) as units,
                       count(*) filter (amount > 0) as sales from lines where item is not null group by 1"""
        )
        top = rows.table(f"select * from items order by revenue desc, item limit {rows.top}")
        slow = rows.table(f"select * from items where sales > 0 order by units, revenue, item limit {rows.top}")
        count = rows.one("select count(*) from items")
        best = rows.one(
            """select count(*) from (select sum(revenue) over (order by revenue desc, item) as up_to, revenue,
               sum(revenue) over () as whole from items where revenue > 0) where up_to - revenue < 0.8 * whole"""
        )
        return {"top_items": top, "slow_items": slow, "item_count": count, "items_of_80_percent_of_revenue": best}
