from __future__ import annotations

from itertools import product

import pytest

from reconciler.model import Authority, Endpoint, Live, Service, Unreachable
from reconciler.planning.authority import authority
from tests.planning.strategies import RELATIONSHIP, snapshot

PAIR = RELATIONSHIP[Service.DHCP4]
BOTH, PARTNER = "kea-a is the primary and answers", "the primary kea-a can't be reached; its standby kea-b"

TABLE = {
    (True, True): Authority("kea-a", BOTH),
    (True, False): Authority("kea-a", BOTH),
    (False, True): Authority("kea-b", f"{PARTNER} is the truth until then"),
    (False, False): Authority(None, "neither kea-a nor kea-b can be reached"),
}


@pytest.mark.parametrize(("primary", "partner"), list(product((True, False), repeat=2)))
def test_the_primary_is_the_truth_while_it_answers_and_then_its_partner(*, primary: bool, partner: bool) -> None:
    live: dict[str, Live] = {}
    for peer, answers in zip(PAIR.peers, (primary, partner), strict=True):
        down = Unreachable(Endpoint(peer.server, PAIR.service, ""), "connection refused")
        live[peer.server] = snapshot(PAIR, peer, {}) if answers else down
    assert authority(PAIR, live) == TABLE[primary, partner]
