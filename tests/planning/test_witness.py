"""Which authority is marked with what was replicated from it, and what that mark tells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.kea.stamps import as_class, gathered, read_stamps, with_stamp, witness_marks, witnessed
from reconciler.model import Carrier, Deed, RelationshipPlan, Service, Snapshot, Stamp
from reconciler.planning import steps
from reconciler.planning.plan import plan
from reconciler.planning.server_plan import next_generation
from reconciler.planning.witness import has_witnessed, is_put_back, marking, witness
from tests.planning.cases import after_apply, read_case

if TYPE_CHECKING:
    from tests.planning.cases import Case, World

S = Service.DHCP4
OFFERED = frozenset({"class-add", "class-update"})
NAME = "hq-dhcp4"


def server(case: Case, name: str, **told: Any) -> Snapshot:
    found = case.live[name, S]
    assert isinstance(found, Snapshot)
    return replace(found, **told)


def made(version: str = "3.0.3", **told: Any) -> RelationshipPlan:
    """The plan where the primary's data changed and are all that differs; what it offers is enough, unless told."""
    case = read_case("nothing-to-do")
    world: World = {key: replace(server(case, key[0]), version=version) for key in case.live}
    world = after_apply(replace(case, live=world), plan(case.desired, world))
    primary = world["kea-a", S]
    assert isinstance(primary, Snapshot)
    common: dict[str, Any] = {"commands": OFFERED, "uptime": 100, "reload": 95}
    first, *others = primary.config["subnet4"]
    config = {**primary.config, "subnet4": [{**first, "valid-lifetime": 1234}, *others]}
    world["kea-a", S] = replace(primary, config=config, **common | told)
    (found,) = plan(case.desired, world).relationships
    return found


def test_the_authority_is_marked_last() -> None:
    found = made()
    assert witness(found) == "kea-a"
    marks = [step for part in steps.parts(found) for step in part if step.deed is Deed.MARK]
    assert marks == [steps.parts(found)[-1][-1]]
    assert witness(made(commands=frozenset({"reservation-add", "reservation-update"}))) == "kea-a"


@pytest.mark.parametrize(
    "told",
    [{"commands": None}, {"commands": OFFERED - {"class-update"}}, {"version": "2.6.3"}],
    ids=str,
)
def test_one_that_can_not_be_marked_is_not(told: dict[str, Any]) -> None:
    found = made(**told)
    assert found.has_changes
    assert witness(found) is None
    assert Deed.MARK not in [step.deed for part in steps.parts(found) for step in part]


def test_none_is_marked_where_nothing_follows_or_it_is_changed_itself() -> None:
    found = made()
    assert witness(replace(found, replicates=False)) is None
    primary, partner = sorted(found.servers, key=lambda each: each.peer.server)
    assert witness(replace(found, servers=(primary, replace(partner, outgoing=None)))) is None
    assert witness(replace(found, servers=(replace(primary, outgoing={}), partner))) is None
    assert partner.outgoing is not None
    (stamp,) = read_stamps(partner.outgoing)
    aging = with_stamp(partner.outgoing, replace(stamp, may_age=True))
    assert witness(replace(found, servers=(primary, replace(partner, outgoing=aging)))) is None


def stamped(generation: int, **told: Any) -> tuple[Case, Stamp, Snapshot]:
    """A case, a stamp of that generation, and a follower that has it."""
    case = read_case("drift-primary")
    follower = server(case, "kea-b")
    (stamp,) = read_stamps(follower.config)
    stamp = replace(stamp, generation=generation, **told)
    return case, stamp, replace(follower, config=with_stamp(follower.config, stamp))


def marked(case: Case, generation: int, set_at: float | None = None) -> Snapshot:
    """The primary with a mark, as it is read."""
    config = case.live["kea-a", S].config  # type: ignore[union-attr]
    classes = [*config.get("client-classes", []), as_class(witness_marks(config, NAME, generation, set_at))]
    return server(case, "kea-a", config=gathered({**config, "client-classes": classes}), carrier=Carrier.CLASS)


