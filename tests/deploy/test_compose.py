"""The Compose file names only what exists, and each process it starts gets settings that it can run with.

No container engine is needed: what an engine would do with the file is read from it. That the images start is not shown
here.
"""

import importlib
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]
from raia_kit.contract import all_methods
from raia_kit.settings import MigrationSettings, ServiceSettings

from tests.deploy.composition import FOLDER, Composition

pytestmark = pytest.mark.fast

GATEWAY = "gateway"
SERVICES = sorted({method.service for method in all_methods()} - {GATEWAY, "platform"})
PROCESSES = [*SERVICES, GATEWAY]
OF_THE_IMAGE = {"RAIA_MODULE", "RAIA_GRPC_HOST"}
NEEDED = ["services", "service_key_file", "kafka_bootstrap"]
NEEDED_BY_SERVICES = ["database_url", "objects_url", "redis_url"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compose")


@pytest.fixture(scope="module")
def composition(folder: Path) -> Composition:
    return Composition.read(folder)


def settings_class(process: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"raia_{process}.settings")
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value.service == process
    )


def settings_of(process: str, composition: Composition, monkeypatch: pytest.MonkeyPatch) -> ServiceSettings:
    """What the process reads in its container."""
    for name in [name for name in os.environ if name.startswith("RAIA_")]:
        monkeypatch.delenv(name)
    for name, value in composition.services[process]["environment"].items():
        monkeypatch.setenv(name, value)
    return settings_class(process)()


def plain(value: Any) -> Any:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def test_every_variable_is_generated_or_has_a_default(composition: Composition) -> None:
    assert composition.required == set(composition.values)


