"""The parameters of the HA hook: filled up as config-get shows them, or refused as only the daemon's log says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model import HA_STATES
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.ha.peers import MODES, check_channels, check_mode, check_roles, read_peers
from reconciler.simulator.ha.settings import Settings
from reconciler.simulator.releases import Release

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
}
_THREADS = {"http-client-threads": 0, "http-listener-threads": 0}
_LOAD_BALANCING_LIMIT = 100


def read(release: Release, parameters: Json) -> tuple[dict[str, Json], tuple[Settings, ...]]:
    """The parameters as config-get shows them, and what they mean, one for each relationship.

    RefusedError with the reason for the log.
    """
    entries = _entries(parameters)
    _check_number_of(release, entries)
    found = tuple(_relationship(release, number, entry) for number, entry in enumerate(entries))
    _check_together(found)
    return {**parameters, "high-availability": [settings.values for settings in found]}, found


def _relationship(release: Release, number: int, entry: Json) -> Settings:
    if not isinstance(entry, dict):
        if release < Release.KEA_2_6:
            raise at("get(string) called on a non-map Element in")
        raise RefusedError("HA configuration for a relationship must be a map")
    filled = _filled(release, entry)
    peers = read_peers(release, filled)
    name = filled["this-server-name"].strip()
    if name not in peers:
        raise RefusedError(f"no peer configuration specified for the '{name}'")
    check_roles(filled, [peer["role"] for peer in peers.values()])
    check_mode(filled)
    check_channels(filled, peers)
    return Settings(name, filled["mode"], peers, filled, _pauses(filled), release, number)


def _entries(parameters: Json) -> list[Json]:
    if not isinstance(parameters, dict) or "high-availability" not in parameters:
        raise RefusedError("missing high-availability parameter")
    entries = parameters["high-availability"]
    if not isinstance(entries, list):
        raise RefusedError("HA configuration must be a list")
    return entries


def _check_number_of(release: Release, entries: list[Json]) -> None:
    """Before 2.5.5 there was only ever one."""
    if release < Release.KEA_2_6 and len(entries) != 1:
        reason = "Expected exactly one configuration"
        raise RefusedError(f"invalid number of configurations in the HA configuration list. {reason}")
    if not entries:
        raise RefusedError("a list of HA configurations must not be empty")


def _check_together(found: tuple[Settings, ...]) -> None:
    """Several relationships of one server: what they have to differ in, and to have in common."""
    names: set[str] = set()
    for settings in found:
        if len(found) > 1 and settings.mode != "hot-standby":
            raise RefusedError("multiple HA relationships are only supported for 'hot-standby' mode")
        for name in settings.peers:
            if name in names:
                reason = f"a relationship '{name}' already exists"
                raise RefusedError(f"server names must be unique for different relationships: {reason}")
            names.add(name)


def _filled(release: Release, entry: Mapping[str, Json]) -> dict[str, Json]:
    for key in ("this-server-name", "mode"):
        if key not in entry:
            raise at(f"missing parameter '{key}'")
        _typed(entry, key, str)
    if not entry["this-server-name"].strip():
        raise RefusedError("'this-server-name' value must not be empty")
    if entry["mode"] not in MODES:
        raise RefusedError(f"unsupported value '{entry['mode']}' for mode parameter")
    is_new = release >= Release.KEA_2_6
    numbers = _NUMBERS | ({"max-rejected-lease-updates": 10} if is_new else {})
    filled = {**numbers, **_FLAGS, "restrict-commands": release >= Release.KEA_3_0, **entry}
    limit = _LOAD_BALANCING_LIMIT if entry["mode"] == "load-balancing" else 0
    filled.setdefault("delayed-updates-limit", limit)
    for key in (*numbers, "delayed-updates-limit"):
        _check_number(filled, key)
    for key in (*_FLAGS, "restrict-commands"):
        _typed(filled, key, bool)
    own = {"enable-multi-threading": is_new, "http-dedicated-listener": is_new}  # by default since 2.3.7
    filled["multi-threading"] = {**_THREADS, **own, **filled.get("multi-threading", {})}
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


def _pauses(filled: Mapping[str, Json]) -> dict[str, str]:
    pauses: dict[str, str] = {}
    for item in filled.get("state-machine", {}).get("states", []):
        state, pause = item.get("state", ""), item.get("pause", "never")
        if state not in HA_STATES:
            raise RefusedError(f"unknown state {state}")
        if pause not in ("never", "once", "always"):
            raise RefusedError(f"unsupported value {pause} of 'pause' parameter")
        if state in pauses:
            raise RefusedError(f"duplicated configuration for the '{state}' state")
        pauses[state] = pause
    return pauses
