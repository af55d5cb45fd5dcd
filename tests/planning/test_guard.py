"""The guard on what goes out, and the edges of the objections; each objection as a whole is a case in tests/cases."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.kea import guards
from reconciler.model import Service, Snapshot
from reconciler.planning import enabling, proportion
from reconciler.planning.guard import CODES, clock_skew, depth, describe_skew, violations
from reconciler.planning.plan import plan
from tests.planning.cases import World, edited, names, read_base, read_case

CASE = read_case("drift-primary")
PRIMARY, STANDBY = CASE.desired.relationships[0].peers
LIVE = read_base("dhcp4-hs-kea-b")
BLOCK = "/hooks-libraries/1/parameters/high-availability"


# -------------------------------------------------------------------------------------------- violations


def test_what_a_server_has_may_go_out() -> None:
    assert violations(STANDBY, LIVE, LIVE) == []


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("/control-socket/socket-name", "/run/kea/x", ["control-socket would change, which is the server's own"]),
        ("/lease-database/persist", False, ["lease-database would change, which is the server's own"]),
        ("/interfaces-config/interfaces", ["eth0"], ["interfaces-config would change, which is the server's own"]),
        (f"{BLOCK}/0/this-server-name", "kea-a", ["the HA hook is missing or does not say this-server-name 'kea-b'"]),
        (BLOCK, [], ["the HA hook is missing or does not say this-server-name 'kea-b'"]),
        (f"{BLOCK}/0/peers/1/name", "kea-c", ["'kea-b' is not among the peers of its own HA hook"]),
        (f"{BLOCK}/0/peers", [], ["'kea-b' is not among the peers of its own HA hook"]),
        ("/hooks-libraries/0/library", "/tmp/evil.so", [
            "libdhcp_lease_cmds.so is missing, which HA needs",
            "it would load /tmp/evil.so",
            "it would unload /usr/lib/kea/hooks/libdhcp_lease_cmds.so",
        ]),
    ],
)  # fmt: skip
def test_what_must_not_go_out(path: str, value: Any, found: list[str]) -> None:
    assert violations(STANDBY, LIVE, edited(LIVE, [{"op": "replace", "path": path, "value": value}])) == found


def test_an_empty_configuration_must_not_go_out() -> None:
    found = violations(STANDBY, LIVE, {})
    assert "there is no control socket: the server could never be reached again" in found
    assert "the HA hook is missing or does not say this-server-name 'kea-b'" in found
    assert len(found) >= 6


@pytest.mark.parametrize("key", ["config-control", "server-tag", "control-sockets", "hosts-database", "server-id"])
def test_nothing_local_may_appear_or_vanish(key: str) -> None:
    with_it = {**LIVE, key: {"a": 1}}
    without = {name: value for name, value in LIVE.items() if name != key}
    assert violations(STANDBY, without, with_it) == [f"{key} would change, which is the server's own"]
    assert violations(STANDBY, with_it, without) == [f"{key} would change, which is the server's own"]


def test_our_two_libraries_may_appear_and_others_may_not_vanish() -> None:
    alone = read_base("dhcp4-alone-kea-b")
    assert violations(STANDBY, {**alone, "hooks-libraries": []}, LIVE | {"user-context": {}}) == []
    other = {**alone, "hooks-libraries": [{"library": "/opt/libsite.so"}]}
    assert violations(STANDBY, other, LIVE) == ["it would unload /opt/libsite.so"]


@pytest.mark.parametrize(("levels", "is_fine"), [(40, True), (64, True), (65, False), (100_000, False)])
def test_absurd_nesting_must_not_go_out(levels: int, *, is_fine: bool) -> None:
    bottom: Any = {}
    for _ in range(levels - 2):
        bottom = {"a": bottom}
    found = violations(STANDBY, LIVE, {**LIVE, "user-context": bottom})
    assert found == ([] if is_fine else ["it is nested more than 64 levels deep"])


@pytest.mark.parametrize(
    ("value", "levels"),
    [(1, 0), ("[[", 0), (None, 0), ({}, 1), ([], 1), ([[], {}], 2), ({"a": [{"b": 1}]}, 3), ([1, [2, [3]], "x"], 3)],
)
def test_depth_counts_maps_and_lists(value: Any, levels: int) -> None:
    assert depth(value) == levels


# -------------------------------------------------------------------------------------------- objections


def test_every_code_has_a_case_and_every_objection_a_known_code() -> None:
    raised = set()
    for name in names():
        case = read_case(name)
        raised |= {each.code for made in plan(case.desired, case.live).relationships for each in made.objections}
    # No plan of relationships raises the first, and no case is large enough for the second.
    assert raised | {enabling.CODE, proportion.CHANGED} == set(CODES)
    assert list(CODES) == sorted(CODES)


def codes(world: World) -> list[str]:
    (made,) = plan(CASE.desired, world).relationships
    return [objection.code for objection in made.objections]


def with_clocks(one: float | None, other: float | None) -> World:
    found: World = {}
    for (server, service), live in CASE.live.items():
        assert isinstance(live, Snapshot)
        found[server, service] = replace(live, clock_offset=one if server == "kea-a" else other)
    return found


@pytest.mark.parametrize(
    ("one", "other", "raised"),
    [
        (0.0, 59.9, []),
        (0.0, 60.0, ["clock-skew"]),
        (0.0, -60.0, ["clock-skew"]),
        (-30.0, 30.0, ["clock-skew"]),
        (1000.0, 1000.0, []),
        (0.0, None, []),
        (None, None, []),
    ],
)
def test_the_skew_between_the_servers_counts_and_not_that_of_our_own_clock(
    one: float | None, other: float | None, raised: list[str]
) -> None:
    assert codes(with_clocks(one, other)) == raised


def test_a_skew_reads_the_same_for_readings_of_whole_seconds() -> None:
    assert describe_skew(39.2) == describe_skew(40.9) == describe_skew(42.0)
    assert clock_skew([]) is None


def authority_without(reservations: int, of: int) -> World:
    """A world in which the primary lacks some of the reservations of the partner's first subnet."""
    world: World = {}
    for key, live in CASE.live.items():
        assert isinstance(live, Snapshot)
        count = of - reservations if key[0] == "kea-a" else of
        held = [{"hw-address": f"02:00:00:00:00:{place:02x}"} for place in range(count)]
        subnet = {"subnet": "10.0.0.0/24", "id": 1, "reservations": held}
        config = {**live.config, "subnet4": [subnet], "shared-networks": [], "reservations": []}
        world[key] = replace(live, config=config)
    return world


