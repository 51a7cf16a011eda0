"""What services are given: ports, keys, URLs."""

import base64
import json
import stat
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey
from raia_launcher import service_keys, services
from raia_launcher.home import Home
from raia_launcher.services import Service
from raia_launcher.settings import LauncherSettings

pytestmark = pytest.mark.fast


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


def given(home: Home, service: Service, **settings: object) -> dict[str, str]:
    return services.environment(
        service,
        home=home,
        settings=LauncherSettings(**settings),  # type: ignore[arg-type]
        admin_url="postgresql://raia_admin:x@127.0.0.1:5/raia",
        known={"auth": "127.0.0.1:1", "ingest": "127.0.0.1:2"},
    )


def test_services_are_found_by_entry_point_and_get_ports_of_their_own() -> None:
    found, gateway = services.with_ports()
    assert [service.name for service in found] == services.installed()
    ports = [port for service in (*found, gateway) for port in (service.grpc_port, service.metrics_port)]
    assert len(set(ports)) == len(ports) == 2 * len(found) + 2
    assert gateway.module == "raia_gateway"


def test_each_service_has_its_own_key_and_auth_knows_the_public_ones(home: Home) -> None:
    private = json.loads(service_keys.private_key_file(home, "ingest").read_text())
    assert (private["kty"], private["crv"]) == ("OKP", "Ed25519")
    public = json.loads(service_keys.public_keys_file(home, ["auth", "ingest"]).read_text())
    assert set(public) == {"auth", "ingest"}
    assert "d" not in public["ingest"]
    assert OKPKey.import_key(public["ingest"]).thumbprint() == OKPKey.import_key(private).thumbprint()
    assert OKPKey.import_key(public["auth"]).thumbprint() != OKPKey.import_key(private).thumbprint()
    for path in home.secrets.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_service_is_told_where_everything_is(home: Home) -> None:
    values = given(home, Service("ingest", "raia_ingest", 7, 8))
    password = home.secret("database_ingest")
    assert values["RAIA_DATABASE_URL"] == f"postgresql://raia_ingest:{password}@127.0.0.1:5/raia"
    assert values["RAIA_DATABASE_DIRECT_URL"] == values["RAIA_DATABASE_URL"]
    assert (values["RAIA_GRPC_PORT"], values["RAIA_METRICS_PORT"]) == ("7", "8")
    assert json.loads(values["RAIA_SERVICES"])["auth"] == "127.0.0.1:1"
    assert values["RAIA_OBJECTS_URL"] == home.objects.as_uri()
    assert len(base64.b64decode(values["RAIA_ENVELOPE_KEY"])) == 32
    assert json.loads(values["RAIA_WATCHED_FOLDERS"]) == [f"{home.path}/watched/{{org_id}}"]
    assert "RAIA_ADMIN_PASSWORD" not in values


def test_what_the_caller_set_is_passed_on_and_the_administrators_password_to_auth_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAIA_LOG_LEVEL", "debug")
    monkeypatch.setenv("RAIA_OBJECTS_URL", "s3://bucket")
    monkeypatch.setenv("RAIA_ADMIN_PASSWORD", "secret")
    values = given(home, Service("ingest", "raia_ingest"))
    assert (values["RAIA_LOG_LEVEL"], values["RAIA_OBJECTS_URL"]) == ("debug", "s3://bucket")
    assert "RAIA_ADMIN_PASSWORD" not in values
    auth = given(home, Service("auth", "raia_auth"))
    assert auth["RAIA_ADMIN_PASSWORD"] == "secret"
    assert set(json.loads(Path(auth["RAIA_SERVICE_KEYS_FILE"]).read_text())) == {"auth", "ingest", "gateway"}
    gateway = given(home, Service("gateway", "raia_gateway"), http_port=9, host="0.0.0.0")
    assert (gateway["RAIA_HTTP_HOST"], gateway["RAIA_HTTP_PORT"]) == ("0.0.0.0", "9")


def test_passwords_that_are_set_come_before_random_ones(home: Home) -> None:
    settings = LauncherSettings(database_passwords={"ingest": "given"})  # type: ignore[dict-item]
    found = services.passwords(settings, home, ["auth", "ingest"])
    assert found == {
        "auth": home.secret("database_auth"),
        "ingest": "given",
        "gateway": home.secret("database_gateway"),
    }
