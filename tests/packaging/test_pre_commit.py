"""The pre-commit hook: our own command, for the files that it is about, and what is wrong is said."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from tests.cli.site import run

ROOT = Path(__file__).parents[2]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pre-commit runs hooks at the top of the repository."""
    shutil.copytree(ROOT / "desired", tmp_path / "desired")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_is_one_and_it_is_whole() -> None:
    (hook,) = HOOKS
    assert hook.keys() >= {"id", "name", "description", "entry", "language"}
    assert (hook["language"], hook["pass_filenames"], hook["types"]) == ("python", False, ["yaml"])


def test_it_passes_what_is_right_and_stops_what_is_wrong(checkout: Path) -> None:
    program, *arguments = shlex.split(HOOKS[0]["entry"])
    assert program == "kea-reconciler"
    assert run(*arguments).exit_code == 0
    path = checkout / "desired" / "relationships" / "hq.yaml"
    (path,) = path.parent.glob("*.yaml")
    path.write_text(path.read_text().replace("mode: hot-standby", "mode: hot-stanby"))
    ended = run(*arguments)
    assert ended.exit_code == 1
    assert f"{path.relative_to(checkout)}:" in ended.stderr + ended.stdout
    assert "Did you mean hot-standby?" in ended.stderr + ended.stdout


def test_it_is_for_the_files_of_the_usual_folder() -> None:
    pattern = re.compile(HOOKS[0]["files"])
    assert pattern.search("desired/relationships/site/hq.yaml")
    assert not pattern.search("docs/desired.yaml")
