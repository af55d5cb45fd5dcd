"""`import`: from servers that are a pair already to files that say so, and whose plan is empty."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reconciler.desired.load import load
from reconciler.model import Endpoint, Mode, Role, Service, Snapshot
from reconciler.planning.imported import NotImported, find, fit_name
from reconciler.simulator import World
from reconciler.simulator.libraries import DIRECTORY
from tests.cli.schemas import assert_schemas_resolve
from tests.cli.site import HURRIED, Run, Site, run, subnet, until
from tests.pairs import PAIR_MODES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EMPTY = "The plan on the result is empty: nothing would be changed.\n"


class Found:
    """Servers made a pair by somebody else, without our stamp, and an empty folder to import into."""

    def __init__(self, world: World, folder: Path, service: Service = Service.DHCP4, **block: Any) -> None:
        self.world, self.service = world, service
        self.desired = folder / "mine"
        self.names = block.pop("names", ("server1", "server2"))
        self.block = {"mode": "hot-standby", **HURRIED, **block}
        for number in range(len(self.names)):
            world.add_server(f"host-{number}", {service: {service.subnets: [subnet(service, 1)]}})
        self.join()

    @property
    def servers(self) -> list[Any]:
        return list(self.world.servers.values())

    def hooks(self, own: str, **block: Any) -> list[dict[str, Any]]:
        partner = Mode(self.block["mode"]).partner_role
        roles = [role.value for role in (Role.PRIMARY, partner, *[Role.BACKUP] * len(self.names)) if role]
        pairs = zip(self.names, roles, self.servers, strict=False)
        peers = [{"name": name, "role": role, "url": server.control} for name, role, server in pairs]
        entry = {"this-server-name": own, "peers": peers, **self.block, **block}
        ha = {"library": f"{DIRECTORY}/libdhcp_ha.so", "parameters": {"high-availability": [entry]}}
        return [{"library": f"{DIRECTORY}/libdhcp_lease_cmds.so"}, ha]

    def join(self, **blocks: Mapping[str, Any]) -> None:
        """Give each server its half; `blocks` by server (`host_1`) go over it."""
        for server, own in zip(self.servers, self.names, strict=True):
            hooks = self.hooks(own, **blocks.get(server.name.replace("-", "_"), {}))
            server.endpoint(self.service).edit(lambda config, hooks=hooks: config.update({"hooks-libraries": hooks}))

    def until_normal(self) -> None:
        def is_normal() -> bool:
            halves = [server.endpoint(self.service).ha for server in self.servers]
            return all(half.state == half.partner.state == self.block["mode"] for half in halves)

        until(is_normal, "a normal pair")

    @property
    def addresses(self) -> list[str]:
        return [part for server in self.servers for part in ("--control", server.control)]

    def run(self, *arguments: str) -> Run:
        return run("import", "--desired", str(self.desired), *arguments)

    def relationship(self) -> dict[str, Any]:
        """The only relationship that was written, as its file says it."""
        (path,) = (self.desired / "relationships").iterdir()
        found: dict[str, Any] = yaml.safe_load(path.read_text())
        return found


@pytest.fixture
def found(world: World, tmp_path: Path) -> Found:
    return Found(world, tmp_path)


@pytest.mark.parametrize("mode", PAIR_MODES)
@pytest.mark.parametrize("service", list(Service))
def test_a_pair_that_agrees(world: World, tmp_path: Path, service: Service, mode: Mode) -> None:
    found = Found(world, tmp_path, service, mode=mode.value)
    ended = found.run(*found.addresses)
    assert ended.exit_code == 0
    path = found.desired / "relationships" / f"server1-server2-{service}.yaml"
    assert ended.stdout == "".join(
        f"wrote {written}\n"
        for written in (
            found.desired / "servers.yaml",
            path,
            f"{found.desired}/.schemas/, by which editors check these files",
        )
    )
    assert_schemas_resolve(found.desired)
    assert ended.stderr == EMPTY
    desired = load(found.desired)
    (relationship,) = desired.relationships
    assert (relationship.service, relationship.mode, relationship.replicate) == (service, mode, True)
    assert [(peer.server, peer.role) for peer in relationship.peers] == [
        ("server1", Role.PRIMARY),
        ("server2", mode.partner_role),
    ]
    assert relationship.parameters == HURRIED
    assert {key: each.control for key, each in desired.endpoints.items()} == {
        (name, service): server.control for name, server in zip(found.names, found.servers, strict=True)
    }
    assert run("plan", "--desired", str(found.desired), "--detailed-exitcode").exit_code == 0


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        (Mode.PASSIVE_BACKUP, ["server1"]),
        (Mode.PASSIVE_BACKUP, ["server1", "server2", "server3"]),
        (Mode.LOAD_BALANCING, ["server1", "server2", "server3"]),
        (Mode.HOT_STANDBY, ["server1", "server2", "server3", "server4"]),
    ],
)
def test_relationships_with_backups(world: World, tmp_path: Path, mode: Mode, names: list[str]) -> None:
    found = Found(world, tmp_path, mode=mode.value, names=names)
    ended = found.run(*found.addresses)
    assert (ended.exit_code, ended.stderr) == (0, EMPTY)
    (relationship,) = load(found.desired).relationships
    roles = [role for role in (Role.PRIMARY, mode.partner_role) if role]
    roles += [Role.BACKUP] * (len(names) - len(roles))
    assert [(peer.server, peer.role) for peer in relationship.peers] == list(zip(names, roles, strict=True))
    assert relationship.mode is mode


A, B, C, D = (
    {"name": name, "role": role} for name, role in zip("abcd", ("primary", "standby", "backup", "backup"), strict=True)
)


def test_a_fourth_peer_that_only_another_than_the_primary_knows() -> None:
    members = [member("a", [A, B, C]), member("b", [A, B, C, D]), member("c", [A, B, C])]
    (found,), left = find(members)
    assert left == []
    assert [peer.name for peer in found.relationship.peers] == ["a", "b", "c"]
    (text,) = found.disagreements
    assert text.startswith("b has peers.d ")


def test_a_fourth_peer_that_only_the_primary_knows() -> None:
    peers = [A, B, C, D]
    members = [member("a", peers), member("b", peers[:3]), member("c", peers[:3]), member("d", peers)]
    (found,), left = find(members)
    assert left == []
    assert [peer.name for peer in found.relationship.peers] == ["a", "b", "c", "d"]
    assert [text[:12] for text in found.disagreements] == ["b has peers.", "c has peers."]
    assert find(members[:3]) == (
        [],
        [
            NotImported(
                ("a", "b", "c"),
                "its peer d is not among the servers that were read, or has another relationship; "
                "give its address too, by --control or in servers.yaml",
            )
        ],
    )


def test_a_fourth_peer_that_the_primary_does_not_know_is_said_to_be_left_out() -> None:
    members = [member("a", [A, B, C]), member("b", [A, B, C, D]), member("c", [A, B, C]), member("d", [A, B, C, D])]
    (found,), left = find(members)
    assert left == []
    assert [peer.name for peer in found.relationship.peers] == ["a", "b", "c"]
    assert found.disagreements[-1] == (
        "d takes itself for a peer named d, which the primary's configuration doesn't know"
    )


def test_relationships_of_equal_names_are_not_mixed_up() -> None:
    """Names are often server1 and server2 everywhere; a third that lists the two does not belong to them by that."""
    members = [member("a", [A, B]), member("b", [A, B]), member("c", [A, B, C])]
    (found,), (left,) = find(members)
    assert [peer.name for peer in found.relationship.peers] == ["a", "b"]
    assert left.servers == ("c",)


def test_import_changes_nothing_on_the_servers(found: Found) -> None:
    found.run(*found.addresses)
    asked = {entry.command for server in found.servers for entry in server.log}
    assert asked <= {"status-get", "version-get", "config-get", "list-commands", "ha-heartbeat", "build-report"}


def test_the_pair_can_be_changed_afterwards(found: Found) -> None:
    found.run(*found.addresses)
    found.until_normal()
    found.servers[0].endpoint().edit(lambda config: config["subnet4"].append(subnet(Service.DHCP4, 2)))
    found.until_normal()
    assert run("apply", "--yes", "--desired", str(found.desired)).exit_code == 0
    assert len(found.servers[1].endpoint().config["subnet4"]) == 2


def test_servers_of_an_inventory(found: Found) -> None:
    found.desired.mkdir()
    inventory = {f"site-{number}": {"dhcp4": {"control": each.control}} for number, each in enumerate(found.servers)}
    (found.desired / "servers.yaml").write_text(yaml.safe_dump({"servers": inventory}))
    before = (found.desired / "servers.yaml").read_bytes()
    ended = found.run()
    assert (ended.exit_code, ended.stderr) == (0, EMPTY)
    assert (found.desired / "servers.yaml").read_bytes() == before
    peers = found.relationship()["peers"]
    assert [(peer["server"], peer["name"]) for peer in peers] == [("site-0", "server1"), ("site-1", "server2")]


def test_a_server_of_the_inventory_must_answer(found: Found) -> None:
    test_servers_of_an_inventory(found)
    for path in (found.desired / "relationships").iterdir():
        path.unlink()
    found.servers[1].stop_agent()
    ended = found.run()
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: site-1: ")
    assert list((found.desired / "relationships").iterdir()) == []


def test_nothing_is_overwritten(found: Found) -> None:
    assert found.run(*found.addresses).exit_code == 0
    before = {path: path.read_bytes() for path in found.desired.rglob("*.yaml")}
    ended = found.run(*found.addresses)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "already there; import overwrites nothing" in ended.stderr
    assert {path: path.read_bytes() for path in found.desired.rglob("*.yaml")} == before


def test_a_relationship_that_another_file_describes_is_not_described_twice(found: Found) -> None:
    assert found.run(*found.addresses).exit_code == 0
    (written,) = (found.desired / "relationships").iterdir()
    written.rename(written.with_name("ours.yaml"))
    before = {path: path.read_bytes() for path in found.desired.rglob("*.yaml")}
    ended = found.run()
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "ours.yaml already. Nothing was written" in ended.stderr
    assert {path: path.read_bytes() for path in found.desired.rglob("*.yaml")} == before


def test_disagreeing_parameters_are_marked_and_the_primary_counts(found: Found) -> None:
    found.join(host_1={"max-unacked-clients": 3})
    ended = found.run(*found.addresses, "--detailed-exitcode")
    assert ended.exit_code == 2
    text = "server2 has max-unacked-clients 3, server1 has 10"
    assert f"server1-server2-dhcp4: the peers disagree: {text}\n" in ended.stderr
    assert "The plan on the result is not empty:" in ended.stderr
    assert "~ relationship server1-server2-dhcp4: max-unacked-clients 3 -> 10" in ended.stderr
    (path,) = (found.desired / "relationships").iterdir()
    assert f"# {text}" in path.read_text()


def test_disagreeing_data_is_not_replicated_before_a_person_looked(found: Found) -> None:
    found.servers[1].endpoint().edit(lambda config: config["subnet4"].append(subnet(Service.DHCP4, 9)))
    ended = found.run(*found.addresses)
    assert ended.exit_code == 0
    assert "the peers disagree: 1 objects on server2 differ from server1" in ended.stderr
    assert ended.stderr.endswith(EMPTY)
    assert found.relationship()["replicate"] is False


def use_interface(config: dict[str, Any], name: str) -> None:
    config["subnet4"][0]["interface"] = name


def test_interfaces_alone_become_local(found: Found) -> None:
    for number, server in enumerate(found.servers):
        server.endpoint().edit(functools.partial(use_interface, name=f"eth{number}"))
    ended = found.run(*found.addresses)
    assert (ended.exit_code, ended.stderr) == (0, EMPTY)
    assert found.relationship()["local"] == ["/subnet4/*/interface"]


def imported(site: Site) -> tuple[Run, Path]:
    """Import every server of a site into a folder beside it."""
    addresses = [part for server in site.world.servers.values() for part in ("--control", server.control)]
    return run("import", "--desired", str(site.folder / "new"), *addresses), site.folder / "new"


def test_two_services_of_the_same_servers_with_what_their_stamps_remember(world: World, tmp_path: Path) -> None:
    site = Site(world, tmp_path)
    for name in ("kea-a", "kea-b"):
        world.add_server(name, {service: {service.subnets: [subnet(service, 1)]} for service in Service})
    site.add_pair("hq")
    site.add_pair("hq-v6", Service.DHCP6, Mode.LOAD_BALANCING)
    site.documents[1]["on-remove"] = "delete"
    site.write()
    site.made()
    ended, new = imported(site)
    assert (ended.exit_code, ended.stderr) == (0, EMPTY)
    assert yaml.safe_load((new / "servers.yaml").read_text()) == {"servers": site.inventory}
    written = {path.name: yaml.safe_load(path.read_text()) for path in (new / "relationships").iterdir()}
    assert {name: each.get("on-remove") for name, each in written.items()} == {"hq.yaml": None, "hq-v6.yaml": "delete"}


def test_a_copied_stamp_does_not_make_two_relationships_one_file(world: World, tmp_path: Path) -> None:
    site = Site(world, tmp_path)
    site.add_pair()
    site.add_pair("branch", servers=("kea-c", "kea-d"))
    site.made()
    context = site.endpoint("kea-a").config["user-context"]
    for name in ("kea-c", "kea-d"):
        site.endpoint(name).set_config({**site.endpoint(name).config, "user-context": copy.deepcopy(context)})
    ended, new = imported(site)
    assert ended.exit_code == 0
    names = {path.name for path in (new / "relationships").iterdir()}
    assert names == {"kea-a-kea-b-dhcp4.yaml", "kea-c-kea-d-dhcp4.yaml"}


def test_names_that_only_kea_takes(world: World, tmp_path: Path) -> None:
    found = Found(world, tmp_path, names=("Büro 1/primary", "Büro 1/standby"))
    ended = found.run(*found.addresses)
    assert (ended.exit_code, ended.stderr) == (0, EMPTY)
    peers = {peer["server"]: peer["name"] for peer in found.relationship()["peers"]}
    assert peers == {"B-ro-1-primary": "Büro 1/primary", "B-ro-1-standby": "Büro 1/standby"}


def test_an_address_given_twice_is_one_server(found: Found) -> None:
    first = found.servers[0].control.rstrip("/")
    ended = found.run(*found.addresses, "--control", first)
    assert (ended.exit_code, ended.stderr) == (0, EMPTY)


# ------------------------------------------------------------------------------------- what can't be imported


def test_a_peer_that_was_not_read(found: Found) -> None:
    ended = found.run("--control", found.servers[0].control)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "not imported, server1: its peer server2 is not among the servers that were read" in ended.stderr
    assert not found.desired.exists()


def test_two_servers_that_say_they_are_the_same_one(found: Found) -> None:
    found.join(host_1={"this-server-name": "server1"})
    ended = found.run(*found.addresses)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "two servers have the same this-server-name" in ended.stderr
    assert "give each its own first" in ended.stderr


def test_roles_that_no_kea_takes() -> None:
    peers = [{"name": "a", "role": "primary"}, {"name": "b", "role": "secondary"}]
    found = [member(name, peers, mode="passive-backup") for name in "ab"]
    reason = "mode passive-backup with roles primary, secondary is none that Kea has"
    assert find(found) == ([], [NotImported(("a", "b"), reason)])


def member(own: str, peers: list[dict[str, Any]], mode: str = "hot-standby") -> Snapshot:
    """What was read of a server that takes itself for the peer `own` among these."""
    entries = [{"url": f"http://192.0.2.1:800{place}/", **peer} for place, peer in enumerate(peers)]
    block = {"this-server-name": own, "mode": mode, "peers": entries}
    library = {"library": f"{DIRECTORY}/libdhcp_ha.so", "parameters": {"high-availability": [block]}}
    endpoint = Endpoint(own, Service.DHCP4, f"http://192.0.2.1:90{ord(own)}/")
    return Snapshot(endpoint, "2.2.0", {"hooks-libraries": [library]}, None, 1, 1, 1, 0.0, None)


def test_servers_without_a_relationship(site: Site) -> None:
    addresses = [site[name].control for name in ("kea-a", "kea-b")]
    ended = run("import", "--desired", str(site.folder / "new"), "--control", addresses[0], "--control", addresses[1])
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert f"there is no relationship to import on {addresses[0]} and {addresses[1]}; " in ended.stderr
    assert not (site.folder / "new").exists()


def test_a_server_that_does_not_answer(found: Found) -> None:
    found.servers[1].stop_agent()
    ended = found.run(*found.addresses)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.count(found.servers[1].control) == 1
    assert "no connection" in ended.stderr
    assert not found.desired.exists()


def test_a_folder_without_servers_asks_for_addresses(tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        ended = run("import", "--desired", str(folder))
        assert (ended.exit_code, ended.stdout) == (1, "")
        assert "Or give each server's address with --control." in ended.stderr


@pytest.mark.parametrize("address", ["kea-a", "ftp://192.0.2.1/", "http://reconciler:canary@192.0.2.1:8000/", "unix:x"])
def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    ended = run("import", "--desired", str(tmp_path / "new"), "--control", address)
    assert (ended.exit_code, ended.stdout) == (64, "")
    assert "an address can't be used: " in ended.stderr
    assert "canary" not in ended.stderr


def test_a_folder_that_cannot_be_written(found: Found) -> None:
    found.desired.write_text("a file")
    ended = found.run(*found.addresses)
    assert ended.exit_code in (1, 64)
    assert ended.stdout == ""
    assert str(found.desired) in ended.stderr


def test_a_hub_whose_branches_were_not_read_is_left_alone() -> None:
    """Kea 2.2, and with it the simulated pairs here, takes one relationship only; later versions take several."""
    blocks = [{"this-server-name": "hub", "mode": "hot-standby", "peers": [{"name": "hub"}, {"name": n}]} for n in "xy"]
    library = {"library": f"{DIRECTORY}/libdhcp_ha.so", "parameters": {"high-availability": blocks}}
    endpoint = Endpoint("hub", Service.DHCP4, "http://192.0.2.1:8000/")
    snapshot = Snapshot(endpoint, "3.0.0", {"hooks-libraries": [library]}, None, 1, 1, 1, 0.0, None)
    found, left = find([snapshot])
    assert found == []
    assert [each.servers for each in left] == [("hub",), ("hub",)]
    assert [name for each in left for name in "xy" if f"its peer {name} is not among" in each.reason] == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "longest", "name"),
    [
        ("kea-a", 240, "kea-a"),
        ("a.b_c-d", 240, "a.b_c-d"),
        (" kea a ", 240, "kea-a"),
        ("../../etc/passwd", 240, "etc-passwd"),
        ("-.-", 240, "unnamed"),
        ("", 240, "unnamed"),
        ("abcdef.xyz", 7, "abcdef"),
    ],
)
def test_any_text_becomes_a_name(text: str, longest: int, name: str) -> None:
    assert fit_name(text, longest) == name
