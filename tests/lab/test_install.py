from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.process import wait_until

KEA = ["kea-dhcp4-server", "kea-dhcp6-server", "kea-ctrl-agent"]
CHECKOUT = Path(__file__).parents[2]
SCRIPT = CHECKOUT / "lab" / "install.sh"


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `script` with the functions of install.sh, which then takes `policy` in its folder for Debian's."""
    return subprocess.run(
        ["bash", "-c", f'source {SCRIPT}\nas_root() {{ "$@"; }}\n{script}'],
        env=os.environ | {"CI": ""} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("apt_succeeds", [True, False])
def test_services_are_held_back_only_while_packages_are_installed(tmp_path: Path, *, apt_succeeds: bool) -> None:
    script = f"""
        POLICY={tmp_path}/policy
        apt_get() {{ sh "$POLICY"; echo "$1 $?" >> {tmp_path}/seen; {"true" if apt_succeeds else "false"}; }}
        install_packages kea-dhcp4-server
    """
    finished = run(script)
    assert (finished.returncode == 0) is apt_succeeds
    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen == (["update 101", "install 101"] if apt_succeeds else ["update 101"])
    assert not (tmp_path / "policy").exists()


def test_services_are_released_when_the_installation_is_interrupted(tmp_path: Path) -> None:
    apt_get = f"apt_get() {{ sleep 30 & touch {tmp_path}/begun; wait $!; }}"
    script = f"POLICY={tmp_path}/policy; {apt_get}; install_packages kea-admin"
    command = ["bash", "-c", f'source {SCRIPT}\nas_root() {{ "$@"; }}\n{script}']
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as installation:
        assert wait_until((tmp_path / "begun").exists, 10)
        assert (tmp_path / "policy").exists()
        os.killpg(installation.pid, signal.SIGTERM)
        assert installation.wait(10) != 0
    assert not (tmp_path / "policy").exists()


def test_a_policy_that_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "policy").write_text("#!/bin/sh\nexit 0 # somebody else's\n")
    finished = run(f"POLICY={tmp_path}/policy; apt_get() {{ :; }}; install_packages kea-admin")
    assert finished.returncode == 0
    assert (tmp_path / "policy").read_text() == "#!/bin/sh\nexit 0 # somebody else's\n"


def test_a_passing_failure_of_apt_is_tried_again(tmp_path: Path) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text(f"#!/bin/sh\necho try >> {tmp_path}/tries; test $(wc -l < {tmp_path}/tries) -ge 3\n")
    apt.chmod(0o755)
    finished = run("sleep() { :; }; apt_get update", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert finished.returncode == 0
    assert (tmp_path / "tries").read_text() == "try\n" * 3
    assert finished.stderr.count("failed, again in") == 2


def test_where_nothing_may_be_installed_it_says_what_is_missing_and_goes_on_without_kea() -> None:
    script = "missing_packages() { echo kea-dhcp4-server; }; may_install() { false; }; has() { false; }; "
    finished = run(script + "ensure_packages everything; check_kea")
    assert finished.returncode == 0
    assert "missing here: kea-dhcp4-server" in finished.stderr
    assert "the demo uses simulated servers" in finished.stderr
    in_ci = run(script + "ensure_packages everything; check_kea", CI="true")
    assert in_ci.returncode == 1
    assert "CI=true demands it" in in_ci.stderr


def test_only_what_is_missing_is_installed() -> None:
    none = run("has() { true; }; find_python() { echo python3; }; missing_packages everything")
    assert none.stdout == ""
    programs = "ssh-keygen systemd-analyze chromium"
    some = run(f'has() {{ case " {programs} " in *" $1 "*) false; esac; }}; missing_packages everything')
    assert some.stdout.split() == ["openssh-client", "systemd", "chromium", "fonts-dejavu-core"]
    bare = run("has() { [ $1 != chromium ]; }; missing_packages without-kea")
    assert "chromium" not in bare.stdout


@pytest.mark.parametrize(("what", "packages"), [("for-demo", KEA), ("for-simulated-demo", [])])
def test_the_demo_takes_no_more_than_it_needs(what: str, packages: list[str]) -> None:
    told = run(f"has() {{ false; }}; find_python() {{ echo python3; }}; missing_packages {what}")
    assert sorted(told.stdout.split()) == sorted(["git", *packages])
    script = (
        f'cd() {{ :; }}; ensure_packages() {{ echo "packages $1"; }}; check_kea() {{ echo kea; }}; '
        f"make_environment() {{ echo environment; }}; ensure_trees() {{ echo trees; }}; main --{what}"
    )
    assert run(script).stdout.split("\n")[:-1] == [f"packages {what}", *(["kea"] if packages else []), "environment"]


def test_an_unknown_option_is_refused() -> None:
    finished = subprocess.run([SCRIPT, "--everything"], capture_output=True, text=True, check=False, timeout=60)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert "usage: lab/install.sh [--without-kea | --for-demo | --for-simulated-demo]" in finished.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without dependencies, beside the script."""
    (tmp_path / "lab").mkdir()
    shutil.copy2(SCRIPT, tmp_path / "lab")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'nothing'\nversion = '1'\n")
    return tmp_path


def environment_of(project: Path, *, is_installed: str = "true") -> subprocess.CompletedProcess[str]:
    """Make the project's environment, with a `python` that notes the call instead of installing anything."""
    stand_in = project / "python"
    stand_in.write_text(f"""#!/bin/sh
        case "$1 $2" in
        "-m venv") mkdir -p .venv/bin; cp {stand_in} .venv/bin/python; rm -f .venv/made-from;;
        "-m pip") echo "$@" >> {project}/installed; {is_installed};;
        *) exec {sys.executable} "$@";;
        esac""")
    stand_in.chmod(0o755)
    return subprocess.run(
        [project / "lab" / "install.sh", "--without-kea"],
        env=os.environ | {"PYTHON": str(stand_in)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_environment_is_made_once_and_again_when_the_project_changes(project: Path) -> None:
    installed = project / "installed"
    assert environment_of(project).returncode == 0
    assert installed.read_text().splitlines() == [
        "-m pip install --quiet --disable-pip-version-check --editable .[dev]"
    ]
    again = environment_of(project)
    assert (again.returncode, "making .venv" in again.stderr) == (0, False)
    assert len(installed.read_text().splitlines()) == 1
    with (project / "pyproject.toml").open("a") as file:
        file.write("dependencies = []\n")
    assert environment_of(project).returncode == 0
    assert len(installed.read_text().splitlines()) == 2


def test_a_failed_installation_is_begun_again(project: Path) -> None:
    assert environment_of(project, is_installed="false").returncode != 0
    assert environment_of(project).returncode == 0
    assert len((project / "installed").read_text().splitlines()) == 2


def test_a_python_that_is_too_old_is_not_taken(project: Path) -> None:
    old = project / "old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    found = subprocess.run(
        ["bash", "-c", f"source {SCRIPT}; find_python"],
        env=os.environ | {"PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert found.stdout.strip() != str(old)
    assert (
        subprocess.run(
            [found.stdout.strip(), "-c", "import sys; assert sys.version_info >= (3, 11)"], check=False
        ).returncode
        == 0
    )
