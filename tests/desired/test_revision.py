from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.desired.load import load
from reconciler.desired.revision import revision

BASE = Path(__file__).parent / "base"


@pytest.fixture(autouse=True)
def _no_foreign_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own git must not depend on the settings of whoever runs them."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.net", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def desired(tmp_path: Path) -> Path:
    """A desired state outside any work tree."""
    return Path(shutil.copytree(BASE, tmp_path / "site" / "desired"))


@pytest.fixture
def committed(desired: Path) -> Path:
    """A desired state, committed as a part of a work tree."""
    git(desired.parent, "init", "--quiet")
    git(desired.parent, "add", ".")
    git(desired.parent, "commit", "--quiet", "-m", "first")
    return desired


def head(directory: Path) -> str:
    return git(directory, "rev-parse", "HEAD")[:12]


def test_a_commit(committed: Path) -> None:
    assert revision(committed) == f"git:{head(committed)}"
    assert load(committed).revision == revision(committed)


def test_a_commit_of_a_repository_with_sha256_names(desired: Path) -> None:
    git(desired, "init", "--quiet", "--object-format=sha256")
    git(desired, "add", ".")
    git(desired, "commit", "--quiet", "-m", "first")
    assert revision(desired) == f"git:{head(desired)}"


def test_what_is_beside_the_desired_state_changes_nothing(committed: Path) -> None:
    (committed.parent / "notes.txt").write_text("later")
    (committed / "relationships" / ".draft.yaml").write_text("name: later")
    assert revision(committed) == f"git:{head(committed)}"


@pytest.mark.parametrize("change", ["edited", "added", "removed", "staged"])
def test_what_differs_from_the_commit_is_dirty(committed: Path, change: str) -> None:
    good = committed / "relationships" / "good.yaml"
    if change == "added":
        shutil.copy(good, good.with_name("new.yaml"))
    elif change == "removed":
        good.rename(committed / "elsewhere")
    else:
        good.write_text(good.read_text() + "# later\n")
    if change == "staged":
        git(committed, "add", ".")
    assert revision(committed) == f"git:{head(committed)}-dirty"


def test_a_link_counts_and_what_it_leads_to(committed: Path) -> None:
    (committed / "shared").mkdir()
    shutil.move(committed / "relationships" / "good.yaml", committed / "shared" / "good.yaml")
    (committed / "relationships" / "good.yaml").symlink_to("../shared/good.yaml")
    git(committed, "add", ".")
    git(committed, "commit", "--quiet", "-m", "link")
    assert revision(committed) == f"git:{head(committed)}"
    with (committed / "shared" / "good.yaml").open("a") as file:
        file.write("# later\n")
    assert revision(committed) == f"git:{head(committed)}-dirty"


def test_without_git_it_is_a_digest_of_names_and_contents(desired: Path) -> None:
    digest = hashlib.sha256()
    for name in ("relationships/good.yaml", "servers.yaml"):
        for part in (name.encode(), (desired / name).read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    first = revision(desired)
    assert first == f"sha256:{digest.hexdigest()[:12]}"
    shutil.copytree(desired, desired.parent / "copy")
    assert revision(desired.parent / "copy") == first
    (desired / "relationships" / "good.yaml").rename(desired / "relationships" / "better.yaml")
    assert revision(desired) != first


def test_a_work_tree_without_a_commit(desired: Path) -> None:
    git(desired, "init", "--quiet")
    assert revision(desired).startswith("sha256:")


def test_no_git_program(committed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision(committed).startswith("sha256:")


def test_a_program_called_git_in_the_tree_is_not_run(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (committed / "git").write_text("#!/bin/sh\ntouch ran\n")
    (committed / "git").chmod(0o755)
    monkeypatch.chdir(committed)
    monkeypatch.setenv("PATH", ".")
    assert revision(Path()).startswith("sha256:")
    assert not (committed / "ran").exists()


def test_a_caller_s_git_environment_leads_nowhere_else(
    committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a git hook GIT_DIR is set, and it is not that of the desired state."""
    expected = f"git:{head(committed)}"
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    git(other, "commit", "--quiet", "--allow-empty", "-m", "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert revision(committed) == expected


def test_nothing_that_the_repository_configures_is_run(committed: Path, tmp_path: Path) -> None:
    """A tree that somebody else prepared: `git status` would run all of this."""
    marker, program = tmp_path / "ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    program.chmod(0o755)
    hooks = committed.parent / ".git" / "hooks"
    for hook in ("post-index-change", "reference-transaction", "post-checkout"):
        shutil.copy(program, hooks / hook)
    for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.process", "diff.external", "core.pager"):
        git(committed, "config", key, str(program))
    git(committed, "config", "core.sshCommand", str(program))
    (committed / ".gitattributes").write_text("*.yaml filter=evil\n")
    (committed / "servers.yaml").touch()
    assert revision(committed) == f"git:{head(committed)}"
    assert not marker.exists()
    subprocess.run(["git", "status"], cwd=committed, check=False, capture_output=True)
    assert marker.exists(), "the trap has to be one"


def test_a_bare_repository_inside_is_not_taken_for_ours(desired: Path, tmp_path: Path) -> None:
    digest = revision(desired)
    (tmp_path / "source").mkdir()
    git(tmp_path / "source", "init", "--quiet")
    git(tmp_path / "source", "commit", "--quiet", "--allow-empty", "-m", "evil")
    git(tmp_path, "clone", "--quiet", "--bare", "source", "evil")
    for part in (tmp_path / "evil").iterdir():
        shutil.move(part, desired)
    assert len(head(desired)) == 12, "the trap has to be one"
    assert revision(desired) == digest
