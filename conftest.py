"""Options of the test run."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--soak`` runs kills and fuzzing long."""
    parser.addoption("--soak", action="store_true", default=False, help="run kills and fuzzing long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is about the other kind of account than the one that runs the tests."""
    ours = "root" if os.geteuid() == 0 else "ordinary"
    kept, left = [], []
    for item in items:
        marker = item.get_closest_marker("account")
        (kept if marker is None or marker.args == (ours,) else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept
