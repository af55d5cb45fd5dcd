"""Shell completion: scripts for three shells, and what they offer."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.cli import cli
from reconciler.cli.completion import SHELLS
from tests.cli.site import PROGRAM, run, run_process

SERVERS = "servers:\n" + "".join(
    f'  {name}:\n    dhcp4: {{control: "http://192.0.2.{number}:8000/"}}\n'
    for number, name in enumerate(("kea-a", "kea-b", "other"), 10)
)
RELATIONSHIP = """\
name: {name}
mode: hot-standby
peers:
  - {{server: kea-a, role: primary, url: "http://192.0.2.10:8001/"}}
  - {{server: kea-b, role: standby, url: "http://192.0.2.11:8001/"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Desired state that is not without faults: two relationships share their servers."""
    (tmp_path / "mine" / "relationships").mkdir(parents=True)
    (tmp_path / "mine" / "servers.yaml").write_text(SERVERS)
    for name in ("hq-dhcp4", "branch"):
        (tmp_path / "mine" / "relationships" / f"{name}.yaml").write_text(RELATIONSHIP.format(name=name))
    return tmp_path / "mine"


def is_missing(shell: str) -> bool:
    """Whether there is no such shell to try it in. In CI there has to be."""
    return shutil.which(shell) is None and os.environ.get("CI") != "true"


def offered(words: str, shell: str = "bash", **variables: str) -> list[str]:
    """What the program offers for the last word of a line, as it tells a shell."""
    cursor = str(len(words.split(" ")) - 1)
    if shell == "fish":
        cursor = words.rpartition(" ")[2]
    environment = {**os.environ, "_KEA_RECONCILER_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, **variables}
    ended = run_process(env={**environment, "COMP_CWORD": cursor})
    assert ended.stderr == ""
    return ended.stdout.split()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(shell: str) -> None:
    ended = run("completion", shell)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert f"_KEA_RECONCILER_COMPLETE={shell}_complete" in ended.stdout
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=ended.stdout, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_an_unknown_shell_is_refused() -> None:
    ended = run("completion", "tcsh")
    assert ended.exit_code == 64
    assert "'bash', 'zsh', 'fish'" in ended.stderr


def test_commands_are_offered() -> None:
    assert offered("kea-reconciler re") == ["plain,reconcile-now", "plain,resume", "plain,reset"]
    assert len(offered("kea-reconciler ")) == len(cli.commands)


@pytest.mark.parametrize("shell", SHELLS)
def test_relationships_are_offered(folder: Path, shell: str) -> None:
    told = " ".join(offered(f"kea-reconciler plan --desired {folder} --relationship h", shell))
    assert "hq-dhcp4" in told
    assert "branch" not in told


@pytest.mark.parametrize("command", ["promote", "rollback", "suspend", "resume", "leases compare", "history list"])
def test_relationships_are_offered_as_arguments(folder: Path, command: str) -> None:
    found = offered(f"kea-reconciler {command} ", KEA_RECONCILER_DESIRED=str(folder))
    assert found == ["plain,branch", "plain,hq-dhcp4"]


@pytest.mark.parametrize("command", ["sync", "reset", "continue", "enable", "maintenance start"])
def test_servers_are_offered(folder: Path, command: str) -> None:
    line = f"kea-reconciler {command} kea"
    assert offered(line, KEA_RECONCILER_DESIRED=str(folder)) == ["plain,kea-a", "plain,kea-b"]


def test_forms_and_objections_are_offered() -> None:
    every = ["plain,text", "plain,json", "plain,markdown", "plain,github"]
    assert offered("kea-reconciler plan --format ") == every
    assert offered("kea-reconciler plan --format ma") == ["plain,markdown"]
    assert offered("kea-reconciler apply --approve authority-s") == ["plain,authority-shrunk"]


@pytest.mark.parametrize("words", ["plan --relationship ", "sync "])
def test_without_files_there_is_nothing_to_offer(words: str) -> None:
    assert offered(f"kea-reconciler {words}") == []


@pytest.mark.skipif(is_missing("fish"), reason="fish is not installed")
def test_fish_offers_it(folder: Path, tmp_path: Path) -> None:
    """The script in a real fish, which says itself what it would offer."""
    line = f"kea-reconciler plan --desired {folder} --relationship "
    script = f"set -x PATH {Path(PROGRAM).parent} $PATH\nkea-reconciler completion fish | source\ncomplete -C '{line}'"
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    ended = subprocess.run(
        ["fish", "--no-config", "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert ended.stdout.split() == ["branch", "hq-dhcp4"]


ZSH = """\
PATH={programs}:$PATH
autoload -Uz compinit && compinit -u -D
compdef() { :; }
compadd() { print -r -- $completions; }
eval "$(kea-reconciler completion zsh)"
words=(kea-reconciler plan --desired {folder} --relationship '')
CURRENT=6
_kea_reconciler_completion
"""


@pytest.mark.skipif(is_missing("zsh"), reason="zsh is not installed")
def test_zsh_offers_it(folder: Path, tmp_path: Path) -> None:
    """The script's function in a real zsh, with the words of a line; what it would offer is written down."""
    script = ZSH.replace("{programs}", str(Path(PROGRAM).parent)).replace("{folder}", str(folder))
    ended = subprocess.run(
        ["zsh", "-f", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert ended.stdout.split() == ["branch", "hq-dhcp4"]


def test_bash_takes_what_is_offered(folder: Path) -> None:
    """The script in a real bash, with the installed program."""
    script = f"""
        PATH={Path(PROGRAM).parent}:$PATH
        eval "$(kea-reconciler completion bash)"
        complete -p kea-reconciler
        COMP_WORDS=(kea-reconciler plan --desired {folder} --relationship b)
        COMP_CWORD=5
        _kea_reconciler_completion kea-reconciler
        echo "${{COMPREPLY[@]}}"
    """
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [
        "complete -o nosort -F _kea_reconciler_completion kea-reconciler",
        "branch",
    ]
