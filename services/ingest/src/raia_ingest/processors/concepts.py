# ruff: noqa: E501 - a concept a line reads as the table that it is
"""What columns mean in the fields that files come from, told by their names and types: roles by pattern.

Names are compared in words: ``InvoiceNo``, ``invoice_no`` and ``Invoice No.`` all read "invoice no". Patterns are of
general business English and know no data set.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_BOUNDARIES = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])|[^A-Za-z0-9]+")
_NUMBER = frozenset({"integer", "float"})
_MOMENT = frozenset({"date", "datetime"})
_TEXT = frozenset({"string"})
_KEY = frozenset({"string", "integer", "float"})
_WHEN = _MOMENT | {"string", "time"}


@dataclass(frozen=True)
class Concept:
    """Something that a column of a field may hold."""

    role: str
    pattern: re.Pattern[str]
    """Searched in the words of the name."""
    types: frozenset[str]
    weight: float
    """How much it speaks for the field."""


def _concept(role: str, pattern: str, types: frozenset[str], weight: float) -> Concept:
    return Concept(role, re.compile(rf"\b(?:{pattern})\b"), types, weight)


_ID = r"id|no|nr|num|number|code|key|ref"

SALES = (
    _concept("order_id", rf"(?:invoice|order|sales?|transaction|receipt|basket|ticket)s? (?:{_ID})|invoice|order", _KEY, 2.0),
    _concept("quantity", r"quantit(?:y|ies)|qty|units(?: sold)?|items sold|pieces", _NUMBER, 1.0),
    _concept("amount", r"revenue|sales(?: amount| value)?|(?:line |order |net |gross )?total(?: amount| price)?|turnover", _NUMBER, 1.5),
    _concept("unit_price", r"(?:unit |item |list |retail |sales? )?price|price each|price per unit", _NUMBER, 1.5),
    _concept("item", r"stock code|sku|(?:product|item|article)s?(?: (?:id|no|nr|number|code|name|line))?|ean|upc|asin", _KEY, 0.8),
    _concept("item_name", r"description|product name|item name|title", _TEXT, 0.3),
    _concept("customer", rf"(?:customer|client|buyer|shopper|member)s?(?: (?:{_ID}|name))?", _KEY, 1.0),
    _concept("date", r"(?:invoice|order|sales?|purchase|transaction) (?:date|time|datetime|day)|date|day|timestamp", _WHEN, 0.8),
    _concept("discount", r"discount|promotion|coupon|voucher", _NUMBER | _TEXT, 0.7),
    _concept("place", r"country|store(?: (?:id|name))?|shop|channel|region|city|state", _KEY, 0.4),
)  # fmt: skip
INVENTORY = (
    _concept("on_hand", r"(?:qty |quantity |stock |units )?on hand|in stock|stock(?: level| qty| quantity)?(?! code| id| no)|inventory(?: level)?|closing stock|available(?: qty| quantity| stock)?", _NUMBER, 2.2),
    _concept("reorder_point", r"re ?order (?:point|level|qty|quantity)|min(?:imum)? stock|safety stock|par level", _NUMBER, 2.2),
    _concept("lead_time", r"lead time(?: days)?|replenishment (?:time|days)|delivery days", _NUMBER, 1.5),
    _concept("item", r"stock code|sku|(?:product|item|article|part|material)s?(?: (?:id|no|nr|number|code|name))?|ean|upc", _KEY, 0.8),
    _concept("place", r"warehouse(?: (?:id|name|code))?|bin|aisle|location|depot|store(?: (?:id|name))?|site", _KEY, 1.2),
    _concept("supplier", r"supplier(?: (?:id|name))?|vendor(?: (?:id|name))?", _KEY, 1.0),
    _concept("unit_cost", r"unit cost|cost(?: price| per unit)?|standard cost|purchase price", _NUMBER, 1.0),
    _concept("demand", r"demand|usage|consumption|issued|units sold|sold|sales(?: qty| units)?|outflow|shipped", _NUMBER, 0.9),
    _concept("received", r"received|receipts|inflow|replenished|ordered|on order", _NUMBER, 0.9),
    _concept("date", r"(?:snapshot|count|stock|inventory) date|date|day|timestamp|week|month", _WHEN, 0.3),
)  # fmt: skip
SENSOR = (
    _concept("time", r"time ?stamp|date ?time|time|measured at|recorded at|ts|date", _WHEN, 1.0),
    _concept("sensor", rf"(?:sensor|device|machine|station|meter|node|tag|asset|probe|equipment)s?(?: (?:{_ID}|name))?", _KEY, 2.2),
    _concept("value", r"value|reading|measurement|signal|level", _NUMBER, 1.5),
    _concept("temperature", r"temp(?:erature)?s?|celsius|fahrenheit", _NUMBER, 1.5),
    _concept("physical", r"humidity|pressure|vibration|voltage|volts?|current|amps?|power|watts?|rpm|speed|flow(?: rate)?|torque|acceleration|luminosity|lux|co ?2|ph|noise|cpu(?: utilization)?|latency", _NUMBER, 1.5),
    _concept("unit", r"units? of measure|unit|uom", _TEXT, 0.6),
    _concept("quality", r"quality|status|state|alarm", _KEY | {"boolean"}, 0.3),
)  # fmt: skip
POLICY = (
    _concept("policy", rf"polic(?:y|ies)(?: (?:{_ID}))?|contract(?: (?:{_ID}))?", _KEY, 2.2),
    _concept("premium", r"(?:gross |net |annual |written |earned )?premiums?", _NUMBER, 2.2),
    _concept("sum_insured", r"sum insured|insured (?:value|amount|sum)|coverage(?: amount| limit)?|total insured value|tiv|limit", _NUMBER, 1.6),
    _concept("exposure", r"exposure(?: years)?|earned exposure", _NUMBER, 1.4),
    _concept("start", r"(?:effective|inception|start|issue|begin) date|start|inception|valid from", _WHEN, 0.8),
    _concept("end", r"(?:expiry|expiration|end|renewal|maturity) date|expiry|valid (?:to|until)", _WHEN, 1.2),
    _concept("deductible", r"deductible|excess|retention|franchise", _NUMBER, 1.2),
    _concept("holder", rf"policy ?holder(?: (?:{_ID}|name))?|insured(?: (?:{_ID}|name))?", _KEY, 1.2),
    _concept("product", r"line of business|lob|product(?: line)?|coverage type|cover|peril|plan", _KEY, 0.7),
    _concept("risk", r"(?:veh(?:icle)?|driv(?:er)?) (?:value|age|power|body|type|brand)|bonus malus|risk (?:class|score|type)|territory", _KEY, 0.6),
)  # fmt: skip
CLAIMS = (
    _concept("claim", rf"claims?(?: (?:{_ID}))", _KEY, 2.4),
    _concept("amount", r"claims? (?:amount|cost|paid|value|size)|(?:incurred|paid|settled|ultimate)(?: loss| amount| claims)?|loss(?: amount| paid| cost)?|severity|indemnity|payout|damage(?: amount)?", _NUMBER, 2.2),
    _concept("count", r"claims? (?:nb|count|number|no|freq|frequency)|(?:number|nb|num|count) of (?:claims|injuries|losses)|num injuries|frequency|n claims", _NUMBER, 1.4),
    _concept("reserve", r"(?:case |outstanding )?reserves?|outstanding|ibnr", _NUMBER, 1.8),
    _concept("date", r"(?:loss|accident|incident|claim|occurrence|reported|settlement|event) (?:date|year|day)", _WHEN | _NUMBER, 1.4),
    _concept("exposure", r"exposure(?: years)?|earned exposure", _NUMBER, 0.6),
    _concept("premium", r"(?:gross |net |annual |written |earned )?premiums?", _NUMBER, 0.4),
    _concept("cause", r"cause(?: of loss)?|peril|claim type|loss type|injury|accident type", _KEY, 1.2),
    _concept("claimant", r"claimant(?: (?:id|name))?|injured", _KEY, 1.4),
    _concept("policy", rf"polic(?:y|ies)(?: (?:{_ID}))?|client(?: id)?|contract(?: id)?", _KEY, 0.4),
    _concept("status", r"claim status|(?:open|closed|litigat\w+)(?: flag)?", _KEY | {"boolean"}, 1.0),
)  # fmt: skip

FIELDS: Mapping[str, Sequence[Concept]] = {
    "sales": SALES,
    "inventory": INVENTORY,
    "sensor": SENSOR,
    "policy": POLICY,
    "claims": CLAIMS,
}
"""The concepts of every category but ``general``, which has none."""


def words(name: str) -> str:
    """A name as words in lower case."""
    return " ".join(part for part in _BOUNDARIES.split(name) if part).lower()


@dataclass(frozen=True)
class Found:
    """A column that plays a role."""

    role: str
    column: str
    position: int
    weight: float


def roles(field: str, columns: Sequence[tuple[str, str]]) -> dict[str, Found]:
    """The column (of name and type) that plays each role of a field; the one whose name the pattern covers most wins.

    A column plays one role: the heaviest it matches.
    """
    candidates = []
    for position, (name, kind) in enumerate(columns):
        text = words(name)
        for concept in FIELDS[field]:
            match = concept.pattern.search(text)
            if match is not None and kind in concept.types:
                cover = (match.end() - match.start()) / max(len(text), 1)
                candidates.append((cover * concept.weight, cover, Found(concept.role, name, position, concept.weight)))
    candidates.sort(key=lambda each: (-each[0], each[2].position))
    found: dict[str, Found] = {}
    taken: set[int] = set()
    for _, cover, each in candidates:
        if each.role not in found and each.position not in taken and cover >= _LEAST_COVER:
            found[each.role] = each
            taken.add(each.position)
    return found


_LEAST_COVER = 0.3
