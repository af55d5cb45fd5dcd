"""What makes two servers a pair is changed by hand on one of them: seen as drift, and put back on that one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Mode, Service
from tests.kea.modified import APPROVED, Pair, standing_pair
from tests.kea.shared import Shared, shared_by
from tests.kea.world import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = pytest.mark.kea

PAIRS = [
    pytest.param((mode, service), id=f"{mode}-{service}", marks=pytest.mark.xdist_group(f"by-hand-{mode}-{service}"))
    for mode, service in ((Mode.HOT_STANDBY, Service.DHCP6), (Mode.LOAD_BALANCING, Service.DHCP4))
]


standing = shared_by(lambda generation, pair: standing_pair(generation, *pair), PAIRS)


@pytest.fixture
def pair(request: pytest.FixtureRequest, standing: Shared[Pair]) -> Iterator[Pair]:
    """The pair as the test before left it: normal, and with nothing to do."""
    with standing.lent(request.node) as pair:
        pair.must_be_well()
        yield pair


Entry = dict[str, Any]


def of_another_mode(entry: Entry, pair: Pair) -> None:
    other = Mode.HOT_STANDBY if pair.world.mode is Mode.LOAD_BALANCING else Mode.LOAD_BALANCING
    entry["mode"], entry["peers"][1]["role"] = other.value, str(other.partner_role)
    entry["delayed-updates-limit"] = 0


def with_roles_swapped(entry: Entry, _: Pair) -> None:
    first, second = entry["peers"]
    first["role"], second["role"] = second["role"], first["role"]


def with_the_other_peer_renamed(entry: Entry, _: Pair) -> None:
    other = next(peer for peer in entry["peers"] if peer["name"] != entry["this-server-name"])
    other["name"] = "somebody"


def with_another_name(entry: Entry, _: Pair) -> None:
    own = next(peer for peer in entry["peers"] if peer["name"] == entry["this-server-name"])
    own["name"] = entry["this-server-name"] = "nobody"


def with_another_url(entry: Entry, pair: Pair) -> None:
    """Where the other is said to be, nobody answers."""
    other = next(peer for peer in entry["peers"] if peer["name"] != entry["this-server-name"])
    other["url"] = pair.fresh_url()


def at_another_url(entry: Entry, pair: Pair) -> None:
    own = next(peer for peer in entry["peers"] if peer["name"] == entry["this-server-name"])
    own["url"] = pair.fresh_url()


EDITS = [
    of_another_mode,
    with_roles_swapped,
    with_the_other_peer_renamed,
    with_another_name,
    with_another_url,
    at_another_url,
]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("edit", EDITS)
def test_what_was_changed_on_one_server_is_drift_and_put_back_there(
    pair: Pair, edit: Callable[[Entry, Pair], None], which: int
) -> None:
    world, server = pair.world, pair.world.servers[which]
    config, before = world.config(server), pair.block(server)
    hook = next(each for each in config["hooks-libraries"] if each["library"].endswith("libdhcp_ha.so"))
    edit(hook["parameters"]["high-availability"][0], pair)
    server.set_config(world.service, config)
    told = world.run("drift", "--format", "json").json["relationships"][0]
    assert told["unplanned"] is None
    changed = {each["server"]: {change["cause"] for change in each["changes"]} for each in told["servers"]}
    assert {name: causes for name, causes in changed.items() if causes} == {server.name: {"peer"}}
    # In other roles the two still become normal, for which a plan waits.
    until(
        lambda: world.run("plan", "--detailed-exitcode", *APPROVED).exit_code == 2, "plan that nothing speaks against"
    )
    pair.apply("put back")
    assert pair.set_on() == [server.name]
    assert pair.block(server) == before
    pair.must_be_well()
