"""Every exit code, reached by what really happens. (4, the world changed, needs a person: see test_question.)"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.kea import hooks
from reconciler.model import Mode, Service
from reconciler.simulator import Kind, Release
from tests.cli.site import Site, subnet
from tests.reports.schemas import OUTCOME

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.simulator import World

SUBNET = subnet(Service.DHCP4, 2)


def add_subnet(config: dict[str, Any]) -> None:
    config["subnet4"] = [*config["subnet4"], SUBNET]


def empty(config: dict[str, Any]) -> None:
    config["subnet4"] = []


@pytest.mark.parametrize("command", ["plan", "drift", "status", "apply"])
def test_0_when_all_is_as_desired(pair: Site, command: str) -> None:
    options = {"apply": ["--yes", "--detailed-exitcode"], "status": []}.get(command, ["--detailed-exitcode"])
    assert pair.run(command, *options).exit_code == 0
    assert pair.sent() == []


def test_0_when_everything_was_applied(site: Site) -> None:
    done = site.run("apply", "--yes")
    assert done.exit_code == 0
    assert done.stdout.endswith("Apply: 2 applied, of 2 servers in 1 relationship.\n")
    assert site.run("status").exit_code == 0


@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.PASSIVE_BACKUP])
def test_0_where_no_other_server_tells_that_a_listener_is_open(world: World, tmp_path: Path, mode: Mode) -> None:
    site = Site(world, tmp_path, Release.KEA_3_0)
    site.add_pair(mode=mode, servers=("kea-a", "kea-b", "kea-c"))
    done = site.run("apply", "--yes")
    assert done.exit_code == 0, done
    assert site.run("status").exit_code == 0


def test_0_or_2_when_there_are_changes(site: Site) -> None:
    assert site.run("plan").exit_code == 0
    assert site.run("plan", "--detailed-exitcode").exit_code == 2
    assert site.run("apply", "--yes", "--detailed-exitcode").exit_code == 2
    assert site.run("plan", "--detailed-exitcode").exit_code == 0


def test_0_or_2_when_there_is_drift(pair: Site) -> None:
    pair.change("kea-a", add_subnet)
    assert pair.run("drift").exit_code == 0
    assert pair.run("drift", "--detailed-exitcode").exit_code == 2


def test_a_change_in_git_is_no_drift(pair: Site) -> None:
    pair.documents[0]["parameters"]["max-unacked-clients"] = 3
    pair.write()
    assert pair.run("plan", "--detailed-exitcode").exit_code == 2
    assert pair.run("drift", "--detailed-exitcode").exit_code == 0


@pytest.mark.parametrize("command", ["plan", "drift", "status", "apply"])
def test_1_when_a_server_cannot_be_reached(pair: Site, command: str) -> None:
    pair["kea-b"].stop_agent()
    ended = pair.run(command, *(["--yes"] if command == "apply" else []))
    assert ended.exit_code == 1
    assert "ECONNREFUSED: Connection refused); nothing was sent" in ended.stdout
    assert ended.stderr == ""


def test_1_when_drift_is_shown_that_waits_for_a_server_that_can_not_be_reached(world: World, tmp_path: Path) -> None:
    """Somebody sets a parameter of the relationship on the standby, while a backup is away."""
    site = Site(world, tmp_path)
    site.add_pair(servers=("kea-a", "kea-b", "kea-c"))
    site.made()
    site["kea-c"].stop_agent()
    site.endpoint("kea-b").edit(lambda config: hooks.relationships_of(config)[0].update({"max-unacked-clients": 7}))  # type: ignore[attr-defined]
    ended = site.run("drift")
    assert ended.exit_code == 1
    assert "  kea-b (standby) differs:\n" in ended.stdout
    assert "max-unacked-clients 7 -> " in ended.stdout
    assert "Drift: 1 difference on 1 server in 1 of 1 relationship." in ended.stdout
    assert "1 of 1 relationship could be compared in part only: a server can't be reached." in ended.stdout


def test_1_when_the_daemon_behind_the_agent_is_down(pair: Site) -> None:
    pair.endpoint("kea-b").stop()
    ended = pair.run("plan")
    assert ended.exit_code == 1
    assert "the agent answers, the service behind it does not run" in ended.stdout


def test_1_when_the_server_to_enable_cannot_be_reached(pair: Site) -> None:
    pair["kea-b"].stop_agent()
    ended = pair.run("enable", "kea-b", "--yes")
    assert (ended.exit_code, ended.stderr) == (1, "")
    assert ended.stdout.startswith("kea-b (dhcp4) can't be read: ")
    assert ended.stdout.endswith("\nNothing was changed. Make it reachable, and run this again.\n")
    assert "relationship" not in ended.stdout
    report = pair.run("enable", "kea-b", "--yes", "--format", "json").json
    OUTCOME.validate(report)
    assert [each["result"] for each in report["relationships"][0]["servers"]] == ["not-attempted"]


def test_0_when_the_server_to_enable_was_not_disabled(pair: Site) -> None:
    ended = pair.run("enable", "kea-b", "--yes")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("kea-b was not disabled by kea-reconciler: there is nothing to enable")
    report = pair.run("enable", "kea-b", "--yes", "--format", "json").json
    OUTCOME.validate(report)


def test_3_when_an_operation_is_for_a_server_without_a_relationship(site: Site) -> None:
    for command in (("maintenance", "start"), ("sync",), ("reset",), ("continue",)):
        ended = site.run(*command, "kea-b", "--yes")
        assert ended.exit_code == 3, ended
        assert "no-ha" in ended.stdout


@pytest.mark.parametrize("command", ["validate", "plan", "drift", "status", "apply", "import"])
def test_1_when_the_files_are_wrong(site: Site, command: str) -> None:
    (site.desired / "servers.yaml").write_text("servers: {kea-a: {dhcp4: {contrl: x}}}\n")
    ended = site.run(command, *(["--yes"] if command == "apply" else []))
    assert ended.exit_code == 1
    told = ended.stdout if command == "validate" else ended.stderr
    assert f"{site.desired}/servers.yaml:1:" in told
    assert "contrl" in told
    assert (ended.stderr if command == "validate" else ended.stdout) == ""


@pytest.mark.parametrize("command", ["validate", "plan", "drift", "status", "apply", "import"])
def test_1_when_there_are_no_files(site: Site, command: str) -> None:
    site.desired.rename(site.folder / "moved")
    ended = site.run(command)
    assert ended.exit_code == 1
    assert f"{site.desired}: error: this directory does not exist" in ended.stdout + ended.stderr


def test_1_when_a_step_fails_and_is_put_back(pair: Site) -> None:
    pair.change("kea-b", empty)
    before = pair.endpoint("kea-b").config
    pair.endpoint("kea-b").faults.add(Kind.SET_FAILS, text="One or more hook libraries failed to load", times=1)
    ended = pair.run("apply", "--yes")
    assert ended.exit_code == 1
    assert "kea-b: restored: config-set failed (result 1): One or more hook libraries failed to load" in ended.stdout
    assert pair.endpoint("kea-b").config == before
    pair.until_normal()


def test_1_when_status_is_not_ok(pair: Site) -> None:
    pair.world.partition("kea-a", "kea-b")
    pair.world.advance(30)
    ended = pair.run("status")
    assert ended.exit_code == 1
    assert ended.stdout.startswith("hq: dhcp4, hot-standby: Impaired\n")


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_3_when_an_objection_blocks_and_0_when_it_is_approved(pair: Site, command: str) -> None:
    pair.change("kea-a", empty)
    options = ["--yes"] if command == "apply" else []
    blocked = pair.run(command, *options)
    assert blocked.exit_code == 3
    assert "authority-empty" in blocked.stdout
    assert pair.sent() == []
    assert pair.run(command, *options, "--approve", "clock-skew").exit_code == 3
    approved = pair.run(command, *options, "--approve", "clock-skew", "--approve", "authority-empty")
    assert approved.exit_code == 0
    assert (pair.endpoint("kea-b").config["subnet4"] == []) is (command == "apply")


def test_drift_is_shown_however_it_would_be_blocked(pair: Site) -> None:
    pair.change("kea-a", empty)
    ended = pair.run("drift", "--detailed-exitcode")
    assert ended.exit_code == 3
    assert "subnet 10.0.1.0/24" in ended.stdout


def change_both(pair: Site) -> None:
    pair.documents[0]["parameters"]["max-unacked-clients"] = 3
    pair.write()


def test_6_when_one_server_was_changed_and_the_other_not(pair: Site) -> None:
    change_both(pair)
    pair.endpoint("kea-a").faults.add(Kind.SET_FAILS, times=1)
    ended = pair.run("apply", "--yes")
    assert ended.exit_code == 6
    assert "kea-b: applied, persisted: has the planned configuration" in ended.stdout
    assert "kea-a: restored: " in ended.stdout
    pair.until_normal()
    assert pair.run("apply", "--yes").exit_code == 0


def test_6_when_a_server_runs_it_and_could_not_write_it(pair: Site) -> None:
    pair.change("kea-b", empty)
    pair.endpoint("kea-b").faults.add(Kind.DISK_FULL)
    ended = pair.run("apply", "--yes")
    assert ended.exit_code == 6
    assert "kea-b: applied, NOT persisted: " in ended.stdout
    assert "1 server not persisted: send config-write there once the cause is gone." in ended.stdout


def test_6_when_one_relationship_is_applied_and_another_cannot_be(site: Site) -> None:
    site.add_pair("branch", mode=Mode.LOAD_BALANCING, servers=("kea-c", "kea-d"))
    site["kea-d"].stop_agent()
    ended = site.run("apply", "--yes")
    assert ended.exit_code == 6
    assert "hq:\n  kea-b: applied, persisted" in ended.stdout
    assert "branch:\n  kea-c: not attempted: kea-d can't be reached" in ended.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "--no-such-option"],
        ["no-such-command"],
        ["plan", "unasked-for"],
        ["plan", "--format", "xml"],
        ["plan", "--relationship", "nowhere"],
        ["plan", "--approve", "everything"],
        ["apply", "--yes", "--approve", "authority_empty"],
        ["validate", "--relationship", "hq"],
        ["watch", "--interval", "nan"],
        ["watch", "--interval", "1e12"],
        ["watch", "--steady", "inf"],
        ["schema", "nothing"],
        ["import", "--control", "kea-a"],
    ],
    ids=" ".join,
)
def test_64_when_the_command_line_is_wrong(site: Site, arguments: list[str]) -> None:
    command, *options = arguments
    given = [command, *options] if command in {"schema", "no-such-command"} else [command, "--desired", site.desired]
    ended = site.run_line(*map(str, given), *(options if given[-1] == site.desired else []))
    assert ended.exit_code == 64
    assert ended.stdout == ""
    assert ended.stderr.startswith("Usage: kea-reconciler")
    assert "\nError: " in ended.stderr


def test_64_says_what_there_is(site: Site) -> None:
    unknown = site.run("plan", "--relationship", "hw", "--relationship", "hq")
    assert "Error: no relationship hw; declared are: hq" in unknown.stderr
    approved = site.run("plan", "--approve", "shrunk")
    assert (
        "no objection has the code shrunk; there are authority-empty, authority-older, authority-shrunk, "
        in approved.stderr
    )
