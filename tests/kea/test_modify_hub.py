"""One relationship of a hub is changed in git: its HA states are recorded, and who answers the clients of the other."""

from __future__ import annotations

import contextlib
import copy
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from lab.laboratory import Laboratory
from lab.proxy import Fault
from reconciler.model import Service
from tests.kea.clients import BEHIND_RELAY, SERVED, Clients
from tests.kea.hub import PRIMARY_OF_WEST, Hub
from tests.kea.shared import Shared, shared_by
from tests.kea.traces import Trace
from tests.kea.world import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.kea import Generation

pytestmark = [pytest.mark.kea, pytest.mark.generations("2.6", "3.0"), pytest.mark.xdist_group("modify-hub")]

FOUR = Service.DHCP4
THREADS = {"enable-multi-threading": True, "thread-pool-size": 2, "packet-queue-size": 16}


@dataclass
class Branch:
    """The hub's relationship east, of which it is the standby at first, the clients of west, whose primary it is, and
    how many seconds they go without an answer when the hub is set to what it has.
    """

    world: Hub
    clients: Clients
    set_again: float

    @property
    def document(self) -> dict[str, Any]:
        return self.world.documents["east"]

    @property
    def peers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.document["peers"]
        return found

    @property
    def parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["parameters"]
        return found

    def apply(self, title: str) -> None:
        """Apply what is desired; check the recording, what was sent, and what the clients of west noticed."""
        world = self.world
        world.write("east", "west")
        world.forget()
        start = len(self.clients.asked)
        title = f"{world.lab.generation} hub: {title}"  # whose list has east first, whatever its peers are called
        with (
            self.clients.asking(),
            Trace([world.east, world.hub], FOUR, title, world.switched) as east,
            Trace([world.west, world.hub], FOUR, f"{title}, west", world.switched, {"hub": 1}) as west,
        ):
            world.must_apply()
            world.must_be_normal()
            time.sleep(0.3)
        east.must_be_safe()
        west.must_be_safe()
        west.must_be_served()
        assert ("hub", "dhcp-disable") not in world.sent()
        assert world.sent().count(("hub", "config-set")) == 1
        assert ("west", "config-set") not in world.sent()
        told = world.sent("ha-scopes", "config-set")
        at = told.index(("hub", "config-set"))
        assert [("west", "ha-scopes") in part for part in (told[:at], told[at:])] == [True, True]
        assert self.clients.longest_silence(start) < self.set_again + 0.5
        status = world.run("status")
        assert status.exit_code == 0, status


@contextlib.contextmanager
def made(generation: Generation) -> Iterator[Branch]:
    with Clients(("east", "west", "hub")) as clients, Laboratory(generation=generation) as lab:
        parts: dict[str, Any] = {"parts": {11: BEHIND_RELAY}, "settings": {**SERVED, "multi_threading": THREADS}}
        with Hub(lab, FOUR, roles=PRIMARY_OF_WEST, options=clients.options(), is_logged=True, **parts) as world:
            world.write("east", "west")
            world.must_apply()
            world.must_be_normal()
            yield Branch(world, clients, world.silence_of_a_set(clients))


standing = shared_by(made)


@pytest.fixture
def branch(request: pytest.FixtureRequest, standing: Shared[Branch]) -> Iterator[Branch]:
    """The relationship as the test before left it, the hub its standby."""
    with standing.lent(request.node) as branch:
        branch.world.must_be_normal()
        assert branch.clients.offered() == {"hub"}
        yield branch


# ------------------------------------------------------------------------------------------- the changes


def slower(branch: Branch) -> None:
    branch.parameters["heartbeat-delay"] = 600 + branch.parameters["heartbeat-delay"] % 2
    branch.parameters["max-response-delay"] += 1000


def logged_in(branch: Branch) -> None:
    path = branch.world.lab.directory / "ha.password"
    path.write_text("a password of the tests")
    user = "ha" if branch.peers[0].get("basic-auth-user") != "ha" else "another"
    for peer in branch.peers:
        peer |= {"basic-auth-user": user, "basic-auth-password-file": str(path)}


def logged_out(branch: Branch) -> None:
    """Without a user; they get one before where the test before did not leave one."""
    if "basic-auth-user" not in branch.peers[0]:
        logged_in(branch)
        branch.apply("a user to take away")
    for peer in branch.peers:
        del peer["basic-auth-user"], peer["basic-auth-password-file"]


def moved(branch: Branch) -> None:
    for peer in branch.peers:
        peer["url"] = branch.world.fresh_url()


def through_the_agents(branch: Branch) -> None:
    branch.parameters["multi-threading"] = {"enable-multi-threading": False, "http-dedicated-listener": False}
    for peer in branch.peers:
        peer["url"] = branch.world.server(peer["server"]).control


LISTENERS = {"enable-multi-threading": True, "http-dedicated-listener": True}


