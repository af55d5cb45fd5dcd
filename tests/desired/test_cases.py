"""One bad file for each fault, in cases/<rule>/; all that is said about it is compared with the text beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reconciler.desired.load import load
from reconciler.errors import FixInputError
from reconciler.model import Problem

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*/*.yaml"))


def problems_of(case: Path, desired: Path) -> tuple[Problem, ...]:
    """Load the bad file of a case, as the inventory or as a relationship, with a good file for the other."""
    (desired / "relationships").mkdir()
    if case.stem.startswith("servers"):
        shutil.copy(case, desired / "servers.yaml")
        shutil.copy(HERE / "base" / "relationships" / "good.yaml", desired / "relationships")
    else:
        shutil.copy(HERE / "base" / "servers.yaml", desired)
        shutil.copy(case, desired / "relationships" / "bad.yaml")
    try:
        return load(Path()).warnings
    except FixInputError as error:
        return error.problems


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_everything_that_is_said_about_a_fault(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    problems = problems_of(case, tmp_path)
    assert "\n".join(map(str, problems)) == case.with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")
    assert {problem.rule for problem in problems} == {case.parent.name}


def test_no_secret_of_a_case_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_secrets = [case for case in CASES if "swordfish" in case.read_text(encoding="utf-8")]
    assert len(with_secrets) == 5
    for number, case in enumerate(with_secrets):
        desired = tmp_path / str(number)
        desired.mkdir()
        monkeypatch.chdir(desired)
        assert "swordfish" not in "".join(map(str, problems_of(case, desired)))
