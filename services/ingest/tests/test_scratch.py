import subprocess
import sys
import tempfile

import pytest
from raia_ingest.scratch import SCRATCH_PREFIX, clear_scratch

pytestmark = pytest.mark.fast


def test_folders_of_processes_that_are_gone_are_deleted_and_no_others(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"raia-ingest-{gone.pid}-abc"
    left.mkdir()
    (left / "part").write_text("x")
    other = tmp_path / "raia-ingest-notes"
    other.mkdir()
    with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=tmp_path) as ours:
        assert clear_scratch(tmp_path) == 1
        assert {path.name for path in tmp_path.iterdir()} == {other.name, ours.rpartition("/")[2]}
