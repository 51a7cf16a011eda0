"""Ranking of fields for columns: probabilities, "no match", feedback, neighbours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_ingest.workers.matching.evidence import Schema
from raia_ingest.workers.matching.feedback import ACCEPTED, NONE, REJECTED, Verdict
from raia_ingest.workers.matching.match import suggest
from raia_ingest.workers.matching.model import Kind, SourceColumn, TargetField

FIELDS = [
    TargetField("PERSONS", "gender", values=("female", "male"), description="Sex of the person"),
    TargetField("PERSONS", "birth_date", type="date", description="Day on which the person was born"),
    TargetField("PERSONS", "body_mass_index", type="float", description="Weight over squared height"),
    TargetField("HOUSES", "floor_area", type="float", description="Heated area", unit="m2"),
    TargetField("HOUSES", "heating", values=("gas", "oil", "wood"), description="How the house is heated"),
    TargetField("HOUSES", "status", description="State of the sale"),
    TargetField("PERSONS", "status", description="State of the membership"),
]
SCHEMA = Schema(FIELDS)


def column(name, *values, **more):
    counts = tuple((value, 10) for value in values)
    rows = 10 * max(1, len(values))
    numeric = 1.0 if values and all(value.replace(".", "").isdigit() for value in values) else 0.0
    shown = {"rows": rows, "present": rows, "distinct": len(values), "numeric": numeric, "mean_length": 4.0, **more}
    return SourceColumn(name, values=counts, **shown)


def best(*columns, verdicts=()):
    return {each.column: each.candidates[0].field for each in suggest(columns, SCHEMA, verdicts)}


@pytest.mark.parametrize(
    ("given_column", "field"),
    [
        (column("Sex", "F", "M"), "PERSONS.gender"),
        (column("BMI", "22.5", "31.0", "27.4"), "PERSONS.body_mass_index"),
        (column("DOB", "1990-01-01", type="date"), "PERSONS.birth_date"),
        (column("flr_area_sqm", "120.5", "80.0", "60.1"), "HOUSES.floor_area"),
        (column("energy", "GAS", "Oil"), "HOUSES.heating"),
    ],
)
def test_fields_are_found_by_name_initials_abbreviation_and_values(given_column, field):
    assert best(given_column) == {given_column.name: field}


def test_what_belongs_nowhere_is_no_match():
    found = suggest([column("favourite colour", "red", "blue")], SCHEMA)[0]
    assert found.no_match > 0.8


def test_neighbours_decide_between_equal_names():
    houses = best(column("status", "a", "b", "c"), column("floor area", "1.5", "2.5"), column("heating", "gas", "oil"))
    persons = best(
        column("status", "a", "b", "c"), column("gender", "male", "female"), column("birth date", type="date")
    )
    assert houses["status"] == "HOUSES.status"
    assert persons["status"] == "PERSONS.status"


def test_of_two_columns_for_one_field_the_better_is_likelier():
    found = {each.column: each for each in suggest([column("gender", "male"), column("gender_old", "male")], SCHEMA)}
    right, other = (found[name].candidates[0].probability for name in ("gender", "gender_old"))
    assert right > other


def test_feedback_teaches_a_name_that_says_nothing():
    strange = column("zq9", "1.5", "2.5", "3.5")
    assert suggest([strange], SCHEMA)[0].no_match > 0.5
    told = [Verdict(strange, "HOUSES.floor_area", ACCEPTED)]
    assert best(column("ZQ9", "7.5", "8.5"), verdicts=told) == {"ZQ9": "HOUSES.floor_area"}


def test_feedback_takes_back_a_suggestion():
    gender = column("gender", "male", "female")
    told = [Verdict(gender, "PERSONS.gender", REJECTED)]
    assert best(gender, verdicts=told)["gender"] != "PERSONS.gender"
    assert suggest([gender], SCHEMA, [Verdict(gender, "", NONE)])[0].no_match > 0.5


def test_nothing_to_match_is_answered():
    assert suggest([], SCHEMA) == []
    assert suggest([column("a")], Schema([]))[0].no_match == 1.0


def test_kinds_are_told_by_values():
    assert column("a", "yes", "no").kind is Kind.FLAG
    assert column("a", "1.5", "2.5", "3").kind is Kind.NUMBER
    codes = SourceColumn("a", values=(("X1", 1), ("X2", 1)), rows=100, present=100, distinct=100, mean_length=2)
    assert codes.kind is Kind.IDENTIFIER
    assert column("a", "red", "blue").kind is Kind.CATEGORY


@given(
    st.lists(
        st.builds(
            lambda name, values: column(name, *values),
            st.text(max_size=30),
            st.lists(st.text(max_size=20), max_size=5, unique=True),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_table_gets_probabilities_that_add_up(columns):
    for each in suggest(columns, SCHEMA, most=len(FIELDS)):
        total = each.no_match + sum(candidate.probability for candidate in each.candidates)
        assert total == pytest.approx(1.0, abs=1e-4)
        assert all(0 <= candidate.probability <= 1 for candidate in each.candidates)
