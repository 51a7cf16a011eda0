"""The keys and passwords of a deployment are made once, fit together, and stay."""

import base64
import json
import stat
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey
from raia_launcher import deployment_keys
from raia_launcher.cli import main
from raia_launcher.errors import LauncherError

SERVICES = ["auth", "ingest"]


def values(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_is_there_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    new = deployment_keys.write(tmp_path, SERVICES)
    assert "secrets/gateway.jwk" in new
    assert "ENVELOPE_KEY in .env" in new
    assert mode(tmp_path / ".env") == 0o600
    assert mode(tmp_path / "secrets") == 0o700
    found = values(tmp_path)
    assert {"POSTGRES_PASSWORD", "DATABASE_PASSWORD_AUTH", "DATABASE_PASSWORD_INGEST", "S3_ACCESS_KEY"} <= set(found)
    assert len(base64.b64decode(found["ENVELOPE_KEY"])) == 32
    assert len(set(found.values())) == len(found)
    # Compose would take a dollar for the start of a variable, and URLs a slash or an at for their own.
    urlsafe = [value for name, value in found.items() if name != "ENVELOPE_KEY"]
    assert all(value.replace("-", "").replace("_", "").isalnum() for value in urlsafe)


def test_the_public_keys_are_those_of_the_private_ones(tmp_path: Path) -> None:
    deployment_keys.write(tmp_path, SERVICES)
    public = json.loads((tmp_path / "secrets" / "service_keys.json").read_text())
    assert sorted(public) == ["auth", "gateway", "ingest"]
    for name, key in public.items():
        private = OKPKey.import_key(json.loads((tmp_path / "secrets" / f"{name}.jwk").read_text()))
        assert private.as_dict(private=False) == key
        assert "d" not in key


def test_a_second_run_keeps_everything_and_adds_what_is_missing(tmp_path: Path) -> None:
    deployment_keys.write(tmp_path, ["auth"])
    environment = tmp_path / ".env"
    environment.write_text(environment.read_text() + "ADMIN_EMAIL=me@example.com")
    before, key = values(tmp_path), (tmp_path / "secrets" / "auth.jwk").read_bytes()
    assert deployment_keys.write(tmp_path, SERVICES) == ["secrets/ingest.jwk", "DATABASE_PASSWORD_INGEST in .env"]
    after = values(tmp_path)
    assert before.items() <= after.items()
    assert set(after) - set(before) == {"DATABASE_PASSWORD_INGEST"}
    assert (tmp_path / "secrets" / "auth.jwk").read_bytes() == key
    assert deployment_keys.write(tmp_path, SERVICES) == []


def test_the_command_knows_the_services_by_their_contracts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", str(tmp_path / "new")]) == 0
    assert {"auth", "ingest", "ml", "explain", "llm", "workspace"} <= set(deployment_keys.services())
    assert "secrets/workspace.jwk" in capsys.readouterr().out
    assert main(["keys", str(tmp_path / "new")]) == 0
    assert "everything was there already" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LauncherError, match="cannot be written"):
        deployment_keys.write(tmp_path / "file" / "below", SERVICES)
