"""What killed runs left of relationships that nobody describes any more, or that have another name by now."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Service
from reconciler.running.apply import sharing
from reconciler.simulator import Kind, Release
from reconciler.state.directory import default_directory
from reconciler.state.runs import Run, open_store
from tests.cli.life import USUAL, WRITES
from tests.mortal import Mortal, Scene, begun, killed_after, timers
from tests.watching.simulated import rounds_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DHCP6 = Service.DHCP6


def renamed(life: Mortal, name: str = "office") -> None:
    """The file of the relationship hq has another name, and describes it under that name."""
    (life.desired / "relationships" / "hq.yaml").unlink()
    life.documents[0]["name"] = name
    life.write()


@pytest.fixture
def harmed(tmp_path: Path) -> Iterator[Mortal]:
    """An apply was killed when its set of kea-b went wrong half way; then hq got another name."""
    with begun(tmp_path, Scene("modify", timers), Release.KEA_3_0) as life:
        life.endpoint("kea-b").faults.add(Kind.SET_FAILS, "config-set", times=1)
        killed_after(life, "kea-b", "config-set")
        renamed(life)
        life.story.clear()
        yield life


def test_what_was_left_under_another_name_waits_for_its_turn_on_the_server(harmed: Mortal) -> None:
    """Its last good configuration is given back to the very server that is set for the relationship of today."""
    harmed.run("plan")
    assert harmed.plan is not None
    plans = {each.relationship.name: each for each in harmed.plan.relationships}
    assert plans["hq"].mends
    assert plans["office"].has_changes
    assert [len(each) for each in sharing(harmed.plan.relationships)] == [2]
    harmed.run("apply", "--yes")
    assert harmed.violations == []
    harmed.let_pass(60)
    assert harmed.run("apply", "--yes").exit_code == 0
    harmed.let_pass(60)
    assert harmed.run("plan", "--detailed-exitcode").exit_code == 0


def test_the_daemon_touches_no_server_that_another_run_has_for_what_was_left_there(harmed: Mortal) -> None:
    with closing(open_store(default_directory(os.environ))) as store:
        other = Run(store, "kea-reconciler apply")
        other.claim({harmed["kea-b"].control}, 0)
        looked(harmed)
        assert [each for each in harmed.story if each[1] in WRITES] == []
        other.end(0)
    looked(harmed)
    assert ("kea-b", "config-set") in harmed.story


def looked(life: Mortal) -> None:
    """Let the daemon look once at everything, of which it knows already, and do what it may."""

    async def work() -> None:
        async with rounds_of(life) as (rounds, found, reader):
            await reader.read({each for group in found for each in group.endpoints})
            for group in found:
                await rounds.once(group)
            assert reader.live.keys() <= {key for group in found for key in group.desired.endpoints}

    asyncio.run(work())


def test_the_status_is_told_where_a_peer_of_what_was_left_is_no_server_any_more(tmp_path: Path) -> None:
    """A create was killed as soon as kea-b was off, and then given up, with kea-a taken out of the inventory."""
    with begun(tmp_path, Scene("create", is_related=False), Release.KEA_3_0) as life:
        killed_after(life, "kea-b", "dhcp-disable")
        life.documents.clear()
        life.add_pair("other", servers=("kea-x", "kea-y"))
        (life.desired / "relationships" / "hq.yaml").unlink()
        del life.inventory["kea-a"]
        life.write()
        told = life.run("status", "--format", "json")
        assert told.exit_code == 1, told
        servers = {each["server"]: each for each in of(told.json, "hq")["servers"]}
        assert servers["kea-a"]["reason"] == "it is not in servers.yaml any more"
        assert "switched off by dhcp-disable" in servers["kea-b"]["reason"]
        looked(life)


def test_what_was_left_of_another_relationship_of_a_hub_is_not_said_to_be_forgotten(tmp_path: Path) -> None:
    """Only one of the two is asked for, and something is to be put right on the server that both have."""
    with begun(tmp_path, Scene("modify", timers, is_hub=True), Release.KEA_3_0) as life:
        killed_after(life, "kea-a", "config-set")
        life.let_pass(60)
        told = of(life.run("plan", "--relationship", "west", "--format", "json").json, "hq")
        assert told["mends"]
        assert told["authority"]["reason"] == "it was not asked for, and shares a server with what was"
        assert {each["server"] for each in told["servers"]} == {"kea-a", "kea-b"}


def of(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in document["relationships"] if each["name"] == name)
    return found


def test_what_is_removed_is_told_beside_another_that_has_its_name_for_the_other_service(tmp_path: Path) -> None:
    with Mortal(tmp_path, Release.KEA_3_0) as life:
        life.add_pair("hq")
        life.documents[0]["parameters"] = dict(USUAL)
        life.write()
        assert life.run("apply", "--yes").exit_code == 0
        life.documents.clear()
        life.add_pair("hq", DHCP6, servers=("kea-x", "kea-y"))
        life.documents[0]["parameters"] = dict(USUAL)
        life.write()
        done = life.run("apply", "--yes", "--format", "json")
        assert [[each["code"] for each in one["blocked_by"]] for one in done.json["relationships"]] == [
            ["remove-relationship"],
            [],
        ]
        assert done.exit_code == 6, done
