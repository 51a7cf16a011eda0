"""The document of a record: what it says, and that it says the same each time."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raia_workspace.exports.collect import latest_time
from raia_workspace.exports.domain import filename
from raia_workspace.workers import pdf
from raia_workspace.workers.blocks import interval, number, percent, time
from raia_workspace.workers.view import created, view

pytestmark = pytest.mark.fast


def bare(**values):
    """The least that a record holds."""
    model = {
        "id": "m", "name": "model", "version": "1", "latest_version": 1, "production_version": 0, "status": "draft",
        "type": "classification", "algorithm": "ridge", "framework": "", "digest": "00" * 32, "metrics": [],
        "created_at": "2026-01-02T03:04:05Z", "training_run_id": "", "signature": None, "training_data_info": {},
    }  # fmt: skip
    return {
        "model": {**model, **values}, "versions": [], "training_run": None, "dataset": None, "profile": None,
        "evidence": [], "verdicts": [], "fairness_reports": [], "audit_entries": [], "omissions": [],
        "explanations": {"shap": None, "feature_importance": None}, "as_of": "2026-01-02T03:04:05Z",
    }  # fmt: skip


def test_a_record_without_anything_is_a_document():
    content = pdf.render(orjson.dumps(bare()))
    assert content.startswith(b"%PDF-")
    assert content == pdf.render(orjson.dumps(bare()))
    assert b"D:20260102030405" in content


def test_fonts_are_part_of_the_document():
    content = pdf.render(orjson.dumps(bare()))
    assert b"LibertinusSerif" in content
    assert b"/FontFile3" in content


@settings(max_examples=15, deadline=None)
@given(st.text(min_size=1, max_size=200), st.lists(st.text(max_size=50), max_size=3))
def test_any_name_is_text_and_never_markup(name, omissions):
    record = bare(name=name) | {"omissions": omissions}
    assert pdf.render(orjson.dumps(record, default=str)).startswith(b"%PDF-")
    assert view(record)["title"]["model"] == name


def test_every_section_is_there_and_omissions_are_named():
    shown = view(bare() | {"omissions": ["audit trail: audit.read is needed"]})
    assert [section["title"] for section in shown["sections"]] == [
        "Summary", "Data", "Training", "Metrics", "Fairness", "Deployment gate", "Explanations", "Audit trail",
        "Records",
    ]  # fmt: skip
    notes = [block["text"] for block in shown["sections"][0]["blocks"] if block["kind"] == "note"]
    assert "Left out: audit trail: audit.read is needed." in notes
    assert created(bare()) == 1767323045
    assert created(bare() | {"as_of": ""}) == 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (0, "0"), ("1234", "1,234"), (1234.0, "1,234"), (0.84712, "0.8471"), (-0.05, "-0.05"),
        (3e-16, "3.000e-16"), (1.5e9 + 0.5, "1.500e+09"), ("nan?", "nan?"),
    ],
)  # fmt: skip
def test_numbers_read_well(value, shown):
    assert number(value) == shown


def test_figures_that_are_no_numbers_are_shown_as_missing():
    features = [
        {"feature": name, "attribution": value} for name, value in [("a", "NaN"), ("b", 0.5), ("c", "Infinity")]
    ]
    shap = {
        "id": "s", "status": "succeeded", "features": features, "method": "tree", "margin_scale": "log_odds",
        "explained_class": "1", "row_count": "3", "additivity_error": "NaN",
    }  # fmt: skip
    record = bare() | {"explanations": {"shap": shap, "feature_importance": None}}
    rows = next(
        block["rows"] for section in view(record)["sections"] for block in section["blocks"] if block["kind"] == "bars"
    )
    assert rows == [["a", "–", 0.0, False], ["b", "0.5", 1.0, False], ["c", "–", 0.0, False]]
    assert pdf.render(orjson.dumps(record)).startswith(b"%PDF-")


@pytest.mark.parametrize("found", ["own flat", "tomorrow", "2026-01-02", "2026-13-01T00:00:00Z", ""])
def test_the_latest_time_is_among_times_alone(found):
    facts = {"created_at": "2026-01-02T03:04:05Z", "groups": {"lives_at": found}, "later": [{"ended_at": found}]}
    assert latest_time(facts) == "2026-01-02T03:04:05Z"
    assert latest_time({"groups": {"lives_at": found}}) == ""


def test_shares_intervals_and_times_read_well():
    assert percent(0.1234) == "12.3 %"
    assert percent(None) == "–"
    assert interval({"lower": 0.5, "upper": 0.75}) == "0.5 to 0.75"
    assert time("2026-01-02T03:04:05.123456789Z") == "2026-01-02 03:04 UTC"
    assert time("") == ""


@given(st.text(max_size=300), st.integers(1, 10_000))
def test_file_names_are_plain(name, version):
    made = filename(name, version, "pdf")
    assert made.isascii()
    assert not set(made) & set('/\\"\r\n ')
    assert made.endswith(f"-v{version}-governance-record.pdf")
