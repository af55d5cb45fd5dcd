"""Every kind of object, added, changed and deleted by hand on either server, is shown exactly and put right.

All objects of one action are edited in one set, since a set costs a restart of HA; every object is looked at alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from lab.laboratory import Laboratory
from reconciler.model import Action, Mode, Service
from tests.kea.objects import base, things
from tests.kea.things import Thing
from tests.kea.world import Run, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.kea import Generation

pytestmark = pytest.mark.kea

PAIRS = {Service.DHCP4: Mode.HOT_STANDBY, Service.DHCP6: Mode.LOAD_BALANCING}
# Who edits what by hand, in an order in which there always is something to edit.
STEPS = (
    ("primary", Action.ADD),
    ("peer", Action.CHANGE),
    ("peer", Action.DELETE),
    ("primary", Action.CHANGE),
    ("primary", Action.DELETE),
    ("peer", Action.ADD),
)


def on(service: Service, *values: Any, label: str) -> Any:
    """A case of the tests here; all of one service share one pair, and thus one worker."""
    return pytest.param(
        service, *values, id=f"{service}-{label}", marks=pytest.mark.xdist_group(f"replicate-{service}")
    )


EVERY_STEP = pytest.mark.parametrize(
    ("history", "mover", "action"),
    [on(service, *step, label="-".join(step)) for service in Service for step in STEPS],
    indirect=["history"],
    scope="module",
)
EVERY_THING = pytest.mark.parametrize(
    ("history", "mover", "action", "thing"),
    [
        on(service, *step, thing, label="-".join([*step, thing.label]))
        for service in Service
        for step in STEPS
        for thing in things(service)
    ],
    indirect=["history"],
    scope="module",
)


@dataclass(frozen=True)
class Seen:
    """One step: the plan and the drift while a server differed, how apply ended, the plan after it, and the two
    configurations before the hand's edit and after apply (kea-a's, kea-b's).
    """

    service: Service
    planned: Run
    drift: Run
    applied: Run
    planned_after: Run
    before: tuple[dict[str, Any], dict[str, Any]]
    after: tuple[dict[str, Any], dict[str, Any]]

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The changes of the plan, all of them on kea-b."""
        partner, primary = self.planned.json["relationships"][0]["servers"]
        assert (partner["server"], primary["changes"]) == ("kea-b", [])
        return list(partner["changes"])


History = dict[tuple[str, Action], Seen]


@pytest.fixture(scope="module")
def history(request: pytest.FixtureRequest, generation: Generation) -> Iterator[History]:
    """All steps, and the pair that lives through them: another one, should it be tried again."""
    service: Service = request.param
    with Laboratory(generation=generation) as lab:
        world = World(lab, service, PAIRS[service], configurations={"kea-a": base(service)})
        world.must_apply()
        yield {(mover, action): lived_through(world, mover, action) for mover, action in STEPS}


def lived_through(world: World, mover: str, action: Action) -> Seen:
    def edit(config: dict[str, Any]) -> None:
        for thing in things(world.service):
            thing.edit(config, action)

    before = replicated(world)
    world.change(world.a if mover == "primary" else world.b, edit)
    planned = world.run("plan", "--format", "json", "--detailed-exitcode")
    drift = world.run("drift", "--format", "json", "--detailed-exitcode")
    applied = world.apply()
    return Seen(
        world.service, planned, drift, applied, world.run("plan", "--detailed-exitcode"), before, replicated(world)
    )


def replicated(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of kea-a's and kea-b's config-get both have to have alike, our stamp left out."""
    ours, theirs = (world.shared_part(server) for server in world.servers)
    return ours, theirs


@EVERY_STEP
def test_plan_and_drift_tell_of_changes_and_agree(history: History, mover: str, action: Action) -> None:
    seen = history[mover, action]
    assert (seen.planned.exit_code, seen.drift.exit_code) == (2, 2), seen
    assert seen.drift.json["relationships"][0]["servers"][0]["changes"] == seen.changes


@EVERY_STEP
def test_nothing_else_is_shown(history: History, mover: str, action: Action) -> None:
    seen = history[mover, action]
    assert sorted(change["path"] for change in seen.changes) == sorted(each.path for each in things(seen.service))


@EVERY_STEP
def test_the_server_that_moved_is_named(history: History, mover: str, action: Action) -> None:
    told = {(change["cause"], *change["moved"]) for change in history[mover, action].changes}
    assert told == {(mover, "kea-a" if mover == "primary" else "kea-b")}


@EVERY_STEP
def test_apply_makes_the_peer_equal_to_the_primary(history: History, mover: str, action: Action) -> None:
    seen = history[mover, action]
    assert seen.applied.exit_code == 0, seen.applied
    assert seen.after[0] == seen.after[1]
    assert seen.planned_after.exit_code == 0, seen.planned_after


@EVERY_STEP
def test_the_primary_keeps_what_it_was_given(history: History, mover: str, action: Action) -> None:
    seen = history[mover, action]
    assert (seen.after[0] == seen.before[0]) == (mover == "peer")


def in_words_of(generation: Generation, field: dict[str, Any]) -> dict[str, Any]:
    """The change of a pool's class as Kea shows it: from 2.7.5 on a list of classes."""
    if field["name"] != "client-class" or not generation.has_http_socket:
        return field
    return {key: [value] if key != "name" else "client-classes" for key, value in field.items()}


@EVERY_THING
def test_each_object_is_shown_as_it_changes(
    generation: Generation, history: History, mover: str, action: Action, thing: Thing
) -> None:
    told, fields = thing.told(action, undone=mover == "peer")
    (change,) = (each for each in history[mover, action].changes if each["path"] == thing.path)
    assert change["action"] == told
    if fields is not None:
        assert change["fields"] == [in_words_of(generation, field) for field in fields]
