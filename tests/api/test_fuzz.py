"""A schema-driven fuzzer over the whole API: no 5xx, no answer outside its schema."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Platform

ENDLESS = r"(:watch|/events/stream)$"


@pytest.mark.slow
def test_the_fuzzer_finds_nothing(platform: Platform, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    seconds = 300 if request.config.getoption("--soak") else 60
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        f"{platform.url}/openapi.json",
        "--header",
        f"Authorization: Bearer {platform.admin_token()}",
        "--exclude-path-regex",
        ENDLESS,
        "--exclude-path",
        "/api/v1/auth/logout",
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--max-time",
        str(seconds),
        "--request-timeout",
        "45",
        "--workers",
        "2",
        "--no-color",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 240, cwd=tmp_path, env={**os.environ}, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
