"""The Protocols depend on nothing and are all described."""

import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import raia_plugins

FOLDER = Path(raia_plugins.__file__).parent


@pytest.mark.fast
def test_importing_them_imports_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import raia_plugins;"
        "print(*sorted({n.split('.')[0] for n in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["raia_plugins"]


@pytest.mark.fast
def test_every_kind_has_a_protocol_a_version_and_a_line_in_the_docs() -> None:
    docs = (FOLDER.parents[3] / "docs" / "plugins.md").read_text()
    assert raia_plugins.PROTOCOLS.keys() == raia_plugins.API_VERSIONS.keys()
    for kind, protocol in raia_plugins.PROTOCOLS.items():
        assert getattr(protocol, "_is_protocol", False)
        assert f"| `{kind}` | `raia_plugins.{protocol.__name__}` |" in docs


@pytest.mark.fast
def test_every_field_and_method_is_described() -> None:
    undocumented = []
    for name in raia_plugins.__all__:
        item = getattr(raia_plugins, name)
        if not inspect.isclass(item):
            continue
        assert item.__doc__, name
        if dataclasses.is_dataclass(item):
            source = inspect.getsource(item)
            undocumented += [
                f"{name}.{field.name}"
                for field in dataclasses.fields(item)
                if '"""' not in source.split(f"    {field.name}: ", 1)[1].split("\n", 2)[1]
            ]
        undocumented += [
            f"{name}.{m}" for m, f in vars(item).items() if inspect.isfunction(f) and m[0] != "_" and not f.__doc__
        ]
    assert undocumented == []
