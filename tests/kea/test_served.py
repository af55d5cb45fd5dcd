"""Every client is served by somebody all the time while data are replicated and timers changed, by each method."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import Generation
from reconciler.kea.pools import classes as pool_classes
from reconciler.model import Mode, Service
from tests.kea.modified import Pair, becomes, slower, standing_pair
from tests.kea.shared import Shared, shared_by
from tests.kea.world import subnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kea.traces import Trace

pytestmark = pytest.mark.kea

# Mode, whether pools are split, and whether the peers have HA listeners of their own.
METHODS = {
    "hot-standby": (Mode.HOT_STANDBY, False, None),
    "split": (Mode.HOT_STANDBY, True, None),  # and then in load-balancing
    "agents": (Mode.LOAD_BALANCING, False, False),
    "dedicated": (Mode.LOAD_BALANCING, False, True),
}
CASES = [pytest.param(each, id=each, marks=pytest.mark.xdist_group(f"served-{each}")) for each in METHODS]


@contextlib.contextmanager
def made(generation: Generation, case: str) -> Iterator[Pair]:
    mode, is_split, is_dedicated = METHODS[case]
    with standing_pair(generation, mode, Service.DHCP4) as pair:
        if is_dedicated is not None and is_dedicated != pair.is_dedicated:
            pair.listen(dedicated=is_dedicated)
            pair.apply("listening otherwise")
        if is_split:  # in one apply with the mode
            becomes(Mode.LOAD_BALANCING)(pair)
            pair.world.document["pools"] = "split"
            pair.apply("from hot-standby to split pools", "--approve", "split-pools").must_be_safe()
            pair.must_be_well()
            classes = [pool_classes(pool) for pool in pair.world.config(pair.world.b)["subnet4"][0]["pools"]]
            assert classes == [("HA_kea-a",), ("HA_kea-b",)]
        yield pair


shared = shared_by(made, CASES)


@pytest.fixture
def pair(request: pytest.FixtureRequest, shared: Shared[Pair]) -> Iterator[Pair]:
    with shared.lent(request.node) as pair:
        yield pair


def must_be_served(pair: Pair, trace: Trace) -> None:
    trace.must_be_safe()
    trace.must_be_served()
    pair.must_be_well()


def planned(pair: Pair) -> dict[str, Any]:
    pair.world.write()
    (found,) = pair.world.run("plan", "--format", "json").json["relationships"]
    assert [each["code"] for each in found["objections"]] == []
    return {each["server"]: each for each in found["servers"]}


def test_while_timers_are_changed(pair: Pair) -> None:
    slower(pair)
    costs = {name: each["disruption"] for name, each in planned(pair).items()}
    assert "restart" not in costs.values()
    assert (costs["kea-b"] == "none") is (pair.world.mode is Mode.HOT_STANDBY)
    must_be_served(pair, pair.apply("timers"))


def test_while_data_are_replicated(pair: Pair) -> None:
    world = pair.world
    number = 2 + len(world.config(world.a)["subnet4"])
    added = {**subnet(Service.DHCP4, number), "pools": []}
    world.change(world.a, lambda config: config["subnet4"].append(added))
    assert planned(pair)["kea-b"]["disruption"] != "restart"
    must_be_served(pair, pair.apply("replicated"))
    assert added["subnet"] in [each["subnet"] for each in world.config(world.b)["subnet4"]]
