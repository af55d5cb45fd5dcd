"""approvals/FINGERPRINT.yaml: what is read, what is refused and where, and that it asks for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired.load import load
from reconciler.desired.schema import schema
from reconciler.errors import FixInputError
from reconciler.planning.guard import CODES

MARK = "0123456789abcdef0123456789abcdef"
GOOD = "approve:\n  - {code: split-pools, reason: a quiet hour}\n  - {code: clock-skew, reason: known}\n"


@pytest.fixture
def desired(tmp_path: Path) -> Path:
    (tmp_path / "relationships").mkdir()
    (tmp_path / "servers.yaml").write_text(
        "servers:\n"
        '  kea-a: {dhcp4: {control: "http://192.0.2.1:8000/"}}\n'
        '  kea-b: {dhcp4: {control: "http://192.0.2.2:8000/"}}\n'
    )
    (tmp_path / "relationships" / "hq.yaml").write_text(
        "name: hq\nmode: hot-standby\npeers:\n"
        '  - {server: kea-a, role: primary, url: "http://192.0.2.1:8001/"}\n'
        '  - {server: kea-b, role: standby, url: "http://192.0.2.2:8001/"}\n'
    )
    return tmp_path


def write(desired: Path, text: str, name: str = f"{MARK}.yaml") -> Path:
    path = desired / "approvals" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_what_is_approved_for_which_plan(desired: Path) -> None:
    assert load(desired).approvals == {}
    file = write(desired, GOOD)
    found = load(desired).approvals
    assert [(each.code, each.reason) for each in found[MARK]] == [
        ("split-pools", "a quiet hour"),
        ("clock-skew", "known"),
    ]
    assert str(found[MARK][1].position) == f"{file}:3:5"


def test_it_asks_for_nothing(desired: Path) -> None:
    before = load(desired)
    write(desired, GOOD)
    after = load(desired)
    assert (after.revision, after.digest, after.relationships) == (before.revision, before.digest, before.relationships)


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("approve: []\n", "wrong-length", 1),
        ("approvals: []\n", "unknown-key", 1),
        ("approve:\n  - {code: split-pool, reason: x}\n", "value-not-allowed", 2),
        ("approve:\n  - {code: split-pools}\n", "missing-key", 2),
        ('approve:\n  - {code: split-pools, reason: ""}\n', "wrong-length", 2),
        ("approve:\n  - {code: split-pools, reason: x, name: y}\n", "unknown-key", 2),
        ("approve: [\n", "yaml-syntax", 2),
        ("", "yaml-empty", 1),
    ],
)
def test_what_is_wrong_has_its_place(desired: Path, text: str, rule: str, line: int) -> None:
    file = write(desired, text)
    with pytest.raises(FixInputError) as raised:
        load(desired)
    assert (str(file), line, rule) in {(p.position.file, p.position.line, p.rule) for p in raised.value.problems}
    assert all(problem.advice for problem in raised.value.problems)


@pytest.mark.parametrize("name", ["hq.yaml", f"{MARK[1:]}.yaml", f"{MARK.upper()}.yaml", f"{MARK}0.yml"])
def test_a_file_that_is_named_after_no_plan_is_a_problem(desired: Path, name: str) -> None:
    write(desired, GOOD, name)
    with pytest.raises(FixInputError, match="named after no plan"):
        load(desired)


def test_files_of_other_kinds_are_left_alone(desired: Path) -> None:
    write(desired, "how to", "README.md")
    write(desired, "nothing", ".hidden.yaml")
    assert load(desired).approvals == {}


def test_a_link_out_of_the_directory_is_not_followed(desired: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / f"{MARK}.yaml").write_text(GOOD)
    (desired / "approvals").symlink_to(elsewhere)
    with pytest.raises(FixInputError, match="leads out of"):
        load(desired)


def test_the_schema_knows_every_code() -> None:
    assert schema("approvals")["$defs"]["approval"]["properties"]["code"]["enum"] == list(CODES)
