"""What the Dockerfile does, done in a plain folder: its install command, its entry command, its health probe.

The system packages of the image and the image itself are not tested here: that needs a container engine.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from raia_kit import migrations
from raia_testing.postgres import server

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
SERVICE = "auth"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Stage:
    """One stage of the Dockerfile: its instructions in order, with build arguments filled in."""

    instructions: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.instructions if each == name]

    def environment(self) -> dict[str, str]:
        pairs = [pair for line in self.all("ENV") for pair in shlex.split(line)]
        return dict(pair.split("=", 1) for pair in pairs)


def stages(service: str) -> list[Stage]:
    found: list[Stage] = []
    for line in DOCKERFILE.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, value = line.partition(" ")
        if name == "FROM":
            found.append(Stage([]))
        if found:
            found[-1].instructions.append((name, value.replace("${SERVICE}", service)))
    return found


def captured(
    command: list[str], variables: dict[str, str], *, folder: Path = Path("/"), timeout: float = 120
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, env=variables, cwd=folder, timeout=timeout, capture_output=True, text=True, check=False
    )


@dataclass(frozen=True)
class Image:
    """What an image would hold: the installed environment, and how a container of it is started."""

    environment: Path
    variables: dict[str, str]
    entry: list[str]

    def run(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return captured([*self.entry, *arguments], self.variables | settings)

    def python(self, code: str) -> str:
        done = captured([str(self.environment / "bin" / "python"), "-c", code], self.variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def copied(stage: Stage, source: Path) -> None:
    """What COPY brings into the build, less what the ignore file keeps out."""
    for line in stage.all("COPY"):
        *names, _target = line.split()
        for name in names:
            if (ROOT / name).is_dir():
                kept_out = shutil.ignore_patterns("tests", "__pycache__")
                shutil.copytree(ROOT / name, source / name, ignore=kept_out)
            else:
                shutil.copy(ROOT / name, source / name)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    folder = tmp_path_factory.mktemp("image")
    build, final = stages(SERVICE)
    source, place = folder / "source", folder / "raia"
    source.mkdir()
    copied(build, source)
    install = next(line for line in build.all("RUN") if line.startswith("uv "))
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "UV_CACHE_DIR") if name in os.environ}
    # Everything is installed in this checkout already, so the cache has it; the image's build asks the index.
    options = {"UV_OFFLINE": "1", "UV_PYTHON": sys.executable, "UV_PROJECT_ENVIRONMENT": str(place)}
    variables = inherited | build.environment() | options
    done = captured([uv, *shlex.split(install)[1:]], variables, folder=source, timeout=400)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(source)
    paths = final.environment() | {"PATH": f"{place / 'bin'}:/usr/bin:/bin"}
    yield Image(place, paths, json.loads(final.all("ENTRYPOINT")[0]))
    shutil.rmtree(folder, ignore_errors=True)


def test_the_service_alone_is_installed_and_needs_no_checkout(image: Image) -> None:
    installed = image.python(
        "from importlib.metadata import distributions;"
        "print(sorted(d.name for d in distributions() if d.name.startswith('raia-')))"
    )
    assert installed == "['raia-auth', 'raia-kit', 'raia-plugins', 'raia-protos']"
    places = image.python(
        "import raia_auth, raia_kit, raia.auth.v1 as v1; print(raia_auth.__file__, raia_kit.__file__)"
    )
    assert places.count(str(image.environment)) == 2
    foreign = image.python(
        "import importlib.util as u; print([n for n in ('pandas', 'pytest', 'raia_testing') if u.find_spec(n)])"
    )
    assert foreign == "[]"


def test_migrations_are_in_the_wheel(image: Image) -> None:
    found = image.python(
        "from raia_kit import migrations as m; print(m.migrations_folder('auth'), m.head_revision('auth'))"
    )
    place, revision = found.split()
    assert place == str(next(image.environment.glob("lib/python3*/site-packages/raia_auth/migrations")))
    scripts = sorted((ROOT / "services" / "auth" / "migrations" / "versions").glob("*.py"))
    assert scripts[-1].name.startswith(revision)


def test_the_image_migrates_an_empty_database(image: Image) -> None:
    with server() as postgres, postgres.empty_database() as admin_url:
        migrated = image.run("migrate", RAIA_DATABASE_ADMIN_URL=admin_url, RAIA_DATABASE_ROLE_PASSWORD="raia-test")
        assert migrated.returncode == 0, migrated.stderr
        assert migrations.current_revision(admin_url, SERVICE) == migrations.head_revision(SERVICE)


def test_the_entry_command_serves_migrates_and_probes(image: Image) -> None:
    _, final = stages(SERVICE)
    assert json.loads(final.all("CMD")[0]) == ["serve"]
    shown = image.run("serve", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "--parts" in shown.stdout
    assert image.run("nonsense").returncode == 2
    migrated = image.run("migrate")
    assert (migrated.returncode, migrated.stderr.count("\n")) == (2, 1)


def test_the_probe_of_a_service_that_is_not_there_says_so_quietly(image: Image) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        probed = image.run("health", RAIA_GRPC_PORT=str(free.getsockname()[1]))
    assert (probed.returncode, probed.stdout, probed.stderr) == (1, "", "")


def test_a_service_without_settings_ends_with_its_reason(image: Image) -> None:
    served = image.run("serve")
    assert served.returncode == 1
    lines = [json.loads(line) for line in (served.stdout + served.stderr).splitlines()]
    assert any(line["message"] == "the service cannot run" for line in lines)


def test_every_package_with_migrations_puts_them_into_its_wheel() -> None:
    for folder in sorted((ROOT / "services").iterdir()):
        if (folder / "migrations" / "versions").is_dir():
            section = (
                r"\[tool\.hatch\.build\.targets\.wheel\.force-include\]\s+\"migrations\" = \"raia_(\w+)/migrations\""
            )
            found = re.search(section, (folder / "pyproject.toml").read_text())
            assert found is not None, folder.name
            assert found.group(1) == folder.name


def test_the_image_runs_as_nobody_in_particular() -> None:
    _, final = stages(SERVICE)
    assert final.all("USER") == ["10001"]
    names = [name for name, _ in final.instructions]
    assert "RUN" not in names[names.index("USER") :]
