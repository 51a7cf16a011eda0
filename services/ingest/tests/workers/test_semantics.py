"""What columns mean: values with true and false check digits, dates of both orders, and columns of everyday files."""

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_ingest.workers.semantic_data import IBAN_LENGTHS, countries, words
from raia_ingest.workers.semantic_forms import FORMS, is_card, is_iban

from .test_profile import profile

pytestmark = pytest.mark.fast


def meaning(folder: Path, values: list[Any], name: str = "x", kind: pa.DataType | None = None) -> dict[str, Any]:
    found: dict[str, Any] = profile(folder, pa.table({name: pa.array(values, kind)}))["columns"][0]
    return found


def iban(country: str, account: str) -> str:
    """An account number whose check digits are computed the long way round."""
    number = int("".join(str(int(sign, 36)) for sign in account + country + "00"))
    return f"{country}{98 - number % 97:02}{account}"


def card(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits + "0")):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


@given(st.sampled_from(sorted(IBAN_LENGTHS)), st.integers(0, 10**30))
def test_account_numbers_have_their_length_and_check_digits(country: str, number: int) -> None:
    right = iban(country, str(number)[: IBAN_LENGTHS[country] - 4].zfill(IBAN_LENGTHS[country] - 4))
    assert is_iban(right)
    assert is_iban(" ".join(right[place : place + 4] for place in range(0, len(right), 4)).lower())
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    assert not is_iban(wrong)
    assert not is_iban(right + "0")


def test_published_account_numbers_are_right() -> None:
    assert all(map(is_iban, ("DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606")))


@given(st.integers(10**14, 5 * 10**14))
def test_card_numbers_end_in_their_check_digit(number: int) -> None:
    right = card(str(number))
    assert is_card(right)
    assert not is_card(right[:-1] + str((int(right[-1]) + 1) % 10))


def test_forms_that_only_look_right_are_counted_as_others(tmp_path: Path) -> None:
    right = [iban("DE", f"{n:018}") for n in range(30)]
    wrong = [value[:-1] + str((int(value[-1]) + 1) % 10) for value in right[:10]]
    found = meaning(tmp_path, right + wrong)["semantics"]
    assert (found["type"], found["matching_count"], found["other_count"]) == ("iban", 30, 10)
    assert found["confidence"] < 0.8


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("mail", ["a@b.de", "x.y@z.co.uk", "no address"] * 10, "email"),
        ("x", [f"https://a.org/{n}" for n in range(20)], "url"),
        ("x", [f"10.1.{n}.7" for n in range(20)], "ip_address"),
        ("x", [f"+49 30 12345{n:02}" for n in range(20)], "phone"),
        ("x", [f"(030) 12-3456{n:02}" for n in range(20)], "phone"),
        ("x", [card(f"4111111111{n:05}") for n in range(20)], "payment_card"),
        ("x", [f"{n}.5, -{n}.25" for n in range(20)], "coordinates"),
        ("x", ["SW1A 1AA", "EC2R 8AH", "M1 1AE"] * 5, "postcode"),
        ("zip", ["12345", "01067", "98101-1234"] * 5, "postcode"),
        ("x", ["Germany", "France", "United States"] * 5, "country"),
        ("country", ["DE", "FR", "US"] * 5, "country"),
        ("state", ["AL", "CA", "TX", "GA"] * 5, "category"),
        ("x", ["EUR", "USD", "CHF"] * 5, "currency"),
        ("x", [f"€ {n}.50" for n in range(20)], "money"),
        ("x", [f"{n} %" for n in range(20)], "percentage"),
        ("policy", [f"POL-{n:06}" for n in range(20)], "policy_number"),
        ("x", [f"A{n:06}" for n in range(20)], "identifier"),
        ("x", ["yes", "no"] * 10, "boolean"),
        ("x", ["red", "green", "blue"] * 10, "category"),
        ("x", ["Anna Smith", "Peter Jones", "Maria van Dyk", "Li Wei"] * 5, "person_name"),
        ("x", ["12 High Street", "Hauptstraße 7", "1 Rue de Rivoli"] * 5, "address"),
        ("x", [f"the {n}th long remark about something or other" for n in range(30)], "free_text"),
        ("x", ["9:30", "14:05", "23:59"] * 5, "time"),
        ("x", [f"{n:08x}-0000-4000-8000-000000000000" for n in range(20)], "uuid"),
    ],
)  # fmt: skip
def test_texts_mean_what_they_are_written_as(tmp_path: Path, name: str, values: list[str], expected: str) -> None:
    found = meaning(tmp_path, values, name)["semantics"]
    assert found["type"] == expected, found
    assert found["confidence"] >= 0.5
    assert found["evidence"]


def test_amounts_name_their_currency_or_several(tmp_path: Path) -> None:
    assert meaning(tmp_path, [f"{n} EUR" for n in range(20)])["semantics"]["currency"] == "EUR"
    mixed = meaning(tmp_path, [f"{n} EUR" for n in range(20)] + [f"$ {n}" for n in range(20)])["semantics"]
    assert (mixed["type"], mixed["currency"]) == ("money", "")
    assert "several currencies: EUR, USD" in mixed["evidence"]
    assert meaning(tmp_path, [1.5, 2.5], "premium_usd")["semantics"]["currency"] == "USD"


