"""House rules that a reviewer would otherwise have to remember, read off the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("libs", "services", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if "tests" not in path.parts and ".venv" not in path.parts
)
PRODUCT = [path for path in SOURCES if "testing" not in path.parts and path.parts[-2] != "tools"]

LONG_FILES: dict[str, str] = {}
"""Files over 400 lines, each with its reason."""

LONG_FUNCTIONS: dict[str, str] = {}
"""Functions over 50 lines (``file:name``), each with its reason."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.fast
def test_files_are_short_or_say_why() -> None:
    long = {relative(path) for path in SOURCES if len(path.read_text().splitlines()) > 400}
    assert long == set(LONG_FILES)


@pytest.mark.fast
def test_functions_are_short_or_say_why() -> None:
    long = {
        f"{relative(path)}:{node.name}"
        for path in SOURCES
        if "migrations" not in path.parts
        for node in functions(parsed(path))
        if node.end_lineno and node.end_lineno - node.lineno + 1 > 50
    }
    assert long == set(LONG_FUNCTIONS)


@pytest.mark.fast
def test_modules_are_named_after_what_they_hold() -> None:
    assert [relative(p) for p in SOURCES if {p.stem, *p.parts} & FORBIDDEN_NAMES] == []


@pytest.mark.fast
def test_only_settings_read_the_environment() -> None:
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in PRODUCT
        if path.name != "settings.py"
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} and _name(node.value) == "os")
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {a.name for a in node.names} & {"environ", "getenv"}
        )
    ]
    assert found == []


COMMITTING = {
    "libs/kit/src/raia_kit/database.py": "the unit of work",
    "libs/kit/src/raia_kit/migrations.py": "schema changes run outside any unit of work",
}
"""Files that may call ``commit``, with the reason."""


@pytest.mark.fast
def test_only_the_unit_of_work_commits() -> None:
    found = {
        relative(path)
        for path in PRODUCT
        if "migrations" not in path.parts
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    }
    assert found <= set(COMMITTING)


@pytest.mark.fast
def test_public_names_of_the_libraries_have_docstrings() -> None:
    missing = []
    for path in PRODUCT:
        if path.parts[len(ROOT.parts)] != "libs":
            continue
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                if not ast.get_docstring(node):
                    missing.append(f"{relative(path)}:{node.name}")
                if isinstance(node, ast.ClassDef):
                    missing += [
                        f"{relative(path)}:{node.name}.{member.name}"
                        for member in node.body
                        if isinstance(member, ast.FunctionDef)
                        and not member.name.startswith("_")
                        and not ast.get_docstring(member)
                        and not {_name(d) for d in member.decorator_list} & {"override", "overload"}
                    ]
    assert missing == []


@pytest.mark.fast
def test_metrics_are_named_in_one_module() -> None:
    found = [
        relative(path)
        for path in PRODUCT
        if path.name != "metrics.py"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom)
        and node.module == "prometheus_client"
        and {a.name for a in node.names} & {"Counter", "Gauge", "Histogram", "Summary"}
    ]
    assert found == []


SLEEPING = {
    "libs/kit/src/raia_kit/migrations.py": "a command that waits for another one like it; nothing could wake it",
    "libs/launcher/src/raia_launcher/cli.py": "waits for another process to end",
    "libs/launcher/src/raia_launcher/postgres.py": "waits for another process to be ready",
    "libs/launcher/src/raia_launcher/reaper.py": "waits for other processes to end",
}
"""Files that may wait by the clock, with the reason; services wait on conditions."""


@pytest.mark.fast
def test_services_wait_on_conditions_not_on_the_clock() -> None:
    found = {
        relative(path)
        for path in PRODUCT
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr == "sleep" and _name(node.value) == "time"
    }
    assert found == set(SLEEPING)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return ""