def through_listeners(branch: Branch) -> None:
    branch.parameters["multi-threading"] = dict(LISTENERS)
    moved(branch)


FILES = {"trust-anchor": "ca.pem", "cert-file": "cert.pem", "key-file": "key.pem"}


def over_tls(branch: Branch) -> None:
    authority, folder = trustme.CA(), branch.world.lab.directory
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    branch.parameters.update({key: str(folder / name) for key, name in FILES.items()})
    branch.parameters["multi-threading"] = dict(LISTENERS)  # no agent speaks TLS here
    for peer in branch.peers:
        peer["url"] = branch.world.fresh_url("https")


def over_plain_http(branch: Branch) -> None:
    branch.parameters.update(dict.fromkeys(FILES, ""))
    moved(branch)


def renamed(branch: Branch) -> None:
    for peer in branch.peers:
        peer["name"] = f"{peer.get('name', peer['server'])}-new"


def swapped(branch: Branch) -> None:
    first, second = branch.peers
    first["role"], second["role"] = second["role"], first["role"]


def everything_at_once(branch: Branch) -> None:
    for change in (renamed, swapped, slower, moved):
        change(branch)


ONE_BY_ONE = (slower, logged_in, logged_out)
TOGETHER = (moved, through_the_agents, through_listeners, over_tls, over_plain_http, renamed)


@pytest.mark.parametrize("change", ONE_BY_ONE)
def test_parameters_reach_one_server_after_the_other(branch: Branch, change: Callable[[Branch], None]) -> None:
    change(branch)
    branch.apply(change.__name__)
    assert [name for name, _ in branch.world.sent("config-set")] == ["hub", "east"]
    assert branch.world.sent("dhcp-enable") == [("east", "dhcp-enable")]
    assert set(branch.world.sent("dhcp-disable")) == {("east", "dhcp-disable")}


def test_a_hub_that_serves_gives_up_its_clients_before_its_branch_answers_them(branch: Branch) -> None:
    for turn in ("primary", "standby"):
        swapped(branch)
        branch.apply(f"to become {turn}")
        if turn == "primary":
            slower(branch)
            branch.apply("slower as primary")
            found = branch.world.sent("dhcp-disable", "dhcp-enable", "ha-scopes", "config-set")
            handed = [(name, "ha-scopes") for name in ("hub", "west", "hub", "east")]
            given_back = [("east", "ha-scopes"), ("west", "ha-scopes")]  # either may be seen first
            assert found[:6] == [("east", "config-set"), *handed, ("hub", "config-set")]
            assert sorted(found[6:]) == given_back


@pytest.mark.parametrize("change", TOGETHER)
def test_the_branch_is_silenced_instead_of_the_hub(branch: Branch, change: Callable[[Branch], None]) -> None:
    """The hub is its standby, and set last: meanwhile it answers the clients of the branch."""
    change(branch)
    branch.apply(change.__name__)
    found = branch.world.sent("config-set", "dhcp-disable", "dhcp-enable")
    silenced = [("east", "dhcp-disable")] * 2  # for a minute, until the hub answers for it
    assert found == [*silenced, ("east", "config-set"), ("hub", "config-set"), ("east", "dhcp-enable")]
    assert branch.world.names(branch.world.hub)[0] == branch.peers[1]["name"]


def test_roles_are_swapped_while_each_serves_for_the_other(branch: Branch) -> None:
    for turn in ("once", "and back"):
        swapped(branch)
        branch.apply(f"roles swapped {turn}")
        assert set(branch.world.sent("dhcp-disable")) == {("east", "dhcp-disable")}


def test_everything_changes_at_once(branch: Branch) -> None:
    # East is off for a minute, and for good once the hub answers for it, if that is to.
    for turn, times in (("as standby", 2), ("as primary", 1)):
        everything_at_once(branch)
        branch.apply(f"everything at once {turn}")
        assert branch.world.sent("dhcp-disable") == [("east", "dhcp-disable")] * times


@pytest.mark.parametrize("which", ["east", "hub"])
def test_a_set_that_fails_leaves_the_hub_switched_on(branch: Branch, which: str) -> None:
    """Whichever way the peers talked before: to addresses at which only listeners of their own can answer."""
    world, before = branch.world, copy.deepcopy(branch.document)
    configs = [world.config(server) for server in world.servers]
    through_listeners(branch)
    world.write("east", "west")
    refusal = b'[{"result": 2, "text": "\'config-set\' command not supported."}]'
    world.proxies[which].on(b'"config-set"', Fault.ANSWER, reply=refusal, times=1)
    try:
        failed = world.run("apply", "--yes")
    finally:
        world.documents["east"] = before
        world.write("east", "west")
    assert failed.exit_code == 1, failed
    world.must_be_normal()
    until(lambda: world.run("status").exit_code == 0, "well again")
    assert [world.config(server) for server in world.servers] == configs
    assert branch.clients.offered() == {"hub"}
