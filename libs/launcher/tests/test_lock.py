"""One supervisor per home, and a lock that outlived its holder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from raia_launcher.errors import LauncherError
from raia_launcher.lock import HomeLock, holder

pytestmark = pytest.mark.fast

HOLD = """
import sys, pathlib
from raia_launcher.lock import HomeLock
with HomeLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate()


def test_a_second_process_is_refused_by_name_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "raia.lock"
    process = hold(path)
    with pytest.raises(LauncherError, match=f"process {process.pid}"), HomeLock(path):
        pass
    assert (found := holder(path)) is not None
    assert found.pid == process.pid
    end(process)
    assert not path.exists()


def test_a_killed_holder_leaves_a_lock_that_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "raia.lock"
    process = hold(path)
    process.kill()
    end(process)
    assert path.exists()
    assert holder(path) is None
    with HomeLock(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert not path.exists()


def test_a_number_that_another_process_has_now_is_stale(tmp_path: Path) -> None:
    path = tmp_path / "raia.lock"
    other = psutil.Process(os.getppid())
    path.write_text(json.dumps({"pid": other.pid, "started": other.create_time() - 100}))
    assert holder(path) is None
    with HomeLock(path):
        pass
    path.write_text(json.dumps({"pid": other.pid, "started": other.create_time()}))
    with pytest.raises(LauncherError, match="in use"), HomeLock(path):
        pass


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"pid": "x"}', '{"pid": 1}'])
def test_a_damaged_lock_is_stale(tmp_path: Path, content: str) -> None:
    path = tmp_path / "raia.lock"
    path.write_text(content)
    with HomeLock(path):
        pass
