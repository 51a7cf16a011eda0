"""What a test needs and may not find: a skip that says how to get it, or under CI an error."""

from typing import NoReturn

import pytest

from raia_testing.settings import TestSettings

PREFIX = "missing server: "


def missing(name: str, install: str, why: str) -> NoReturn:
    """Skips the test that asked for ``name`` because of ``why``; fails it under CI.

    The reasons are gathered in one line at the end of the run, with the ``install`` command.
    """
    reason = f"{PREFIX}{name} ({why}); install: {install}"
    if TestSettings().ci:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def summary(reasons: list[str]) -> str | None:
    """One line that names what was missing and the command that installs it; None when nothing was."""
    found: dict[str, str] = {}
    for reason in reasons:
        _, mark, rest = reason.partition(PREFIX)
        if mark:
            name, _, install = rest.partition("; install: ")
            found.setdefault(name.partition(" (")[0], install)
    if not found:
        return None
    listed = "; ".join(f"{name}: {install}" for name, install in sorted(found.items()))
    return f"skipped for want of a server, install with: {listed}"