@pytest.mark.parametrize(
    ("lost", "of", "is_shrunk"),
    [
        (1, 1, True),
        (8, 9, False),
        (9, 9, True),
        (3, 10, False),
        (4, 10, True),
        (10, 10, True),
        (30, 100, False),
        (31, 100, True),
    ],
)
def test_over_thirty_of_a_hundred_of_ten_or_more_and_the_last(lost: int, of: int, *, is_shrunk: bool) -> None:
    assert codes(authority_without(lost, of)) == (["authority-shrunk"] if is_shrunk else [])


def test_reservations_that_go_with_their_subnet_are_lost_too() -> None:
    world = authority_without(0, 20)
    live = world["kea-a", Service.DHCP4]
    assert isinstance(live, Snapshot)
    held = live.config["subnet4"][0]["reservations"]
    other = {"subnet": "10.9.0.0/24", "id": 9, "reservations": held}
    world["kea-a", Service.DHCP4] = replace(live, config={**live.config, "subnet4": [other]})
    (made,) = plan(CASE.desired, world).relationships
    assert [objection.message for objection in made.objections] == [
        "the only one of the subnets on kea-b would be deleted, and 1 other would take over",
        "20 of the 20 reservations on kea-b are not on kea-a and would be deleted",
    ]


def test_what_is_local_counts_neither_as_lost_nor_as_a_conflict() -> None:
    case = read_case("objection-subnet-id-conflict")
    (relationship,) = case.desired.relationships
    for pattern in ("/subnet4/*", "/subnet4/*/id"):
        desired = replace(case.desired, relationships=(replace(relationship, local=(pattern,)),))
        assert [made.objections for made in plan(desired, case.live).relationships] == [()]


