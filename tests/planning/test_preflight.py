"""What is looked for before servers are given a relationship."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.kea import ha, hooks
from reconciler.model import (
    Desired,
    Endpoint,
    Live,
    Objection,
    Probe,
    Relationship,
    RelationshipPlan,
    Service,
    Snapshot,
    Unreachable,
)
from reconciler.planning import wanted
from reconciler.planning.neighbours import neighbours, neighbours_of
from reconciler.planning.plan import plan
from reconciler.planning.preflight import urls
from tests.planning.cases import Case, read_case

URL = "http://192.0.2.11:8004/"
ELSE = "if not, nobody may be answered for some 16 s, and all get back what they had"
DEDICATED = {"multi-threading": {"enable-multi-threading": True, "http-dedicated-listener": True}}
THREADS = {"multi-threading": {"enable-multi-threading": True, "thread-pool-size": 1, "packet-queue-size": 8}}


@pytest.fixture
def case() -> Case:
    """Two servers that are to become a pair, kea-b at URL."""
    return read_case("create")


def found(case: Case, probe: Probe, *, dedicated: bool, control: str = "", **config: Any) -> list[Objection]:
    """The objections about kea-b's url."""
    (relationship,) = case.desired.relationships
    parameters = {**relationship.parameters, **(DEDICATED if dedicated else {})}
    desired = replace(case.desired, relationships=(replace(relationship, parameters=parameters),))
    world = dict(case.live)
    for key, each in case.live.items():
        assert isinstance(each, Snapshot)
        world[key] = replace(each, config={**each.config, **THREADS})
    b = world["kea-b", Service.DHCP4]
    assert isinstance(b, Snapshot)
    endpoint = replace(b.endpoint, control=control or b.endpoint.control)
    named = {key.replace("_", "-"): value for key, value in config.items()}
    world["kea-b", Service.DHCP4] = replace(b, endpoint=endpoint, config={**b.config, **named})
    desired = replace(desired, endpoints={**desired.endpoints, ("kea-b", Service.DHCP4): endpoint})
    (made,) = plan(desired, world, {URL: probe}).relationships
    return [each for each in made.objections if each.code == "listener-port"]


def test_the_urls_of_newcomers_are_worth_a_look(case: Case) -> None:
    assert URL in urls(case.desired, case.live)
    assert len(urls(case.desired, case.live)) == 2
    standing = read_case("nothing-to-do")
    assert urls(standing.desired, standing.live) == set()
    gone = {key: Unreachable(each.endpoint, "gone") for key, each in case.live.items()}
    assert urls(case.desired, gone) == set()


@pytest.mark.parametrize(
    ("probe", "dedicated", "said"),
    [
        (Probe.OPEN, True, "something listens at"),
        (Probe.REFUSED, True, None),
        (Probe.OPEN, False, None),
        (Probe.REFUSED, False, "nothing listens at"),
        (Probe.NO_ANSWER, True, None),
        (Probe.NO_ANSWER, False, None),
        (Probe.NOT_TRIED, False, None),
        (Probe.GUARDED, True, "something listens at"),
        (Probe.GUARDED, False, f"{URL}, where the peers of kea-b are to reach it, asks for a password"),
    ],
)
def test_a_dedicated_listener_needs_a_free_port_and_an_agent_has_to_be_there(
    case: Case, probe: Probe, said: str | None, *, dedicated: bool
) -> None:
    objections = found(case, probe, dedicated=dedicated)
    assert [each.message.startswith(said or "?") for each in objections] == ([True] if said else [])
    assert all(each.approvable for each in objections)


def test_a_peer_that_names_a_user_may_be_asked_for_a_password(case: Case) -> None:
    (relationship,) = case.desired.relationships
    peers = tuple(replace(each, options={"basic-auth-user": "ha"}) for each in relationship.peers)
    named = replace(case, desired=replace(case.desired, relationships=(replace(relationship, peers=peers),)))
    assert found(named, Probe.GUARDED, dedicated=False) == []


