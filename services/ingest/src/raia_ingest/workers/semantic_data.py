"""What the world has agreed on: countries, currencies, lengths of account numbers; and words that name columns."""

import re
from functools import cache
from pathlib import Path


def word_set(text: str) -> frozenset[str]:
    """The words of a text with blanks between them."""
    return frozenset(text.split())


CURRENCIES = word_set(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA "
    "MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD "
    "RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX "
    "USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL"
)
SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY", "zł": "PLN"}
"""Signs of currencies; the dollar sign stands for others, too."""
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SD": 18,
    "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22,
    "VG": 24, "XK": 20,
}  # fmt: skip
GIVEN_NAMES = word_set(
    "james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan joseph "
    "jessica thomas sarah charles karen christopher lisa daniel nancy matthew betty anthony sandra mark margaret "
    "donald ashley steven kimberly andrew emily paul donna joshua michelle kenneth carol kevin amanda brian melissa "
    "george deborah timothy stephanie ronald rebecca jason laura edward helen jeffrey sharon ryan cynthia jacob "
    "kathleen gary amy nicholas angela eric anna jonathan ruth stephen brenda larry pamela justin nicole scott "
    "samantha peter hans klaus wolfgang jürgen ursula monika petra sabine andreas stefan jean pierre marie jacques "
    "françois isabelle catherine nathalie philippe luca marco giulia francesca giuseppe mario carlos josé maría juan "
    "luis ana carmen javier antonio manuel joão pedro ahmed mohammed mohamed fatima ali omar hassan aisha wei li ming "
    "yuki hiroshi kenji priya raj anil sunita ivan olga sergei natasha dmitri anders lars ingrid sven erik emma olivia "
    "noah liam sophia ava mia lucas oliver ben leon max alice bob eva adam oscar hugo"
)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-zà-ÿ]+|[0-9]+", re.UNICODE)


@cache
def countries() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """ISO 3166 codes of two letters, of three, and names in lower case."""
    two: set[str] = set()
    three: set[str] = set()
    names: set[str] = set()
    for line in (Path(__file__).parent / "countries.txt").read_text(encoding="utf-8").splitlines():
        short, long, spelled = line.split(" ", 2)
        two.add(short)
        three.add(long)
        names.update(name.lower() for name in spelled.split("|"))
    return frozenset(two), frozenset(three), frozenset(names)


def words(name: str) -> list[str]:
    """The words that a column's name is made of, in lower case: ``CustomerID`` gives customer, id."""
    return [word.lower() for word in _WORD.findall(name)]
