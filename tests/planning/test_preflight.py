"""What is looked for before servers are given a relationship."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import Objection, Probe, Service, Snapshot, Unreachable
from reconciler.planning.plan import plan
from reconciler.planning.preflight import urls
from tests.planning.cases import Case, read_case

URL = "http://192.0.2.11:8004/"
DEDICATED = {"multi-threading": {"enable-multi-threading": True, "http-dedicated-listener": True}}
THREADS = {"multi-threading": {"enable-multi-threading": True, "thread-pool-size": 1, "packet-queue-size": 8}}


@pytest.fixture
def case() -> Case:
    """Two servers that are to become a pair, kea-b at URL."""
    return read_case("create")


def found(case: Case, probe: Probe, *, dedicated: bool, control: str = "", **config: Any) -> list[Objection]:
    """The objections about kea-b's url."""
    (relationship,) = case.desired.relationships
    parameters = {**relationship.parameters, **(DEDICATED if dedicated else {})}
    desired = replace(case.desired, relationships=(replace(relationship, parameters=parameters),))
    world = dict(case.live)
    for key, each in case.live.items():
        assert isinstance(each, Snapshot)
        world[key] = replace(each, config={**each.config, **THREADS})
    b = world["kea-b", Service.DHCP4]
    assert isinstance(b, Snapshot)
    endpoint = replace(b.endpoint, control=control or b.endpoint.control)
    named = {key.replace("_", "-"): value for key, value in config.items()}
    world["kea-b", Service.DHCP4] = replace(b, endpoint=endpoint, config={**b.config, **named})
    (made,) = plan(desired, world, {URL: probe}).relationships
    return [each for each in made.objections if each.code == "listener-port"]


def test_the_urls_of_newcomers_are_worth_a_look(case: Case) -> None:
    assert URL in urls(case.desired, case.live)
    assert len(urls(case.desired, case.live)) == 2
    standing = read_case("nothing-to-do")
    assert urls(standing.desired, standing.live) == set()
    gone = {key: Unreachable(each.endpoint, "gone") for key, each in case.live.items()}
    assert urls(case.desired, gone) == set()


@pytest.mark.parametrize(
    ("probe", "dedicated", "said"),
    [
        (Probe.OPEN, True, "something listens at"),
        (Probe.REFUSED, True, None),
        (Probe.OPEN, False, None),
        (Probe.REFUSED, False, "nothing listens at"),
        (Probe.NO_ANSWER, True, None),
        (Probe.NO_ANSWER, False, None),
        (Probe.NOT_TRIED, False, None),
    ],
)
def test_a_dedicated_listener_needs_a_free_port_and_an_agent_has_to_be_there(
    case: Case, probe: Probe, said: str | None, *, dedicated: bool
) -> None:
    objections = found(case, probe, dedicated=dedicated)
    assert [each.message.startswith(said or "?") for each in objections] == ([True] if said else [])
    assert all(each.approvable for each in objections)


@pytest.mark.parametrize(
    ("control", "config"),
    [
        (URL, {}),
        ("", {"control_sockets": [{"socket-type": "http", "socket-address": "192.0.2.11", "socket-port": 8004}]}),
        ("", {"control_sockets": [{"socket-type": "https", "socket-address": "0.0.0.0", "socket-port": 8004}]}),  # noqa: S104
    ],
)
def test_a_listener_at_a_control_port_can_never_be_opened(case: Case, control: str, config: dict[str, Any]) -> None:
    (objection,) = found(case, Probe.OPEN, dedicated=True, control=control, **config)
    assert not objection.approvable
    assert "is its control channel" in objection.message
    assert found(case, Probe.OPEN, dedicated=False, control=control, **config) == []


def test_what_can_not_be_seen_from_here_is_said(case: Case) -> None:
    (made,) = plan(case.desired, case.live, {URL: Probe.NO_ANSWER}).relationships
    assert [note for note in made.notes if URL in note] == [
        f"{URL} can't be seen from here; whether the peers reach kea-b there shows in the apply"
    ]


def test_where_config_test_does_harm_the_hooks_can_not_be_looked_for(case: Case) -> None:
    world = {key: replace(each, version="3.0.3") for key, each in case.live.items() if isinstance(each, Snapshot)}
    (made,) = plan(case.desired, world).relationships
    assert len([note for note in made.notes if "config-test does harm" in note]) == 2
