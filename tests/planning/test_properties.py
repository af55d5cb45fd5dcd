"""What must hold for any two configurations, not only for those that somebody thought of."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import WrongAnswererError
from reconciler.kea import ha, hooks
from reconciler.kea.fingerprints import fingerprints
from reconciler.kea.locality import LOCAL, replicated
from reconciler.kea.objects import subnets_of
from reconciler.kea.stamps import with_stamp
from reconciler.kea.views import configuration
from reconciler.model import (
    Action,
    Cause,
    Change,
    Desired,
    Relationship,
    RelationshipPlan,
    ServerPlan,
    Service,
)
from reconciler.planning import wanted
from reconciler.planning.diff import differences
from reconciler.planning.guard import violations
from reconciler.planning.plan import plan, plan_relationship
from tests.planning import strategies as some
from tests.planning.cases import read_base, read_case
from tests.planning.strategies import RELATIONSHIP, Config

often = settings(max_examples=50, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
configuration_pairs = some.services.flatmap(
    lambda service: st.tuples(
        st.just(service), some.configurations(service, "kea-a"), some.configurations(service, "kea-b")
    )
)
data_pairs = some.services.flatmap(
    lambda service: st.tuples(st.just(service), some.shared_data(service), some.shared_data(service))
)


def paired(relationship: Relationship, configs: tuple[Config, Config]) -> dict[str, Config]:
    """Return the two configurations with the relationship in their hooks, by server."""
    made = {}
    for peer, config in zip(relationship.peers, configs, strict=True):
        block = ha.wanted_block(relationship, peer, None)
        made[peer.server] = {**config, "hooks-libraries": hooks.with_relationship(config, block, None, some.HOOKS)}
    return made


def well_made(service: Service) -> Relationship:
    """Return the relationship that the real configurations of tests/cases are in."""
    return read_case("nothing-to-do-dhcp6" if service is Service.DHCP6 else "nothing-to-do").desired.relationships[0]


def decided(relationship: Relationship, configs: dict[str, Config]) -> RelationshipPlan:
    peers = {peer.server: peer for peer in relationship.peers}
    live = {
        (name, relationship.service): some.snapshot(relationship, peers[name], config)
        for name, config in configs.items()
    }
    return plan_relationship(relationship, live, "revision-1")


def partner_of(made: RelationshipPlan) -> ServerPlan:
    return next(server for server in made.servers if server.peer.server == "kea-b")


# ------------------------------------------------------------------------------------------ replicating


@often
@given(pair=configuration_pairs, data=st.data())
def test_a_replicated_server_has_nothing_left_to_replicate(
    pair: tuple[Service, Config, Config], data: st.DataObject
) -> None:
    service, *configs = pair
    patterns = data.draw(some.patterns(service))
    relationship = replace(RELATIONSHIP[service], local=patterns)
    live = paired(relationship, (configs[0], configs[1]))
    before = copy.deepcopy(live)
    made = decided(relationship, live)
    assert live == before
    server = partner_of(made)
    if server.outgoing is not None:
        assert violations(server.peer, live["kea-b"], server.outgoing) == []
        assert {key: server.outgoing.get(key) for key in LOCAL} == {key: live["kea-b"].get(key) for key in LOCAL}
        after = decided(relationship, live | {"kea-b": dict(server.outgoing)})
        assert [each.changes for each in after.servers] == [(), ()]
        assert live == before


@often
@given(pair=configuration_pairs)
def test_creating_a_pair_makes_it_as_desired_at_once(pair: tuple[Service, Config, Config]) -> None:
    service, *configs = pair
    relationship = RELATIONSHIP[service]
    made = decided(relationship, {"kea-a": configs[0], "kea-b": configs[1]})
    sent = {server.peer.server: server.outgoing for server in made.servers}
    assert None not in sent.values()
    after = decided(relationship, {name: dict(config or {}) for name, config in sent.items()})
    assert [each.changes for each in after.servers] == [(), ()]


@often
@given(pair=configuration_pairs)
def test_local_parts_of_subnets_stay_the_peers_own(pair: tuple[Service, Config, Config]) -> None:
    service, *configs = pair
    patterns = (f"/{service.subnets}/*/interface", "/client-classes/phones", "/valid-lifetime")
    relationship = replace(RELATIONSHIP[service], local=patterns)
    live = paired(relationship, (configs[0], configs[1]))
    outgoing = partner_of(decided(relationship, live)).outgoing
    if outgoing is None:
        return
    own = {prefix: subnet for prefix, (_, subnet) in subnets_of(live["kea-b"], service.subnets).items()}
    for prefix, (_, subnet) in subnets_of(outgoing, service.subnets).items():
        assert subnet.get("interface") == own.get(prefix, {}).get("interface")
    assert phones(outgoing) == phones(live["kea-b"])
    assert outgoing["valid-lifetime"] == live["kea-b"]["valid-lifetime"]


def phones(config: Mapping[str, Any]) -> list[Any]:
    return [each for each in config.get("client-classes", []) if each["name"] == "phones"]


@often
@given(pair=configuration_pairs)
def test_whole_local_subnets_stay_where_they_are(pair: tuple[Service, Config, Config]) -> None:
    service, *configs = pair
    prefix = some.PREFIXES[service][0]
    escaped = prefix.replace("/", "~1")
    relationship = replace(RELATIONSHIP[service], local=(f"/{service.subnets}/{escaped}",))
    live = paired(relationship, (configs[0], configs[1]))
    outgoing = partner_of(decided(relationship, live)).outgoing
    if outgoing is None:
        return
    mine = subnets_of(live["kea-b"], service.subnets).get(prefix)
    sent = subnets_of(outgoing, service.subnets).get(prefix)
    networks = {network["name"] for network in outgoing.get("shared-networks", [])}
    place = mine[0] if mine and mine[0] in networks else None  # out of a network that is no more
    assert sent == ((place, mine[1]) if mine else None)


# ---------------------------------------------------------------------------------------------- diffing


def shuffled_options(value: Any, chance: random.Random) -> Any:
    """Return the value with every list of options or option definitions in another order, doubles kept in theirs."""
    if isinstance(value, list):
        return [shuffled_options(item, chance) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: shuffled_options(item, chance) for key, item in value.items()}
    for key in ("option-data", "option-def"):
        if key in made:
            keys = [(item["space"], item["code"], item.get("name")) for item in made[key]]
            order = chance.sample(list(dict.fromkeys(keys)), len(set(keys)))
            made[key] = sorted(made[key], key=lambda item: order.index((item["space"], item["code"], item.get("name"))))
    return made


@often
@given(pair=data_pairs, seed=st.integers())
def test_the_order_of_options_makes_no_difference(pair: tuple[Service, Config, Config], seed: int) -> None:
    service, data, _ = pair
    other = shuffled_options(data, random.Random(seed))
    assert list(differences(data, other, service)) == []
    assert fingerprints(data) == fingerprints(other)


@often
@given(pair=data_pairs)
def test_nothing_differs_from_itself(pair: tuple[Service, Config, Config]) -> None:
    service, data, _ = pair
    assert list(differences(data, copy.deepcopy(data), service)) == []


@often
@given(pair=data_pairs)
def test_fingerprints_are_equal_where_nothing_differs_and_nowhere_else(pair: tuple[Service, Config, Config]) -> None:
    service, *sides = pair
    one, other = (replicated(side, service) for side in sides)
    found = list(differences(one, other, service))
    assert (fingerprints(one) == fingerprints(other)) == (found == [])
    touched = {name for each in found for name in each.sections}
    marks = fingerprints(one).sections, fingerprints(other).sections
    assert touched == {name for name in one.keys() | other.keys() if marks[0].get(name) != marks[1].get(name)}


@often
@given(pair=data_pairs)
def test_there_and_back_are_the_same_changes_mirrored(pair: tuple[Service, Config, Config]) -> None:
    service, one, other = pair
    mirror = {Action.ADD: Action.DELETE, Action.DELETE: Action.ADD, Action.CHANGE: Action.CHANGE}
    there = {turned(each.change) for each in differences(one, other, service)}
    back = {turned(each.change) for each in differences(other, one, service)}
    assert there == {(mirror[action], path, names) for action, path, names in back}


def turned(change: Change) -> tuple[Action, tuple[tuple[str, str], ...], tuple[str, ...]]:
    return change.action, change.path, tuple(field.name for field in change.fields)


# ----------------------------------------------------------------------------------------------- causes


@often
@given(pair=data_pairs)
def test_the_one_that_moved_is_named(pair: tuple[Service, Config, Config]) -> None:
    service, base, moved = pair
    relationship = RELATIONSHIP[service]
    stamp = wanted.stamp_for(relationship, "revision-1", fingerprints(replicated(base, service)), "2.2.0")
    own: Config = {"control-socket": {}}
    for who, cause in (("kea-a", Cause.PRIMARY), ("kea-b", Cause.PEER)):
        sides = (moved, base) if who == "kea-a" else (base, moved)
        configs = (with_stamp({**side, **own}, stamp) for side in sides)
        found = partner_of(decided(relationship, paired(relationship, (next(configs), next(configs))))).changes
        assert {(change.cause, change.moved) for change in found} <= {(cause, (who,))}


# ---------------------------------------------------------------------------------------------- garbage


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside a JSON value."""
    if way:
        yield way
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*way, key))


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None, database=None)
@given(data=st.data())
def test_garbage_in_a_configuration_stops_one_relationship_and_raises_nothing(data: st.DataObject) -> None:
    service = data.draw(some.services)
    relationship = replace(well_made(service), local=data.draw(some.patterns(service)))
    configs = {peer.server: read_base(f"{service}-hs-{peer.server}") for peer in relationship.peers}
    configs["kea-b"]["valid-lifetime"] = 60  # so that there is something to do
    config = configs[data.draw(st.sampled_from(sorted(configs)))]
    *way, last = data.draw(st.sampled_from(list(places(config))))
    holder: Any = config
    for key in way:
        holder = holder[key]
    holder[last] = data.draw(anything)
    world = {}
    for peer in relationship.peers:
        seen = some.snapshot(relationship, peer, configs[peer.server])
        try:
            found = configuration(seen.endpoint, {service.root: seen.config})
        except WrongAnswererError:
            return
        world[peer.server, service] = replace(seen, config=found)
    made = plan(Desired({}, (relationship,), "revision-1"), world)
    assert len(made.relationships) == 1


def test_a_configuration_of_any_depth_is_told_and_not_stumbled_over() -> None:
    relationship = well_made(Service.DHCP4)
    for depth in (70, 300, 900, 5000):
        configs = {peer.server: read_base(f"dhcp4-hs-{peer.server}") for peer in relationship.peers}
        for server, config in configs.items():
            bottom: Any = server
            for _ in range(depth):
                bottom = {"a": bottom}
            config["subnet4"][0]["user-context"] = bottom
        made = decided(relationship, configs)
        if depth > 254:
            reason = "the configuration of kea-a or kea-b is nested too deep to be compared"
            assert made.unplanned == reason
        else:
            partner = partner_of(made)
            found = violations(partner.peer, configs["kea-b"], partner.outgoing or {})
            assert found == ["it is nested more than 64 levels deep"]
