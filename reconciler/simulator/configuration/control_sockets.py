"""The control sockets: one (`control-socket`), or since 2.7.2 a list of them, of which several may be HTTP."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import keywords
from reconciler.simulator.configuration.addresses import address
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Machine, Reading, Shown

_OLD, _NEW = "control-socket", "control-sockets"
_HTTP = ("http", "https")
LARGEST_PORT = 65535


def parse(reading: Reading, given: Mapping[str, Json]) -> Shown:
    """What config-get shows of them. Before 3.0 they are not looked at before they are opened."""
    if reading.release < Release.KEA_3_0:
        if _OLD in given and not isinstance(given[_OLD], dict):
            text = "Specified control-socket is expected to be a map, i.e. a structure defined within { }"
            raise RefusedError(text)
        return {_OLD: dict(given[_OLD])} if _OLD in given else {}
    if _NEW not in given and _OLD not in given:
        return {}
    sockets = given.get(_NEW, [given.get(_OLD)])
    if not isinstance(sockets, list):
        raise RefusedError("Specified control-sockets is expected to be a list")
    shown: list[Shown] = []
    for entry in sockets:
        if not isinstance(entry, dict):
            raise RefusedError("Specified control-sockets is expected to be a list of maps")
        _check(reading.machine, entry)
        if entry["socket-type"] == "unix" and any(other["socket-type"] == "unix" for other in shown):
            raise RefusedError("control socket of type 'unix' already configured")
        shown.append(dict(entry))
    return {_NEW: shown}


def _check(machine: Machine, entry: Mapping[str, Json]) -> None:
    if "socket-type" not in entry:
        raise RefusedError("'socket-type' parameter is mandatory in control-sockets items")
    kind = entry["socket-type"]
    if kind in _HTTP:
        _check_place(entry)
    elif kind != "unix":
        raise RefusedError(f"unsupported 'socket-type': '{kind}' not 'unix', 'http' or 'https'")
    else:
        check_path(machine, entry)


def _check_place(entry: Mapping[str, Json]) -> None:
    text = keywords.as_text(entry.get("socket-address", "127.0.0.1"))
    try:
        address(text)
    except RefusedError as refusal:
        raise at(f"failed to convert '{text}' to address: {refusal}") from None
    port = entry.get("socket-port", 8000)
    if not keywords.is_a("integer", port):
        raise at("invalid type specified for parameter 'socket-port'")
    if not 0 <= port <= LARGEST_PORT:
        raise at(f"out of range value {port} specified for parameter 'socket-port'")


def check_path(machine: Machine, entry: Mapping[str, Json]) -> None:
    """Refuse a unix socket without a name, or since 2.6.3 outside the folder for them."""
    if "socket-name" not in entry:
        raise RefusedError("Mandatory 'socket-name' parameter missing")
    folder = str(PurePosixPath(entry["socket-name"]).parent)
    if machine.release >= Release.KEA_2_6 and folder not in (".", machine.socket_folder):
        where = f"invalid path specified: '{folder}', supported path is '{machine.socket_folder}'"
        raise RefusedError(f"'socket-name' is invalid: {where}")


def unix_path(shown: Mapping[str, Json]) -> str:
    """The path of the unix socket in a configuration; "" without one."""
    sockets = shown.get(_NEW, [shown[_OLD]] if _OLD in shown else [])
    paths = (entry.get("socket-name", "") for entry in sockets if entry.get("socket-type") == "unix")
    return str(next(paths, ""))


def http(shown: Mapping[str, Json]) -> list[Shown]:
    """The HTTP sockets in a configuration."""
    return [entry for entry in shown.get(_NEW, []) if entry["socket-type"] in _HTTP]
