"""The language of expressions: what it computes, and that nothing else can be said in it."""

import datetime as dt

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raia_ingest.recipes.expression.compiler import compiled, condition
from raia_ingest.recipes.faults import StepFault
from raia_ingest.recipes.schema import Schema

SCHEMA = Schema.of(
    [
        {"name": "n", "type": "integer"},
        {"name": "x", "type": "float"},
        {"name": "s", "type": "string"},
        {"name": "d", "type": "date"},
        {"name": "b", "type": "boolean"},
        {"name": "at", "type": "datetime"},
        {"name": "a column", "type": "integer"},
    ]
)
ROW = (
    "select 7::bigint c0, 2.5::double c1, 'It''s'::varchar c2, date '2024-02-29' c3, true c4, "
    "timestamp '2024-02-29 13:30:00' c5, null::bigint c6"
)


def value(source: str):
    return duckdb.sql(f"select {compiled(source, SCHEMA, 'expression').sql} from ({ROW})").fetchall()[0][0]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("1 + 2 * 3 - -4", 11),
        ("(1 + 2) * 3", 9),
        ("n / 2", 3.5),
        ("n % 4", 3),
        ("n / 0", None),
        ("n % 0", None),
        ("9223372036854775807 + n", None),
        ("9223372036854775807 * 9223372036854775807", None),
        ("ln(-1)", None),
        ("sqrt(0 - x)", None),
        ("exp(1e9) - exp(1e9)", None),
        ("round(2.5)", 3.0),
        ("round(x / 3, 2)", 0.83),
        ("floor(-2.5)", -3),
        ("'it''s' || n", "it's7"),
        ("upper(s) = 'IT''S'", True),
        ('"a column" is null and not b is null', True),
        ('coalesce("a column", n, 0.5)', 7.0),
        ("case when x > 3 then 'big' when x > 2 then 'mid' end", "mid"),
        ("if(b, 1, 2)", 1),
        ("n in (1, 7)", True),
        ("n not in (1, 7)", False),
        ("d between '2024-01-01' and '2024-12-31'", True),
        ("d > '2024-02-28' and at >= d", True),
        ("days_between(d, '2024-03-01')", 1),
        ("add_days(d, 1)", dt.date(2024, 3, 1)),
        ("year(at) * 100 + month(d)", 202402),
        ("weekday(d)", 4),
        ("s like 'I%'", True),
        ("substring(s, 1, 2)", "It"),
        ("contains(s, '''')", True),
        ("to_number('1e2') + to_number('x')", None),
        ("greatest(n, x, 8)", 8.0),
        ("null is null", True),
    ],
)
def test_expressions_compute(source, wanted):
    assert value(source) == wanted


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "a value was expected at character 1, not the end"),
        ("n +", "not the end"),
        ("n n", "an operator was expected at character 3"),
        ("nope + 1", "there is no column 'nope'"),
        ("s + 1", "texts are joined with ||"),
        ("s > 1", "values of one type, not integer and string"),
        ("d > 'yesterday'", "write it as ISO 8601"),
        ("system('x')", "there is no function system"),
        ("lower(s, s)", "lower takes 1 operands, not 2"),
        ("lower(n)", "lower takes string, not integer"),
        ("n; drop table t", "begins nothing that is known: ';'"),
        ("(select 1)", "expected"),
        ("'open", "begins nothing that is known"),
        ("(" * 60 + "1" + ")" * 60, "nested at most 40 deep"),
        ("1" * 4001, "at most 4000 characters"),
        ("99999999999999999999", "beyond 64 bits"),
        ("when", 'is written "when"'),
    ],
)
def test_what_is_no_expression_is_said_with_its_place(source, said):
    with pytest.raises(StepFault) as raised:
        compiled(source, SCHEMA, "expression")
    assert said in raised.value.message


def test_a_condition_is_true_or_false():
    with pytest.raises(StepFault, match="a condition is true or false"):
        condition("n + 1", SCHEMA, "expression")


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_a_fault(source):
    try:
        compiled(source, SCHEMA, "expression")
    except StepFault as fault:
        assert fault.field == "expression"


@settings(deadline=None, max_examples=80)
@given(st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20))
def test_no_text_leaves_its_quotes(content):
    assert value("'" + content.replace("'", "''") + "' || ''") == content
