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
from tests.fakes.forge import FakeForge

ROOT = Path(__file__).parents[2]
EVENT = Path(__file__).with_name("pull_request.json")
SECRET = "a-password-of-the-agent"


def on_github(forge: FakeForge, checkout: Path, folder: Path, event: Path) -> Runner:
    """A runner of our own in a job of GitHub that `event` is about; its folders are made in `folder`."""
    (folder / "runner").mkdir()
    settings = folder / "settings.toml"
    settings.write_text('[network]\nallow = ["127.0.0.0/8"]\n')
    values = {
        "inputs.desired": "desired",
        "inputs.name": "",
        "inputs.reviewed": "true",
        "inputs.state-directory": str(folder / "state"),
        "inputs.settings": str(settings),
        "secrets.KEA_CREDENTIALS": f'["http://192.0.2.99:8000"]\nuser = "x"\npassword = "{SECRET}"',
        "secrets.KEA_PLAN_KEY": "",
        "github.token": forge.token,
    }
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": forge.address,
        "GITHUB_REPOSITORY": "acme/dhcp",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "5",
        "HOME": str(folder),
    }
    return Runner(checkout, folder / "runner", values, environment)


@dataclass
class Runner:
    """A job's surroundings: the checkout that it starts in, its folder for the moment, and what expressions say."""

    checkout: Path
    folder: Path
    values: dict[str, str]
    environment: dict[str, str]
    output: str = ""  # of the run before, as the following two
    exit_code: int = 0
    outcomes: dict[str, str] = field(default_factory=dict)

    def run(self, workflow: str, job: str) -> bool:
        """Run the shell of a job's steps, as the runner does; whether all of them went well.

        Instead of what pip would install it has this program, and what actions do is left out.
        """
        told: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text())
        self._install()
        self.output, self.exit_code, is_well = "", 0, True
        for step in told["jobs"][job]["steps"]:
            if "run" not in step or step["name"] == "Install" or not self._is_due(step.get("if"), is_well=is_well):
                continue
            went_well = self._step(step)
            self.outcomes[step.get("id", step["name"])] = "success" if went_well else "failure"
            is_well = is_well and went_well
        return is_well

    def _is_due(self, condition: str | None, *, is_well: bool) -> bool:
        """Whether a step is to be run, by the conditions that our workflows have."""
        if condition == "${{ !cancelled() }}":
            return True
        told = re.fullmatch(r"\$\{\{ (!?)(inputs\.\w+) \}\}", condition) if condition else None
        assert condition is None or told, condition
        return is_well and (told is None or (self._value(told[2]) == "true") is not bool(told[1]))

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
        self.exit_code = ended.returncode or self.exit_code
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
