"""Leases: the commands for them, what a configuration does to them, and what peers tell each other."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model import Service
from reconciler.simulator import Release
from reconciler.simulator.libraries import DIRECTORY
from tests.contract.group import Group, Peers
from tests.contract.sides import LEASE_COMMANDS, Side, placed

STATISTICS = {"library": f"{DIRECTORY}/libdhcp_stat_cmds.so"}
PREFIX = {Service.DHCP4: "10.0.0", Service.DHCP6: "2001:db8:1:"}


class Family:
    """One side's leases of one family, in subnet 1."""

    def __init__(self, side: Side, service: Service) -> None:
        self.side, self.service, self.number = side, service, service.value[-1]
        first, last = self.address(10), self.address(99)
        prefix = f"{PREFIX[service]}.0/24" if self.number == "4" else f"{PREFIX[service]}:/64"
        self.subnet = {"id": 1, "subnet": prefix, "pools": [{"pool": f"{first}-{last}"}]}

    def address(self, number: int) -> str:
        return f"{PREFIX[self.service]}{'.' if self.number == '4' else ':'}{number}"

    def lease(self, number: int, **parts: Any) -> dict[str, Any]:
        who = {"hw-address": "1a:1b:1c:1d:1e:1f"} if self.number == "4" else {"duid": "1a:1b:1c:1d:1e:1f", "iaid": 1}
        named = {key.replace("_", "-"): value for key, value in parts.items()}
        return {"ip-address": self.address(number), "subnet-id": 1, **who, **named}

    def set(self, **parts: Any) -> None:
        named = {key.replace("_", "-"): value for key, value in parts.items()}
        config = {"hooks-libraries": [LEASE_COMMANDS, STATISTICS], self.service.subnets: [self.subnet]}
        assert self.side.set(self.service, config | named)["result"] == 0

    def ask(self, command: str, arguments: Any = None) -> dict[str, Any]:
        return self.side.ask(self.service, command.replace("X", self.number), arguments)

    def refused(self, text: str) -> dict[str, Any]:
        """What contradicts the server's data: a result of its own since 2.3.1."""
        return {"result": 1 if self.side.release < Release.KEA_2_6 else 4, "text": text}

    def shown(self) -> list[str]:
        leases = self.ask("leaseX-get-all").get("arguments", {})["leases"]
        return sorted(lease["ip-address"] for lease in leases)


@pytest.fixture
def family(side: Side, service: Service) -> Family:
    """Without leases."""
    family = Family(side, service)
    family.set()
    return family


def test_a_lease_is_added_filled_up_and_shown(family: Family) -> None:
    one = family.lease(10)
    added = f"Lease for address {family.address(10)}, subnet-id 1 added."
    assert family.ask("leaseX-add", one) == {"result": 0, "text": added}
    answer = family.ask("leaseX-get", {"ip-address": family.address(10)})
    assert answer["text"] == f"IPv{family.number} lease found."
    assert answer["arguments"].pop("cltt") > 1_700_000_000
    more = {"type": "IA_NA", "preferred-lft": 7200} if family.number == "6" else {}
    filled = {"fqdn-fwd": False, "fqdn-rev": False, "hostname": "", "state": 0, "valid-lft": 7200}
    assert answer["arguments"] == one | filled | more
    own = family.lease(11, hostname="Foo.Example", valid_lft=500, expire=2_000_000_500, user_context={"a": 1})
    assert family.ask("leaseX-add", own)["result"] == 0
    shown = family.ask("leaseX-get", {"ip-address": family.address(11)})["arguments"]
    told = {"cltt": 2_000_000_000, "hostname": "foo.example", "valid-lft": 500, "user-context": {"a": 1}}
    assert {key: shown[key] for key in told} == told
    without = {key: value for key, value in family.lease(13).items() if key != "subnet-id"}
    assert family.ask("leaseX-add", without)["result"] == 0
    assert family.shown() == [family.address(number) for number in (10, 11, 13)]


def test_leases_that_are_not_added(family: Family) -> None:
    assert family.ask("leaseX-add", family.lease(10))["result"] == 0
    number = family.number
    again = family.refused(f"IPv{number} lease already exists.")
    assert family.ask("leaseX-add", family.lease(10)) == again
    unknown = family.refused(f"Invalid subnet-id: No IPv{number} subnet with subnet-id=9 currently configured.")
    assert family.ask("leaseX-add", family.lease(11, subnet_id=9)) == unknown
    assert family.ask("leaseX-update", family.lease(10, subnet_id=9)) == unknown
    outside = "10.9.9.9" if number == "4" else "2001:db8:9::1"
    text = f"The address {outside} does not belong to subnet {family.subnet['subnet']}, subnet-id=1"
    assert family.ask("leaseX-add", family.lease(11, ip_address=outside)) == family.refused(text)
    assert family.ask("leaseX-add") == {"result": 1, "text": "no parameters specified for the command"}
    who = "hw-address" if number == "4" else "duid"
    for arguments, missing in (({}, "ip-address"), ({"ip-address": family.address(12)}, who)):
        answer = family.ask("leaseX-add", arguments)
        text = f"missing parameter '{missing}' (<place>)"
        assert (answer["result"], placed(answer["text"])) == (1, text)
    assert family.shown() == [family.address(10)]


