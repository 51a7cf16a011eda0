"""The table of templates."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia.ingest.events.v1 import dataset_events_pb2
from raia_kit.contract import contract_files
from raia_workspace.notifications.service import known
from raia_workspace.notifications.templates import EVENTS, TEMPLATES, template_of, told

pytestmark = pytest.mark.fast
MESSAGES = {
    f"{file.package}.{name}": message
    for file in contract_files()
    for name, message in file.message_types_by_name.items()
}


def test_templates_name_fields_that_events_have():
    described = [template for template in TEMPLATES if template.event in MESSAGES]
    assert {template.event for template in described} >= {"raia.ingest.events.v1.DatasetReady"}
    for template in described:
        fields = {field.name for field in MESSAGES[template.event].fields}
        words = dict.fromkeys(fields, "x")
        assert template.title.format_map(words)
        assert template.message.format_map(words)
        assert {template.resource_id, *template.when} <= fields
        assert template.severity in ("info", "success", "warning", "error")


def test_events_without_a_contract_are_passed_over():
    assert known({"raia.ingest.events.v1.DatasetReady", "raia.nobody.v1.Nothing"}) == {
        "raia.ingest.events.v1.DatasetReady"
    }
    assert known(EVENTS) <= EVENTS


def test_numbers_have_commas_and_names_stay_as_they_are():
    message = dataset_events_pb2.DatasetReady(
        dataset_id="d", version=2, name="2024", row_count=1_234_567, column_count=3
    )
    template = template_of(message)
    words = told(template, uuid4(), message)
    assert words.title == "Dataset 2024 is ready"
    assert words.message == "Version 2 of 2024 was read: 1,234,567 rows in 3 columns."
    assert (words.resource_type, words.resource_id) == ("dataset", "d")
    assert words.data["row_count"] == "1234567"


def test_conditions_choose_the_template():
    failed = dataset_events_pb2.DatasetProfiled(status="failed")
    assert template_of(failed).type == "profile_failed"
    assert template_of(dataset_events_pb2.DatasetProfiled(status="succeeded")) is None
    assert template_of(dataset_events_pb2.DatasetDeleted()) is None


@given(st.text(max_size=5000), st.text(max_size=5000))
def test_any_text_is_told_within_bounds(name, error):
    message = dataset_events_pb2.DatasetFailed(dataset_id="d", version=1, name=name, error=error)
    words = told(template_of(message), uuid4(), message)
    assert len(words.title) <= 300
    assert len(words.message) <= 2000
    assert name[:100] in words.title
