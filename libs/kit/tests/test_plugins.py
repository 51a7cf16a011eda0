"""Plug-ins are found, checked, and cannot take the process down."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import raia_plugins
from raia_kit import plugins
from raia_kit.errors import FailedPrecondition, InvalidArgument, NotFound

ROOT = Path(__file__).resolve().parents[3]

GOOD = """
class Good:
    name, api_version, options_schema, media_type, extension = "good", 1, {}, "text/plain", "txt"
    def export(self, report, target, options, progress): target.write_text(report.title)
"""


def install(folder: Path, package: str, source: str, **points: str) -> None:
    """Lays a distribution out as an installer would."""
    (folder / f"{package}.py").write_text(source)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {package}:{value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("[raia.plugins.exporter]\n" + "\n".join(lines) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def load() -> plugins.Plugins[raia_plugins.Exporter]:
    return plugins.load("exporter", raia_plugins.Exporter)


def reasons(found: plugins.Plugins[raia_plugins.Exporter]) -> dict[str, str]:
    return {fault.name: fault.reason for fault in found.broken}


@pytest.mark.fast
def test_the_documented_plugin_works_when_installed_outside_the_tree(tmp_path: Path) -> None:
    blocks = dict(re.findall(r"```(python|toml)\n(.*?)```", (ROOT / "docs/plugins.md").read_text(), re.DOTALL))
    name, value = re.search(r'^(markdown) = "(.*)"$', blocks["toml"], re.MULTILINE).groups()
    install(tmp_path, "markdown_reports", blocks["python"], **{name: value.split(":")[1]})
    script = """
import datetime, json, pathlib, sys
import raia_plugins as p
from raia_kit import plugins
before = "markdown_reports" in sys.modules
names = plugins.names("exporter")
found = plugins.load("exporter", p.Exporter)
report = p.Report("Claims", [p.Section("Rows", [p.Table(["a|b"], [[1], [None]])])], datetime.datetime.now(datetime.UTC))
target = pathlib.Path(sys.argv[1])
found.get("markdown").export(report, target, {"numbered": True}, lambda fraction, message="": None)
print(json.dumps([before, names, [f.reason for f in found.broken], target.read_text()]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "report.md")],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        cwd="/",
        timeout=60,
        check=True,
    )
    before, names, broken, written = json.loads(done.stdout)
    assert (before, names, broken) == (False, ["markdown"], [])
    assert written == "# Claims\n\n## 1. Rows\n\n| a\\|b |\n| --- |\n| 1 |\n|  |\n"


@pytest.mark.fast
def test_a_broken_plugin_is_told_of_and_the_rest_goes_on(site: Path) -> None:
    source = GOOD + (
        "class Old(Good): name, api_version = 'old', 0\n"
        "class Misnamed(Good): name = 'other'\n"
        "class Narrow(Good):\n    name = 'narrow'\n    def export(self, report): ...\n"
        "class Raising(Good):\n    def __init__(self): raise RuntimeError('the password is 1234')\n"
        "class Exiting(Good):\n    def __init__(self): raise SystemExit(3)\n"
        "class Bare: name, api_version = 'bare', 1\n"
        "from raia_plugins import Exporter\n"
        "class Lazy(Exporter):\n"
        "    name, api_version, options_schema, media_type, extension = 'lazy', 1, {}, 'text/plain', 'txt'\n"
        "class Schemeless(Good): name, options_schema = 'schemeless', {'type': 'nothing'}\n"
        "number = 3\n"
    )
    install(
        site, "sample_broken", source,
        good="Good", old="Old", misnamed="Misnamed", narrow="Narrow", raising="Raising", exiting="Exiting", bare="Bare",
        lazy="Lazy", number="number", schemeless="Schemeless", absent="Absent",
    )  # fmt: skip
    (site / "sample_faulty.py").write_text("import nothing_of_this_name")
    found = load()
    assert list(found.found) == ["good"]
    told = reasons(found)
    assert told == {
        "absent": "loading sample_broken:Absent raised AttributeError",
        "bare": "it lacks export, extension, media_type, options_schema",
        "exiting": "loading sample_broken:Exiting raised SystemExit",
        "lazy": "it lacks export",
        "misnamed": "it calls itself 'other', its entry point 'misnamed'",
        "narrow": "it has export(report), which cannot be called as export(report, target, options, progress)",
        "number": "it is sample_broken:number, which is no class",
        "old": "it implements version 0 of the exporter Protocol; this platform has 1",
        "raising": "loading sample_broken:Raising raised RuntimeError",
        "schemeless": "it has options_schema, which is no JSON Schema",
    }
    with pytest.raises(FailedPrecondition, match="version 0") as broken:
        found.get("old")
    assert broken.value.reason == "PLUGIN_BROKEN"
    with pytest.raises(NotFound):
        found.get("unheard_of")


@pytest.mark.fast
def test_a_package_that_cannot_be_imported_is_told_of(site: Path) -> None:
    install(site, "sample_unimportable", "import nothing_of_this_name", unimportable="Anything")
    assert "ModuleNotFoundError" in reasons(load())["unimportable"]


@pytest.mark.fast
def test_two_plugins_of_one_name_do_not_take_turns(site: Path) -> None:
    install(site, "sample_first", GOOD, good="Good")
    install(site, "sample_second", GOOD, good="Good")
    found = load()
    assert type(found.get("good")).__module__ == "sample_first"
    assert [fault.distribution for fault in found.broken] == ["sample_second 1.0"]


@pytest.mark.fast
def test_options_are_checked_before_the_plugin_sees_them(site: Path) -> None:
    schema = "{'type': 'object', 'properties': {'depth': {'type': 'integer', 'minimum': 1}}, 'required': ['depth']}"
    install(site, "sample_options", GOOD + f"Good.options_schema = {schema}\n", good="Good")
    plugin = load().get("good")
    plugins.check_options(plugin, {"depth": 3})
    with pytest.raises(InvalidArgument) as refused:
        plugins.check_options(plugin, {"depth": 0}, field="settings")
    assert refused.value.reason == "INVALID_OPTIONS"
    assert [one.field for one in refused.value.violations] == ["settings.depth"]
    with pytest.raises(InvalidArgument, match="'depth' is a required property"):
        plugins.check_options(plugin, {})


@pytest.mark.fast
def test_a_plugins_refusal_reaches_the_user_and_its_faults_do_not() -> None:
    with pytest.raises(FailedPrecondition, match="no rows") as refused, plugins.refusals("trainer", "x"):
        raise raia_plugins.PluginError("the file has no rows")
    assert refused.value.reason == "PLUGIN_REFUSED"
    with pytest.raises(KeyError), plugins.refusals("trainer", "x"):
        raise KeyError("secret")


@pytest.mark.fast
def test_a_kind_that_does_not_exist_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="kinds are trainer"):
        plugins.load("trainers", raia_plugins.Trainer)
