"""Temporary folders tell whose they are."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from raia_kit.scratch import clear_scratch, scratch_prefix

pytestmark = pytest.mark.fast


def test_folders_of_processes_that_are_gone_are_deleted_and_no_others(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"raia-ml-{gone.pid}-abc"
    left.mkdir()
    (left / "part").write_text("x")
    others = {"raia-ml-notes", f"raia-llm-{gone.pid}-abc"}
    for name in others:
        (tmp_path / name).mkdir()
    with tempfile.TemporaryDirectory(prefix=scratch_prefix("ml"), dir=tmp_path) as ours:
        assert clear_scratch("ml", tmp_path) == 1
        assert {path.name for path in tmp_path.iterdir()} == {*others, Path(ours).name}
