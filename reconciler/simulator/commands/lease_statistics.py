"""The commands of stat_cmds: how many leases each subnet has."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.simulator import networks, replies
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply

_DECLINED = 1


def statistics(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """stat-leaseX-get: of all subnets, of one, or of a range of ids."""
    given = arguments if isinstance(arguments, dict) else {}
    subnets = [subnet for subnet, _ in networks.subnets(endpoint.service, endpoint.config)]
    wanted = given.get("subnet-id")
    if wanted is not None:
        label, problem = f"subnet-id={wanted}", f"subnet-id: {wanted} does not exist"
        subnets = [subnet for subnet in subnets if subnet["id"] == wanted]
    else:
        ids = given.get("subnet-range", {})
        first, last = ids.get("first-subnet-id", 0), ids.get("last-subnet-id", 0)
        label = f"subnets {first} through {last}" if ids else "all subnets"
        problem = f"selected ID range: {first} through {last} includes no known subnets"
        subnets = [subnet for subnet in subnets if not ids or first <= subnet["id"] <= last]
    name = f"stat-lease{family}-get[{label}]"
    if not subnets:
        return replies.empty(f"{name}: no matching data, {problem}", {})
    columns = _columns(family, endpoint.release)
    rows = [_row(family, endpoint, subnet) for subnet in sorted(subnets, key=lambda subnet: subnet["id"])]
    now = datetime.fromtimestamp(endpoint.wall(), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    result = {"columns": columns, "rows": rows, "timestamp": now}
    return replies.success(f"{name}: {len(rows)} rows found", {"result-set": result})


def _columns(family: int, release: Release) -> list[str]:
    if family == 4:
        what = ["total-addresses", "cumulative-assigned-addresses", "assigned-addresses", "declined-addresses"]
        return ["subnet-id", *what]
    declined = "declined-nas" if release < Release.KEA_2_6 else "declined-addresses"
    addresses = ["total-nas", "cumulative-assigned-nas", "assigned-nas", declined]
    return ["subnet-id", *addresses, "total-pds", "cumulative-assigned-pds", "assigned-pds"]


def _row(family: int, endpoint: SimulatedEndpoint, subnet: dict[str, Any]) -> list[int]:
    """Leases that came by command or from a peer do not count as ever assigned here."""
    leases = [lease for lease in endpoint.leases if lease["subnet-id"] == subnet["id"]]
    prefixes = [lease for lease in leases if lease.get("type") == "IA_PD"]
    declined = sum(lease["state"] == _DECLINED for lease in leases)
    total = sum(_size(pool["pool"]) for pool in subnet.get("pools", []))
    row = [subnet["id"], total, 0, len(leases) - len(prefixes), declined]
    if family == 4:
        return row
    delegated = sum(2 ** (pool["delegated-len"] - pool["prefix-len"]) for pool in subnet.get("pd-pools", []))
    return [*row, delegated, 0, len(prefixes)]


def _size(pool: str) -> int:
    if "/" in pool:
        return ipaddress.ip_network(pool).num_addresses
    first, last = (int(ipaddress.ip_address(end.strip())) for end in pool.split("-"))
    return last - first + 1
