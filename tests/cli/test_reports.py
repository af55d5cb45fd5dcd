"""Results: by their schemas, alone on stdout, the same for the same world, and only of what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Mode, Service
from reconciler.simulator import Kind
from tests.cli.site import Site, subnet
from tests.reports.schemas import OUTCOME, PLAN, STATUS, validator

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

PROBLEM = validator("problem-report")
SCHEMAS = {"plan": PLAN, "drift": PLAN, "status": STATUS, "apply": OUTCOME, "validate": PROBLEM}
SECOND = subnet(Service.DHCP4, 2)


def drifted(pair: Site) -> None:
    pair.change("kea-a", lambda config: config.update({"subnet4": [*config["subnet4"], SECOND]}))


def git_changed(pair: Site) -> None:
    pair.documents[0]["parameters"]["max-unacked-clients"] = 3
    pair.write()


def unreachable(pair: Site) -> None:
    pair["kea-a"].stop_agent()


def blocked(pair: Site) -> None:
    pair.change("kea-a", lambda config: config.update({"subnet4": []}))


def failing(pair: Site) -> None:
    drifted(pair)
    pair.endpoint("kea-b").faults.add(Kind.SET_FAILS, times=1)


def well(_: Site) -> None:
    pass


@pytest.mark.parametrize("situation", [well, drifted, git_changed, unreachable, blocked, failing])
def test_every_report_follows_its_schema_and_is_all_that_stdout_holds(pair: Site, situation: Any) -> None:
    situation(pair)
    for command, schema in SCHEMAS.items():
        ended = pair.run(command, "--format", "json", *(["--yes"] if command == "apply" else []))
        schema.validate(ended.json)
        assert (ended.stderr == "") is (command != "apply"), command


def test_problems_follow_their_schema(site: Site) -> None:
    (site.desired / "relationships" / "hq.yaml").write_text("name: hq\nmode: [\n")
    (site.desired / "servers.yaml").unlink()
    ended = site.run("validate", "--format", "json")
    assert ended.exit_code == 1
    PROBLEM.validate(ended.json)
    assert len(ended.json["problems"]) == 2


@pytest.mark.parametrize("situation", [well, drifted, git_changed, unreachable, blocked])
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_same_world_gives_the_same_bytes(pair: Site, situation: Any, form: str) -> None:
    situation(pair)
    for command in ("plan", "drift"):
        first = pair.run(command, "--format", form, "--verbose")
        assert pair.run(command, "--format", form, "--verbose") == first


def test_plan_and_drift_never_disagree(pair: Site) -> None:
    drifted(pair)
    git_changed(pair)
    plan, drift = (pair.run(command, "--format", "json").json["relationships"][0] for command in ("plan", "drift"))
    for planned, moved in zip(plan["servers"], drift["servers"], strict=True):
        assert moved["changes"] == [each for each in planned["changes"] if each["cause"] != "git"]
        assert any(each["cause"] == "git" for each in planned["changes"])
    assert any(server["changes"] for server in drift["servers"])


@pytest.fixture
def three(site: Site) -> Site:
    """Three relationships of six servers: hq, branch and annex (dhcp6)."""
    site.add_pair("branch", mode=Mode.LOAD_BALANCING, servers=("kea-c", "kea-d"))
    site.add_pair("annex", Service.DHCP6, servers=("kea-e", "kea-f"))
    return site


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ([], ["annex", "branch", "hq"]),
        (["hq"], ["hq"]),
        (["hq", "annex"], ["annex", "hq"]),
        (["hq", "hq"], ["hq"]),
    ],
)
def test_only_the_relationships_that_were_asked_for(three: Site, asked: list[str], shown: list[str]) -> None:
    options = [part for name in asked for part in ("--relationship", name)]
    for command in ("plan", "drift", "status"):
        report = three.run(command, "--format", "json", *options).json
        assert [each["name"] for each in report["relationships"]] == shown
    servers = {"hq": {"kea-a", "kea-b"}, "branch": {"kea-c", "kea-d"}, "annex": {"kea-e", "kea-f"}}
    talked_to = {name for name, server in three.world.servers.items() if server.log}
    assert talked_to == set().union(*(servers[name] for name in shown))


def test_apply_keeps_to_the_relationships_that_were_asked_for(three: Site) -> None:
    done = three.run("apply", "--yes", "--relationship", "annex", "--relationship", "branch", "--format", "json")
    assert [
        each["relationship"] if "relationship" in each else each["name"] for each in done.json["relationships"]
    ] == [
        "annex",
        "branch",
    ]
    assert {name for name, server in three.world.servers.items() if server.log} == {"kea-c", "kea-d", "kea-e", "kea-f"}
    left = three.run("plan", "--format", "json").json["relationships"]
    assert [each["has_changes"] for each in left] == [False, False, True]


def test_verbose_says_what_stays_on_each_server_and_why(pair: Site) -> None:
    pair.documents[0]["local"] = ["/subnet4/*/interface"]
    pair.write()
    for command in ("plan", "drift"):
        told = pair.run(command, "--verbose").stdout
        assert "  control-socket " in told
        assert "  for hq also: /subnet4/*/interface" in told
        assert "Revision of desired: " in told
        assert "control-socket" not in pair.run(command).stdout


def test_a_warning_about_the_files_is_no_part_of_the_result(pair: Site) -> None:
    pair.documents[0]["parameters"] = {"heartbeat-delay": 10000, "max-response-delay": 20000}
    pair.write()
    for command in ("plan", "status"):
        ended = pair.run(command, "--format", "json")
        schema: Draft202012Validator = SCHEMAS[command]
        schema.validate(ended.json)
        assert ": warning: " in ended.stderr
