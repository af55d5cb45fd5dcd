from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.desired.limits import Limits
from reconciler.desired.load import load
from reconciler.errors import FixInputError

BASE = Path(__file__).parent / "base"


@pytest.fixture
def desired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good desired state in ./desired."""
    shutil.copytree(BASE, tmp_path / "desired")
    monkeypatch.chdir(tmp_path)
    return Path("desired")


def said(desired: Path, limits: Limits | None = None) -> list[str]:
    """Load; return what is said, a line for each problem, without the advice."""
    try:
        problems = (load(desired, limits=limits) if limits else load(desired)).warnings
    except FixInputError as error:
        problems = error.problems
    return [str(problem).partition("\n")[0] for problem in problems]


def names(desired: Path) -> list[str]:
    return [relationship.name for relationship in load(desired).relationships]


def test_no_directory(desired: Path) -> None:
    assert said(Path("nowhere")) == ["nowhere: error: this directory does not exist [directory-missing]"]
    assert said(desired / "servers.yaml") == [
        "desired/servers.yaml: error: this is not a directory [directory-missing]"
    ]


def test_an_empty_directory_is_never_nothing_desired(desired: Path) -> None:
    (desired / "empty").mkdir()
    assert said(desired / "empty") == [
        "desired/empty/relationships: error: there is no relationship file here [nothing-desired]",
        "desired/empty/servers.yaml: error: the inventory does not exist [servers-missing]",
    ]
    with pytest.raises(FixInputError, match="The last one is removed by its file, with `state: absent` in it"):
        load(desired / "empty")


def test_relationships_without_a_file_that_counts(desired: Path) -> None:
    (desired / "relationships" / "good.yaml").rename(desired / "relationships" / ".good.yaml")
    (desired / "relationships" / "README.md").write_text("name: good")
    (desired / "relationships" / ".git").mkdir()
    (desired / "relationships" / ".git" / "x.yaml").write_text("name: x")
    assert said(desired) == ["desired/relationships: error: there is no relationship file here [nothing-desired]"]


def test_a_misspelt_inventory_is_recognised(desired: Path) -> None:
    (desired / "servers.yaml").rename(desired / "servers.yml")
    with pytest.raises(FixInputError) as caught:
        load(desired)
    assert str(caught.value) == (
        "desired/servers.yaml: error: the inventory does not exist [servers-missing]\n"
        "    Rename servers.yml to servers.yaml."
    )


def test_yaml_beside_the_inventory_is_warned_of(desired: Path) -> None:
    shutil.copy(desired / "relationships" / "good.yaml", desired / "hq.yml")
    assert said(desired) == ["desired/hq.yml: warning: this file is not read [file-not-read]"]
    assert names(desired) == ["good"]


def test_files_at_any_depth_and_with_either_ending(desired: Path) -> None:
    deep = desired / "relationships" / "sites" / "paris"
    deep.mkdir(parents=True)
    text = (desired / "relationships" / "good.yaml").read_text()
    (deep / "six.YML").write_text(text.replace("good", "six") + "service: dhcp6\n")
    assert names(desired) == ["good", "six"]


def test_the_same_name_in_two_files(desired: Path) -> None:
    text = (desired / "relationships" / "good.yaml").read_text()
    (desired / "relationships" / "later.yaml").write_text(f"{text}service: dhcp6\n")
    assert said(desired) == [
        (
            "desired/relationships/later.yaml:1:7: error: there is already a relationship good, "
            "at desired/relationships/good.yaml:1:7 [relationship-names-unique]"
        )
    ]


@pytest.mark.parametrize("name", ["servers.yaml", "relationships/good.yaml"])
def test_a_link_that_leads_outside_is_refused(desired: Path, name: str) -> None:
    shutil.move(desired / name, "elsewhere.yaml")
    (desired / name).symlink_to(Path("elsewhere.yaml").absolute())
    assert said(desired) == [f"desired/{name}: error: the link leads out of the directory [file-outside]"]


def test_a_directory_that_leads_outside_is_refused(desired: Path) -> None:
    shutil.move(desired / "relationships", "elsewhere")
    (desired / "relationships").symlink_to("../elsewhere")
    assert said(desired) == ["desired/relationships: error: the link leads out of the directory [file-outside]"]


def test_links_inside_are_followed_as_kubernetes_makes_them(desired: Path) -> None:
    (desired / "..2026").mkdir()
    for name in ("servers.yaml", "relationships"):
        shutil.move(desired / name, desired / "..2026" / name)
        (desired / name).symlink_to(f"..data/{name}")
    (desired / "..data").symlink_to("..2026")
    assert names(desired) == ["good"]


def test_a_linked_directory_further_down_is_said_not_skipped(desired: Path) -> None:
    shutil.copytree(desired / "relationships", "more")
    (desired / "relationships" / "more").symlink_to(Path("more").absolute())
    assert said(desired) == ["desired/relationships/more: error: a linked directory is not followed [file-irregular]"]


def test_links_in_a_circle_and_into_nothing(desired: Path) -> None:
    (desired / "relationships" / "a.yaml").symlink_to("b.yaml")
    (desired / "relationships" / "b.yaml").symlink_to("a.yaml")
    (desired / "relationships" / "c.yaml").symlink_to("nothing.yaml")
    assert said(desired) == [
        "desired/relationships/a.yaml: error: this can't be read: its links lead in a circle [file-unreadable]",
        "desired/relationships/b.yaml: error: this can't be read: its links lead in a circle [file-unreadable]",
        "desired/relationships/c.yaml: error: this can't be read: No such file or directory [file-unreadable]",
    ]


def test_what_is_no_regular_file_is_refused_without_waiting(desired: Path) -> None:
    os.mkfifo(desired / "relationships" / "pipe.yaml")
    (desired / "servers.yaml").unlink()
    (desired / "servers.yaml").mkdir()
    assert said(desired) == [
        "desired/relationships/pipe.yaml: error: this is not a regular file [file-irregular]",
        "desired/servers.yaml: error: this is not a regular file [file-irregular]",
    ]


@pytest.mark.parametrize("name", ["servers.yaml", "relationships/good.yaml", "relationships", "relationships/sub"])
def test_what_may_not_be_read_is_said_not_skipped(desired: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is played, so that the test says something when root runs it too."""
    (desired / "relationships" / "sub").mkdir()
    for function in ("open", "scandir"):
        monkeypatch.setattr(os, function, refusing(getattr(os, function), desired / name))
    expected = [f"desired/{name}: error: this can't be read: Permission denied [file-unreadable]"]
    if name == "relationships":
        expected.append("desired/relationships: error: there is no relationship file here [nothing-desired]")
    assert said(desired) == expected


