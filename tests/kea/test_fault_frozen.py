"""One endpoint that hangs, among several: the others are read, told of, and carried out at once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from lab.proxy import Fault
from reconciler.kea.access import Credentials, Settings
from reconciler.kea.client import open_client
from reconciler.model import Endpoint, Snapshot, Unreachable
from reconciler.running.observe import observe
from tests.kea.standing import LIMITS, S
from tests.kea.test_fault_down import Two, by_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.laboratory import Laboratory
    from reconciler.kea.client import Client

pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("fault-frozen")]

PATIENCE = 3.0


@pytest.fixture
def world(lab: Laboratory) -> Two:
    world = Two(lab)
    world.must_apply()
    return world


def opening(settings: Settings) -> Callable[[Endpoint], Client]:
    return lambda endpoint: open_client(endpoint, settings, Credentials())


def test_the_others_are_read_before_a_frozen_one_is_given_up(world: Two) -> None:
    world.b.freeze(S)
    endpoints = [Endpoint(name, S, services[S]) for name, services in sorted(world.controls.items())]
    told: list[float] = []
    found = asyncio.run(
        observe(endpoints, opening(Settings(answer_seconds=PATIENCE)), say=lambda _: told.append(time.monotonic()))
    )
    kinds = {name: type(live) for (name, _), live in found.items()}
    assert kinds == {"kea-a": Snapshot, "kea-b": Unreachable, "kea-c": Snapshot, "kea-d": Snapshot}
    assert told[2] < told[3] - PATIENCE / 2, "the three that answer were waiting for the frozen one"


def test_another_relationship_is_changed_while_one_is_silent_in_the_middle_of_its_set(world: Two) -> None:
    """Both are being applied when kea-b freezes; branch is done long before kea-b is given up."""
    world.move()
    world.move_branch()
    world.proxies["kea-b"].on(b'"config-set"', Fault.PASS, times=1, before=lambda _: world.b.freeze(S))
    done = world.apply("--format", "json")
    ended_at = time.time()
    assert done.exit_code == 6, done
    outcomes = by_name(done)
    assert outcomes["branch"]["kea-d"]["result"] == "applied"
    assert outcomes["branch"]["kea-d"]["persisted"] is True
    assert outcomes["hq"]["kea-b"]["result"] == "failed"
    assert world.d.config_file(S).stat().st_mtime < ended_at - LIMITS["configuration-seconds"], "branch waited for hq"
    world.b.thaw(S)
