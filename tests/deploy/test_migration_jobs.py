"""The migration jobs of a deployment: every service's own ``migrate``, side by side, on an empty database."""

import os
import subprocess
import sys

import psycopg
import pytest
from raia_kit import migrations
from raia_testing.postgres import PostgresServer, server

from tests.deploy.test_compose import SERVICES

pytestmark = pytest.mark.slow


def migrate(service: str, admin_url: str, password: str) -> "subprocess.Popen[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAIA_")}
    given = {"RAIA_DATABASE_ADMIN_URL": admin_url, "RAIA_DATABASE_ROLE_PASSWORD": password}
    command = [sys.executable, "-m", f"raia_{service}", "migrate"]
    return subprocess.Popen(command, env={**clean, **given}, stderr=subprocess.PIPE, text=True)


def finish(jobs: "dict[str, subprocess.Popen[str]]") -> None:
    for name, job in jobs.items():
        _, errors = job.communicate(timeout=200)
        assert job.returncode == 0, f"{name}: {errors}"


def sign_in(postgres: PostgresServer, database: str, service: str, password: str) -> str | None:
    url = postgres.url(database, role=f"raia_{service}").replace(":raia-test@", f":{password}@")
    with psycopg.connect(url) as connection:
        row = connection.execute("select current_user").fetchone()
        return row[0] if row else None


def test_all_services_migrate_side_by_side_and_their_roles_sign_in() -> None:
    with server() as postgres, postgres.empty_database() as admin_url:
        database = admin_url.rpartition("/")[2]
        finish({service: migrate(service, admin_url, "raia-test") for service in SERVICES})
        for service in SERVICES:
            assert migrations.current_revision(admin_url, service) == migrations.head_revision(service)
            assert sign_in(postgres, database, service, "raia-test") == f"raia_{service}"
        # Again, as every deployment does, and without a password: the role keeps the one it has.
        finish({service: migrate(service, admin_url, "") for service in SERVICES})
        assert sign_in(postgres, database, "auth", "raia-test") == "raia_auth"


def test_without_a_database_a_job_fails_with_one_sentence() -> None:
    job = migrate("auth", "", "")
    _, errors = job.communicate(timeout=60)
    assert job.returncode == 2
    assert errors == "RAIA_DATABASE_ADMIN_URL must name the database and a role that may change it\n"