@pytest.mark.parametrize(("seen", "generation", "is_told"), [(4, 4, True), (5, 4, True), (3, 4, False), (4, 0, False)])
def test_a_server_saw_what_its_mark_says_and_what_came_before(seen: int, generation: int, is_told: bool) -> None:
    case, _, follower = stamped(generation)
    (relationship,) = case.desired.relationships
    assert has_witnessed(relationship, marked(case, seen), follower) is is_told
    assert not has_witnessed(relationship, server(case, "kea-a"), follower)
    assert not has_witnessed(relationship, marked(case, seen), replace(follower, config={}))


def test_where_commands_leave_a_stamp_as_it_is_nothing_tells() -> None:
    case, _, follower = stamped(4, may_age=True)
    (relationship,) = case.desired.relationships
    assert not has_witnessed(relationship, marked(case, 9), follower)
    assert marking(relationship, server(case, "kea-a"), [follower]) is None
    on_its_way = replace(follower, carrier=Carrier.CLASS)
    assert has_witnessed(relationship, marked(case, 4), on_its_way)
    assert not has_witnessed(relationship, marked(case, 3), on_its_way)


@pytest.mark.parametrize(
    ("seen", "marked_at", "set_at", "is_told"),
    [
        (3, 1000.4, 998.0, True),
        (4, 1000.4, 1000.4, False),  # it lived through that
        (3, 1000.4, 1020.0, False),  # somebody set it since: the mark came with that
        (3, 1000.4, None, False),
        (3, None, 1000.4, False),
    ],
)
def test_a_memory_with_an_older_mark_was_put_back_unless_it_was_set_since(
    seen: int, marked_at: float | None, set_at: float | None, *, is_told: bool
) -> None:
    case, _, follower = stamped(4)
    (relationship,) = case.desired.relationships
    primary = replace(marked(case, seen, marked_at), set_at=set_at)
    assert is_put_back(relationship, primary, follower) is is_told
    assert not is_put_back(relationship, primary, replace(follower, config={}))


def test_a_server_that_was_changed_with_the_others_has_a_stamp_that_says_the_same() -> None:
    case, stamp, follower = stamped(4)
    (relationship,) = case.desired.relationships
    primary = server(case, "kea-a")
    for own, is_told in ((stamp, True), (replace(stamp, may_age=True), False), (replace(stamp, generation=3), False)):
        told = replace(primary, config=with_stamp(primary.config, own))
        assert has_witnessed(relationship, told, follower) is is_told


def test_a_mark_is_that_of_the_newest_stamp_and_leaves_all_others() -> None:
    case, stamp, follower = stamped(4)
    (relationship,) = case.desired.relationships
    older = replace(follower, config=with_stamp(follower.config, replace(stamp, generation=3)))
    other = {"relationship": "branch", "witnessed": 7}
    config = with_stamp(case.live["kea-a", S].config, replace(stamp, generation=1))  # type: ignore[union-attr]
    config["user-context"]["kea-reconciler"].append(other)
    primary = server(case, "kea-a", config=config, commands=OFFERED)
    command = marking(relationship, primary, [older, follower])
    assert command is not None
    assert command.name == "class-add"
    found = gathered({**config, "client-classes": command.arguments["client-classes"]})
    assert (witnessed(found, NAME), witnessed(found, "branch")) == (4, 7)
    assert read_stamps(found) == read_stamps(config)
    primary = replace(primary, config=found, carrier=Carrier.CLASS)
    assert marking(relationship, primary, [older, follower]) is None
    newer = replace(follower, config=with_stamp(follower.config, replace(stamp, generation=5)))
    command = marking(relationship, primary, [newer])
    assert command is not None
    assert command.name == "class-update"
    found = gathered({**config, "client-classes": command.arguments["client-classes"]})
    assert (witnessed(found, NAME), witnessed(found, "branch")) == (5, 7)


def test_no_stamp_is_ever_as_new_as_a_mark_that_says_of_another() -> None:
    """As where a follower was installed anew, and its stamp is gone."""
    case, _, _ = stamped(4)
    (relationship,) = case.desired.relationships
    bare = server(case, "kea-b", config={})
    assert next_generation(relationship, [server(case, "kea-a", config={}), bare]) == 1
    assert next_generation(relationship, [marked(case, 7), bare]) == 8


@pytest.mark.parametrize("damage", [None, "4", True, [], {}])
def test_a_damaged_mark_tells_nothing(damage: Any) -> None:
    context = {"kea-reconciler": [{"relationship": NAME, "witnessed": damage}, 3, None]}
    assert witnessed({"user-context": context}, NAME) == 0
