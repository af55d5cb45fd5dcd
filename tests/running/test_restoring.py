"""A server is put back: it has what it had, or it is said that it has not."""

from __future__ import annotations

import asyncio
from copy import deepcopy

import pytest

from reconciler.running import restoring
from reconciler.running.observe import snapshot
from reconciler.running.setting import StepFailedError
from tests.running.fake_kea import Fault
from tests.running.test_setting import Bench


@pytest.fixture(params=[True, False], ids=["related", "unrelated"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """A server that has the new configuration already."""
    made = Bench(is_related=request.param)
    made.kea.config = deepcopy(dict(made.new or {}))
    made.kea.committed_at = made.pair.clock.now
    made.pair.clock.now += 30
    return made


def put_back(bench: Bench, patience: float = 60.0) -> str:
    bench.pair.story.clear()
    try:
        asyncio.run(restoring.put_back(bench.server, bench.pair.hands(patience=patience)))
    except StepFailedError as error:
        return error.state.name
    return "OLD"


def test_it_has_what_it_had(bench: Bench) -> None:
    assert put_back(bench) == "OLD"
    assert bench.kea.config == bench.old
    assert bench.sets == 1


@pytest.mark.parametrize("fault", [Fault.NOT_REACHED, Fault.LOST_REQUEST, Fault.UNAUTHORISED])
def test_what_did_not_arrive_is_sent_again(bench: Bench, fault: Fault) -> None:
    bench.pair.faults = {0: fault}
    assert put_back(bench) == "OLD"
    assert bench.kea.config == bench.old
    assert bench.sets == 2


@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.NONSENSE])
def test_what_arrived_is_not_sent_again(bench: Bench, fault: Fault) -> None:
    bench.pair.faults = {0: fault}
    assert put_back(bench) == "OLD"
    assert bench.kea.config == bench.old
    assert bench.sets == 1


def test_a_harmed_server_that_shows_its_old_configuration_is_not_taken_for_healed(bench: Bench) -> None:
    """After a failed set config-get shows the old configuration: only a commit proves that it was put back."""
    bench.kea.config, bench.kea.is_harmed = deepcopy(bench.old), True
    bench.kea.committed_at -= 1000
    bench.pair.faults = {0: Fault.LOST_REQUEST}
    assert put_back(bench) == "OLD"
    assert not bench.kea.is_harmed
    assert bench.sets == 2


def test_a_failure_is_not_tried_again(bench: Bench) -> None:
    bench.kea.accepts = lambda _: False
    assert put_back(bench) == "HARMED"
    assert bench.sets == 1


@pytest.mark.parametrize("fault", [Fault.DIES_BEFORE, Fault.DIES_AFTER, Fault.FREEZES])
def test_a_server_that_is_gone_is_silent(bench: Bench, fault: Fault) -> None:
    bench.pair.faults = {0: fault}
    assert put_back(bench) == "SILENT"


def test_a_server_that_takes_it_but_has_something_else_is_said(bench: Bench) -> None:
    bench.kea.__dict__["_config_set"] = lambda _: {}
    assert put_back(bench) == "OTHER"


def still_has(bench: Bench) -> bool:
    live = asyncio.run(snapshot(bench.server.client, bench.server.plan.snapshot.endpoint))
    bench.pair.story.clear()
    return asyncio.run(restoring.still_has(bench.server, live, bench.pair.hands()))


def test_what_somebody_changed_meanwhile_is_told_from_what_we_set(bench: Bench) -> None:
    assert still_has(bench)
    live = asyncio.run(snapshot(bench.server.client, bench.server.plan.snapshot.endpoint))
    bench.kea.edit("valid-lifetime", 1)
    assert not asyncio.run(restoring.still_has(bench.server, live, bench.pair.hands()))


def test_a_short_silence_is_sat_out(bench: Bench) -> None:
    live = asyncio.run(snapshot(bench.server.client, bench.server.plan.snapshot.endpoint))
    bench.pair.story.clear()
    bench.pair.faults = {0: Fault.NOT_REACHED, 1: Fault.LOST_REPLY}
    assert asyncio.run(restoring.still_has(bench.server, live, bench.pair.hands()))
    bench.kea.is_dead = True
    with pytest.raises(StepFailedError):
        asyncio.run(restoring.still_has(bench.server, live, bench.pair.hands()))
