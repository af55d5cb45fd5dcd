"""The rules of tests/conftest.py, on test files of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
WITHOUT_KEA = "import tests.conftest\ntests.conftest.kea_is_installed = lambda: False\n"


def run_tests(folder: Path, test: str, *, ci: str) -> str:
    """What pytest prints about the file `test` in `folder` under the rules of this project's conftest."""
    (folder / "test_it.py").write_text(f"import pytest\nfrom lab.kea import Service, base_configuration\n{test}")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, "--rootdir", str(folder)]
    finished = subprocess.run(
        [*command, "-o", "markers=kea: real", "-p", "no:cacheprovider", "-rs", str(folder)],
        cwd=CHECKOUT,
        env=os.environ | {"CI": ci},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return finished.stdout


@pytest.mark.parametrize(("ci", "closing"), [("", "1 passed, 1 skipped"), ("true", "1 passed, 1 error")])
def test_without_kea_a_test_of_the_real_thing_is_skipped_and_in_ci_it_fails(
    tmp_path: Path, ci: str, closing: str
) -> None:
    (tmp_path / "conftest.py").write_text(WITHOUT_KEA)
    test = "@pytest.mark.kea\ndef test_real(lab): lab.pair()\n\ndef test_other(): pass\n"
    printed = run_tests(tmp_path, test, ci=ci)
    assert closing in printed.splitlines()[-1]
    assert "needs the real daemons kea-dhcp4, kea-dhcp6 and kea-ctrl-agent (lab/install.sh installs them)" in printed


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


@pytest.mark.kea
def test_the_laboratory_is_only_for_tests_that_say_so(tmp_path: Path) -> None:
    printed = run_tests(tmp_path, "def test_unmarked(lab): lab.pair()\n", ci="")
    assert "1 error" in printed.splitlines()[-1]
    assert "must be marked kea" in printed