@pytest.mark.parametrize(
    ("control", "config"),
    [
        (URL, {}),
        ("", {"control_sockets": [{"socket-type": "http", "socket-address": "192.0.2.11", "socket-port": 8004}]}),
        ("", {"control_sockets": [{"socket-type": "https", "socket-address": "0.0.0.0", "socket-port": 8004}]}),  # noqa: S104
    ],
)
def test_a_listener_at_a_control_port_can_never_be_opened(case: Case, control: str, config: dict[str, Any]) -> None:
    (objection,) = found(case, Probe.OPEN, dedicated=True, control=control, **config)
    assert not objection.approvable
    assert "is its control channel" in objection.message
    assert found(case, Probe.OPEN, dedicated=False, control=control, **config) == []


def test_what_can_not_be_seen_from_here_is_said(case: Case) -> None:
    (made,) = plan(case.desired, case.live, {URL: Probe.NO_ANSWER}).relationships
    assert [note for note in made.foresight if URL in note] == [
        f"{URL} can't be seen from here; whether the peers reach kea-b there shows in the apply; {ELSE}"
    ]


def test_where_config_test_does_harm_the_hooks_can_not_be_looked_for(case: Case) -> None:
    world = {key: replace(each, version="3.0.3") for key, each in case.live.items() if isinstance(each, Snapshot)}
    (made,) = plan(case.desired, world).relationships
    assert len([note for note in made.foresight if "config-test does harm" in note]) == 2


# ------------------------------------------------------------------------------------- relationships that stand


class Site:
    """A hot-standby pair in step on Kea 2.6.3, each with an HA listener of its own at port 8005, that is to change."""

    def __init__(self) -> None:
        case = read_case("nothing-to-do")
        (relationship,) = case.desired.relationships
        peers = tuple(
            replace(peer, url=f"http://192.0.2.1{number}:8005/") for number, peer in enumerate(relationship.peers)
        )
        self.relationship = replace(relationship, peers=peers, parameters={**relationship.parameters, **DEDICATED})
        self.endpoints = dict(case.desired.endpoints)
        self.others: list[Relationship] = []
        self.world: dict[tuple[str, Service], Live] = {}
        for peer in peers:
            each = case.live[peer.server, Service.DHCP4]
            assert isinstance(each, Snapshot)
            block = {**DEDICATED, **ha.wanted_block(self.relationship, peer, wanted.block_of(each))}
            libraries = hooks.with_relationship(each.config, block, 0, "")
            config = {**each.config, **THREADS, "hooks-libraries": libraries}
            self.world[peer.server, Service.DHCP4] = replace(each, version="2.6.3", config=config)

    def move(self, server: str, url: str) -> None:
        """Let a server have another url."""
        peers = tuple(replace(each, url=url) if each.server == server else each for each in self.relationship.peers)
        self.relationship = replace(self.relationship, peers=peers)

    def beside(self, server: str, control: str, service: Service = Service.DHCP6, **config: Any) -> None:
        """Another endpoint of the inventory, which is read too."""
        endpoint = Endpoint(server, service, control)
        self.endpoints[server, service] = endpoint
        seen = self.world["kea-a", Service.DHCP4]
        assert isinstance(seen, Snapshot)
        named = {key.replace("_", "-"): value for key, value in config.items()}
        self.world[server, service] = replace(seen, endpoint=endpoint, config={"control-socket": {}, **named})

    @property
    def desired(self) -> Desired:
        return Desired(self.endpoints, (self.relationship, *self.others), "2")

    def plan(self, probe: Probe = Probe.REFUSED) -> RelationshipPlan:
        wanted_urls = urls(self.desired, self.world)
        made = plan(self.desired, self.world, dict.fromkeys(wanted_urls, probe)).relationships
        return next(each for each in made if each.relationship.name == self.relationship.name)

    def told(self, probe: Probe = Probe.REFUSED) -> list[tuple[str, bool]]:
        """The objections to the urls, and whether they can be approved."""
        return [(each.message, each.approvable) for each in self.plan(probe).objections if each.code == "listener-port"]


