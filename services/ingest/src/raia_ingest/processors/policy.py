# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Policies: the portfolio, its premium and exposure, and what ends soon."""

from collections.abc import Mapping
from typing import Any

from raia_plugins import PluginError, Processed, ProcessingRequest, Processor, Progress

from raia_ingest.processors.rows import OPTIONS_SCHEMA, Rows, opened, share

_FIGURES = ("premium", "sum_insured", "exposure", "deductible")


class PolicyProcessor(Processor):
    """Reads a portfolio: a row a policy or a risk."""

    name = "policy"
    api_version = 2
    options_schema: Mapping[str, Any] = OPTIONS_SCHEMA
    category = "policy"

    def process(self, request: ProcessingRequest, progress: Progress) -> Processed:
        """Sums and means of what the portfolio carries."""
        with opened(request, "policy") as rows:
            known = [role for role in _FIGURES if rows.has(role)]
            if not known and not rows.has("policy"):
                raise PluginError(
                    "no column was recognised as policy, premium, sum insured or exposure: name one in options.columns"
                )
            figures = {role: self._figure(rows, role) for role in known}
            progress(0.4, "terms")
            count = rows.one("select count(*) from rows")
            results: dict[str, Any] = {"rows": count, "figures": figures}
            if rows.has("policy"):
                key = rows.of("policy")
                results["policies"] = rows.one(f"select count(distinct {key}) from rows")
                results["repeated_policies"] = rows.table(
                    f"select cast({key} as varchar) as policy, count(*) as rows from rows where {key} is not null "
                    f"group by 1 having count(*) > 1 order by 2 desc, 1 limit {rows.top}"
                )
            if rows.has("premium", "sum_insured"):
                results["rate_on_line"] = share(figures["premium"]["sum"], figures["sum_insured"]["sum"])
            if rows.has("premium", "exposure"):
                results["premium_a_year_of_exposure"] = share(figures["premium"]["sum"], figures["exposure"]["sum"])
            progress(0.7, "groups")
            results["by_product"] = self._groups(rows, "product", known)
            results["by_risk"] = self._groups(rows, "risk", known)
            if rows.has("end"):
                results["terms"] = self._terms(rows)
            return Processed(self._headline(results, figures), results, rows.notes)

    def _headline(self, results: dict[str, Any], figures: dict[str, Any]) -> str:
        parts = [f"{results.get('policies', results['rows']):,} policies"]
        parts += [f"{role.replace('_', ' ')} {figure['sum']:,.2f}" for role, figure in figures.items() if figure["sum"]]
        return "; ".join(parts) + "."

    def _figure(self, rows: Rows, role: str) -> dict[str, Any]:
        column = f"cast({rows.of(role)} as double)"
        return rows.record(
            f"""select sum({column}) as sum, avg({column}) as mean, median({column}) as median, min({column}) as min,
                       max({column}) as max, count(*) filter ({column} is null) as missing,
                       count(*) filter ({column} < 0) as negative from rows"""
        )

    def _groups(self, rows: Rows, role: str, known: list[str]) -> list[dict[str, Any]]:
        if not rows.has(role):
            return []
        sums = "".join(f", sum(cast({rows.of(name)} as double)) as {name}" for name in known)
        return rows.table(
            f"select cast({rows.of(role)} as varchar) as {role}, count(*) as rows{sums} from rows group by 1 "
            f"order by 2 desc, 1 limit {rows.top}"
        )

    def _terms(self, rows: Rows) -> dict[str, Any]:
        """What ends within 90 days of the file's latest beginning, or of its earliest end without any."""
        end = rows.moment("end")
        since = (
            f"(select max({rows.moment('start')}) from rows)" if rows.has("start") else f"(select min({end}) from rows)"
        )
        found = rows.record(
            f"""select {since} as counted_from, count(*) filter ({end} < {since}) as ended,
                       count(*) filter ({end} >= {since} and {end} < {since} + interval 90 days) as end_within_90_days,
                       count(*) filter ({end} is null) as without_end from rows"""
        )
        if rows.has("start"):
            found["end_before_start"] = rows.one(f"select count(*) from rows where {end} < {rows.moment('start')}")
        return found