def test_every_process_of_the_contracts_is_started(composition: Composition) -> None:
    built = {name for name, service in composition.services.items() if "build" in service}
    assert built == {*PROCESSES, *(f"migrate-{name}" for name in SERVICES)}
    for name in built:
        process = name.removeprefix("migrate-")
        build = composition.services[name]["build"]
        assert build["args"] == {"SERVICE": process}
        assert composition.services[name]["image"] == f"raia-{process}"
        assert (FOLDER / build["context"] / build["dockerfile"]).is_file()
        assert importlib.util.find_spec(f"raia_{process}.__main__") is not None


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_gets_settings_it_can_run_with(
    process: str, composition: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = settings_class(process).model_fields
    given = {name.removeprefix("RAIA_").lower() for name in composition.services[process]["environment"]}
    assert given <= set(fields), "unknown settings"
    assert {name for name, field in fields.items() if field.is_required()} <= given
    settings = settings_of(process, composition, monkeypatch)
    needed = NEEDED if process == GATEWAY else [*NEEDED, *NEEDED_BY_SERVICES]
    if process == "auth":
        needed = [*needed, "envelope_key", "service_keys_file", "admin_email", "admin_password"]
    assert [name for name in needed if not plain(getattr(settings, name))] == []
    assert settings.events == "kafka"
    assert settings.services == {name: f"{name}:{settings.grpc_port}" for name in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_a_migration_gives_the_role_the_password_that_the_service_uses(
    service: str, composition: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = composition.services[f"migrate-{service}"]
    assert job["command"] == ["migrate"]
    fields = {f"RAIA_{name.upper()}" for name in MigrationSettings.model_fields}
    assert set(job["environment"]) == fields
    assert composition.services[service]["depends_on"][f"migrate-{service}"] == {
        "condition": "service_completed_successfully"
    }
    settings = settings_of(service, composition, monkeypatch)
    password = job["environment"]["RAIA_DATABASE_ROLE_PASSWORD"]
    assert plain(settings.database_url) == f"postgresql://raia_{service}:{password}@postgres:5432/raia"


def test_processes_find_what_they_call(composition: Composition, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = settings_of("auth", composition, monkeypatch)
    assert auth.kafka_bootstrap == composition.services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"][12:]
    assert plain(auth.redis_url) == f"redis://:{composition.values['REDIS_PASSWORD']}@redis:6379/0"
    assert composition.values["REDIS_PASSWORD"] in composition.services["redis"]["command"]
    store = composition.services["minio"]["environment"]
    assert auth.objects_options["access_key_id"] == store["MINIO_ROOT_USER"]
    assert auth.objects_options["secret_access_key"] == store["MINIO_ROOT_PASSWORD"]
    assert auth.objects_options["endpoint"] == "http://minio:9000"
    bucket = auth.objects_url.removeprefix("s3://")
    assert f"mc mb --ignore-existing store/{bucket}" in composition.services["bucket"]["entrypoint"][-1]
    database = composition.services["postgres"]["environment"]
    admin = composition.services["migrate-auth"]["environment"]["RAIA_DATABASE_ADMIN_URL"]
    assert admin == (
        f"postgresql://{database['POSTGRES_USER']}:{database['POSTGRES_PASSWORD']}@postgres:5432/{database['POSTGRES_DB']}"
    )


def test_secrets_are_the_files_that_are_generated(composition: Composition, folder: Path) -> None:
    declared = composition.document["secrets"]
    for secret in declared.values():
        assert (folder / secret["file"]).is_file()
    mounted = set()
    for process in PROCESSES:
        service = composition.services[process]
        mounted |= set(service["secrets"])
        named = {Path(value).name for value in service["environment"].values() if value.startswith("/run/secrets/")}
        assert named == set(service["secrets"])
        assert declared[f"{process}_key"]["file"] == f"./secrets/{process}.jwk"
    assert mounted == set(declared)


def test_names_of_networks_volumes_and_dependencies_exist(composition: Composition) -> None:
    document = composition.document
    volumes = set()
    for name, service in composition.services.items():
        assert set(service["networks"]) <= set(document["networks"]), name
        assert set(service.get("depends_on", {})) <= set(composition.services), name
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in composition.services[other], f"{name} waits for {other}"
            shared = set(service["networks"]) & set(composition.services[other]["networks"])
            assert shared or other.startswith("migrate-"), f"{name} does not reach {other}"
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (FOLDER / source).is_file()
            else:
                volumes.add(source)
    assert volumes == set(document["volumes"])


def test_only_gateway_and_grafana_are_published_on_loopback_alone(composition: Composition) -> None:
    published = {name: service["ports"] for name, service in composition.services.items() if "ports" in service}
    assert published == {GATEWAY: ["127.0.0.1:8080:8080"], "grafana": ["127.0.0.1:3000:3000"]}
    assert composition.document["networks"]["data"] == {"internal": True}
    for name, service in composition.services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
    for process in PROCESSES:
        assert composition.services[process]["cap_drop"] == ["ALL"]
        assert "user" not in composition.services[process], "the image's own user is not root"
        health = composition.services[process]["healthcheck"]["test"]
        assert health == ["CMD", "/bin/sh", "-c", "python -m $RAIA_MODULE health"]


def test_prometheus_scrapes_every_process_and_grafana_asks_it(
    composition: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"][0]
    ports = {process: settings_of(process, composition, monkeypatch).metrics_port for process in PROCESSES}
    targets = scraped["static_configs"][0]["targets"]
    assert sorted(targets) == sorted(f"{process}:{port}" for process, port in ports.items())
    for process in PROCESSES:
        assert set(composition.services[process]["networks"]) & set(composition.services["prometheus"]["networks"])
    source = yaml.safe_load((FOLDER / "grafana" / "datasource.yml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"


def test_the_readme_names_the_variables_and_the_commands(composition: Composition) -> None:
    readme = (FOLDER / "README.md").read_text()
    optional = set(composition.variables) - composition.required
    assert [name for name in sorted(optional) if f"`{name}`" not in readme] == []
    assert "raia keys deploy/compose" in readme
    assert json.dumps(composition.values["ENVELOPE_KEY"]) not in composition.text
