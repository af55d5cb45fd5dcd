"""The parameters of the HA hook: filled up as config-get shows them, or refused as only the daemon's log says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.simulator.configuration.addresses import address
from reconciler.simulator.configuration.refusal import RefusedError, at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json

_NUMBERS = {
    "heartbeat-delay": 10000,
    "max-response-delay": 60000,
    "max-ack-delay": 10000,
    "max-unacked-clients": 10,
    "sync-timeout": 60000,
    "sync-page-limit": 10000,
}
_SHORT = ("heartbeat-delay", "max-response-delay", "max-ack-delay")
_LIMIT = 65535
_FLAGS = {
    "send-lease-updates": True,
    "sync-leases": True,
    "wait-backup-ack": False,
    "require-client-certs": True,
    "restrict-commands": False,
}
_THREADS = {
    "enable-multi-threading": False,
    "http-client-threads": 0,
    "http-dedicated-listener": False,
    "http-listener-threads": 0,
}
_MODES = {"load-balancing": "load balancing", "hot-standby": "hot standby", "passive-backup": "passive backup"}
_ROLES = ("primary", "secondary", "standby", "backup")
_PARTNER = {"load-balancing": "secondary", "hot-standby": "standby"}
_TLS = ("trust-anchor", "cert-file", "key-file")
_LOAD_BALANCING_LIMIT = 100
STATES = [
    "backup",
    "communication-recovery",
    "hot-standby",
    "load-balancing",
    "in-maintenance",
    "partner-down",
    "partner-in-maintenance",
    "passive-backup",
    "ready",
    "syncing",
    "terminated",
    "waiting",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """A relationship as this server's hook works with it: its own peer entry, the partner's, and the parameters."""

    name: str
    mode: str
    peers: Mapping[str, Mapping[str, Json]]
    values: Mapping[str, Json]
    pauses: Mapping[str, str]

    @property
    def role(self) -> str:
        """The role of this server."""
        return str(self.peers[self.name]["role"])

    @property
    def partner(self) -> str | None:
        """The name of the server that this one fails over for; none for a backup and in passive-backup."""
        if self.role == "backup" or self.mode == "passive-backup":
            return None
        active = (name for name, peer in self.peers.items() if peer["role"] != "backup")
        return next(name for name in active if name != self.name)

    @property
    def normal_state(self) -> str:
        """The state that this server works in when all is well."""
        return "backup" if self.role == "backup" else self.mode

    def seconds(self, name: str) -> float:
        """A parameter that Kea wants in milliseconds."""
        return float(self.values[name]) / 1000


def read(parameters: Json) -> tuple[dict[str, Json], Settings]:
    """The parameters as config-get shows them, and what they mean; RefusedError with the reason for the log."""
    entry = _only_entry(parameters)
    filled = _filled(entry)
    peers = _peers(filled)
    name = filled["this-server-name"].strip()
    if name not in peers:
        raise RefusedError(f"no peer configuration specified for the '{name}'")
    _check_roles(filled, [peer["role"] for peer in peers.values()])
    _check_mode(filled)
    _check_tls(filled, peers)
    settings = Settings(name, filled["mode"], peers, filled, _pauses(filled))
    return {**parameters, "high-availability": [filled]}, settings


def _only_entry(parameters: Json) -> Mapping[str, Json]:
    if not isinstance(parameters, dict) or "high-availability" not in parameters:
        raise RefusedError("missing high-availability parameter")
    entries = parameters["high-availability"]
    if not isinstance(entries, list):
        raise RefusedError("HA configuration must be a list")
    if len(entries) != 1:
        reason = "Expected exactly one configuration"
        raise RefusedError(f"invalid number of configurations in the HA configuration list. {reason}")
    if not isinstance(entries[0], dict):
        raise RefusedError("expected list of maps in the HA configuration")
    entry: Mapping[str, Json] = entries[0]
    return entry


def _filled(entry: Mapping[str, Json]) -> dict[str, Json]:
    for key in ("this-server-name", "mode"):
        if key not in entry:
            raise at(f"missing parameter '{key}'")
        _typed(entry, key, str)
    if not entry["this-server-name"].strip():
        raise RefusedError("'this-server-name' value must not be empty")
    if entry["mode"] not in _MODES:
        raise RefusedError(f"unsupported value '{entry['mode']}' for mode parameter")
    filled = {**_NUMBERS, **_FLAGS, **entry}
    limit = _LOAD_BALANCING_LIMIT if entry["mode"] == "load-balancing" else 0
    filled.setdefault("delayed-updates-limit", limit)
    for key in (*_NUMBERS, "delayed-updates-limit"):
        _check_number(filled, key)
    for key in _FLAGS:
        _typed(filled, key, bool)
    filled["multi-threading"] = {**_THREADS, **filled.get("multi-threading", {})}
    return filled


def _typed(entry: Mapping[str, Json], key: str, kind: type) -> None:
    if not isinstance(entry[key], kind) or (kind is int and isinstance(entry[key], bool)):
        raise at(f"invalid type specified for parameter '{key}'")


def _check_number(entry: Mapping[str, Json], key: str) -> None:
    _typed(entry, key, int)
    if entry[key] < 0:
        raise RefusedError(f"'{key}' must not be negative")
    if key in _SHORT and entry[key] > _LIMIT:
        raise RefusedError(f"'{key}' must not be greater than {_LIMIT}")


def _peers(filled: dict[str, Json]) -> dict[str, Mapping[str, Json]]:
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
        _check_peer(item)
        peers[item["name"]] = {"auto-failover": True, **item}
    filled["peers"] = list(peers.values())
    return peers


def _check_peer(peer: Mapping[str, Json]) -> None:
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
        reason = f"can't open file '{path}': No such file or directory"
        raise RefusedError(f"bad password file in peer '{name}': {reason}")


def _check_roles(filled: Mapping[str, Json], roles: list[str]) -> None:
    mode = filled["mode"]
    where = f"{_MODES[mode]} configuration"
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


def _check_mode(filled: Mapping[str, Json]) -> None:
    where = f"{_MODES[filled['mode']]} configuration"
    if filled["wait-backup-ack"] and filled["mode"] != "passive-backup":
        raise RefusedError(f"'wait-backup-ack' must be set to false in the {where}")
    if filled["delayed-updates-limit"] and filled["mode"] != "load-balancing":
        raise RefusedError(f"'delayed-updates-limit' must be set to 0 in the {where}")


def _check_tls(filled: Mapping[str, Json], peers: Mapping[str, Mapping[str, Json]]) -> None:
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


def _pauses(filled: Mapping[str, Json]) -> dict[str, str]:
    pauses: dict[str, str] = {}
    for item in filled.get("state-machine", {}).get("states", []):
        state, pause = item.get("state", ""), item.get("pause", "never")
        if state not in STATES:
            raise RefusedError(f"unknown state {state}")
        if pause not in ("never", "once", "always"):
            raise RefusedError(f"unsupported value {pause} of 'pause' parameter")
        if state in pauses:
            raise RefusedError(f"duplicated configuration for the '{state}' state")
        pauses[state] = pause
    return pauses
