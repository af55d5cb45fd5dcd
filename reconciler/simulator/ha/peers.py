"""The peers of a relationship, and what they must be in each mode."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.simulator.configuration.addresses import address
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json

MODES = {"load-balancing": "load balancing", "hot-standby": "hot standby", "passive-backup": "passive backup"}
_ROLES = ("primary", "secondary", "standby", "backup")
_PARTNER = {"load-balancing": "secondary", "hot-standby": "standby"}
_TLS = ("trust-anchor", "cert-file", "key-file")


def read_peers(release: Release, filled: dict[str, Json]) -> dict[str, Mapping[str, Json]]:
    """The peers by name, as they are filled up in `filled`; RefusedError with the reason for the log."""
    if "peers" not in filled:
        raise RefusedError("'peers' parameter missing in HA configuration")
    if not isinstance(filled["peers"], list):
        raise RefusedError("'peers' parameter must be a list")
    peers: dict[str, Mapping[str, Json]] = {}
    for item in filled["peers"]:
        for key in ("name", "url", "role"):
            if key not in item:
                raise at(f"missing parameter '{key}'")
        if not item["name"].strip():
            raise RefusedError("peer name must not be empty")
        if item["name"] in peers:
            raise RefusedError(f"peer with name '{item['name']}' already specified")
        _check_peer(release, item)
        peers[item["name"]] = {"auto-failover": True, **item}
    filled["peers"] = list(peers.values())
    return peers


def _check_peer(release: Release, peer: Mapping[str, Json]) -> None:
    name, user = peer["name"], peer.get("basic-auth-user", "")
    if peer["role"] not in _ROLES:
        raise RefusedError(f"unsupported value '{peer['role']}' for role parameter")
    if ":" in user:
        raise RefusedError(f"user '{user}' must not contain a ':' in peer '{name}'")
    if "basic-auth-password-file" in peer:
        if "basic-auth-password" in peer:
            both = "only one of basic-auth-password and basic-auth-password-file parameter"
            raise RefusedError(f"{both} can be configured in peer '{name}'")
        path = peer["basic-auth-password-file"]
        old = f"can't open file '{path}': No such file or directory"
        reason = old if release < Release.KEA_2_6 else f"Expected a file at path '{path}'"
        raise RefusedError(f"bad password file in peer '{name}': {reason}")


def check_roles(filled: Mapping[str, Json], roles: list[str]) -> None:
    """Refuse roles that the mode does not have, or that are missing."""
    mode = filled["mode"]
    where = f"{MODES[mode]} configuration"
    for role in ("primary", "secondary", "standby"):
        if roles.count(role) > 1:
            raise RefusedError(f"multiple {role} servers specified")
    for role in ("standby", "secondary"):
        if role in roles and role != _PARTNER.get(mode):
            raise RefusedError(f"{role} servers not allowed in the {where}")
    needed = [_PARTNER[mode], "primary"] if mode in _PARTNER else ["primary"]
    for role in needed:
        if role not in roles:
            raise RefusedError(f"{role} server required in the {where}")


def check_mode(filled: Mapping[str, Json]) -> None:
    """Refuse parameters that the mode does not have."""
    where = f"{MODES[filled['mode']]} configuration"
    if filled["wait-backup-ack"] and filled["mode"] != "passive-backup":
        raise RefusedError(f"'wait-backup-ack' must be set to false in the {where}")
    if filled["delayed-updates-limit"] and filled["mode"] != "load-balancing":
        raise RefusedError(f"'delayed-updates-limit' must be set to 0 in the {where}")


def check_channels(filled: Mapping[str, Json], peers: Mapping[str, Mapping[str, Json]]) -> None:
    """Refuse half a TLS configuration, and urls that cannot be used."""
    for name in sorted(peers):
        peer = peers[name]
        given = [key for key in _TLS if peer.get(key, filled.get(key))]
        missing = [key for key in _TLS if key not in given]
        if given and missing:
            rule = "all or none of TLS parameters must be set"
            raise RefusedError(f"bad TLS config for server {name}: {missing[0]} parameter is missing or empty: {rule}")
        _check_url(name, peer["url"], has_tls=bool(given))


def _check_url(name: str, url: str, *, has_tls: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise RefusedError(f"invalid URL: url {url} lacks http or https scheme for server {name}")
    if parts.scheme == "https" and not has_tls:
        reason = f"https scheme is not supported for server {name} where TLS is disabled"
        raise RefusedError(f"bad url '{url}': {reason}")
    try:
        address(parts.hostname or "")
    except RefusedError as refusal:
        raise RefusedError(f"bad url '{url}': {refusal} for server {name}") from None