def test_objections_only_concern_a_plan_that_writes() -> None:
    case = read_case("note-clock-skew")
    (server, service), live = next(iter(case.live.items()))
    assert isinstance(live, Snapshot)
    world = {**case.live, (server, service): replace(live, clock_offset=500.0)}
    assert [made.objections for made in plan(case.desired, world).relationships] == [()]


def test_an_objection_quotes_no_configuration() -> None:
    secret = edited(LIVE, [{"op": "add", "path": "/lease-database/password", "value": "canary-77"}])
    world = dict(CASE.live)
    live = world["kea-b", Service.DHCP4]
    assert isinstance(live, Snapshot)
    world["kea-b", Service.DHCP4] = replace(
        live, config={**secret, "lease-database": {**secret["lease-database"], "persist": False}}
    )
    (made,) = plan(CASE.desired, world).relationships
    assert [objection.code for objection in made.objections] == ["leases-not-persistent"]
    assert "canary-77" not in json.dumps([[each.message, each.advice] for each in made.objections])
    assert "canary-77" not in repr(made)


# ------------------------------------------------------------------------------------- another pair's server


def a_server_of_another_pair(url: str, *, is_alone: bool = False, is_stamped: bool = True) -> list[str]:
    """The objections where the address of kea-b leads to a server that has kea-a at this url, hears it, and has another
    url than desired for itself. `is_alone`: our kea-a hears nobody; `is_stamped`: the other one has our stamp.
    """
    case = read_case("nothing-to-do")
    a, b = (case.live[name, Service.DHCP4] for name in ("kea-a", "kea-b"))
    assert isinstance(a, Snapshot)
    assert isinstance(b, Snapshot)
    assert a.ha is not None
    assert a.ha.partner is not None
    edits: list[dict[str, Any]] = [{"op": "replace", "path": f"{BLOCK}/0/peers/0/url", "value": url}]
    edits.append({"op": "replace", "path": f"{BLOCK}/0/peers/1/url", "value": "http://192.0.2.98:8001/"})
    edits.append({"op": "replace", "path": "/valid-lifetime", "value": 77})
    stranger = edited(dict(b.config), edits)
    if not is_stamped:
        del stranger["user-context"]
    partner = replace(a.ha.partner, in_touch=not is_alone, interrupted=is_alone)
    world: World = {
        ("kea-a", Service.DHCP4): replace(a, ha=replace(a.ha, partner=partner)),
        ("kea-b", Service.DHCP4): replace(b, config=stranger),
    }
    (made,) = plan(case.desired, world).relationships
    return [each.message for each in made.objections if each.code == "identity"]


def test_a_server_that_hears_the_partner_of_another_pair_is_not_taken_away_from_it() -> None:
    (told,) = a_server_of_another_pair("http://192.0.2.99:8001/")
    assert told.startswith(
        "kea-b hears a partner kea-a at http://192.0.2.99:8001/, and kea-a of this relationship says"
    )


def test_nor_is_it_where_our_other_server_is_alone() -> None:
    """Unless its stamp says that it is ours: then it was only left behind."""
    url = "http://192.0.2.99:8001/"
    (told,) = a_server_of_another_pair(url, is_alone=True, is_stamped=False)
    assert told.startswith(f"kea-b hears a partner kea-a at {url}, where no server of this relationship is or is to be")
    assert a_server_of_another_pair(url, is_alone=True) == []
    assert len(a_server_of_another_pair(url, is_stamped=False)) == 1


def test_one_that_hears_the_partner_that_is_meant_is_no_other_pair_s() -> None:
    (pair,) = read_case("nothing-to-do").desired.relationships
    assert a_server_of_another_pair(pair.primary.url) == []
    assert a_server_of_another_pair(pair.primary.url, is_alone=True, is_stamped=False) == []


