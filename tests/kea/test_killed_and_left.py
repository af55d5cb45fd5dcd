"""A removal is killed (SIGKILL) on real servers in load-balancing with split pools, and nobody applies again: what real
clients notice of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from lab.kea import base_configuration
from reconciler.model import Mode
from reconciler.planning.silence import LONGEST
from tests.kea.clients import BEHIND_RELAY, SERVED, Clients
from tests.kea.removed import APPROVED
from tests.kea.standing import SET, S, Standing
from tests.kea.test_killed_applies import Death
from tests.kea.world import subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.laboratory import Laboratory

pytestmark = [pytest.mark.kea, pytest.mark.generations("2.2", "3.0")]


@pytest.fixture
def clients() -> Iterator[Clients]:
    with Clients(("kea-a", "kea-b")) as found:
        yield found


def removing(lab: Laboratory, clients: Clients) -> Standing:
    """A pair that answers the clients, and is to be one no more."""
    body = base_configuration(S, subnets=[subnet(S, 1, **BEHIND_RELAY)], **SERVED)
    world = Standing(lab, Mode.LOAD_BALANCING, body=body, options=clients.options())
    world.document["pools"] = "split"
    world.write()
    world.must_apply("--approve", "split-pools")
    assert answering(clients) == [["kea-a"], ["kea-b"]]
    world.document["state"] = "absent"
    world.write()
    return world


def answering(clients: Clients) -> list[list[str]]:
    """Each set of servers that answers one of thirty clients; an empty one for those whom nobody answers."""
    asked = [clients.ask() for _ in range(30)]
    clients.offered()  # the answers to those before it have come when this one's time is over
    return sorted({tuple(sorted(each.offers)): sorted(each.offers) for each in asked}.values())


def test_clients_wait_a_minute_at_most_where_it_dies_before_the_other_answers_for_a_server(
    lab: Laboratory, clients: Clients
) -> None:
    world = removing(lab, clients)
    Death("kea-b", b'"dhcp-disable"', is_carried_out=True).happens(world, *APPROVED)
    assert answering(clients) == [[], ["kea-a"]]
    until(lambda: [] not in answering(clients), "answer for all", LONGEST + 10.0)
    assert answering(clients) == [["kea-a"], ["kea-b"]]


@pytest.mark.parametrize("is_set", [False, True])
def test_a_server_that_is_answered_for_stays_off_when_a_minute_is_over(
    lab: Laboratory, clients: Clients, *, is_set: bool
) -> None:
    """It is out already, or may be: it would serve beside the other, and neither would know of the other's leases."""
    world = removing(lab, clients)
    Death("kea-b", SET, is_carried_out=is_set).happens(world, *APPROVED)
    ((_, first), (_, second)) = world.story("dhcp-disable")
    assert [each.arguments["max-period"] > LONGEST for each in (first, second)] == [False, True]
    assert answering(clients) == [["kea-a"]]
    time.sleep(LONGEST + 5.0)
    assert answering(clients) == [["kea-a"]]


def test_a_server_that_left_stays_out_when_it_is_started_anew(lab: Laboratory, clients: Clients) -> None:
    """Its disk knew before the other was set, which has no HA from then on: it would miss it, and take over."""
    world = removing(lab, clients)
    Death("kea-a", SET, is_carried_out=True).happens(world, *APPROVED)
    world.b.kill_daemon(S)
    world.b.start_daemon(S)
    time.sleep(world.document["parameters"]["max-response-delay"] / 1000 + 5.0)
    assert answering(clients) == [["kea-a"]]
