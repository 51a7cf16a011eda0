"""Options of the test run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--soak`` runs kills and fuzzing long."""
    parser.addoption("--soak", action="store_true", default=False, help="run kills and fuzzing long")