def a_server_with_urls(*urls: str, stamped: str = "", others: bool = True) -> list[str]:
    """The identity objections to kea-b, which has kea-a and itself at these urls, hears nobody, and has no stamp but
    perhaps another relationship's, while kea-a hears its partner; without `others` kea-a has these urls too.
    """
    case = read_case("nothing-to-do")
    world: dict[tuple[str, Service], Snapshot] = {}
    for name in ("kea-a", "kea-b"):
        live = case.live[name, Service.DHCP4]
        assert isinstance(live, Snapshot)
        assert live.ha is not None
        config = dict(live.config)
        if name == "kea-b" or not others:
            edits = [{"op": "replace", "path": f"{BLOCK}/0/peers/{n}/url", "value": u} for n, u in enumerate(urls)]
            config = edited(config, edits)
            context = config.pop("user-context")
            if stamped:
                mark = {**context["kea-reconciler"][0], "relationship": stamped}
                config["user-context"] = {"kea-reconciler": [mark]}
        partner = live.ha.partner and replace(live.ha.partner, in_touch=name == "kea-a" and others)
        world[name, Service.DHCP4] = replace(live, config=config, ha=replace(live.ha, partner=partner))
    (made,) = plan(case.desired, world).relationships
    return [each.message for each in made.objections if each.code == "identity" and each.object == "kea-b"]


def test_another_pair_s_last_server_is_known_by_its_urls_though_it_hears_nobody() -> None:
    elsewhere = ("http://192.0.2.98:8001/", "http://192.0.2.99:8001/")
    (told,) = a_server_with_urls(*elsewhere)
    assert told.startswith(
        "kea-b has an HA entry with peers at http://192.0.2.98:8001/, http://192.0.2.99:8001/, where"
    )
    assert told.endswith("its address leads to a server of another pair")
    (pair,) = read_case("nothing-to-do").desired.relationships
    assert a_server_with_urls(pair.primary.url, elsewhere[1]) == []  # one of the two has moved
    assert a_server_with_urls(*elsewhere, others=False) == []  # both have moved, and know each other
    (told,) = a_server_with_urls(*elsewhere, others=False, stamped="branch")
    assert told.endswith("its address leads to a server of branch")


def bare(
    server: str,
    *subnets: int,
    keeps: int = 0,
    hearing: float | None = None,
    url: str | None = None,
    state: str | None = None,
) -> list[tuple[str, str]]:
    """The identity objections to a server of a standing pair that has no HA any more, other subnets with these ids, and
    so many of those that it had. The other one heard its partner so many seconds ago, or is cut off from it; with a
    `url` that is where it has the partner, and with a `state` it is not in its normal one.
    """
    case = read_case("nothing-to-do")
    live = case.live[server, Service.DHCP4]
    assert isinstance(live, Snapshot)
    others = [{"id": number, "subnet": f"198.51.{number}.0/24"} for number in subnets]
    config = {**live.config, "subnet4": [*live.config["subnet4"][:keeps], *others], "shared-networks": []}
    key = ("kea-a" if server == "kea-b" else "kea-b", Service.DHCP4)
    witness = case.live[key]
    assert isinstance(witness, Snapshot)
    assert witness.ha is not None
    assert witness.ha.partner is not None
    partner = replace(witness.ha.partner, age=hearing or 0.0, interrupted=hearing is None)
    place = 0 if server == "kea-a" else 1
    moved = [{"op": "replace", "path": f"{BLOCK}/0/peers/{place}/url", "value": url}] if url else []
    view = replace(witness.ha, partner=partner, state=state or witness.ha.state)
    other = replace(witness, ha=view, config=edited(dict(witness.config), moved))
    bared = replace(live, config=without_ha(config), ha=None, views=())
    (made,) = plan(case.desired, {**case.live, key: other, (server, Service.DHCP4): bared}).relationships
    return [(each.object, each.message) for each in made.objections if each.code == "identity"]


def without_ha(config: dict[str, Any]) -> dict[str, Any]:
    del config["user-context"]
    libraries = [each for each in config["hooks-libraries"] if "libdhcp_ha" not in each["library"]]
    return {**config, "hooks-libraries": libraries}


@pytest.mark.parametrize("server", ["kea-a", "kea-b"])
def test_a_server_with_nothing_of_the_relationship_but_subnets_of_its_own_is_somebody_else_s(server: str) -> None:
    ((name, told),) = bare(server, 1, 2)
    assert name == server
    assert told.startswith(f"{server} has no HA entry, no stamp and no subnet of this relationship, which it is in")
    assert "2 of its own" in told