def test_leases_are_updated_and_deleted(family: Family) -> None:
    number = family.number
    family.ask("leaseX-add", family.lease(10))
    updated = {"result": 0, "text": f"IPv{number} lease updated."}
    assert family.ask("leaseX-update", family.lease(10, hostname="new.example")) == updated
    assert family.ask("leaseX-get", {"ip-address": family.address(10)})["arguments"]["hostname"] == "new.example"
    answer = family.ask("leaseX-update", family.lease(50))
    assert answer["result"] == family.refused("")["result"]
    assert answer["text"].startswith(f"failed to update the lease with address {family.address(50)} either")
    created = {"result": 0, "text": f"IPv{number} lease added."}
    assert family.ask("leaseX-update", family.lease(51, force_create=True)) == created
    gone = {"result": 0, "text": f"IPv{number} lease deleted."}
    assert family.ask("leaseX-del", {"ip-address": family.address(10)}) == gone
    nothing = {"result": 3, "text": f"IPv{number} lease not found."}
    assert family.ask("leaseX-del", {"ip-address": family.address(10)}) == nothing
    assert family.ask("leaseX-del", {}) == {"result": 1, "text": "Mandatory 'subnet-id' parameter missing."}
    wiped = family.ask("leaseX-wipe", {"subnet-id": 1})
    assert wiped["text"].startswith(f"Deleted 1 IPv{number} lease(s) from subnet(s) 1")
    assert family.ask("leaseX-wipe", {"subnet-id": 9})["result"] == 3
    assert family.ask("leaseX-get", {"ip-address": family.address(51)}) == {"result": 3, "text": "Lease not found."}


def test_leases_come_in_pages_and_by_subnet(family: Family) -> None:
    for number in (30, 12, 20):
        family.ask("leaseX-add", family.lease(number))
    seen, start = [], "start"
    while True:
        answer = family.ask("leaseX-get-page", {"from": start, "limit": 2})
        page = [lease["ip-address"] for lease in answer["arguments"]["leases"]]
        assert answer["arguments"]["count"] == len(page)
        assert answer["result"] == (0 if page else 3)
        assert answer["text"] == f"{len(page)} IPv{family.number} lease(s) found."
        seen += page
        if len(page) < 2:
            break
        start = page[-1]
    assert seen == [family.address(number) for number in (12, 20, 30)]
    nothing = {"result": 3, "text": f"0 IPv{family.number} lease(s) found.", "arguments": {"leases": []}}
    for subnets in ([2], []):
        assert family.ask("leaseX-get-all", {"subnets": subnets}) == nothing
    assert len(family.ask("leaseX-get-all", {"subnets": [2, 1]})["arguments"]["leases"]) == 3
    bad = {"result": 1, "text": "listed subnet identifiers must be numbers"}
    assert family.ask("leaseX-get-all", {"subnets": ["x"]}) == bad
    assert family.ask("leaseX-get-all", {}) == {"result": 1, "text": "'subnets' parameter not specified"}


def test_leases_are_counted(family: Family) -> None:
    for number in (10, 11):
        family.ask("leaseX-add", family.lease(number))
    answer = family.ask("stat-leaseX-get")
    assert answer["text"] == f"stat-lease{family.number}-get[all subnets]: 1 rows found"
    result = answer["arguments"]["result-set"]
    row = dict(zip(result["columns"], result["rows"][0], strict=True))
    names = "addresses" if family.number == "4" else "nas"
    total = 90 if family.number == "4" else 0x99 - 0x10 + 1
    counted = (row["subnet-id"], row[f"total-{names}"], row[f"assigned-{names}"], row[f"cumulative-assigned-{names}"])
    assert counted == (1, total, 2, 0)
    declined = (
        "declined-nas" if family.number == "6" and family.side.release < Release.KEA_2_6 else "declined-addresses"
    )
    assert row[declined] == 0
    family.ask("leaseX-del", {"ip-address": family.address(10)})
    one = family.ask("stat-leaseX-get", {"subnet-id": 1})
    assert one["text"] == f"stat-lease{family.number}-get[subnet-id=1]: 1 rows found"
    text = f"stat-lease{family.number}-get[subnet-id=9]: no matching data, subnet-id: 9 does not exist"
    assert family.ask("stat-leaseX-get", {"subnet-id": 9}) == {"result": 3, "text": text, "arguments": {}}