def test_a_pair_that_stays_where_it_is_is_not_looked_at() -> None:
    site = Site()
    assert urls(site.desired, site.world) == set()
    assert not site.plan(Probe.OPEN).has_changes


def test_a_url_that_is_new_to_a_standing_server_is_probed() -> None:
    site = Site()
    site.move("kea-b", "http://192.0.2.11:8006/")
    assert urls(site.desired, site.world) == {"http://192.0.2.11:8006/"}
    assert site.told() == []
    ((message, approvable),) = site.told(Probe.OPEN)
    assert message.startswith("something listens at http://192.0.2.11:8006/ already")
    assert approvable
    (note,) = [note for note in site.plan().foresight if "8006" in note]
    assert note.startswith(
        "whether the peers reach kea-b at http://192.0.2.11:8006/ shows in the apply; if not, nobody may"
    )


@pytest.mark.parametrize(
    ("beside", "held"),
    [
        ({"server": "kea-b", "control": "http://192.0.2.11:8006/"}, "the control channel of kea-b (dhcp6)"),
        ({"server": "kea-z", "control": "http://192.0.2.11:8006/"}, "the control channel of kea-z (dhcp6)"),
        (
            {
                "server": "kea-b",
                "control": "unix:/run/kea/6.sock",
                "control_sockets": [{"socket-type": "http", "socket-address": "::", "socket-port": 8006}],
            },
            "the control socket of kea-b (dhcp6)",
        ),
        (
            {
                "server": "kea-z",
                "control": "http://192.0.2.11:8001/",
                "control_sockets": [{"socket-type": "http", "socket-address": "0.0.0.0", "socket-port": 8006}],  # noqa: S104
            },
            "the control socket of kea-z (dhcp6)",
        ),
    ],
)
def test_it_is_held_against_every_control_channel_of_the_same_host(beside: dict[str, Any], held: str) -> None:
    site = Site()
    site.beside(**beside)
    assert site.told() == []
    site.move("kea-b", "http://192.0.2.11:8006/")
    ((message, approvable),) = site.told(Probe.OPEN)
    assert message.startswith(f"the url of kea-b, http://192.0.2.11:8006/, is {held}")
    assert not approvable


def test_a_control_channel_elsewhere_is_none_of_its_business() -> None:
    site = Site()
    sockets = [{"socket-type": "http", "socket-address": address, "socket-port": 8006} for address in ("0.0.0.0", "x")]  # noqa: S104
    site.beside("kea-z", "http://192.0.2.99:8006/", control_sockets=sockets)
    site.move("kea-b", "http://192.0.2.11:8006/")
    assert site.told() == []


def test_it_is_held_against_the_listeners_of_other_relationships() -> None:
    site = Site()
    peers = tuple(
        replace(peer, server=f"{peer.server}6", url=f"http://192.0.2.1{number}:8006/")
        for number, peer in enumerate(site.relationship.peers)
    )
    other = replace(site.relationship, name="other", service=Service.DHCP6, peers=peers)
    for peer in peers:
        seen = site.world[peer.server.removesuffix("6"), Service.DHCP4]
        assert isinstance(seen, Snapshot)
        block = {**DEDICATED, **ha.wanted_block(other, peer, None)}
        libraries = hooks.with_relationship({}, block, None, "/usr/lib")
        site.beside(
            peer.server, "unix:/run/kea/6.sock", multi_threading=THREADS["multi-threading"], hooks_libraries=libraries
        )
    site.move("kea-b", "http://192.0.2.11:8006/")
    ((message, approvable),) = site.told(Probe.OPEN)
    assert "is the present HA listener of kea-b6 (dhcp6)" in message
    assert approvable
    site.others.append(other)
    ((message, approvable),) = site.told(Probe.OPEN)
    assert "is the HA listener to be of kea-b6 (dhcp6) in other" in message
    assert not approvable