@pytest.mark.parametrize("server", ["kea-a", "kea-b"])
def test_one_that_was_installed_anew_is_the_one_that_is_meant(server: str) -> None:
    assert bare(server) == []
    assert bare(server, 1, keeps=1) == []


@pytest.mark.parametrize("server", ["kea-a", "kea-b"])
@pytest.mark.parametrize(("subnets", "keeps"), [((), 0), ((), 1), ((77,), 1), ((77,), 0)])
def test_nothing_of_the_relationship_is_somebody_else_while_the_partner_is_heard(
    server: str, subnets: tuple[int, ...], keeps: int
) -> None:
    """Whatever subnets it shares with the pair. That it shares none is not told besides."""
    ((name, told),) = bare(server, *subnets, keeps=keeps, hearing=3.0)
    witness = "kea-b" if server == "kea-a" else "kea-a"
    assert name == server
    assert told.startswith(f"{server} has no HA entry and no stamp of this relationship, while {witness} hears its")


@pytest.mark.parametrize("server", ["kea-a", "kea-b"])
def test_a_partner_heard_long_ago_or_elsewhere_or_by_one_that_waits_is_no_proof(server: str) -> None:
    """A silence of more than three heartbeats, a server that is to be at another url from now on, and a creation that
    was cut off.
    """
    assert bare(server, keeps=1, hearing=40.0) == []
    assert bare(server, keeps=1, hearing=3.0, url="http://192.0.2.98:8001/") == []
    assert bare(server, keeps=1, hearing=3.0, state="waiting") == []


def test_a_backup_that_was_installed_anew_is_heard_by_nobody() -> None:
    case = read_case("nothing-to-do-with-a-backup")
    live = case.live["kea-c", Service.DHCP4]
    assert isinstance(live, Snapshot)
    bared = replace(live, config=without_ha(dict(live.config)), ha=None, views=())
    (made,) = plan(case.desired, {**case.live, ("kea-c", Service.DHCP4): bared}).relationships
    assert [server.peer.server for server in made.servers if server.changes] == ["kea-c"]
    assert made.objections == ()


# ------------------------------------------------------------------------------------- a server that can't serve


def objected(name: str, server: str, **parts: Any) -> list[str]:
    """The codes of the objections of a case of which one server was read otherwise."""
    case = read_case(name)
    live = case.live[server, Service.DHCP4]
    assert isinstance(live, Snapshot)
    world: World = {**case.live, (server, Service.DHCP4): replace(live, **parts)}
    (made,) = plan(case.desired, world).relationships
    return [each.code for each in made.objections]


@pytest.mark.parametrize(
    ("name", "server", "is_refused"),
    [
        ("create", "kea-a", True),
        ("create", "kea-b", False),
        ("create-load-balancing", "kea-b", True),
        ("create-with-a-backup", "kea-c", False),
        ("relationship-mode-changed", "kea-b", True),
        ("object-pool", "kea-a", False),
        ("object-pool", "kea-b", False),
    ],
)
@pytest.mark.parametrize("parts", [{"disabled_by_user": True}, {"sockets_ready": False}])
def test_no_further_clients_for_a_server_that_answers_nobody(
    name: str, server: str, parts: dict[str, Any], *, is_refused: bool
) -> None:
    before = objected(name, server)
    assert sorted(objected(name, server, **parts)) == sorted(["nobody-would-serve"] * is_refused + before)


def test_one_that_an_earlier_run_of_ours_switched_off_is_switched_on_again() -> None:
    assert "nobody-would-serve" not in objected("create", "kea-a", disabled_by_user=True, is_off_by_us=True)


def test_a_primary_that_comes_back_disabled_where_another_served() -> None:
    case = read_case("create")
    for server, is_refused in (("kea-a", True), ("kea-b", False)):
        live = case.live[server, Service.DHCP4]
        assert isinstance(live, Snapshot)
        disabled = guards.disabled(live.config, Service.DHCP4, "hq-dhcp4", live.version, concerns=lambda _: True)
        assert ("nobody-would-serve" in objected("create", server, config=disabled)) == is_refused
