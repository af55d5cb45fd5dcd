"""A runner for our template for GitLab: the scripts of a job in a shell, with the variables that GitLab sets."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cli.site import PROGRAM
from tests.fakes.forge import FakeForge
from tests.forge.jobs import ROOT, SECRET

TEMPLATE: dict[str, Any] = yaml.safe_load((ROOT / "contrib" / "gitlab" / "dhcp.gitlab-ci.yml").read_text())
_OF_THE_FILE = {"stages", "variables"}
_INSTALLED = "/tmp/kea"  # where the template puts the program
_TERM = re.compile(r"(\$\w+) (==|!=) (\$\w+|\"[^\"]*\")")


def jobs_of(variables: Mapping[str, str]) -> set[str]:
    """The jobs that are in a pipeline with these variables, by their rules."""
    return {
        name
        for name, job in TEMPLATE.items()
        if name not in _OF_THE_FILE and not name.startswith(".")
        if any(_holds(rule["if"], variables) for rule in job["rules"])
    }


def _holds(rule: str, variables: Mapping[str, str]) -> bool:
    found = []
    for term in rule.split(" && "):
        match = _TERM.fullmatch(term)
        assert match is not None, term
        left, right = (
            variables.get(each[1:]) if each.startswith("$") else each.strip('"') for each in (match[1], match[3])
        )
        found.append((left == right) is (match[2] == "=="))
    return all(found)


@dataclass
class Pipeline:
    """Where the jobs of a project run: its checkout, and the variables that GitLab and the project's settings give."""

    checkout: Path
    folder: Path
    variables: dict[str, str]
    output: str = ""  # of the job before, as the following
    exit_code: int = 0

    def run(self, name: str) -> bool:
        """Run a job's `before_script` and `script` in one shell, as GitLab does.

        Instead of what pip would install it has this program.
        """
        job = {**TEMPLATE[TEMPLATE[name]["extends"]], **TEMPLATE[name]}
        before = [line for line in job["before_script"] if "venv" not in line and "/pip " not in line]
        assert len(before) == len(job["before_script"]) - 2
        self._install()
        done = self._shell([*before, *job["script"]])
        self.output, self.exit_code = done.stdout + done.stderr, done.returncode
        assert "after_script" not in job, "where it fails, GitLab calls the job a success"
        return done.returncode == 0

    def _shell(self, lines: list[str]) -> subprocess.CompletedProcess[str]:
        variables = {**TEMPLATE["variables"], **self.variables}
        script = "\n".join(lines).replace(f"{_INSTALLED}/", f"{self.folder}/kea/")
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
            cwd=self.checkout,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def _install(self) -> None:
        program = self.folder / "kea" / "bin" / "kea-reconciler"
        program.parent.mkdir(parents=True, exist_ok=True)
        if not program.exists():
            program.symlink_to(PROGRAM)


def given(forge: FakeForge, folder: Path) -> dict[str, str]:
    """The variables of every job: GitLab's own, the project's, and those of the runner."""
    credentials, settings = folder / "CREDENTIALS", folder / "settings.toml"
    credentials.write_text(f'["http://192.0.2.99:8000"]\nuser = "x"\npassword = "{SECRET}"\n')
    credentials.chmod(0o666)  # as GitLab leaves variables of type File
    settings.write_text('[network]\nallow = ["127.0.0.0/8"]\n')
    return {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": forge.address,
        "CI_PROJECT_ID": "42",
        "CI_DEFAULT_BRANCH": "main",
        "GITLAB_TOKEN": forge.token,
        "KEA_RECONCILER_CREDENTIALS": str(credentials),
        "KEA_RECONCILER_SETTINGS": str(settings),
        "KEA_RECONCILER_STATE_DIR": str(folder / "state"),
    }
