"""A runner for the steps that our workflows have in a shell: in order, with their variables, on this machine."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cli.site import PROGRAM

ROOT = Path(__file__).parents[2]


@dataclass
class Runner:
    """A job's surroundings: the checkout that it starts in, its folder for the moment, and what expressions say."""

    checkout: Path
    folder: Path
    values: dict[str, str]
    environment: dict[str, str]
    output: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)

    def run(self, workflow: str, job: str) -> bool:
        """Run the shell of a job's steps, as the runner does; whether all of them went well.

        Instead of what pip would install it has this program, and what actions do is left out.
        """
        told: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text())
        self._install()
        self.output, is_well = "", True
        for step in told["jobs"][job]["steps"]:
            if "run" not in step or step["name"] == "Install" or not (is_well or "if" in step):
                continue
            assert step.get("if", "${{ !cancelled() }}") == "${{ !cancelled() }}"
            went_well = self._step(step)
            self.outcomes[step.get("id", step["name"])] = "success" if went_well else "failure"
            is_well = is_well and went_well
        return is_well

    def _step(self, step: dict[str, Any]) -> bool:
        own = {name: self._resolved(str(value)) for name, value in step.get("env", {}).items()}
        usual = {"RUNNER_TEMP": str(self.folder), "GITHUB_WORKSPACE": str(self.checkout), "PATH": os.environ["PATH"]}
        script = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        ended = subprocess.run(
            script,
            cwd=self.checkout,
            env={**usual, **self.environment, **own},
            capture_output=True,
            text=True,
            check=False,
        )
        self.output += ended.stdout + ended.stderr
        return ended.returncode == 0

    def _resolved(self, text: str) -> str:
        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: self._value(found[1]), text)

    def _value(self, expression: str) -> str:
        if step := re.fullmatch(r"steps\.(\w+)\.outcome", expression):
            return self.outcomes[step[1]]
        return {"runner.temp": str(self.folder), **self.values}[expression]

    def _install(self) -> None:
        program = self.folder / "kea" / "bin" / "kea-reconciler"
        program.parent.mkdir(parents=True, exist_ok=True)
        if not program.exists():
            program.symlink_to(PROGRAM)
