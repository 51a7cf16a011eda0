"""Every reason that the kit gives is in its error_reason.proto, with an example."""

import json
import re
from pathlib import Path

import pytest
from raia.platform.v1 import error_reason_pb2
from raia_kit import status
from raia_kit.contract import descriptor_set

pytestmark = pytest.mark.fast
SOURCES = Path(status.__file__).parent
PREFIX = "ERROR_REASON_"


def used() -> set[str]:
    """Reasons as written in the source, and those that are put together there."""
    found = {"INVALID_FILTER", "INVALID_ORDER_BY"}
    for path in SOURCES.rglob("*.py"):
        source = path.read_text()
        found |= set(re.findall(r'reason(?:: str)? ?= ?"([A-Z_]+)"', source))
        found |= set(re.findall(r'^INTERNAL_REASON = "([A-Z_]+)"', source, re.MULTILINE))
    return found | {reason for _, reason, _ in status._BARE.values()}


def listed() -> set[str]:
    return {
        name.removeprefix(PREFIX)
        for name in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
        if not name.endswith("UNSPECIFIED")
    }


def test_reasons_used_are_listed_and_reasons_listed_are_used() -> None:
    assert used() - listed() == set()
    assert listed() - used() == set()


def test_every_reason_has_an_example() -> None:
    (file,) = (f for f in descriptor_set().file if f.name == "raia/platform/v1/error_reason.proto")
    comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    for index, value in enumerate(file.enum_type[0].value[1:], start=1):
        text = comments[5, 0, 2, index]
        example = json.loads(text.split("Example: ")[1])
        assert example["reason"] == value.name.removeprefix(PREFIX)
        assert example["domain"].startswith("raia.")
        assert all(isinstance(item, str) for item in example["metadata"].values())