def test_dates_that_may_be_two_are_said_to_be(tmp_path: Path) -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=n) for n in range(200)]
    british = meaning(tmp_path, [day.strftime("%d/%m/%Y") for day in days])["semantics"]
    american = meaning(tmp_path, [day.strftime("%m/%d/%Y") for day in days])["semantics"]
    assert (british["type"], british["format"]) == ("date", "dd/mm/yyyy")
    assert (american["type"], american["format"]) == ("date", "mm/dd/yyyy")
    either = meaning(tmp_path, [day.strftime("%d/%m/%Y") for day in days if day.day <= 12])["semantics"]
    assert either["format"] == "dd/mm/yyyy or mm/dd/yyyy"
    assert either["confidence"] < british["confidence"]
    clock = meaning(tmp_path, [day.strftime("%d.%m.%Y 14:30") for day in days])["semantics"]
    assert (clock["type"], clock["format"]) == ("datetime", "dd.mm.yyyy")


def test_days_that_the_calendar_lacks_do_not_count(tmp_path: Path) -> None:
    found = meaning(tmp_path, [f"{n % 28 + 1:02}.03.2021" for n in range(40)] + ["31.02.2021", "00.01.2021"])[
        "semantics"
    ]
    assert (found["matching_count"], found["other_count"]) == (40, 2)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("customer_id", list(range(1000, 1100)), "identifier"),
        ("x", list(range(1, 101)), "identifier"),
        ("CustomerID", [float(n) for n in range(60)] + [None], "identifier"),
        ("year", [2001, 2002, 2003], "year"),
        ("x", [20240101 + n for n in range(28)], "date"),
        ("latitude", [52.5, -33.9], "latitude"),
        ("lng", [13.4, 151.2], "longitude"),
        ("unit_price", [1.5, 2.25], "money"),
        ("loss_ratio", [0.4, 0.9], "percentage"),
        ("flag", [0, 1, 1, 0], "boolean"),
        ("grade", [1, 2, 3] * 20, "category"),
        ("weight", [1.5, 2.5, 99.5], "number"),
        ("card", [int(card(f"4111111111{n:05}")) for n in range(20)], "payment_card"),
    ],
)
def test_numbers_mean_what_names_and_ranges_say(tmp_path: Path, name: str, values: list[Any], expected: str) -> None:
    assert meaning(tmp_path, values, name)["semantics"]["type"] == expected


def test_columns_without_values_mean_nothing(tmp_path: Path) -> None:
    assert meaning(tmp_path, [None, None], kind=pa.string()).get("semantics") is None
    assert meaning(tmp_path, ["  ", ""])["semantics"]["confidence"] == 0


def test_personal_data_is_told_by_values_names_and_neighbours(tmp_path: Path) -> None:
    people = {
        "e": [f"u{n}@x.org" for n in range(20)],
        "dob": ["1980-01-01"] * 20,
        "sex": ["male", "female"] * 10,
        "age": list(range(20, 40)),
        "veh_age": list(range(20)),
        "zip": [f"{n:05}" for n in range(20)],
        "amount": [n / 2 for n in range(20)],
        "ssn": [f"123-45-{n:04}" for n in range(20)],
    }
    table = pa.table(people)
    table = table.set_column(1, "dob", pa.array([dt.date(1980, 1, 1)] * 20))
    found = {column["name"]: column.get("personal_data") for column in profile(tmp_path, table)["columns"]}
    kinds = {name: each["kind"] for name, each in found.items() if each}
    assert kinds == {
        "e": "email", "dob": "date_of_birth", "sex": "gender", "age": "age", "zip": "location", "ssn": "national_id",
    }  # fmt: skip
    assert (found["e"]["identifies"], found["age"]["identifies"]) == ("direct", "indirect")
    alone = profile(tmp_path, table.select(["zip", "amount"]))["columns"]
    assert all("personal_data" not in column for column in alone)


def test_names_of_columns_fall_into_words() -> None:
    assert words("CustomerID") == ["customer", "id"]
    assert words("unit_price (EUR)") == ["unit", "price", "eur"]
    assert words("HTTPStatus2") == ["http", "status", "2"]


def test_every_country_has_both_codes() -> None:
    two, three, names = countries()
    assert (len(two), len(three)) == (249, 249)
    assert {"germany", "united kingdom"} <= names


@given(st.text(max_size=60))
def test_no_text_breaks_a_form(value: str) -> None:
    for form in FORMS:
        assert form.fits(value.strip()) in (True, False)


def test_many_values_are_counted_beyond_the_sample(tmp_path: Path) -> None:
    random.seed(5)
    values = [f"user{n}@example.org" for n in range(3000)] + [f"nobody {n}" for n in range(70)]
    found = meaning(tmp_path, values)["semantics"]
    assert (found["type"], found["matching_count"], found["other_count"]) == ("email", 3000, 70)
    accounts = [iban("FR", f"{n:023}") for n in range(1500)] + ["DE00123456789012345678"] * 3
    found = meaning(tmp_path, accounts)["semantics"]
    assert (found["type"], found["matching_count"], found["other_count"]) == ("iban", 1500, 3)
