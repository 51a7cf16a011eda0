"""What is suggested, and what is left to the reader."""

from pathlib import Path

import pytest
from raia_ingest.workers.read import read_file
from raia_ingest.workers.recipe.suggest import suggest_steps


def suggested(folder: Path, content: str, purpose: str = "analysis"):
    (folder / "in.csv").write_text(content)
    read = read_file(
        str(folder / "in.csv"), str(folder / "in.parquet"), "in.csv", {}, progress=lambda _done, _what: None
    )
    return suggest_steps(
        path=str(folder / "in.parquet"),
        columns=read["columns"],
        others={},
        statistics=None,
        purpose=purpose,
        memory_bytes=2**28,
        folder=str(folder),
    )


def kinds(found) -> dict:
    """Parameters by kind of step."""
    return {kind: values for step in found["steps"] for kind, values in step.items() if kind != "justification"}


def test_a_clean_table_needs_nothing(tmp_path):
    rows = "".join(f"{n},{n * 7 % 11},name {n}\n" for n in range(40))
    assert suggested(tmp_path, f"id,n,name\n{rows}") == {"steps": [], "remarks": []}


def test_numbers_beside_words_are_converted_with_what_is_lost(tmp_path):
    rows = "".join(f"{n},{'on request' if n == 7 else f'{n}.5'}\n" for n in range(40))
    found = suggested(tmp_path, f"row,price\n{rows}")
    assert kinds(found)["convert_type"] == {"columns": ["price"], "to": "float"}
    assert "the other 1 become missing, such as on request" in found["steps"][0]["justification"]


@pytest.mark.parametrize("header", ["ticket", "InvoiceNo"])
def test_codes_stay_text(tmp_path, header):
    rows = "".join(f"{'C' if n % 20 == 0 else ''}{5000 + n}\n" for n in range(60))
    found = suggested(tmp_path, f"{header}\n{rows}")
    assert found["steps"] == []
    assert "C5000" in found["remarks"][0]


def test_dates_that_are_two_dates_are_not_guessed(tmp_path):
    rows = "".join(f"{n % 12 + 1:02}-{n % 11 + 1:02}-2024,{n}\n" for n in range(60))
    found = suggested(tmp_path, f"day,n\n{rows}")
    assert "parse_dates" not in kinds(found)
    assert any("day" in remark for remark in found["remarks"]) or found["steps"] == []


def test_an_identifier_is_never_made_up(tmp_path):
    rows = "".join(f"{'' if n % 5 == 0 else 1000 + n},{'' if n % 25 == 1 else n % 3}\n" for n in range(100))
    found = suggested(tmp_path, f"customer_id,score\n{rows}")
    assert kinds(found)["fill_missing"]["columns"] == ["score"]
    assert any(remark.startswith("customer_id is missing") for remark in found["remarks"])


def test_spellings_meet_in_the_most_frequent(tmp_path):
    rows = "Berlin\n" * 5 + "berlin\nBERLIN\nParis\n" * 1 + "Paris\n" * 3
    found = suggested(tmp_path, f"city\n{rows}")
    assert kinds(found)["replace_values"]["replacements"] == [
        {"old_values": ["BERLIN", "berlin"], "new_value": "Berlin"}
    ]


def test_models_get_numbers(tmp_path):
    rows = "".join(f"{'abc'[n % 3]},{n % 17}\n" for n in range(90))
    found = kinds(suggested(tmp_path, f"kind,size\n{rows}", "modelling"))
    assert found["encode_categories"] == {"columns": ["kind"], "method": "one_hot"}
    assert found["scale_numbers"]["columns"] == ["size"]
