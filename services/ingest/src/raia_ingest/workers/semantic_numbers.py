"""What numbers mean: their names, ranges and spellings say it together."""

from typing import TYPE_CHECKING, Any

import duckdb

from raia_ingest.workers.semantic_data import CURRENCIES, word_set
from raia_ingest.workers.semantic_forms import is_card

if TYPE_CHECKING:
    from raia_ingest.workers.semantics import Column

Found = tuple[str, float, int, list[str], str, str]
"""Type, confidence, values that fit, evidence, currency, format."""

_SAMPLE = 500
_MONEY = word_set(
    "gain "
    "price amount cost premium revenue sales fee salary wage income balance payment paid total charge loss reserve "
    "deductible turnover profit betrag preis prix montant importe precio budget fare discount limit sum insured "
    "coverage"
)
_COUNTS = word_set("count number num nb nr qty quantity units visits emp hours hrs days age year rows injuries")
_SHARES = word_set("pct percent percentage rate share ratio fraction proportion probability prozent")
_IDS = word_set("id ids key code no nr number ref reference identifier serial account")
_POSTCODES = word_set("postcode zip zipcode postal plz postleitzahl")
_YEARS = word_set("year yr jahr annee año anno")
_LATITUDES, _LONGITUDES = frozenset(("lat", "latitude")), frozenset(("lon", "lng", "long", "longitude"))


def meaning_of_numbers(
    connection: duckdb.DuckDBPyConnection, column: "Column", numeric: dict[str, Any] | None
) -> Found:
    """The meaning of the numbers in the temporary table ``g(v, n)``, whose figures are ``numeric``."""
    if not numeric:
        return "number", 0.5, column.present, ["no value is finite"], "", ""
    low, high = numeric["minimum"], numeric["maximum"]
    return (
        _place(column, low, high)
        or _calendar(connection, column, low, high)
        or _code(connection, column, low, high)
        or _quantity(column, low, high)
    )


def _found(kind: str, sure: float, column: "Column", *evidence: str, currency: str = "", spelled: str = "") -> Found:
    return kind, sure, column.present, list(evidence), currency, spelled


def _place(column: "Column", low: float, high: float) -> Found | None:
    for kind, named, bound in (("latitude", _LATITUDES, 90), ("longitude", _LONGITUDES, 180)):
        if named & column.words and -bound <= low and high <= bound:
            return _found(kind, 0.97, column, f"the column's name says so and every value is within ±{bound}")
    return None


def _calendar(connection: duckdb.DuckDBPyConnection, column: "Column", low: float, high: float) -> Found | None:
    if column.kind != "integer":
        return None
    if low >= 1000 and high <= 2200:
        if _YEARS & column.words:
            return _found("year", 0.97, column, f"the column's name says so; from {low:.0f} to {high:.0f}")
        if low >= 1900 and high <= 2100 and column.distinct <= 150 and column.distinct < column.present * 0.5:
            return _found("year", 0.6, column, f"whole numbers from {low:.0f} to {high:.0f}")
    if low >= 19000101 and high <= 22001231:
        query = "select coalesce(sum(n) filter (try_strptime(v::varchar, '%Y%m%d') is not null), 0)::bigint from g"
        (dates,) = connection.execute(query).fetchone() or (0,)
        if dates >= column.present * 0.95:
            text = f"{dates:,} of {column.present:,} values are days written as yyyymmdd"
            return "date", 0.93 * dates / column.present, int(dates), [text], "", "yyyymmdd"
    return None


def _code(connection: duckdb.DuckDBPyConnection, column: "Column", low: float, high: float) -> Found | None:
    if column.kind != "integer" and not (_IDS & column.words and _whole(connection)):
        return None
    if low == 0 and high == 1 and column.distinct == 2:
        return _found("boolean", 0.9, column, "its values are 0 and 1")
    if _POSTCODES & column.words and low >= 0 and high <= 999_999:
        return _found("postcode", 0.85, column, "the column's name says so, and the numbers are of that length")
    if low >= 1e12 and high < 1e19:
        sample = connection.execute(f"select v::varchar from g order by hash(v) limit {_SAMPLE}").fetchall()  # noqa: S608
        right = sum(is_card(str(value)) for (value,) in sample)
        if right >= len(sample) * 0.95:
            return _found("payment_card", 0.9, column, "the check digits of a sample are right")
    whole = column.distinct == column.present
    consecutive = whole and high - low == column.present - 1 and column.present > 1
    named = bool(_IDS & column.words)
    if consecutive or (named and low >= 0 and (whole or column.distinct > 50)):
        evidence = [f"{column.distinct:,} of {column.present:,} values differ"]
        evidence += ["they are consecutive"] if consecutive else []
        evidence += ["the column's name says so"] if named else []
        sure = 0.55 + 0.15 * whole + 0.1 * consecutive + 0.2 * named
        return _found("identifier", min(0.98, sure), column, *evidence)
    return None


def _whole(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether all numbers are whole, as identifiers become that stand beside missing values in a file."""
    (whole,) = connection.execute("select coalesce(bool_and(v = floor(v)), false) from g").fetchone() or (False,)
    return bool(whole)


def _quantity(column: "Column", low: float, high: float) -> Found:
    words = column.words
    named = [word.upper() for word in words if word.upper() in CURRENCIES and word != "all"]
    if (_MONEY & words or named) and not (_COUNTS & words) and not (_SHARES & words):
        currency = named[0] if len(named) == 1 else ""
        reason = f"the column's name speaks of money{f' in {currency}' if currency else ''}"
        return _found("money", 0.9 if currency else 0.75, column, reason, currency=currency)
    if _SHARES & words and low >= -100 and high <= 100:
        return _found("percentage", 0.8, column, "the column's name says so and no value is beyond 100")
    if column.kind == "integer" and column.distinct <= 10 and column.present >= column.distinct * 10:
        text = f"{column.distinct:,} whole numbers occur {column.present / column.distinct:,.0f} times each on average"
        return _found("category", 0.5, column, text)
    return _found("number", 0.9, column, f"numbers from {low:g} to {high:g}")
