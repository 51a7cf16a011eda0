"""Every reason that ingest gives is in its error_reason.proto or the platform's, and each of its own is given."""

import re
from pathlib import Path

import pytest
import raia_ingest
from raia.ingest.v1 import error_reason_pb2 as ours
from raia.platform.v1 import error_reason_pb2 as platform

pytestmark = pytest.mark.fast


def used() -> set[str]:
    sources = Path(raia_ingest.__file__).parent.rglob("*.py")
    return {reason for path in sources for reason in re.findall(r'reason="([A-Z_0-9]+)"', path.read_text())}


def listed(module) -> set[str]:
    names = {name.removeprefix("ERROR_REASON_") for name in module.ErrorReason.DESCRIPTOR.values_by_name}
    return names - {"UNSPECIFIED"}


def test_reasons_used_are_listed():
    assert used() - listed(ours) - listed(platform) == set()


def test_reasons_listed_are_used_and_not_the_platforms():
    assert listed(ours) - used() == set()
    assert listed(ours) & listed(platform) == set()
