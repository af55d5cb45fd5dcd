"""A standing relationship with a backup, or of passive-backup, is changed in git, with the HA states recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model import Mode, Service
from tests.kea.clients import Clients
from tests.kea.clients6 import Clients6
from tests.kea.modified import (
    Pair,
    becomes,
    certified,
    certified_anew,
    listening_otherwise,
    logged_in,
    logged_out,
    moved,
    renamed,
    standing_pair,
    swapped,
    uncertified,
    with_everything_at_once,
)
from tests.kea.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.kea import Generation

pytestmark = pytest.mark.kea

MODES = {Mode.PASSIVE_BACKUP: Service.DHCP4, Mode.HOT_STANDBY: Service.DHCP6, Mode.LOAD_BALANCING: Service.DHCP4}


@pytest.fixture(
    scope="module",
    params=[pytest.param(mode, marks=pytest.mark.xdist_group(f"modify-backups-{mode}")) for mode in MODES],
    ids=str,
)
def standing(request: pytest.FixtureRequest, generation: Generation) -> Iterator[Shared[Pair]]:
    service = MODES[request.param]
    asking = Clients if service is Service.DHCP4 else Clients6
    with (
        asking(("kea-a", "kea-b", "kea-c")) as clients,
        Shared(lambda: standing_pair(generation, request.param, service, backups=1, clients=clients)) as shared,
    ):
        yield shared


@pytest.fixture
def pair(request: pytest.FixtureRequest, standing: Shared[Pair]) -> Iterator[Pair]:
    """The relationship as the test before left it: normal, whatever its roles and names are."""
    with standing.lent(request.node) as pair:
        pair.must_be_well()
        yield pair


def must_be_changed(pair: Pair, what: str) -> None:
    """Apply what is desired now: safely, backups first, the primary last, and written to every disk; all that serve
    reach the backups.
    """
    before = {server.name: pair.block(server) for server in pair.world.servers}
    trace = pair.apply(what)
    backups = [peer["server"] for peer in pair.peers if peer["role"] == "backup"]
    assert {*pair.set_on()} == {server.name for server in pair.world.servers}
    stayed = [name for name in backups if role_in(before[name]) == "backup"]
    assert pair.set_on()[: len(stayed)] == stayed
    pair.must_be_well()
    trace.must_be_safe()
    for server in pair.world.servers:
        assert pair.world.file(server) == pair.world.config(server)
    pair.must_reach_backups()


def role_in(block: dict[str, object]) -> object:
    peers = block["peers"]
    assert isinstance(peers, list)
    return next(peer["role"] for peer in peers if peer["name"] == block["this-server-name"])


CHANGES = [logged_in, logged_out, moved, listening_otherwise, listening_otherwise, renamed]


@pytest.mark.parametrize("change", CHANGES)
def test_names_urls_listeners_and_users_are_changed_in_place(pair: Pair, change: Callable[[Pair], None]) -> None:
    change(pair)
    must_be_changed(pair, change.__name__)


def test_peers_talk_tls_and_then_plain_again(pair: Pair) -> None:
    if not pair.is_dedicated:
        listening_otherwise(pair)
        pair.apply("a listener for TLS").must_be_safe()
    for change in (certified, certified_anew, uncertified):
        change(pair)
        must_be_changed(pair, change.__name__)


# Round by way of both others. With three servers every change of mode there is comes about, with two each by one way.
ROUNDS = {
    Mode.PASSIVE_BACKUP: (Mode.LOAD_BALANCING, Mode.HOT_STANDBY, Mode.PASSIVE_BACKUP),
    Mode.HOT_STANDBY: (Mode.LOAD_BALANCING, Mode.PASSIVE_BACKUP, Mode.HOT_STANDBY),
    Mode.LOAD_BALANCING: (Mode.HOT_STANDBY, Mode.PASSIVE_BACKUP, Mode.LOAD_BALANCING),
}


def test_the_mode_is_changed_to_each_other_and_back(pair: Pair) -> None:
    for mode in ROUNDS[pair.world.mode]:
        becomes(mode)(pair)
        must_be_changed(pair, f"becomes {mode}")


def partner_swapped(pair: Pair) -> None:
    partner, backup = pair.peers[1:]
    partner["role"], backup["role"] = backup["role"], partner["role"]


def test_roles_are_swapped(pair: Pair) -> None:
    """The primary changes places with its partner, or its backup in passive-backup; before that a partner with a
    backup, and back.
    """
    for change in [*([partner_swapped, partner_swapped] if len(pair.peers) > 2 else []), swapped]:
        change(pair)
        must_be_changed(pair, change.__name__)
        serving = [peer["role"] in {"primary", "secondary"} for peer in pair.peers]
        assert [bool(scopes) for scopes in pair.world.scopes()] == serving


def test_all_of_it_is_changed_at_once_and_back(pair: Pair) -> None:
    own = pair.world.mode
    for place in range(2):
        with_everything_at_once(pair)
        if place == 1:
            becomes(own)(pair)
        must_be_changed(pair, "with everything at once")
