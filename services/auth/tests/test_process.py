"""The service as users run it: a process that migrates, serves, answers health and stops."""

import base64
import json
import os
import signal
import subprocess
import sys
import time

import bcrypt
import grpc
import psycopg
import pytest
from joserfc.jwk import OKPKey
from raia.auth.v1 import authentication_service_pb2 as authn
from raia.auth.v1 import authentication_service_pb2_grpc
from raia_launcher.postgres import free_port

EMAIL, PASSWORD = "admin@example.com", "first start of many"


@pytest.fixture
def environment(postgres, tmp_path):
    with postgres.empty_database() as admin_url:
        name = admin_url.rpartition("/")[2]
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps({"auth": OKPKey.generate_key("Ed25519").as_dict(private=False)}))
        yield {
            "PATH": os.environ["PATH"],
            "RAIA_DATABASE_ADMIN_URL": admin_url,
            "RAIA_DATABASE_URL": postgres.url(name, role="raia_auth"),
            "RAIA_GRPC_PORT": str(free_port()),
            "RAIA_ENVELOPE_KEY": base64.b64encode(os.urandom(32)).decode(),
            "RAIA_SERVICE_KEYS_FILE": str(keys),
            "RAIA_ADMIN_EMAIL": EMAIL,
            "RAIA_ADMIN_PASSWORD": PASSWORD,
        }


def run(environment, *arguments, text=""):
    return subprocess.run(
        [sys.executable, "-m", "raia_auth", *arguments],
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def migrated(environment):
    done = run(environment, "migrate")
    assert done.returncode == 0, done.stderr
    # Roles belong to the whole server; the tests' own password keeps working for all of them.
    with psycopg.connect(environment["RAIA_DATABASE_ADMIN_URL"], autocommit=True) as connection:
        connection.execute("alter role raia_auth password 'raia-test'")


@pytest.mark.slow
def test_it_migrates_serves_and_stops(environment):
    migrated(environment)
    process = subprocess.Popen([sys.executable, "-m", "raia_auth", "serve"], env=environment, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while run(environment, "health").returncode != 0:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
        with grpc.insecure_channel(f"127.0.0.1:{environment['RAIA_GRPC_PORT']}") as channel:
            stub = authentication_service_pb2_grpc.AuthenticationServiceStub(channel)
            tokens = stub.Login(authn.LoginRequest(email=EMAIL, password=PASSWORD))
            me = stub.GetMe(authn.GetMeRequest(), metadata=[("authorization", f"Bearer {tokens.access_token}")])
            assert me.organisation.name == "RAIA"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.stderr.close()
    assert run(environment, "health").returncode == 1


@pytest.mark.slow
def test_operators_manage_administrators_from_the_command_line(environment, tmp_path):
    migrated(environment)
    made = run(environment, "admin", "create", "ada@example.com", "--organisation", "Engines", "--password-file", "-",
               text="a phrase from standard input\n")  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("ada@example.com is an administrator of Engines (")
    weak = tmp_path / "weak"
    weak.write_text("password123\n")
    refused = run(environment, "admin", "reset-password", "ada@example.com", "--password-file", str(weak))
    assert refused.returncode == 1
    assert "attackers" in refused.stderr
    assert "Traceback" not in refused.stderr
    weak.write_text("a better phrase\n")
    done = run(environment, "admin", "reset-password", "ada@example.com", "--password-file", str(weak))
    assert done.stdout == "the password of ada@example.com was set; 0 sessions ended\n"
    users = tmp_path / "users.csv"
    hashed = bcrypt.hashpw(b"a phrase of before", bcrypt.gensalt(4)).decode()
    users.write_text(f"email,password_hash,name,roles\nida@example.com,{hashed},Ida,analyst user\n")
    taken = run(environment, "admin", "import", str(users), "--organisation", "Engines")
    assert taken.stdout == "1 users taken in, 0 known already\n", taken.stderr
    assert run(environment, "admin", "list").stdout.startswith("ada@example.com\tEngines\t")


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["RAIA_ENVELOPE_KEY", "RAIA_DATABASE_URL"])
def test_it_says_what_it_lacks_and_ends(environment, missing):
    environment.pop(missing)
    done = run(environment, "serve")
    assert done.returncode == 1
    assert "envelope key" in done.stderr + done.stdout or missing != "RAIA_ENVELOPE_KEY"