def test_an_address_of_another_server_and_a_loopback_address_are_told_together() -> None:
    site = Site()
    site.move("kea-a", "http://127.0.0.1:8006/")
    site.move("kea-b", "http://192.0.2.10:8006/")
    told = [message for message, approvable in site.told() if approvable]
    assert told == [
        "the url of kea-a, http://127.0.0.1:8006/, is reached on that machine only, and not by kea-b",
        "the url of kea-b, http://192.0.2.10:8006/, has an address of kea-a",
    ]


def test_a_loopback_address_is_nobody_s_own() -> None:
    """All servers are on one machine, and of one nothing tells that: a unix socket doesn't."""
    site = Site()
    for name, port in (("kea-a", 8006), ("kea-b", 8007)):
        site.move(name, f"http://127.0.0.1:{port}/")
    sockets = [{"socket-type": "http", "socket-address": "127.0.0.1", "socket-port": 8001}]
    site.beside("kea-a", "unix:/run/kea/6.sock", control_sockets=sockets)
    assert site.told() == []


def test_without_a_listener_the_url_has_to_be_where_the_server_itself_answers() -> None:
    site = Site()
    site.relationship = replace(site.relationship, parameters={"multi-threading": {"enable-multi-threading": False}})
    assert [message for message, _ in site.told(Probe.OPEN)] == [
        f"only the HA listener of {name} listens at http://192.0.2.1{number}:8005/, and that is to be closed; "
        "Kea 2.6.3 opens no HA listener of its own with these parameters"
        for number, name in enumerate(("kea-a", "kea-b"))
    ]
    assert [message.partition(",")[0] for message, _ in site.told()] == [
        f"nothing listens at http://192.0.2.1{number}:8005/" for number in (0, 1)
    ]
    sockets = [{"socket-type": "http", "socket-address": "192.0.2.11", "socket-port": 8006}]
    site.beside("kea-b", "http://192.0.2.11:8006/", control_sockets=sockets)
    site.move("kea-b", "http://192.0.2.11:8006/")
    assert "is the control socket of kea-b (dhcp6), which would answer for it" in site.told(Probe.OPEN)[1][0]


@pytest.mark.parametrize(
    ("server", "service", "said"),
    [
        ("kea-a", Service.DHCP4, ["the control channel of kea-a (dhcp4), which would answer for it"]),
        ("kea-z", Service.DHCP6, ["the control channel of kea-z (dhcp6), which would answer for it"]),
        ("kea-b", Service.DHCP6, []),
        ("kea-b", Service.DHCP4, []),
    ],
    ids=str,
)
def test_without_a_listener_another_server_s_agent_is_the_wrong_one(
    case: Case, server: str, service: Service, said: list[str]
) -> None:
    """Its own agent is the right one, and may be known as that of its other service only."""
    endpoints = {**case.desired.endpoints, (server, service): Endpoint(server, service, URL)}
    live = dict(case.live)
    seen = live.get((server, service))
    if isinstance(seen, Snapshot):
        live[server, service] = replace(seen, endpoint=endpoints[server, service])
    (made,) = plan(replace(case.desired, endpoints=endpoints), live, {URL: Probe.OPEN}).relationships
    told = [each for each in made.objections if each.code == "listener-port" and "would answer" in each.message]
    assert [each.message.partition(", is ")[2].partition(";")[0] for each in told] == said
    assert all(each.approvable for each in told)


@pytest.mark.parametrize("url", ["http://192.0.2.11:99999/", "http://[::/", "", 5])
def test_a_url_that_is_none_is_where_nobody_is(url: Any) -> None:
    """Kea takes ports beyond 65535 for a peer's url."""
    site = Site()
    live = site.world["kea-b", Service.DHCP4]
    assert isinstance(live, Snapshot)
    block = dict(wanted.block_of(live) or {})
    block["peers"] = [{**peer, "url": url} for peer in block["peers"]]
    libraries = hooks.with_relationship(live.config, block, 0, "")
    site.world["kea-b", Service.DHCP4] = replace(live, config={**live.config, "hooks-libraries": libraries})
    assert urls(site.desired, site.world) == {"http://192.0.2.11:8005/"}
    assert site.plan().has_changes


