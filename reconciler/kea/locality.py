"""What of a configuration belongs to one server alone, and what follows the authority.

`LOCAL` is the one list, with a reason for each entry; a relationship adds path patterns of its own. The HA hook and
the lease commands are neither: their entries are made for each server from the desired relationship (see `hooks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.kea.objects import CHILDREN, SHARED_NETWORK, SUBNET, Kind, index, subnets_of
from reconciler.model import ABSENT, Service

STAMP_KEY = "kea-reconciler"

LOCAL: Mapping[str, str] = {
    "interfaces-config": "names this machine's network interfaces",
    "control-socket": "is how this server is reached; another server's would lock us out",
    "control-sockets": "is how this server is reached; another server's would lock us out",
    "hooks-libraries": "paths differ per machine; the HA hook's entry is made for each server, others stay",
    "lease-database": "each server has its own leases; Kea itself synchronises them",
    "hosts-database": "says where this server finds its database, with its credentials",
    "hosts-databases": "says where this server finds its database, with its credentials",
    "config-control": "says where this server finds the configuration backend, with its credentials",
    "server-tag": "is this server's own name in a configuration backend",
    "loggers": "names this machine's files and levels",
    "multi-threading": "is sized for this machine",
    "dhcp-ddns": "addresses this machine's connection to a DNS update daemon",
    "dhcp-queue-control": "is sized for this machine",
    "dhcp4o6-port": "is a port of this machine",
    "server-id": "must differ between servers (DUID)",
    "data-directory": "is a folder of this machine",
    "compatibility": "works around clients that this server meets",
    "statistic-default-sample-age": "sizes this server's own statistics",
    "statistic-default-sample-count": "sizes this server's own statistics",
}


def _segments(pattern: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pattern.strip("/").split("/"))


def replicated(config: Mapping[str, Any], service: Service, patterns: Sequence[str] = ()) -> dict[str, Any]:
    """Return the part of a configuration that follows the authority, as a new top-level map over shared values.

    `config` is what stands under Dhcp4 or Dhcp6, `patterns` the relationship's own local paths, such as
    `/subnet4/*/interface`; `*` stands for every member of a list or map, and `/subnet4/*` means subnets inside
    shared networks too. Our stamp never counts as data.
    """
    part = {key: value for key, value in config.items() if key not in LOCAL}
    part = overlay(part, {}, service, patterns)
    context = {key: value for key, value in (part.pop("user-context", None) or {}).items() if key != STAMP_KEY}
    return {**part, "user-context": context} if context else part


def overlay(
    config: dict[str, Any], own: Mapping[str, Any], service: Service, patterns: Sequence[str]
) -> dict[str, Any]:
    """Return `config` with everything that `patterns` name taken from `own`, or left out where `own` has none.

    Members of lists are matched by identity (prefix, name, identifier), not by place. A map or list of which nothing
    is left counts as absent, so that a server without it and one with local things only in it have the same. Nothing
    is altered in place.
    """
    for pattern in patterns:
        segments = _segments(pattern)
        if segments[0] == service.subnets:
            config = _overlaid_subnets(config, own, service, segments)
        else:
            config = _overlaid_map(config, own, segments)
    return config


def _overlaid_subnets(
    config: dict[str, Any], own: Mapping[str, Any], service: Service, segments: tuple[str, ...]
) -> dict[str, Any]:
    """Apply a `/subnet4/...` pattern to all subnets, those of shared networks included.

    What a subnet holds is found by its prefix wherever `own` keeps it, so that a subnet may move into a network;
    whole subnets stay where they are, or come out of a network that is no more.
    """
    key = service.subnets
    networks = index(config.get("shared-networks"), SHARED_NETWORK)
    inside: Mapping[str, Mapping[str, Any]]
    if len(segments) > 2:
        mine = subnets_of(own, key)
        own = _counterparts(config, mine, key)
        inside = {name: _counterparts(network, mine, key) for name, network in networks.items()}
    else:
        inside = index(own.get("shared-networks"), SHARED_NETWORK)
        stranded = [subnet for name in inside if name not in networks for subnet in inside[name].get(key) or ()]
        own = {**own, key: [*(own.get(key) or ()), *stranded]} if stranded else own
    config = _overlaid_map(config, own, segments)
    if networks:
        overlaid = [_overlaid_map(network, inside.get(name, {}), segments) for name, network in networks.items()]
        config["shared-networks"] = overlaid
    return config


def _counterparts(
    holder: Mapping[str, Any], mine: Mapping[str, tuple[str | None, Mapping[str, Any]]], key: str
) -> dict[str, Any]:
    """Return those of `mine` that have the prefixes of the subnets in `holder`: all of them for each would be slow."""
    return {key: [mine[prefix][1] for prefix in index(holder.get(key), SUBNET) if prefix in mine]}


_EMPTY: Mapping[type, Any] = {dict: {}, list: []}


def _overlaid(node: Any, own: Any, segments: tuple[str, ...], trail: str) -> Any:
    """Return `node` with what `segments` name below it taken from `own`; `trail` is the key that led to `node`."""
    if not segments:
        return own
    if isinstance(node, list):
        return _overlaid_list(node, own if isinstance(own, list) else [], segments, CHILDREN.get(trail))
    if not isinstance(node, Mapping):
        return node
    own = own if isinstance(own, Mapping) else {}
    return _overlaid_map(node, own, segments)


def _overlaid_map(node: Mapping[str, Any], own: Mapping[str, Any], segments: tuple[str, ...]) -> dict[str, Any]:
    head, rest = segments[0], segments[1:]
    changed = dict(node)
    for key in dict.fromkeys([*node, *own]) if head == "*" else (head,):
        theirs, mine = node.get(key, ABSENT), own.get(key, ABSENT)
        if rest and theirs is ABSENT:
            theirs = _EMPTY.get(type(mine), ABSENT)
        value = _overlaid(theirs, mine, rest, key)
        if value is ABSENT or (rest and value in _EMPTY.values()):
            changed.pop(key, None)
        else:
            changed[key] = value
    return changed


def _overlaid_list(node: list[Any], own: list[Any], segments: tuple[str, ...], kind: Kind | None) -> list[Any]:
    head, rest = segments[0], segments[1:]
    if kind is None or not all(isinstance(item, Mapping) for item in [*node, *own]):
        return node
    mine = index(own, kind)
    members: dict[str, Any] = {}
    for key, item in index(node, kind).items():
        members[key] = _overlaid(item, mine.get(key, ABSENT), rest, "") if head in {"*", key} else item
    if not rest:  # whole members are local: those that only this server has stay as well
        members |= {key: item for key, item in mine.items() if head in {"*", key}}
    return [item for item in members.values() if item is not ABSENT]
