"""The home folder: its secrets, its modes, and where the database lies."""

import shutil
import stat
from pathlib import Path

import pytest
from raia_launcher import home as home_module
from raia_launcher.errors import LauncherError
from raia_launcher.home import Home, write_new

pytestmark = pytest.mark.fast
as_root = pytest.mark.account("root")
as_user = pytest.mark.account("ordinary")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def system_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "system"
    monkeypatch.setattr(home_module, "SYSTEM_ROOT", root)
    return root


def test_opening_twice_keeps_secrets_and_id(tmp_path: Path) -> None:
    first = Home.open(tmp_path / "home")
    secret, instance = first.secret("x"), first.instance
    again = Home.open(tmp_path / "home")
    assert (again.secret("x"), again.instance) == (secret, instance)
    assert first.secret("y") != secret


def test_secrets_are_ours_alone_and_folders_above_keep_their_mode(tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir(mode=0o750)
    home = Home.open(above / "home")
    home.secret("x")
    assert mode(home.secrets) == 0o700
    assert mode(home.secrets / "x") == 0o600
    assert mode(above) == 0o750


def test_a_file_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert write_new(path, "first")
    assert not write_new(path, "second")
    assert path.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_path_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LauncherError, match="cannot be written"):
        Home.open(tmp_path / "file" / "home")


@as_root
def test_under_root_the_database_lies_where_its_user_can_reach_it(tmp_path: Path, system_root: Path) -> None:
    home = Home.open(tmp_path / "home")
    place = home.database_place()
    assert place == system_root / home.instance
    assert (home.path / "postgres").readlink() == place
    assert home.database_place() == place


@as_root
def test_a_new_home_gets_a_new_place_and_the_old_one_is_named_not_removed(tmp_path: Path, system_root: Path) -> None:
    old = Home.open(tmp_path / "home").database_place()
    shutil.rmtree(tmp_path / "home")
    home = Home.open(tmp_path / "home")
    assert home.database_place() != old
    assert old.is_dir()
    assert home.forsaken_places() == [old]


@as_root
def test_a_copied_home_is_refused_and_a_moved_one_is_not(tmp_path: Path, system_root: Path) -> None:
    home = Home.open(tmp_path / "home")
    place = home.database_place()
    shutil.copytree(home.path, tmp_path / "copy", symlinks=True)
    with pytest.raises(LauncherError, match="is a copy"):
        Home.open(tmp_path / "copy").database_place()
    home.path.rename(tmp_path / "moved")
    assert Home.open(tmp_path / "moved").database_place() == place


@as_root
def test_root_does_not_take_over_the_home_of_another_user(tmp_path: Path, system_root: Path) -> None:
    home = Home.open(tmp_path / "home")
    (home.path / "postgres").mkdir()
    with pytest.raises(LauncherError, match="run as that user"):
        home.database_place()


@as_user
def test_the_database_of_an_ordinary_user_lies_in_the_home(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    assert home.database_place() == home.path / "postgres"
    assert mode(home.path / "postgres") == 0o700
