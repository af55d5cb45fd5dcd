from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.kea.fingerprints import fingerprints
from reconciler.kea.stamps import read_stamps
from reconciler.model import Relationship
from reconciler.planning import wanted
from tests.planning.cases import HOOKS, edited, read_base, read_case
from tests.planning.strategies import snapshot

PAIR = read_case("nothing-to-do").desired.relationships[0]
PRIMARY, STANDBY = PAIR.peers


def sent(data: dict[str, Any] | None, config: dict[str, Any], *, block_changes: bool = False) -> dict[str, Any]:
    server = snapshot(PAIR, STANDBY, config)
    marks = fingerprints(data or wanted.replicated_part(PAIR, server))
    return wanted.outgoing(PAIR, STANDBY, server, data, marks=marks, block_changes=block_changes, revision="rev-1")


def test_a_server_keeps_everything_of_its_own_and_gets_everything_else() -> None:
    theirs = edited(read_base("dhcp4-hs-kea-a"), [{"op": "add", "path": "/future-parameter", "value": {"a": [1]}}])
    own = edited(read_base("dhcp4-hs-kea-b"), [{"op": "add", "path": "/server-tag", "value": "b"}])
    made = sent(wanted.replicated_part(PAIR, snapshot(PAIR, PRIMARY, theirs)), own)
    for key in ("control-socket", "lease-database", "loggers", "hooks-libraries", "interfaces-config", "server-tag"):
        assert made[key] == own[key]
    for key in ("subnet4", "shared-networks", "option-data", "client-classes", "valid-lifetime", "future-parameter"):
        assert made[key] == theirs[key]
    assert made.keys() == theirs.keys()


def test_a_server_that_keeps_its_data_keeps_them_all() -> None:
    own = read_base("dhcp4-hs-kea-b")
    made = sent(None, own)
    assert {key: value for key, value in made.items() if key != "user-context"} == {
        key: value for key, value in own.items() if key != "user-context"
    }


def test_a_parameter_that_the_authority_no_longer_has_goes() -> None:
    own = edited(read_base("dhcp4-hs-kea-b"), [{"op": "add", "path": "/renew-timer", "value": 900}])
    data = wanted.replicated_part(PAIR, snapshot(PAIR, PRIMARY, read_base("dhcp4-hs-kea-a")))
    assert "renew-timer" not in sent(data, own)


def test_the_stamp_says_what_was_replicated() -> None:
    data = wanted.replicated_part(PAIR, snapshot(PAIR, PRIMARY, read_base("dhcp4-hs-kea-a")))
    (stamp,) = read_stamps(sent(data, read_base("dhcp4-hs-kea-b")))
    assert stamp is not None
    assert (stamp.relationship, stamp.revision, stamp.local) == ("hq-dhcp4", "rev-1", ())
    assert stamp.desired == wanted.desired_digest(PAIR)
    assert stamp.fingerprints == fingerprints(data)


def test_the_entry_of_the_hook_is_left_alone_unless_it_changes() -> None:
    path = "/hooks-libraries/1/parameters/high-availability/0/max-unacked-clients"
    own = edited(read_base("dhcp4-hs-kea-b"), [{"op": "replace", "path": path, "value": 77}])
    block = sent(None, own)["hooks-libraries"][1]["parameters"]["high-availability"][0]
    assert block["max-unacked-clients"] == 77
    changed = sent(None, own, block_changes=True)["hooks-libraries"][1]["parameters"]["high-availability"][0]
    assert changed["max-unacked-clients"] == 5


# ------------------------------------------------------------------------------------------------ digest


@pytest.mark.parametrize(
    "other",
    [
        replace(PAIR, parameters={**PAIR.parameters, "sync-timeout": 60000}),
        replace(PAIR, parameters=dict(reversed(list(PAIR.parameters.items())))),
        replace(PAIR, peers=tuple(reversed(PAIR.peers))),
        replace(PAIR, peers=(replace(PRIMARY, url=PRIMARY.url.rstrip("/")), STANDBY)),
        replace(PAIR, peers=(replace(PRIMARY, options={"auto-failover": True}), STANDBY)),
        replace(PAIR, name="renamed"),
    ],
)
def test_two_ways_of_wanting_the_same_have_the_same_digest(other: Relationship) -> None:
    assert wanted.desired_digest(other) == wanted.desired_digest(PAIR)


@pytest.mark.parametrize(
    "other",
    [
        replace(PAIR, parameters={**PAIR.parameters, "sync-timeout": 60001}),
        replace(PAIR, replicate=False),
        replace(PAIR, local=("/valid-lifetime",)),
        replace(PAIR, peers=(replace(PRIMARY, url="http://192.0.2.99:8004/"), STANDBY)),
        replace(PAIR, peers=(replace(PRIMARY, options={"auto-failover": False}), STANDBY)),
    ],
)
def test_wanting_something_else_has_another(other: Relationship) -> None:
    assert wanted.desired_digest(other) != wanted.desired_digest(PAIR)


# ----------------------------------------------------------------------------------- where hooks are


def test_the_inventory_says_where_hooks_are_then_the_server_itself() -> None:
    config = edited(
        read_base("dhcp4-hs-kea-a"),
        [{"op": "replace", "path": "/hooks-libraries/1/library", "value": "/opt/kea/libdhcp_ha.so"}],
    )
    server = snapshot(PAIR, PRIMARY, config)
    told = replace(server, endpoint=replace(server.endpoint, hooks_directory="/opt/told"))
    assert wanted.hooks_directory(told) == "/opt/told"
    assert wanted.hooks_directory(server) == "/opt/kea"
    assert wanted.hooks_directory(replace(server, config={})) == HOOKS
    assert wanted.hooks_directory(replace(server, config={}, hooks_directory=None)) is None


@pytest.mark.parametrize(
    ("whole", "enabled", "listener", "is_on"),
    [(True, True, True, True), (False, True, True, False), (True, False, True, False), (True, True, False, False)],
)
def test_the_listener_needs_threads_everywhere(*, whole: bool, enabled: bool, listener: bool, is_on: bool) -> None:
    threads = {"enable-multi-threading": enabled, "http-dedicated-listener": listener}
    pair = replace(PAIR, parameters={"multi-threading": threads})
    config = {"multi-threading": {"enable-multi-threading": whole}}
    assert wanted.dedicated_listener_is_on(pair, snapshot(pair, PRIMARY, config)) is is_on
