"""The commands for single subnets, networks, reservations and classes: the same answers and trees on both sides."""

from __future__ import annotations

import random
from typing import Any

import pytest

from reconciler.kea.rapid_commit import written_out
from reconciler.kea.single_commands import LIBRARIES, sections
from reconciler.model import Service
from reconciler.planning.commands import single_commands
from reconciler.planning.diff import differences as differ
from reconciler.simulator.libraries import DIRECTORY
from tests.contract.generator import between, configuration
from tests.contract.loading import differences
from tests.contract.sides import LEASE_COMMANDS, Side, placed

pytestmark = [pytest.mark.kea, pytest.mark.generations("3.0")]
HOOKS = [LEASE_COMMANDS, *({"library": f"{DIRECTORY}/{name}"} for name in LIBRARIES)]
MEMORY = {"operation-target": "memory"}

Step = tuple[str, Any]


class Numbered:
    """Names and addresses of a service, by number."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.key = service.subnets
        self.is_v4 = service is Service.DHCP4
        self.network = self.key.replace("subnet", "network")

    def prefix(self, number: int) -> str:
        return f"10.0.{number}.0/24" if self.is_v4 else f"2001:db8:{number}::/64"

    def address(self, number: int, host: int) -> str:
        return f"10.0.{number}.{host}" if self.is_v4 else f"2001:db8:{number}::{host}"

    def pool(self, number: int, first: int, last: int) -> dict[str, Any]:
        return {"pool": f"{self.address(number, first)} - {self.address(number, last)}"}

    def subnet(self, number: int, **more: Any) -> dict[str, Any]:
        whole = {"id": number, "subnet": self.prefix(number), "pools": [self.pool(number, 10, 20)]}
        return whole | {key.replace("_", "-"): value for key, value in more.items()}

    def reservation(self, number: int, host: int, **more: Any) -> dict[str, Any]:
        own = self.address(number, host)
        reserved = {"ip-address": own} if self.is_v4 else {"ip-addresses": [own]}
        whole = {"hw-address": f"aa:bb:cc:dd:ee:{host:02d}", **reserved}
        return whole | {key.replace("_", "-"): value for key, value in more.items()}


def of_subnets(n: Numbered) -> list[Step]:
    """Subnets outside of networks, what is refused included."""
    key = n.key
    option = {"code": 6 if n.is_v4 else 23, "data": n.address(1, 1)}
    return [
        (f"{key}-add", {key: [n.subnet(9)]}),
        (f"{key}-add", {key: [n.subnet(3, valid_lifetime=900, option_data=[option], user_context={"a": 1})]}),
        (f"{key}-add", {key: [n.subnet(9, subnet=n.prefix(8), pools=[])]}),
        (f"{key}-add", {key: [n.subnet(8, subnet=n.prefix(9), pools=[])]}),
        (f"{key}-add", {key: [n.subnet(7), n.subnet(8)]}),
        (f"{key}-add", {key: [n.subnet(7, reservations=[])]}),
        (f"{key}-add", {key: [n.subnet(7, nonsense=1)]}),
        (f"{key}-add", {key: [n.subnet(7, interface="nope")]}),
        (f"{key}-add", {key: [n.subnet(7, pools=[n.pool(8, 1, 2)])]}),
        (f"{key}-add", {key: [{"id": 7}]}),
        (f"{key}-add", {key: [{"subnet": n.prefix(7)}]}),
        (f"{key}-add", {}),
        (f"{key}-add", None),
        (f"{key}-update", {key: [n.subnet(1, pools=[n.pool(1, 30, 40), n.pool(1, 10, 20)], renew_timer=77)]}),
        (f"{key}-update", {key: [n.subnet(1, reservations=[])]}),
        (f"{key}-update", {key: [n.subnet(77)]}),
        (f"{key}-update", {key: [n.subnet(1, pools=[n.pool(2, 1, 2)])]}),
        (f"{key}-update", {key: [n.subnet(1, subnet=n.prefix(2), pools=[])]}),
        (f"{key}-update", {}),
        (f"{key}-update", None),
        (f"{key}-del", {"id": 1}),
        (f"{key}-del", {"id": 1}),
        (f"{key}-del", {}),
        (f"{key}-del", None),
        (f"{key}-add", {key: [n.subnet(1)]}),  # its reservations went with it
    ]


def of_networks(n: Numbered) -> list[Step]:
    """Shared networks, and subnets that come into and out of them."""
    key, network = n.key, n.network
    inside = [n.subnet(21), n.subnet(20, reservations=[n.reservation(20, 5)])]
    return [
        (f"{key}-update", {key: [n.subnet(5, renew_timer=88)]}),
        (f"{network}-add", {"shared-networks": [{"name": "aaa", key: inside, "valid-lifetime": 555}]}),
        (f"{network}-add", {"shared-networks": [{"name": "zzz"}]}),
        (f"{network}-add", {"shared-networks": [{"name": "aaa"}]}),
        (f"{network}-add", {"shared-networks": [{}]}),
        (f"{network}-add", {}),
        (f"{network}-add", None),
        (f"{network}-subnet-add", {"name": "zzz", "id": 1}),
        (f"{network}-subnet-add", {"name": "zzz", "id": 1}),
        (f"{network}-subnet-add", {"name": "aaa", "id": 1}),
        (f"{network}-subnet-add", {"name": "nope", "id": 1}),
        (f"{network}-subnet-add", {"name": "aaa", "id": 99}),
        (f"{network}-subnet-add", {"name": "aaa"}),
        (f"{network}-subnet-add", {}),
        (f"{network}-subnet-add", None),
        (f"{network}-subnet-del", {"name": "aaa", "id": 1}),
        (f"{network}-subnet-del", {"name": "zzz", "id": 1}),
        (f"{network}-subnet-del", {"name": "nope", "id": 1}),
        (f"{network}-subnet-del", {}),
        (f"{network}-subnet-del", None),
        (f"{key}-del", {"id": 5}),
        (f"{network}-del", {"name": "aaa", "subnets-action": "zz"}),
        (f"{network}-del", {"name": "aaa"}),
        (f"{network}-del", {"name": "aaa"}),
        (f"{network}-del", {"name": "net", "subnets-action": "delete"}),
        (f"{network}-del", {"name": "zzz", "subnets-action": "delete"}),
        (f"{network}-del", {}),
        (f"{network}-del", None),
        (f"{network}-add", {"shared-networks": [{"name": "bad", key: [n.subnet(20)]}]}),  # there, and refused
    ]


def of_reservations(n: Numbered) -> list[Step]:
    """Reservations of a subnet and global ones."""

    def given(number: int, host: dict[str, Any]) -> dict[str, Any]:
        return {"reservation": {"subnet-id": number, **host}, **MEMORY}

    def named(number: int, kind: str, identifier: str) -> dict[str, Any]:
        return {"subnet-id": number, "identifier-type": kind, "identifier": identifier, **MEMORY}

    full = {"hostname": "h", "client-classes": ["x"], "user-context": {"a": 1}}
    option = {"code": 6 if n.is_v4 else 23, "data": n.address(1, 1)}
    bare = {key: value for key, value in n.reservation(1, 7).items() if not key.startswith("ip-")}
    return [
        ("reservation-add", given(1, n.reservation(1, 6))),
        ("reservation-add", given(1, n.reservation(1, 7, option_data=[option], **full))),
        ("reservation-add", given(1, n.reservation(1, 6))),
        ("reservation-add", given(1, n.reservation(1, 6) | {"hw-address": "aa:aa:aa:aa:aa:aa"})),
        ("reservation-add", given(1, n.reservation(2, 8))),
        ("reservation-add", given(77, n.reservation(77, 8))),
        ("reservation-add", given(1, {**n.reservation(1, 9), "nonsense": 1})),
        ("reservation-add", given(0, {"hw-address": "00:01:02:03:04:05", "hostname": "first"})),
        ("reservation-add", given(0, {"duid": "01:02:03", "hostname": "second"})),
        ("reservation-add", given(0, {"flex-id": "0102", "hostname": "third"})),
        ("reservation-add", {"reservation": {"subnet-id": 1, **n.reservation(1, 9)}}),
        ("reservation-add", {}),
        ("reservation-add", None),
        ("reservation-update", given(1, n.reservation(1, 8) | {"hw-address": "aa:bb:cc:dd:ee:07"})),
        ("reservation-update", given(1, bare | {"hostname": "only"})),
        ("reservation-update", given(1, n.reservation(1, 66))),
        ("reservation-update", given(0, {"duid": "01:02:03", "hostname": "changed"})),
        (
            "reservation-update",
            given(1, n.reservation(1, 5) | {"hw-address": "aa:bb:cc:dd:ee:06"}),
        ),
        ("reservation-update", {}),
        ("reservation-update", None),
        ("reservation-del", named(1, "hw-address", "aa:bb:cc:dd:ee:07")),
        ("reservation-del", named(1, "hw-address", "aa:bb:cc:dd:ee:07")),
        ("reservation-del", named(0, "hw-address", "00:01:02:03:04:05")),
        ("reservation-del", named(0, "duid", "01:02:03")),
        ("reservation-del", named(0, "flex-id", "0102")),
        ("reservation-del", None),
    ]


def of_classes(_: Numbered) -> list[Step]:
    """Client classes, in their order."""

    def given(*items: dict[str, Any]) -> dict[str, Any]:
        return {"client-classes": list(items)}

    return [
        ("class-add", given({"name": "four", "test": "member('two')"})),
        ("class-add", given({"name": "four"})),
        ("class-add", given({"name": "five", "test": "member('nope')"})),
        ("class-add", given({"name": "five"}, {"name": "six"})),
        ("class-add", given({"name": "five", "only-in-additional-list": True, "user-context": {"a": 1}})),
        ("class-add", given({"name": "six", "user-context": {"marks": [{"a": "b", "c": 3, "d": [], "e": True}]}})),
        ("class-add", {}),
        ("class-add", None),
        ("class-update", given({"name": "one", "test": "option[61].hex == 0x02"})),
        ("class-update", given({"name": "two", "test": "member('four')"})),
        ("class-update", given({"name": "one", "test": "member('KNOWN')"})),
        ("class-update", given({"name": "nope"})),
        ("class-update", given({"name": "two", "valid-lifetime": 77})),
        ("class-update", given({"name": "six", "user-context": {"marks": [{"a": ["c"], "f": {"g": "h"}}]}})),
        ("class-update", {}),
        ("class-update", None),
        ("class-del", {"name": "one"}),
        ("class-del", {"name": "one"}),
        ("class-del", {"name": "two"}),
        ("class-del", {"name": "four"}),
        ("class-del", {"name": "five"}),
        ("class-del", {}),
        ("class-del", None),
    ]


@pytest.mark.parametrize("made", [of_subnets, of_networks, of_reservations, of_classes])
def test_a_command_gives_the_same_answer_and_the_same_tree(
    real: Side, simulated: Side, service: Service, made: Any
) -> None:
    n = Numbered(service)
    config = {
        "hooks-libraries": HOOKS,
        "valid-lifetime": 4000,
        service.subnets: [n.subnet(1, reservations=[n.reservation(1, 5)]), n.subnet(2)],
        "shared-networks": [{"name": "net", "valid-lifetime": 1234, service.subnets: [n.subnet(5)]}],
        "client-classes": [{"name": "one", "test": "option[61].hex == 0x01"}, {"name": "two", "test": "member('one')"}],
    }
    for side in (real, simulated):
        assert side.set(service, config)["result"] == 0
    found = {}
    for place, (command, arguments) in enumerate(made(n)):
        answers = [_answer(side, service, command, arguments) for side in (real, simulated)]
        trees = [_tree(side, service) for side in (real, simulated)]
        wrong = [*differences(answers[0], answers[1]), *differences(trees[0], trees[1])]
        if wrong:
            found[f"{place} {command} {arguments}"] = wrong
    assert found == {}


def _answer(side: Side, service: Service, command: str, arguments: Any) -> dict[str, Any]:
    answer = side.ask(service, command, arguments)
    return answer | {"text": placed(answer["text"]).replace("(:0:0)", "(<place>)")}


def _tree(side: Side, service: Service) -> dict[str, Any]:
    names = (service.subnets, "shared-networks", "reservations", "client-classes")
    return {key: value for key, value in side.shown(service).items() if key in names}


def test_nothing_is_loaded_anew_and_the_hash_tells_the_change(real: Side, simulated: Side, service: Service) -> None:
    for side in (real, simulated):
        assert side.set(service, {"hooks-libraries": HOOKS})["result"] == 0
        before = side.ask(service, "config-hash-get")["arguments"]["hash"]
        side.let_pass(2.0)
        added = side.ask(service, f"{service.subnets}-add", {service.subnets: [Numbered(service).subnet(1)]})
        assert added["result"] == 0
        assert side.ask(service, "config-hash-get")["arguments"]["hash"] != before
        assert side.status(service)["reload"] >= 1


@pytest.mark.parametrize("seed", range(10))
def test_random_changes_by_commands_bring_kea_to_what_it_would_be_set_to(
    real: Side, service: Service, seed: int
) -> None:
    rng = random.Random(f"{service} {seed}")
    before, other = (configuration(rng, service, real.release) for _ in "ab")
    trees = []
    for config in (between(rng, before, other, service), before):
        assert real.set(service, {**config, "hooks-libraries": HOOKS})["result"] == 0
        trees.append(real.shown(service))
    wanted = {**trees[1], **{key: trees[0].get(key, []) for key in sections(service)}}
    commands = single_commands(trees[1], wanted, service, real.ask(service, "list-commands")["arguments"])
    assert commands
    for command in commands:
        answer = real.ask(service, command.name, command.arguments)
        assert answer["result"] == 0, (command.name, command.arguments, answer)
    assert list(differ(written_out(real.shown(service), service), written_out(wanted, service), service)) == []
