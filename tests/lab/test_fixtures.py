"""The rules of tests/conftest.py, on test files of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
WITHOUT_KEA = "from lab.kea import Generation\nGeneration.missing = lambda self: f'no Kea {self}'\n"


def run_tests(folder: Path, test: str, *options: str, ci: str = "", wanted: Sequence[str] = ("2.2",)) -> str:
    """What pytest prints about the file `test` in `folder` under the rules of this project's conftest.

    Real daemons are of the `wanted` generations only.
    """
    (folder / "test_it.py").write_text(f"import pytest\nfrom lab.kea import Service, base_configuration\n{test}")
    chosen = [f"--generation={series}" for series in wanted]
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, "--rootdir", str(folder)]
    command += ["-o", "markers=kea: real\ngenerations: these\nprogram(name): needed", "-p", "no:cacheprovider", "-rs"]
    finished = subprocess.run(
        [*command, *options, *chosen, str(folder)],
        cwd=CHECKOUT,
        env=os.environ | {"CI": ci},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return finished.stdout


@pytest.mark.parametrize(
    ("ci", "closing"), [("", "1 passed, 1 skipped, 2 deselected"), ("true", "1 passed, 2 deselected, 1 error")]
)
def test_without_kea_a_test_of_the_real_thing_is_skipped_and_in_ci_it_fails(
    tmp_path: Path, ci: str, closing: str
) -> None:
    (tmp_path / "conftest.py").write_text(WITHOUT_KEA)
    test = "@pytest.mark.kea\ndef test_real(lab): lab.pair()\n\ndef test_other(): pass\n"
    printed = run_tests(tmp_path, test, ci=ci)
    assert closing in printed.splitlines()[-1]
    assert "needs the real daemons kea-dhcp4, kea-dhcp6 and kea-ctrl-agent: no Kea 2.2" in printed


@pytest.mark.parametrize(("ci", "closing"), [("", "1 passed, 1 skipped"), ("true", "1 passed, 1 error")])
def test_without_its_program_a_test_is_skipped_and_in_ci_it_fails(tmp_path: Path, ci: str, closing: str) -> None:
    test = "@pytest.mark.program('sh', 'no-such')\ndef test_it(): pass\n\ndef test_other(): pass\n"
    printed = run_tests(tmp_path, test, ci=ci)
    assert closing in printed.splitlines()[-1]
    assert "needs no-such (lab/install.sh installs the package)" in printed


@pytest.mark.kea
def test_a_failed_test_shows_its_daemons_logs_without_their_secrets(tmp_path: Path) -> None:
    test = """
@pytest.mark.kea
def test_real(lab):
    body = base_configuration(Service.DHCP4, user_context={"api-token": "canary" + "-4711"})
    server = lab.server("kea-x", {Service.DHCP4: body})
    (server.folder(Service.DHCP4) / "output").write_text("said canary" + "-4711")
    assert server.command(Service.DHCP4, "no-such-command")["result"] == 0
"""
    printed = run_tests(tmp_path, test, ci="true")
    assert "1 failed" in printed.splitlines()[-1]
    assert "log of kea-x (agent)" in printed
    assert "log of kea-x (dhcp4)" in printed
    assert "Received command 'no-such-command'" in printed
    assert "said (hidden)" in printed
    assert "canary-4711" not in printed


def test_a_test_of_the_real_thing_runs_on_each_generation_that_it_does_not_exclude(tmp_path: Path) -> None:
    tests = """
@pytest.mark.kea
def test_each(lab): pass

@pytest.mark.kea
@pytest.mark.generations("2.6", "3.0")
def test_newer(generation): pass

@pytest.mark.kea
def test_oldest(): pass

def test_none(): pass
"""
    everything = run_tests(tmp_path, tests, "--collect-only", "-q", wanted=())
    names = [line.partition("::")[2] for line in everything.splitlines() if "::" in line]
    each = [f"test_each[{series}]" for series in ("2.2", "2.6", "3.0")]
    assert sorted(names) == sorted([*each, "test_newer[2.6]", "test_newer[3.0]", "test_oldest", "test_none"])
    newest = run_tests(tmp_path, tests, "--collect-only", "-q", wanted=["3.0"])
    assert [line.partition("::")[2] for line in newest.splitlines() if "::" in line] == [
        "test_each[3.0]",
        "test_newer[3.0]",
        "test_none",
    ]


@pytest.mark.kea
def test_the_laboratory_is_only_for_tests_that_say_so(tmp_path: Path) -> None:
    printed = run_tests(tmp_path, "def test_unmarked(lab): lab.pair()\n")
    assert "3 errors" in printed.splitlines()[-1]
    assert "must be marked kea" in printed
