"""`init`: the first files, from options and from answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired.load import load
from reconciler.model import Endpoint, Mode, Role, Service
from tests.cli.schemas import assert_schemas_resolve
from tests.cli.site import PROGRAM, Run, run
from tests.cli.terminal import Terminal

A = ("--peer", "kea-a", "http://192.0.2.10:8000/", "http://192.0.2.10:8001/")
B = ("--peer", "kea-b", "http://192.0.2.11:8000/", "http://192.0.2.11:8001/")
C = ("--peer", "kea-c", "unix:/run/kea/kea4-ctrl-socket", "http://192.0.2.12:8001/")


def init(folder: Path, *arguments: str) -> Run:
    return run("init", "--desired", str(folder), *arguments)


@pytest.mark.parametrize("service", list(Service))
@pytest.mark.parametrize(
    ("mode", "servers", "roles"),
    [
        (Mode.HOT_STANDBY, (A, B), "primary standby"),
        (Mode.LOAD_BALANCING, (A, B, C), "primary secondary backup"),
        (Mode.PASSIVE_BACKUP, (A,), "primary"),
        (Mode.PASSIVE_BACKUP, (A, B, C), "primary backup backup"),
    ],
)
def test_from_options(
    tmp_path: Path, mode: Mode, servers: tuple[tuple[str, ...], ...], roles: str, service: Service
) -> None:
    folder = tmp_path / "mine"
    given = ["--name", "hq", "--ha-mode", mode.value, "--service", service.value, *sum(servers, ())]
    ended = init(folder, *given)
    assert (ended.exit_code, ended.stderr) == (0, f"Next: kea-reconciler plan --desired {folder}\n")
    assert ended.stdout.splitlines() == [
        f"wrote {folder}/servers.yaml",
        f"wrote {folder}/relationships/hq.yaml",
        f"wrote {folder}/.schemas/, by which editors check these files",
    ]
    desired = load(folder)
    assert desired.warnings == ()
    (relationship,) = desired.relationships
    assert (relationship.name, relationship.mode, relationship.service) == ("hq", mode, service)
    assert [(each.server, each.url, each.role) for each in relationship.peers] == [
        (server[1], server[3], Role(role)) for server, role in zip(servers, roles.split(), strict=True)
    ]
    assert list(desired.endpoints.values()) == [Endpoint(each[1], service, each[2]) for each in servers]
    assert_schemas_resolve(folder)
    assert run("validate", "--desired", str(folder)).exit_code == 0


def test_the_service_is_dhcp4_where_servers_are_given_and_it_is_not(tmp_path: Path) -> None:
    assert init(tmp_path / "mine", "--name", "hq", "--ha-mode", "hot-standby", *A, *B).exit_code == 0
    assert load(tmp_path / "mine").relationships[0].service is Service.DHCP4


def test_what_is_missing_is_named_where_nobody_can_be_asked(tmp_path: Path) -> None:
    ended = run("init", "--desired", str(tmp_path / "mine"), "--ha-mode", "hot-standby")
    assert ended.exit_code == 64
    assert "--name, --peer must be given" in ended.stderr
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--name", "hq", "--ha-mode", "hot-standby", *A), "[mode-roles]"),
        (("--name", "h q", "--ha-mode", "hot-standby", *A, *B), "/relationships/h-q.yaml:2:7"),
        (("--name", "hq", "--ha-mode", "passive-backup", *A[:3], "http://kea-a:8001/"), "IP address"),
        (("--name", "hq", "--ha-mode", "passive-backup", "--peer", "a", "ftp://x/", A[3]), "is not a URL"),
    ],
)
def test_nothing_is_written_that_would_be_wrong(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    ended = init(tmp_path / "mine", *arguments)
    assert ended.exit_code == 1
    assert ended.stderr.startswith("Nothing was written, since the files would be wrong:\n")
    assert told in ended.stderr
    assert str(tmp_path / "mine") in ended.stderr
    assert not (tmp_path / "mine").exists()


def test_a_server_given_twice_is_refused(tmp_path: Path) -> None:
    ended = init(tmp_path / "mine", "--name", "hq", "--ha-mode", "hot-standby", *A, *A)
    assert ended.exit_code == 64
    assert "the server kea-a is given twice" in ended.stderr


@pytest.mark.parametrize("name", ["servers.yaml", "relationships/hq.yaml"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine\n")
    ended = init(tmp_path, "--name", "hq", "--ha-mode", "hot-standby", *A, *B)
    assert ended.exit_code == 1
    assert f"{path} already there; init overwrites nothing" in ended.stderr
    assert [each.read_text() for each in tmp_path.rglob("*.yaml")] == ["mine\n"]


def test_schemas_that_are_there_stay(tmp_path: Path) -> None:
    mine = tmp_path / ".schemas" / "servers.schema.json"
    mine.parent.mkdir()
    mine.write_text("{}")
    assert init(tmp_path, "--name", "hq", "--ha-mode", "hot-standby", *A, *B).exit_code == 0
    assert mine.read_text() == "{}"
    assert (tmp_path / ".schemas" / "relationship.schema.json").exists()


def test_what_another_server_has_is_asked_for_again_at_once(tmp_path: Path) -> None:
    again = "Error: another server has this already"
    a, b = "http://192.0.2.10", "http://192.0.2.11"
    line = [PROGRAM, "init", "--desired", str(tmp_path), "--name", "hq", "--ha-mode", "hot-standby"]
    with Terminal([*line, "--service", "dhcp4"]) as terminal:
        for question, answer in (
            ("Name of the primary [kea-a]: ", "kea-b"),
            ("Where kea-b takes commands", f"{a}:8000/"),
            (f"a port of its own) [{a}:8001/]: ", ""),
            ("Name of the standby [kea-c]: ", "kea-b"),
            (f"kea-b\n{again}", "kea-a"),
            ("Where kea-a takes commands", f"{a}:8000"),
            (f"{a}:8000\n{again}", f"{b}:8000/"),
            ("Where its peers reach kea-a (by", f"{a}:08001/"),
            (f"{a}:08001/\n{again}", ""),
        ):  # fmt: skip
            terminal.wait_for(question)
            terminal.type(f"{answer}\n")
        terminal.wait_for("Is there a backup server")
        terminal.type("\n")
        assert terminal.end() == 0
    (relationship,) = load(tmp_path).relationships
    assert [(each.server, each.url) for each in relationship.peers] == [
        ("kea-b", f"{a}:8001/"),
        ("kea-a", f"{b}:8001/"),
    ]


def test_from_answers(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    with Terminal([PROGRAM, "init", "--desired", str(folder)], has_stdout=False) as terminal:
        for question, answer in (
            ("Name of the relationship [hq-dhcp4]: ", "h q"),
            ("A relationship's name is made of letters", ""),
            ("Service (dhcp4, dhcp6) [dhcp4]: ", ""),
            ("Mode (hot-standby, load-balancing, passive-backup) [hot-standby]: ", ""),
            ("Name of the primary [kea-a]: ", "-one"),
            ("A server's name is made of letters", "one"),
            ("Where one takes commands", "192.0.2.10"),
            ("it begins with none of http://", "http://192.0.2.10:8000/"),
            ("Where its peers reach one (by IP address; on Kea 2.2 its control agent, later a port of its own) ", ""),
            ("Name of the standby [kea-b]: ", ""),
            ("Where kea-b takes commands", "http://[2001:db8::b]:8000/"),
            ("[http://[2001:db8::b]:8001/]: ", "http://kea-b:8001/"),
            ("Kea takes an IP address here, never a name", "http://192.0.2.11:8001/"),
            ("Is there a backup server (another one)? [y/N]: ", "y"),
            ("Name of the backup [kea-c]: ", "third"),
            ("Where third takes commands", "unix:/run/kea/kea4-ctrl-socket"),
            ("Where its peers reach third", "http://192.0.2.12:8001/"),
        ):  # fmt: skip
            terminal.wait_for(question)
            terminal.type(f"{answer}\n")
        terminal.wait_for("(another one)? [y/N]: y")
        terminal.wait_for("http://192.0.2.12:8001/\nIs there a backup server")
        terminal.type("\n")
        assert terminal.end() == 0
    assert terminal.piped.startswith(f"wrote {folder}/servers.yaml\n")
    (relationship,) = load(folder).relationships
    assert [(each.server, each.role.value, each.url) for each in relationship.peers] == [
        ("one", "primary", "http://192.0.2.10:8001/"),
        ("kea-b", "standby", "http://192.0.2.11:8001/"),
        ("third", "backup", "http://192.0.2.12:8001/"),
    ]
