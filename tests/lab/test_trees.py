"""The trees of lab/trees.sh: made whole or not at all, once, and found again."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
# Stands in for what takes minutes and a mirror: a base is a folder, and a Kea is the version that it says.
STAND_IN = """
obstacle() { :; }
use_proxies_of_apt() { :; }
unshare() { shift; make_missing_trees; }
make_base() { echo base >> "$CACHE/calls"; mkdir "$1"; }
fill_tree() { echo "$2" >> "$CACHE/calls"; echo "$2.9" > "$1/kea-version"; recipe "$3" > "$1/made-from"; }
"""


def run(cache: Path, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `script` with the functions of lab/trees.sh and the stand-ins."""
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; source lab/install.sh; source lab/trees.sh; {STAND_IN} {script}"],
        cwd=CHECKOUT,
        env=os.environ | {"KEA_LAB_CACHE": str(cache), "CI": ""} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def calls(cache: Path) -> list[str]:
    return (cache / "calls").read_text().split()


def test_trees_are_made_once_and_used_again(tmp_path: Path) -> None:
    for _ in range(2):
        finished = run(tmp_path, "ensure_trees")
        assert finished.returncode == 0, finished.stderr
    assert calls(tmp_path) == ["base", "2.6", "3.0"]
    assert (tmp_path / "kea-3.0" / "kea-version").read_text() == "3.0.9\n"
    assert list(tmp_path.glob("making-*")) == []


def test_one_that_was_made_otherwise_is_made_again(tmp_path: Path) -> None:
    run(tmp_path, "ensure_trees")
    assert run(tmp_path, "TREE_PACKAGES+=(another); ensure_trees").returncode == 0
    assert calls(tmp_path) == ["base", "2.6", "3.0"] * 2


def test_an_interrupted_one_is_begun_again(tmp_path: Path) -> None:
    """The first ends in the middle of the second tree: the first is there, of the second nothing that has its name."""
    script = 'fill_tree() { [ "$2" = 2.6 ] || kill -KILL $$; recipe "$3" > "$1/made-from"; }; ensure_trees'
    assert run(tmp_path, script).returncode != 0
    assert ((tmp_path / "kea-2.6").exists(), (tmp_path / "kea-3.0").exists()) == (True, False)
    assert run(tmp_path, "ensure_trees").returncode == 0
    assert calls(tmp_path) == ["base", "base", "3.0"]
    assert list(tmp_path.glob("making-*")) == []


def test_two_at_once_make_them_once(tmp_path: Path) -> None:
    slow = 'make_base() { sleep 0.5; echo base >> "$CACHE/calls"; mkdir "$1"; };'
    finished = run(tmp_path, f"{slow} ensure_trees & {slow} ensure_trees; wait")
    assert finished.returncode == 0, finished.stderr
    assert calls(tmp_path) == ["base", "2.6", "3.0"]


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_where_none_can_be_made_it_says_why_and_ci_ends(tmp_path: Path, ci: str, code: int) -> None:
    finished = run(tmp_path, 'obstacle() { echo "a reason"; }; ensure_trees', CI=ci)
    assert finished.returncode == code
    assert "Kea 2.6 and 3.0" in finished.stderr
    assert "a reason" in finished.stderr


def test_a_failure_while_making_them_leaves_none_and_ends_ci(tmp_path: Path) -> None:
    finished = run(tmp_path, "make_base() { return 1; }; ensure_trees", CI="true")
    assert finished.returncode == 1
    assert "see above" in finished.stderr
    assert list(tmp_path.glob("kea-*")) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sources.list", "deb [signed-by=/nowhere.gpg] http://mirror.example.net/debian {codename} main\n"),
        (
            "debian.sources",
            "Types: deb\nURIs: http://mirror.example.net/debian\nSuites: {codename}\nComponents: main\n",
        ),
    ],
)
def test_the_mirror_is_that_of_the_machines_own_sources(tmp_path: Path, name: str, text: str) -> None:
    folder = tmp_path / "apt"
    for part in ("sources.list.d", "apt.conf.d", "preferences.d"):
        (folder / part).mkdir(parents=True)
    place = folder / name if name == "sources.list" else folder / "sources.list.d" / name
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    place.write_text(text.format(codename=codename))
    configuration = tmp_path / "apt.conf"
    configuration.write_text(f'Dir::Etc "{folder}/";\n')

    finished = run(tmp_path, "mirror", APT_CONFIG=str(configuration))
    assert finished.stdout == "http://mirror.example.net/debian/\n", finished.stderr
