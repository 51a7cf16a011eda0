"""The forms that texts with a meaning have, each checked by pattern, list, calendar or check digit.

Patterns are for RE2 and for Python alike, and hold for a value without the white space at its ends.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from raia_ingest.workers.semantic_data import CURRENCIES, GIVEN_NAMES, IBAN_LENGTHS, SIGNS, countries, word_set

Check = Callable[[str], bool]


@dataclass(frozen=True)
class Form:
    """One form of text."""

    type: str
    weight: float
    """How telling the form is by itself, from 0 to 1."""
    pattern: str
    check: Check | None = None
    """What a pattern cannot say."""
    hints: frozenset[str] = frozenset()
    """Words in a column's name that say the same."""
    needs_hint: bool = False
    format: str = ""
    compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "compiled", re.compile(self.pattern))

    def fits(self, value: str) -> bool:
        """Whether a value without white space at its ends is of this form."""
        return self.compiled.fullmatch(value) is not None and (self.check is None or self.check(value))


def is_iban(value: str) -> bool:
    """Whether length and check digits (ISO 7064, modulo 97) are those of an account number."""
    compact = value.replace(" ", "").upper()
    if IBAN_LENGTHS.get(compact[:2]) != len(compact):
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def is_card(value: str) -> bool:
    """Whether the digits are of a card's length and end in Luhn's check digit."""
    digits = [int(character) for character in value if character.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_phone(value: str) -> bool:
    """Whether there are as many digits as in a telephone number, written as one."""
    if _SOCIAL.fullmatch(value):
        return False
    digits = sum(map(str.isdigit, value))
    return 7 <= digits <= 15 and (value[0] in "+(" or any(sign in value for sign in " -/.()"))


def is_country(value: str) -> bool:
    """Whether it is an ISO 3166 code or the name of a country."""
    two, three, names = countries()
    return value in two or value in three or value.lower().replace("-", " ") in names


def is_person(value: str) -> bool:
    """Whether it holds a common given name beside another word."""
    return any(word.strip(",.").lower() in GIVEN_NAMES for word in value.split())


def is_coordinates(value: str) -> bool:
    """Whether it is a latitude and a longitude."""
    latitude, longitude = (float(number) for number in re.split(r"[,; ]+", value.strip("()")))
    return abs(latitude) <= 90 and abs(longitude) <= 180


def is_address(value: str) -> bool:
    """Whether it is written as streets are: words and a house number."""
    return bool(_STREET.search(value)) and any(map(str.isdigit, value))


def dated(pattern: str) -> Check:
    """Whether a value is a day of the calendar, spelled by ``pattern`` of ``strptime``."""

    def check(value: str) -> bool:
        try:
            datetime.strptime(value, pattern)
        except ValueError:
            return False
        return True

    return check


def currency_of(value: str) -> str:
    """The currency that an amount is written with, ISO 4217; empty when none is."""
    for code in re.findall(r"[A-Z]{3}", value):
        if code in CURRENCIES:
            return str(code)
    return next((code for sign, code in SIGNS.items() if sign in value), "")


_SOCIAL = re.compile("[0-9]{3}-[0-9]{2}-[0-9]{4}")
"""The form of social security numbers, which is no telephone number's."""
_STREET = re.compile(
    r"(?i)\b(street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|square|way|platz|weg|gasse|allee|rue|"
    r"via|viale|calle|avenida|plaza|rua)\b|stra(ß|ss)e|str\."
)
_SIGN = "|".join(re.escape(sign) for sign in SIGNS)
_AMOUNT = r"[0-9][0-9.,' ]*"
_UPPER = "[A-ZÀ-ÖØ-Þ]"
_NAME = rf"{_UPPER}[A-Za-zÀ-ÿ'.-]*"
_PARTICLE = "(van|von|der|den|de|di|da|del|della|la|le|bin|al|el|dos|du|ter|zu)"
_BYTE = "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_BIRTH = frozenset(("date", "day", "datum", "fecha", "dob", "birth", "born", "geburtsdatum", "at", "on", "time"))
_DATES = (
    ("dd/mm/yyyy", "[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", "%d/%m/%Y"),
    ("mm/dd/yyyy", "[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", "%m/%d/%Y"),
    ("yyyy/mm/dd", "[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}", "%Y/%m/%d"),
    ("dd.mm.yyyy", "[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{4}", "%d.%m.%Y"),
    ("dd-mm-yyyy", "[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}", "%d-%m-%Y"),
    ("mm-dd-yyyy", "[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}", "%m-%d-%Y"),
    ("dd/mm/yy", "[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}", "%d/%m/%y"),
    ("mm/dd/yy", "[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}", "%m/%d/%y"),
    ("dd.mm.yy", "[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{2}", "%d.%m.%y"),
    ("dd mon yyyy", "[0-9]{1,2}[- ][A-Za-z]{3}[- ][0-9]{4}", ""),
    ("mon dd, yyyy", "[A-Za-z]{3} [0-9]{1,2}, [0-9]{4}", "%b %d, %Y"),
    ("month dd, yyyy", "[A-Za-z]{4,9} [0-9]{1,2}, [0-9]{4}", "%B %d, %Y"),
)
_CLOCK = "[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( ?[AaPp][Mm])?"


def _month_named(value: str) -> bool:
    return dated("%d-%b-%Y")(value.replace(" ", "-"))


def _date_before_time(check: Check) -> Check:
    return lambda value: check(re.split("[ T](?=[0-9]{1,2}:)", value)[0])


def _date_forms() -> list[Form]:
    forms = []
    for shown, pattern, spelled in _DATES:
        check = dated(spelled) if spelled else _month_named
        forms.append(Form("date", 0.97, pattern, check, _BIRTH, format=shown))
        forms.append(Form("datetime", 0.97, pattern + _CLOCK, _date_before_time(check), _BIRTH, format=shown))
    return forms


FORMS = (
    Form("email", 0.99, r"[A-Za-z0-9._%+'-]+@([A-Za-z0-9-]+[.])+[A-Za-z]{2,}", None, word_set("email mail")),
    Form("url", 0.98, r"((https?|ftp)://|www[.])[^ \t]+", None, word_set("url link website homepage uri")),
    Form("uuid", 0.99, r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", None, word_set("uuid guid id")),
    Form("ip_address", 0.97, rf"({_BYTE}[.]){{3}}{_BYTE}|([0-9a-fA-F]{{0,4}}:){{2,7}}[0-9a-fA-F]{{0,4}}", None,
         word_set("ip address host")),
    Form("iban", 0.99, r"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9 ]{11,38}", is_iban, word_set("iban account bank konto")),
    Form("payment_card", 0.95, r"[2-6][0-9]{3}([ -]?[0-9]{2,6}){2,4}", is_card, word_set("card credit pan")),
    Form("phone", 0.8, r"[+(]?[0-9][0-9 ()./-]{5,20}[0-9]", is_phone,
         word_set("phone tel telephone mobile cell fax telefon handy")),
    Form("coordinates", 0.93, r"[(]?-?[0-9]{1,2}([.][0-9]+)?[,; ] ?-?[0-9]{1,3}([.][0-9]+)?[)]?", is_coordinates,
         word_set("coordinates location geo position latlon latlng gps")),
    *_date_forms(),
    Form("time", 0.9, r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})? ?([AaPp][Mm])?", None, word_set("time hour uhrzeit")),
    Form("money", 0.96, rf"[-(]?([A-Z]{{3}}|{_SIGN}) ?-?{_AMOUNT}[)]?|-?{_AMOUNT} ?([A-Z]{{3}}|{_SIGN})",
         lambda value: bool(currency_of(value)), word_set("amount price cost total premium")),
    Form("percentage", 0.97, r"-?[0-9]+([.,][0-9]+)? ?%", None, word_set("percent pct percentage rate share")),
    Form("postcode", 0.9, r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}", None,
         word_set("postcode zip postal plz postleitzahl post"), format="GB"),
    Form("postcode", 0.9, r"[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]", None, word_set("postcode zip postal"), format="CA"),
    Form("postcode", 0.85, r"[0-9]{4} ?[A-Z]{2}", None, word_set("postcode zip postal"), format="NL"),
    Form("postcode", 0.8, r"[0-9]{5}-[0-9]{4}", None, word_set("postcode zip postal"), format="US"),
    Form("postcode", 0.7, r"[0-9]{2}-[0-9]{3}", None, word_set("postcode zip postal kod"), format="PL"),
    Form("postcode", 0.7, r"[0-9]{4,6}(-[0-9]{3,4})?", None,
         word_set("postcode zip postal plz postleitzahl cap cp zipcode"), needs_hint=True),
    Form("country", 0.9, r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ .'&-]{1,60}", is_country,
         word_set("country nation land pays nationality")),
    Form("currency", 0.85, r"[A-Z]{3}", CURRENCIES.__contains__, word_set("currency ccy curr währung")),
    Form("policy_number", 0.8, r"[A-Za-z]{0,6}[-/ ]?[0-9][A-Za-z0-9/ -]{3,24}", None,
         word_set("policy police polizze polizza policynumber poliza"), needs_hint=True),
    Form("person_name", 0.9, rf"{_NAME}( {_PARTICLE})*( {_NAME}){{1,4}}|{_NAME}, {_NAME}( {_NAME}){{0,2}}", is_person,
         word_set("name customer person employee insured holder client patient contact owner")),
    Form("address", 0.85, r"[0-9A-Za-zÀ-ÿ].{5,120}", is_address, word_set("address street adresse addr strasse")),
)  # fmt: skip