def test_many_leases_at_once_in_dhcpv6(family: Family) -> None:
    if family.service is Service.DHCP4:
        return
    family.ask("lease6-add", family.lease(13))
    both = {"leases": [family.lease(70)], "deleted-leases": [{"ip-address": family.address(13), "type": "IA_NA"}]}
    assert family.ask("lease6-bulk-apply", both) == {"result": 0, "text": "Bulk apply of 2 IPv6 leases completed."}
    assert family.shown() == [family.address(70)]
    prefix = family.lease(0, ip_address="2001:db8:5::", prefix_len=48, type="IA_PD")
    added = "Lease for prefix 2001:db8:5::/48, subnet-id 1 added."
    assert family.ask("lease6-add", prefix) == {"result": 0, "text": added}
    missing = {"leases": [], "deleted-leases": [{"ip-address": family.address(88)}]}
    failed = {"error-message": "lease not found", "ip-address": family.address(88), "result": 3, "type": "IA_NA"}
    text = "Bulk apply of 0 IPv6 leases completed."
    answer = family.ask("lease6-bulk-apply", missing)
    assert answer == {"result": 3, "text": text, "arguments": {"failed-deleted-leases": [failed]}}
    text = "neither 'deleted-leases' nor 'leases' parameter specified"
    assert family.ask("lease6-bulk-apply", {}) == {"result": 1, "text": text}


def test_leases_that_only_are_in_memory_are_lost_with_the_next_configuration(family: Family) -> None:
    family.ask("leaseX-add", family.lease(10))
    family.set(valid_lifetime=7201)
    assert family.shown() == []


def test_leases_on_disk_outlive_a_configuration_and_their_subnet(family: Family) -> None:
    path = f"{family.side.folders(family.service)[0]}/leases.csv"
    kept = {"type": "memfile", "persist": True, "lfc-interval": 0, "name": path}
    family.set(lease_database=kept)
    family.ask("leaseX-add", family.lease(10))
    family.subnet = {**family.subnet, "id": 5}
    family.set(lease_database=kept)
    assert family.shown() == [family.address(10)]
    unknown = family.refused(f"Invalid subnet-id: No IPv{family.number} subnet with subnet-id=1 currently configured.")
    assert family.ask("leaseX-update", family.lease(10)) == unknown
    family.ask("leaseX-del", {"ip-address": family.address(10)})


PAIR: Peers = {"s1": ("kea-a", "primary"), "s2": ("kea-b", "standby"), "s3": ("kea-c", "backup")}
WHO = {"kea-a": "s1", "kea-b": "s2", "kea-c": "s3"}


def addresses(group: Group, server: str) -> dict[str, str]:
    """The leases of a server: address -> host name."""
    leases = group.ask(server, "lease4-get-all").get("arguments", {})["leases"]
    return {lease["ip-address"]: lease["hostname"] for lease in leases}


def give(group: Group, server: str, number: int, cltt: int, hostname: str) -> None:
    lease = {"ip-address": f"10.0.0.{number}", "hw-address": f"1a:1b:1c:1d:1e:{number:02x}", "subnet-id": 1}
    timed = {"expire": cltt + 4000, "valid-lft": 4000, "hostname": hostname}
    assert group.ask(server, "lease4-add", lease | timed)["result"] == 0


def join(group: Group) -> None:
    subnet = {"id": 1, "subnet": "10.0.0.0/24", "pools": [{"pool": "10.0.0.10-10.0.0.99"}]}
    for server, name in WHO.items():
        entry = group.entry(name, PAIR, sync_page_limit=2)
        assert group.set(server, entry, subnet4=[subnet])["result"] == 0
    group.until(list(WHO), [("hot-standby", ["s1"]), ("hot-standby", []), ("backup", [])])


def test_a_sync_adds_takes_what_is_newer_and_deletes_nothing(group: Group) -> None:
    join(group)
    now = 2_000_000_000
    for number in (10, 11, 12, 13, 14):
        give(group, "kea-a", number, now, "a")
    give(group, "kea-b", 10, now + 10, "b")  # newer there
    give(group, "kea-b", 11, now - 10, "b")  # older there
    give(group, "kea-b", 20, now, "b")  # there only
    done = {"result": 0, "text": "Lease database synchronization complete."}
    assert group.ask("kea-b", "ha-sync", {"server-name": "s1", "max-period": 10}) == done
    wanted = {f"10.0.0.{number}": "a" for number in (11, 12, 13, 14)} | {"10.0.0.10": "b", "10.0.0.20": "b"}
    assert addresses(group, "kea-b") == wanted
    assert len(addresses(group, "kea-a")) == 5, "one direction only"


def test_a_server_that_comes_back_has_its_partners_leases(group: Group) -> None:
    join(group)
    give(group, "kea-a", 10, 2_000_000_000, "a")
    subnet = {"id": 1, "subnet": "10.0.0.0/24", "pools": [{"pool": "10.0.0.10-10.0.0.99"}]}
    group.set("kea-b", group.entry("s2", PAIR), subnet4=[subnet])
    group.until(list(WHO), [("hot-standby", ["s1"]), ("hot-standby", []), ("backup", [])])
    assert addresses(group, "kea-b") == {"10.0.0.10": "a"}
    assert addresses(group, "kea-c") == {}, "a backup pulls nothing"
