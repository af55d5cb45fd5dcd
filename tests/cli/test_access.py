"""Settings and credentials: where they come from, when they are refused, and that they are kept to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.site import Site

if TYPE_CHECKING:
    from reconciler.simulator import World

USER, PASSWORD = "reconciler", "canary-of-the-agent"
REFUSED = "kea-b can't be reached"


@pytest.fixture
def guarded(world: World, tmp_path: Path) -> Site:
    """Servers whose agents want a password."""
    site = Site(world, tmp_path)
    site.add_pair(users={USER: PASSWORD})
    return site


def settings(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def credentials(path: Path, site: Site, password: str = PASSWORD) -> Path:
    names = ("kea-a", "kea-b")
    tables = [f'["{site[name].control}"]\nuser = "{USER}"\npassword = "{password}"\n' for name in names]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(tables))
    path.chmod(0o600)
    return path


# ------------------------------------------------------------------------------------------ credentials


@pytest.mark.parametrize("is_option", [True, False], ids=["option", "environment"])
def test_credentials_come_from_an_option_or_the_environment(
    guarded: Site, monkeypatch: pytest.MonkeyPatch, is_option: bool
) -> None:
    path = credentials(guarded.folder / "credentials.toml", guarded)
    if not is_option:
        monkeypatch.setenv("KEA_RECONCILER_CREDENTIALS", str(path))
    options = ["--credentials", str(path)] if is_option else []
    for command in (["plan"], ["drift"], ["status"], ["apply", "--yes"], ["plan"]):
        ended = guarded.run(*command, *options)
        assert REFUSED not in ended.stdout
        assert PASSWORD not in ended.stdout + ended.stderr
    assert guarded.run("status", *options).exit_code == 0


def test_without_credentials_the_server_says_no(guarded: Site) -> None:
    ended = guarded.run("plan")
    assert ended.exit_code == 1
    assert "it wants credentials and was given none (401)" in ended.stdout


def test_wrong_credentials_are_not_shown(guarded: Site) -> None:
    path = credentials(guarded.folder / "credentials.toml", guarded, "canary-of-another")
    ended = guarded.run("plan", "--credentials", str(path), "--log-level", "debug")
    assert ended.exit_code == 1
    assert "it takes other credentials than it was given (401)" in ended.stdout
    assert "canary" not in ended.stdout + ended.stderr


def test_an_entry_at_whose_origin_nothing_is_is_told_by_a_plan_without_its_secret(guarded: Site) -> None:
    """Without a port an origin is that of port 80."""
    path = credentials(guarded.folder / "credentials.toml", guarded)
    assert guarded.run("plan", "--credentials", str(path)).stderr == ""
    misspelt = '["http://127.0.0.1"]\nuser = "canary-user"\npassword = "canary-password"\n'
    path.write_text(f'{misspelt}\n["http://192.0.2.1:8000"]\nuser = "canary-user"\npassword = "canary-password"\n')
    told = guarded.run("plan", "--credentials", str(path)).stderr
    there = sorted(guarded[name].control.rstrip("/") for name in ("kea-a", "kea-b"))
    first, second = told.splitlines()
    assert f"{path}:1: nothing in desired is at http://127.0.0.1:80 (but at {', '.join(there)}" in first
    assert second.endswith(f"{path}:5: nothing in desired is at http://192.0.2.1:8000; this entry is not used")
    assert "canary" not in told


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o666])
def test_credentials_that_others_can_read_are_refused(guarded: Site, mode: int) -> None:
    path = credentials(guarded.folder / "credentials.toml", guarded)
    path.chmod(mode)
    ended = guarded.run("plan", "--credentials", str(path))
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert f"{path}:1:1: error: " in ended.stderr
    assert f"others have permissions on it (mode {mode:04o})" in ended.stderr
    assert PASSWORD not in ended.stderr


# -------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize("source", ["option", "environment", "working directory"])
def test_the_allow_list_keeps_us_from_a_server_outside_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    text = '[network]\nallow = ["192.0.2.0/24", "::1/128"]\n'
    path = settings(Path("kea-reconciler.toml") if source == "working directory" else site.folder / "s.toml", text)
    if source == "environment":
        monkeypatch.setenv("KEA_RECONCILER_SETTINGS", str(path))
    ended = site.run("plan", *(["--settings", str(path)] if source == "option" else []))
    assert ended.exit_code == 1
    assert "127.0.0.1" in ended.stdout
    assert "nothing was sent" in ended.stdout
    assert not site["kea-a"].log
    assert not site["kea-b"].log


def test_the_allow_list_holds_for_import_too(site: Site) -> None:
    path = settings(site.folder / "s.toml", '[network]\nallow = ["192.0.2.0/24"]\n')
    new = str(site.folder / "new")
    ended = site.run_line("import", "--desired", new, "--settings", str(path), "--control", site["kea-a"].control)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "nothing was sent" in ended.stderr
    assert not site["kea-a"].log


def test_a_server_inside_the_allow_list_is_talked_to(site: Site) -> None:
    path = settings(site.folder / "s.toml", '[network]\nallow = ["127.0.0.0/8"]\n')
    assert site.run("plan", "--settings", str(path)).exit_code == 0


def test_an_option_goes_before_the_environment_and_both_before_the_working_directory(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = '[network]\nallow = ["192.0.2.0/24"]\n'
    settings(Path("kea-reconciler.toml"), nobody)
    monkeypatch.setenv("KEA_RECONCILER_SETTINGS", str(settings(site.folder / "environment.toml", "")))
    assert site.run("plan").exit_code == 0
    option = str(settings(site.folder / "option.toml", nobody))
    assert site.run("plan", "--settings", option).exit_code == 1


def test_wrong_settings_are_told_with_their_places(site: Site) -> None:
    path = settings(
        site.folder / "s.toml", '[network]\nallow = ["192.0.2.1/24"]\n\n[limits]\nconcurrency = 0\nspeed = 1\n'
    )
    ended = site.run("plan", "--settings", str(path))
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert [line.split(": ")[0] for line in ended.stderr.splitlines() if line.startswith(str(path))] == [
        f"{path}:2:1",
        f"{path}:5:1",
        f"{path}:6:1",
    ]


# ------------------------------------------------------------------- where a pull request could change them


@pytest.mark.parametrize("kind", ["settings", "credentials"])
@pytest.mark.parametrize("command", ["plan", "drift", "status", "apply", "import"])
def test_files_below_desired_are_refused(site: Site, kind: str, command: str) -> None:
    path = site.desired / "deeper" / "file.toml"
    path.parent.mkdir()
    settings(path, "")
    path.chmod(0o600)
    ended = site.run(command, f"--{kind}", str(path))
    assert (ended.exit_code, ended.stdout) == (64, "")
    assert f"{path} lies below {site.desired}" in ended.stderr


def test_a_link_that_leads_below_desired_is_refused(site: Site) -> None:
    link = site.folder / "link.toml"
    link.symlink_to(settings(site.desired / "file.toml", ""))
    assert site.run("plan", "--settings", str(link)).exit_code == 64


def test_the_default_settings_are_refused_below_desired_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site.desired)
    settings(Path("kea-reconciler.toml"), "")
    ended = site.run_line("plan", "--desired", ".")
    assert ended.exit_code == 64
    assert "must not change this file" in ended.stderr


@pytest.mark.parametrize("forge", ["GITHUB_ACTIONS", "GITLAB_CI"])
def test_an_empty_name_of_settings_is_refused_in_a_job(site: Site, monkeypatch: pytest.MonkeyPatch, forge: str) -> None:
    """A variable whose name was misspelt is empty there, and would lift every limit without a word."""
    monkeypatch.setenv("KEA_RECONCILER_SETTINGS", "")
    assert site.run("plan").exit_code == 0
    monkeypatch.setenv(forge, "true")
    ended = site.run("plan")
    assert (ended.exit_code, ended.stdout) == (64, "")
    assert "KEA_RECONCILER_SETTINGS is empty in this job" in ended.stderr
    assert site.run("plan", "--settings", str(settings(site.folder / "s.toml", ""))).exit_code == 0
    monkeypatch.delenv("KEA_RECONCILER_SETTINGS")
    assert site.run("plan").exit_code == 0


@pytest.mark.parametrize("kind", ["settings", "credentials"])
def test_a_file_that_is_not_there_is_an_error(site: Site, kind: str) -> None:
    ended = site.run("plan", f"--{kind}", str(site.folder / "nowhere.toml"))
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "No such file or directory" in ended.stderr


def test_desired_comes_from_the_environment_or_the_working_directory(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site.run_line("validate").exit_code == 1
    monkeypatch.setenv("KEA_RECONCILER_DESIRED", str(site.desired))
    assert site.run_line("validate").exit_code == 0
    monkeypatch.delenv("KEA_RECONCILER_DESIRED")
    shutil.copytree(site.desired, "desired")
    assert site.run_line("validate").stdout == "desired is valid: 2 servers, 1 relationship.\n"
