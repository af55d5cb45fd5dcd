"""What the DHCP clients notice of it: real packets to real servers while a relationship is made and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.kea import base_configuration
from lab.proxy import Fault
from reconciler.model import Mode, Service
from tests.kea.clients import BEHIND_RELAY, SERVED, Clients
from tests.kea.safety import must_not_be
from tests.kea.world import World, subnet
from tests.pairs import PAIR_MODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.laboratory import Laboratory
    from tests.kea.relay import Client

pytestmark = pytest.mark.kea

FOUR = Service.DHCP4


@pytest.fixture
def clients() -> Iterator[Clients]:
    with Clients(("kea-a", "kea-b")) as found:
        yield found


def served(lab: Laboratory, clients: Clients, mode: Mode) -> World:
    """Two unrelated servers that both answer the clients."""
    start = base_configuration(FOUR, subnets=[subnet(FOUR, 1, **BEHIND_RELAY)], **SERVED)
    configurations = {"kea-a": start, "kea-b": start}
    return World(lab, FOUR, mode, configurations=configurations, is_logged=True, options=clients.options())


def asked_since(clients: Clients, moment: float | None) -> list[Client]:
    assert moment is not None
    return [client for client in clients.asked if client.asked > moment]


@pytest.mark.parametrize("mode", PAIR_MODES)
def test_while_a_relationship_is_made_no_client_is_answered_by_both(
    lab: Laboratory, clients: Clients, mode: Mode
) -> None:
    world = served(lab, clients, mode)
    assert clients.offered() == {"kea-a", "kea-b"}  # two servers that don't know of each other
    with clients.asking():
        world.must_apply()
    (switched_off,) = world.silences()
    assert {name for name, _ in world.story("dhcp-disable")} == {"kea-b"}
    later = asked_since(clients, switched_off.ended)
    assert len(later) > 20
    must_not_be((client.offers for client in later if len(client.offers) > 1), "two answered one client")
    ((_, switched_on),) = world.story("dhcp-enable")
    early = (client for client in later if "kea-b" in client.offers and client.asked < switched_on.started)
    must_not_be(early, "the partner answered before both knew of each other")


@pytest.mark.parametrize("mode", PAIR_MODES)
def test_a_made_relationship_answers_every_client_once(lab: Laboratory, clients: Clients, mode: Mode) -> None:
    world = served(lab, clients, mode)
    world.must_apply()
    asked = [clients.ask() for _ in range(30)]
    clients.offered()  # the answers to those before it have come when this one's time is over
    assert [len(client.offers) for client in asked] == [1] * 30
    answering = set().union(*(client.offers for client in asked))
    assert answering == ({"kea-a"} if mode is Mode.HOT_STANDBY else {"kea-a", "kea-b"})


def test_the_primary_answers_until_its_own_set(lab: Laboratory, clients: Clients) -> None:
    world = served(lab, clients, Mode.HOT_STANDBY)
    with clients.asking():
        clients.offered()
        world.must_apply()
    begun = next(each.started for name, each in world.story("config-set") if name == "kea-a")
    before = [client for client in clients.asked if client.asked < begun - 0.1]
    assert len(before) > 10
    assert all("kea-a" in client.offers for client in before)


def test_repairing_a_standby_costs_no_client_its_answer(lab: Laboratory, clients: Clients) -> None:
    world = served(lab, clients, Mode.HOT_STANDBY)
    world.must_apply()
    world.change(world.b, lambda config: config.update({"decline-probation-period": 4711}))
    begun = len(clients.asked)
    with clients.asking(0.05):
        world.must_apply()
    asked = clients.asked[begun:]
    # The standby synchronises its leases on its way back, and Kea holds the primary's service for that moment.
    lost = [client for client in asked if client.offers != {"kea-a"}]
    assert len(asked) > 20
    assert len(lost) <= 2, f"{len(lost)} of {len(asked)}"


def test_a_service_that_a_person_switched_off_stays_off_through_an_apply(lab: Laboratory, clients: Clients) -> None:
    """A user's dhcp-disable outlives config-set, and nothing of ours takes it back, where Kea tells of it."""
    world = served(lab, clients, Mode.HOT_STANDBY)
    world.must_apply()
    assert clients.offered() == {"kea-a"}
    world.a.command(FOUR, "dhcp-disable")
    assert clients.offered() == set()
    world.document["parameters"]["max-unacked-clients"] = 7
    world.write()
    world.forget()
    world.must_apply()
    assert world.sent(world.a).count("config-set") == 1
    if "dhcp-state" in world.a.command(FOUR, "status-get")["arguments"]:  # before that, who is set is switched on
        assert clients.offered() == set()
    world.a.command(FOUR, "dhcp-enable")
    assert clients.offered() == {"kea-a"}


def test_both_answer_again_when_a_creation_is_undone(lab: Laboratory, clients: Clients) -> None:
    """The primary's set fails when the partner has its part already, and its service off."""
    world = served(lab, clients, Mode.HOT_STANDBY)
    before = [world.config(server) for server in world.servers]
    refusal = b'[{"result": 1, "text": "One or more hook libraries failed to load"}]'
    world.proxies["kea-a"].on(b'"config-set"', Fault.ANSWER, reply=refusal, times=1)
    ended = world.apply()
    assert ended.exit_code == 1, ended
    assert [world.config(server) for server in world.servers] == before
    assert clients.offered() == {"kea-a", "kea-b"}
