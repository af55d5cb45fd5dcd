"""The commands of lease_cmds that change leases, on the leases in memory."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from reconciler.simulator import networks, replies
from reconciler.simulator.configuration.addresses import address, of_family
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.leases import Lease
    from reconciler.simulator.replies import Reply

_GONE = (
    "failed to update the lease with address {} either because the lease has been deleted or it has changed in the "
    "database, in both cases a retry might succeed"
)


class _ConflictError(Exception):
    """What the lease contradicts, in Kea's words."""


def refuse(endpoint: SimulatedEndpoint, text: str) -> Reply:
    """What contradicts the server's own data: a result of its own since 2.3.1, an error before."""
    return replies.error(text) if endpoint.release < Release.KEA_2_6 else replies.conflict(text)


def add(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """leaseX-add."""
    try:
        lease = _read(endpoint, family, arguments)
    except RefusedError as refusal:
        return replies.error(str(refusal))
    except _ConflictError as conflict:
        return refuse(endpoint, str(conflict))
    if endpoint.leases.find(lease) is not None:
        return refuse(endpoint, f"IPv{family} lease already exists.")
    endpoint.leases.put(lease)
    where = f"subnet-id {lease['subnet-id']}"
    if lease.get("type") == "IA_PD":
        return replies.success(f"Lease for prefix {lease['ip-address']}/{lease['prefix-len']}, {where} added.")
    return replies.success(f"Lease for address {lease['ip-address']}, {where} added.")


def update(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """leaseX-update: what a peer sends too, with `force-create`."""
    try:
        lease = _read(endpoint, family, arguments)
    except RefusedError as refusal:
        return replies.error(str(refusal))
    except _ConflictError as conflict:
        return refuse(endpoint, str(conflict))
    is_new = endpoint.leases.find(lease) is None
    if is_new and not arguments.get("force-create"):
        return refuse(endpoint, _GONE.format(lease["ip-address"]))
    endpoint.leases.put(lease)
    return replies.success(f"IPv{family} lease {'added' if is_new else 'updated'}.")


def delete(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """leaseX-del, by address."""
    if not isinstance(arguments, dict):
        return replies.error("Parameters missing or are not a map.")
    if "ip-address" not in arguments:
        return replies.error("Mandatory 'subnet-id' parameter missing.")
    if of_family(str(arguments["ip-address"]), family) is None:
        return replies.error(f"Failed to convert string to address '{arguments['ip-address']}': Invalid argument")
    is_gone = endpoint.leases.remove(arguments)
    return replies.success(f"IPv{family} lease deleted.") if is_gone else replies.empty(f"IPv{family} lease not found.")


def wipe(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """leaseX-wipe: of one subnet, or of all."""
    every = [subnet["id"] for subnet, _ in networks.subnets(endpoint.service, endpoint.config)]
    wanted = [arguments["subnet-id"]] if isinstance(arguments, dict) and arguments.get("subnet-id") else every
    doomed = [lease for lease in endpoint.leases if lease["subnet-id"] in wanted]
    for lease in doomed:
        endpoint.leases.remove(lease)
    numbers = "".join(f" {number}" for number in wanted)
    text = f"Deleted {len(doomed)} IPv{family} lease(s) from subnet(s){numbers}"
    if endpoint.release is Release.KEA_2_6:
        text += f" WARNING: lease{family}-wipe is deprecated!"
    return replies.success(text) if doomed else replies.empty(text)


def apply_many(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """lease6-bulk-apply: what a DHCPv6 peer sends."""
    given = arguments if isinstance(arguments, dict) else {}
    if not given.keys() & {"leases", "deleted-leases"}:
        return replies.error("neither 'deleted-leases' nor 'leases' parameter specified")
    failed: dict[str, list[dict[str, Any]]] = {"failed-deleted-leases": [], "failed-leases": []}
    number = 0
    for lease in given.get("deleted-leases", []):
        if endpoint.leases.remove(lease):
            number += 1
        else:
            failed["failed-deleted-leases"].append(_failure(lease, replies.EMPTY, "lease not found"))
    for lease in given.get("leases", []):
        answer = update(family, endpoint, lease | {"force-create": True})
        if answer["result"] == replies.SUCCESS:
            number += 1
        else:
            failed["failed-leases"].append(_failure(lease, answer["result"], answer["text"]))
    text = f"Bulk apply of {number} IPv6 leases completed."
    problems = {key: list_ for key, list_ in failed.items() if list_}
    return replies.success(text, problems or None) if number else replies.empty(text, problems or None)


def _failure(lease: Mapping[str, Any], result: int, text: str) -> dict[str, Any]:
    kind = lease.get("type", "IA_NA")
    return {"error-message": text, "ip-address": lease["ip-address"], "result": result, "type": kind}


def _read(endpoint: SimulatedEndpoint, family: int, given: Json) -> Lease:
    """A lease as it is shown, from how it is given; what is missing is filled in from its subnet."""
    if not isinstance(given, dict):
        raise RefusedError("no parameters specified for the command")
    for key in ("ip-address", "hw-address") if family == 4 else ("ip-address", "duid", "iaid"):
        if key not in given:
            raise at(f"missing parameter '{key}'")
    found = address(given["ip-address"])
    subnet = _subnet(endpoint, family, given)
    kind = given.get("type", "IA_NA")
    if kind != "IA_PD" and found not in ipaddress.ip_network(subnet["subnet"]):
        where = f"subnet {subnet['subnet']}, subnet-id={subnet['id']}"
        raise _ConflictError(f"The address {found} does not belong to {where}")
    valid = given.get("valid-lft", subnet["valid-lifetime"])
    cltt = given.get("cltt", given["expire"] - valid if "expire" in given else int(endpoint.wall()))
    kept = ("client-id", "user-context", "comment", "pool-id")
    lease = {
        "cltt": cltt,
        "fqdn-fwd": given.get("fqdn-fwd", False),
        "fqdn-rev": given.get("fqdn-rev", False),
        "hostname": given.get("hostname", "").lower(),
        "ip-address": str(found),
        "state": given.get("state", 0),
        "subnet-id": subnet["id"],
        "valid-lft": valid,
    } | {key: given[key] for key in kept if key in given}
    if "hw-address" in given:
        lease["hw-address"] = str(given["hw-address"]).lower()
    if family == 6:
        lease |= {"duid": given["duid"], "iaid": given["iaid"], "type": kind}
        lease["preferred-lft"] = given.get("preferred-lft", valid)
        lease |= {"prefix-len": given["prefix-len"]} if kind == "IA_PD" else {}
    return lease


def _subnet(endpoint: SimulatedEndpoint, family: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """The subnet that a lease is of: the one that it names, or the one that its address is in."""
    every = [subnet for subnet, _ in networks.subnets(endpoint.service, endpoint.config)]
    wanted = given.get("subnet-id")
    if wanted is None:
        inside = [item for item in every if address(given["ip-address"]) in ipaddress.ip_network(item["subnet"])]
        if not inside:
            reason = f"subnet-id not specified and failed to find a subnet for address {given['ip-address']}"
            raise RefusedError(reason)
        return inside[0]
    for subnet in every:
        if subnet["id"] == wanted:
            return subnet
    raise _ConflictError(f"Invalid subnet-id: No IPv{family} subnet with subnet-id={wanted} currently configured.")