def refusing(function: Callable[..., Any], path: Path) -> Callable[..., Any]:
    def wrapper(name: Any, *rest: Any, **more: Any) -> Any:
        if str(name) == str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(name))
        return function(name, *rest, **more)

    return wrapper


def test_a_name_that_would_write_a_line_of_its_own(desired: Path) -> None:
    (desired / "relationships" / "a\n::error::x.yaml").write_text("name: x")
    assert said(desired) == [
        (
            "desired/relationships: error: the name of a file in it, 'a\\n::error::x.yaml', "
            "has invisible characters [file-irregular]"
        )
    ]


def test_the_size_of_a_file(desired: Path) -> None:
    path = desired / "relationships" / "good.yaml"
    padding = 1024 * 1024 - path.stat().st_size
    with path.open("a") as file:
        file.write("#" * padding)
    assert names(desired) == ["good"]
    with path.open("a") as file:
        file.write("#")
    assert said(desired) == [
        "desired/relationships/good.yaml: error: the file is larger than 1048576 bytes [file-too-large]"
    ]


def test_the_number_of_files(desired: Path) -> None:
    assert said(desired, Limits(files=1)) == []
    shutil.copy(desired / "relationships" / "good.yaml", desired / "relationships" / "two.yaml")
    assert said(desired, Limits(files=1)) == [
        "desired/relationships: error: there are more than 1 files [too-many-files]"
    ]


def test_faults_of_all_files_are_said_at_once(desired: Path) -> None:
    (desired / "servers.yaml").write_text("servers:\n  kea-a: [\n")
    (desired / "relationships" / "bad.yaml").write_bytes(b"\xff")
    (desired / "relationships" / "good.yaml").write_text("name: on\n")
    assert said(desired) == [
        "desired/relationships/bad.yaml:1:1: error: the byte 0xff is not UTF-8 [yaml-encoding]",
        "desired/relationships/good.yaml:1:1: error: mode is missing [missing-key]",
        "desired/relationships/good.yaml:1:1: error: peers is missing [missing-key]",
        (
            "desired/relationships/good.yaml:1:7: error: name: 'on' is true or false to YAML 1.1 "
            "and text to YAML 1.2 [ambiguous-value]"
        ),
        (
            "desired/servers.yaml:3:1: error: this is not YAML: did not find expected node content "
            "(while parsing a flow node) [yaml-syntax]"
        ),
    ]
