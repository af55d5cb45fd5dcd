"""Where the state directory is, and that it is for nobody else's eyes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reconciler.errors import StateError
from reconciler.state.directory import default_directory, prepare, private_file


def test_the_default_is_in_the_xdg_folder() -> None:
    assert default_directory({"XDG_STATE_HOME": "/var/state"}) == Path("/var/state/kea-reconciler")


@pytest.mark.parametrize("environment", [{}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}])
def test_without_a_usable_one_it_is_in_the_home_folder(environment: dict[str, str]) -> None:
    assert default_directory(environment) == Path.home() / ".local" / "state" / "kea-reconciler"


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "yet"
    old = os.umask(0)
    try:
        prepare(directory)
    finally:
        os.umask(old)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_one_that_others_may_look_into_is_refused_with_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(StateError, match=f"mode 0755.*chmod 700 {tmp_path}"):
        prepare(tmp_path)
    tmp_path.chmod(0o700)
    prepare(tmp_path)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(StateError, match="--state-dir"):
        prepare(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a directory away")
def test_one_of_another_user_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(StateError, match="belongs to another user"):
        prepare(tmp_path)


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(0o644)
    path.chmod(0o644)
    os.close(private_file(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        private_file(tmp_path / "link")
