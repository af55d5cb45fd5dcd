"""What is said about a relationship of which a server can't be read: everything else that is in the way, at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import Peer, Plan, Probe, Role, Service, Snapshot, Unreachable
from reconciler.planning.drift import only_drift
from reconciler.planning.plan import plan
from reconciler.planning.status import statuses
from reconciler.reports.markdown import markdown
from reconciler.reports.pages import plan_page
from reconciler.reports.text_plan import text_plan
from tests.planning.cases import Case, names, read_case

D4 = Service.DHCP4


def without(case: Case, *servers: str, **edits: dict[str, Any]) -> Case:
    """A case in which servers can't be reached, and fields of others (`kea_a`) are as in `edits`."""
    world = dict(case.live)
    for key, each in case.live.items():
        if key[0] in servers:
            world[key] = Unreachable(each.endpoint, "connection refused")
        elif isinstance(each, Snapshot):
            world[key] = replace(each, **edits.get(key[0].replace("-", "_"), {}))
    return replace(case, live=world)


def planned(case: Case, **probes: Probe) -> Plan:
    found = {peer.url: probes.get(peer.server.replace("-", "_")) for peer in case.desired.relationships[0].peers}
    return plan(case.desired, case.live, {url: probe for url, probe in found.items() if probe})


def codes(made: Plan) -> list[str]:
    return [objection.code for each in made.relationships for objection in each.objections]


def test_what_is_in_the_way_on_the_server_that_answers_is_said_beside_the_one_that_does_not() -> None:
    case = without(read_case("create"), "kea-b", kea_a={"version": "2.4.1"})
    made = planned(case, kea_a=Probe.REFUSED)
    (relationship,) = made.relationships
    assert relationship.unplanned == "kea-b can't be reached; nothing is changed until then"
    assert (relationship.servers, relationship.stages, relationship.has_changes) == ((), (), False)
    assert codes(made) == ["untested-version", "listener-port"]
    text = text_plan(made)
    way = "  nothing would be done now; also in the way of it, as far as that can be told already:\n"
    assert way + "    blocked: untested-version (kea-a): kea-a runs Kea 2.4.1" in text
    assert "is blocked by" not in text  # which an approval would end
    page = markdown(plan_page(made))
    assert "### Not planned" in page
    assert "    blocked: listener-port (" in page
    assert "### Blocked" not in page
    assert codes(only_drift(made)) == codes(made)
    (status,) = statuses(made, case.live)
    assert [note.split(": ")[:2] for note in status.notes] == [
        ["also in the way of the next apply", "untested-version"],
        ["also in the way of the next apply", "listener-port"],
    ]


def test_data_are_compared_where_the_primary_answers_and_is_the_authority() -> None:
    case = read_case("objection-subnet-id-conflict")
    (pair,) = case.desired.relationships
    backup = Peer("kea-c", "kea-c", Role.BACKUP, "http://192.0.2.12:8004/")
    desired = replace(case.desired, relationships=(replace(pair, peers=(*pair.peers, backup)),))
    world = {**case.live, ("kea-c", D4): Unreachable(replace(case.live["kea-a", D4].endpoint, server="kea-c"), "gone")}
    made = plan(desired, world)
    assert made.relationships[0].unreachable
    assert "subnet-id-conflict" in codes(made)
    gone = without(replace(case, desired=desired, live=world), "kea-a")
    assert codes(planned(gone)) == []


def test_what_one_server_alone_can_not_do_is_said_too() -> None:
    case = without(read_case("relationship-parameter-that-the-version-does-not-know"), "kea-b")
    (told,) = planned(case).relationships
    assert told.unplanned is not None
    first, second = told.unplanned.split(". ")
    assert first.startswith("kea-b can't be reached")
    assert second.startswith("kea-a runs 2.2.0, which has no `")


@pytest.mark.parametrize("name", names())
def test_nothing_is_said_that_a_whole_reading_would_take_back(name: str) -> None:
    case = read_case(name)
    if any(isinstance(each, Unreachable) for each in case.live.values()):
        return
    whole = plan(case.desired, case.live)
    if any(each.unplanned is not None for each in whole.relationships):
        return
    for server, _ in case.live:
        made = planned(without(case, server))
        assert set(codes(made)) <= set(codes(whole)), server
