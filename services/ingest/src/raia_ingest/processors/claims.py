# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Claims: frequency, severity, large losses, and their course over time."""

from collections.abc import Mapping
from typing import Any

from raia_plugins import PluginError, Processed, ProcessingRequest, Processor, Progress

from raia_ingest.processors.rows import OPTIONS_SCHEMA, Rows, opened, share


class ClaimsProcessor(Processor):
    """Reads claims, a row each, or risks with their number of claims and cost."""

    name = "claims"
    api_version = 2
    options_schema: Mapping[str, Any] = OPTIONS_SCHEMA
    category = "claims"

    def process(self, request: ProcessingRequest, progress: Progress) -> Processed:
        """How many, how large, why and when."""
        with opened(request, "claims") as rows:
            if not (rows.has("amount") or rows.has("count")):
                raise PluginError(
                    "no column was recognised as claim amount or number of claims: name one in options.columns"
                )
            self._prepare(rows)
            results: dict[str, Any] = {"frequency": self._frequency(rows)}
            progress(0.4, "severity")
            if rows.has("amount"):
                results["severity"] = self._severity(rows)
                results["large_losses"] = self._large(rows)
            progress(0.7, "groups")
            for role in ("cause", "status", "year"):
                if role == "year" or rows.has(role):
                    results[f"by_{role}"] = rows.table(
                        f"select cast({role} as varchar) as {role}, sum(claims) as claims, sum(amount) as amount "
                        f"from claims where {role} is not null group by 1 "
                        f"order by {'1' if role == 'year' else '2 desc, 1'} limit {rows.top}"
                    )
            frequency = results["frequency"]
            parts = [f"{frequency['claims']:,.0f} claims in {frequency['rows']:,} rows"]
            if rows.has("amount"):
                parts.append(f"cost {results['severity']['sum']:,.2f}, on average {results['severity']['mean']:,.2f}")
            return Processed("; ".join(parts) + ".", results, rows.notes)

    def _prepare(self, rows: Rows) -> None:
        """Makes ``claims``: rows with their number of claims and amount; a row counts as one where no column says."""
        amount = f"cast({rows.of('amount')} as double)" if rows.has("amount") else "null::double"
        if rows.has("count"):
            count = f"coalesce(cast({rows.of('count')} as double), 0)"
        else:
            count = f"case when {amount} > 0 then 1.0 else 0.0 end"
            rows.notes.append("every row with a positive amount counts as one claim")
        parts = [f"{count} as claims", f"{amount} as amount"]
        parts += [f"{rows.of(role)} as {role}" for role in ("cause", "status") if rows.has(role)]
        for role in ("exposure", "premium"):
            parts.append(f"cast({rows.of(role)} as double) as {role}" if rows.has(role) else f"null::double as {role}")
        parts.append(f"{self._year(rows)} as year")
        rows.execute(f"create temp table claims as select {', '.join(parts)} from rows")

    def _year(self, rows: Rows) -> str:
        if not rows.has("date"):
            return "null::integer"
        kind = rows.columns[rows.found["date"].position].type
        if kind in {"integer", "float"}:
            return f"case when {rows.of('date')} between 1800 and 2200 then cast({rows.of('date')} as integer) end"
        return f"year({rows.moment('date')})"

    def _frequency(self, rows: Rows) -> dict[str, Any]:
        found = rows.record(
            """select count(*) as rows, sum(claims) as claims, count(*) filter (claims > 0) as rows_with_claims,
                      sum(exposure) as exposure, sum(premium) as premium, sum(amount) as amount from claims"""
        )
        found["claims_a_row"] = share(found["claims"], found["rows"])
        found["claims_a_year_of_exposure"] = share(found["claims"], found["exposure"])
        found["cost_a_year_of_exposure"] = share(found["amount"], found["exposure"])
        found["loss_ratio"] = share(found["amount"], found["premium"])
        return found

    def _severity(self, rows: Rows) -> dict[str, Any]:
        return rows.record(
            """select coalesce(sum(amount), 0.0) as sum, coalesce(sum(amount) / nullif(sum(claims), 0), 0.0) as mean,
                      median(amount) as median, quantile_cont(amount, 0.95) as p95, quantile_cont(amount, 0.99) as p99,
                      max(amount) as max, stddev_samp(amount) as deviation,
                      (select count(*) from claims where amount < 0) as negative from claims where amount > 0"""
        )

    def _large(self, rows: Rows) -> dict[str, Any]:
        """The largest hundredth of the claims by amount, and their share of the cost."""
        return rows.record(
            """with paid as (select amount from claims where amount > 0),
                    bound as (select quantile_cont(amount, 0.99) as threshold from paid)
               select any_value(threshold) as threshold, count(*) as claims, sum(amount) as amount,
                      sum(amount) / (select sum(amount) from paid) as share_of_cost
               from paid, bound where amount >= threshold"""
        )
