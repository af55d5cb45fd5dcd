"""Whom the servers gave which address, by their databases, page by page; and leases to begin with."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from reconciler.model import Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from ipaddress import IPv4Address
    from pathlib import Path

    from lab.server import KeaServer

FOUR = Service.DHCP4
_PAGE = 5_000
_ASSIGNED = 0
_LIFETIME = 4000
_COLUMNS = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context"


def leased(server: KeaServer) -> dict[str, str]:
    """Every address that the server's database has as leased, with its client: the client id, else the MAC address."""
    return {each["ip-address"]: each.get("client-id") or each["hw-address"] for each in _leases(server)}


def doubled(servers: Iterable[KeaServer]) -> list[str]:
    """The addresses that are leased to different clients, by one server's database or by those of several."""
    clients = defaultdict(set)
    for server in servers:
        for address, client in leased(server).items():
            clients[address].add(client)
    return sorted(address for address, found in clients.items() if len(found) > 1)


def write_journal(folder: Path, first: IPv4Address, amount: int) -> None:
    """Give a server that is not started yet `amount` leases in subnet 1, from the address `first` on."""
    folder.mkdir(parents=True, exist_ok=True)
    end = int(time.time()) + _LIFETIME
    rows = (
        f"{first + number},06:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x},"
        f",{_LIFETIME},{end},1,0,0,,{_ASSIGNED},"
        for number in range(amount)
    )
    (folder / "kea-leases4.csv").write_text("\n".join([_COLUMNS, *rows, ""]))


def _leases(server: KeaServer) -> Iterator[Mapping[str, Any]]:
    start = "start"
    while start:
        reply = server.command(FOUR, "lease4-get-page", {"from": start, "limit": _PAGE})
        if reply["result"] not in {0, 3}:  # 3: there are no more
            raise LabError(f"{server.name}: lease4-get-page: {reply}")
        page = reply["arguments"]["leases"] if reply["result"] == 0 else []
        yield from (lease for lease in page if lease["state"] == _ASSIGNED)
        start = page[-1]["ip-address"] if len(page) == _PAGE else ""
