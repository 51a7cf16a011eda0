"""Logs are rotated under the programs that write them."""

from pathlib import Path

import pytest
from raia_launcher import log_files

pytestmark = pytest.mark.fast


def test_a_writer_goes_on_after_its_log_was_emptied(tmp_path: Path) -> None:
    with log_files.open_log(tmp_path, "toy") as log:
        log.write(b"old\n" * 10)
        assert not log_files.rotate(tmp_path / "toy.log", 1000)
        assert log_files.rotate(tmp_path / "toy.log", 40)
        log.write(b"new\n")
    assert (tmp_path / "toy.log").read_bytes() == b"new\n"
    assert (tmp_path / "toy.log.1").read_bytes() == b"old\n" * 10


def test_three_older_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "toy.log"
    for number in range(6):
        path.write_text(str(number))
        log_files.rotate(path, 1)
    kept = {entry.name: entry.read_text() for entry in tmp_path.iterdir()}
    assert kept == {"toy.log": "", "toy.log.1": "5", "toy.log.2": "4", "toy.log.3": "3"}


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    assert log_files.tail(tmp_path / "none.log") == ""
    (tmp_path / "toy.log").write_text("\n".join(str(number) for number in range(50_000)))
    assert log_files.tail(tmp_path / "toy.log", 2) == "49998\n49999"