def test_what_can_not_be_planned_does_not_hide_what_else_would_go_wrong(case: Case) -> None:
    """A parameter that Kea 2.2 does not know; and, beside it, servers that don't tell where their hooks are."""
    (relationship,) = case.desired.relationships
    asked = replace(relationship, parameters={**relationship.parameters, "max-rejected-lease-updates": 3})
    desired = replace(case.desired, relationships=(asked,))
    (made,) = plan(desired, case.live, {URL: Probe.REFUSED}).relationships
    assert "which has no `max-rejected-lease-updates`" in (made.unplanned or "")
    assert [each.code for each in made.objections] == ["authority-shrunk", "listener-port"]
    assert (made.servers, made.stages, made.has_changes) == ((), (), False)
    lost: dict[tuple[str, Service], Live] = {}
    for key, each in case.live.items():
        assert isinstance(each, Snapshot)
        lost[key] = replace(each, hooks_directory=None)
    (made,) = plan(desired, lost, {URL: Probe.REFUSED}).relationships
    told = made.unplanned or ""
    assert all(text in told for text in ("kea-a does not tell", "kea-b does not tell", "has no `max-rejected"))
    assert [each.code for each in made.objections] == ["listener-port"]


def test_a_plan_tells_who_listens_where_of_what_desired_does(case: Case) -> None:
    """All but the control channels of what no relationship names."""
    probes = {URL: Probe.OPEN}
    told = neighbours_of(plan(case.desired, case.live, probes), case.live)
    known = neighbours(case.desired, case.live, probes)
    listed = {each for found in told.holders.values() for each in found}
    missing = {each for found in known.holders.values() for each in found} - listed
    assert listed
    assert all(each.endpoint.service is Service.DHCP6 for each in missing)
    assert (told.addresses, told.probes) == (known.addresses, probes)


@pytest.mark.parametrize(
    ("interfaces", "is_known"),
    [
        ([], False),
        (["eth0"], False),
        (["eth0", "eth1/192.0.2.11"], True),
        (["eth1/192.0.2.12"], False),
        ([7, {}], False),
    ],
)
def test_an_address_of_which_nothing_says_whose_it_is_is_told(
    case: Case, interfaces: list[Any], *, is_known: bool
) -> None:
    """The inventory reaches the server by a name."""
    key = "kea-b", Service.DHCP4
    b = case.live[key]
    assert isinstance(b, Snapshot)
    endpoint = replace(b.endpoint, control="http://kea-b.example:8000/")
    live = dict(case.live)
    live[key] = replace(b, endpoint=endpoint, config={**b.config, "interfaces-config": {"interfaces": interfaces}})
    desired = replace(case.desired, endpoints={at: each.endpoint for at, each in live.items()})
    (made,) = plan(desired, live, {URL: Probe.NO_ANSWER}).relationships
    told = [note for note in made.foresight if note.startswith("nothing says that ")]
    assert [note.partition(":")[0] for note in told] == (
        [] if is_known else ["nothing says that 192.0.2.11 is an address of kea-b"]
    )


def test_an_address_at_which_another_server_answers_clients_is_not_free() -> None:
    site = Site()
    site.beside(
        "kea-a", "http://192.0.2.10:8000/", interfaces_config={"interfaces": ["lo/127.0.0.1", "eth1/192.0.2.77"]}
    )
    site.move("kea-b", "http://192.0.2.77:8006/")
    assert [message for message, _ in site.told()] == [
        "the url of kea-b, http://192.0.2.77:8006/, has an address of kea-a"
    ]
