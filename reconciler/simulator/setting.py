"""How a configuration comes into force: config-set, config-test, config-reload and the start of a daemon."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import orjson

from reconciler.simulator import libraries, opening, replies
from reconciler.simulator.configuration import control_sockets
from reconciler.simulator.configuration.parse import parse
from reconciler.simulator.configuration.refusal import RefusedError
from reconciler.simulator.faults import Kind
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Shown
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply

SANE = (
    "Configuration seems sane. Control-socket, hook-libraries, and D2 configuration were sanity checked, but not "
    "applied."
)
DONE = "Configuration successful."


def test(endpoint: SimulatedEndpoint, value: Json) -> Reply:
    """config-test, past the check of its arguments.

    From 2.7.3 to 3.0.3 it leaves the daemon in a mode in which the HA hook's listener is not opened any more.
    """
    endpoint.is_in_test_mode = endpoint.release is Release.KEA_3_0
    try:
        parse(endpoint.service, endpoint.machine, value, is_test=True)
    except RefusedError as refusal:
        return replies.error(str(refusal))
    return replies.success(SANE)


def apply(endpoint: SimulatedEndpoint, value: Json) -> Reply:
    """config-set, past the check of its arguments.

    Whatever goes wrong once libraries are unloaded leaves the DHCP sockets closed and no HA, with the old
    configuration shown; before 2.3.6 the sockets are closed by anything that goes wrong (measured).
    """
    try:
        shown = parse(endpoint.service, endpoint.machine, value)
        _stay(endpoint, shown)
    except RefusedError as refusal:
        if endpoint.release < Release.KEA_2_6:
            endpoint.has_sockets = False
        return replies.error(str(refusal))
    failing = endpoint.fault(Kind.SET_FAILS, "config-set")
    endpoint.unload()
    endpoint.dhcp.forget_times()
    endpoint.has_sockets = False
    if failing is not None:
        return replies.error(failing.text)
    try:
        return _finish(endpoint, shown)
    except RefusedError as refusal:
        return replies.error(str(refusal))


def _finish(endpoint: SimulatedEndpoint, shown: Shown) -> Reply:
    """Past the point of no return."""
    try:
        opening.check_control_socket(endpoint.machine, shown)
    except RefusedError:
        endpoint.is_reachable = False
        raise
    _lose_leases(endpoint, shown)
    endpoint.open_http_sockets(control_sockets.http(shown))
    try:
        loaded = libraries.load(endpoint.release, shown["hooks-libraries"])
    except RefusedError as refusal:
        reason = f"failed to configure High Availability hooks library: {refusal}"
        endpoint.daemon_log.append(f"HA_CONFIGURATION_FAILED {reason}")
        raise RefusedError("One or more hook libraries failed to load") from None
    endpoint.loaded = dataclasses.replace(loaded, shown=endpoint.loaded.shown, ha=())
    opening.check(endpoint.machine, shown)
    endpoint.is_reachable = control_sockets.unix_path(shown) == endpoint.agent_socket
    problem = endpoint.put_in_force(shown, loaded)
    if problem and endpoint.release >= Release.KEA_2_6:
        return replies.error(f"Error initializing hooks: CmdHttpListener::run failed: {problem}")
    return replies.success(DONE, endpoint.hashes())


def _lose_leases(endpoint: SimulatedEndpoint, shown: Shown) -> None:
    """The lease database is opened anew: what only was in memory is gone."""
    database = shown["lease-database"]
    if database["type"] == "memfile" and not database.get("persist", True):
        endpoint.leases.clear()


def _stay(endpoint: SimulatedEndpoint, shown: Shown) -> None:
    """Once set, data-directory stays although a later configuration does not name it (measured)."""
    if "data-directory" in endpoint.config:
        shown.setdefault("data-directory", endpoint.config["data-directory"])


def put_as_is(endpoint: SimulatedEndpoint, shown: Shown) -> None:
    """Put a configuration in force that is in config-get's form already, without looking at it."""
    endpoint.unload()
    endpoint.agent_socket = control_sockets.unix_path(shown)
    endpoint.put_in_force(shown, libraries.load(endpoint.release, shown.get("hooks-libraries", [])))


def load_file(endpoint: SimulatedEndpoint) -> Reply:
    """Set what is in the daemon's file; the text of a refusal names the file, as that of config-reload does."""
    path = endpoint.path
    content = endpoint.server.disk.contents.get(path)
    if content is None:
        return _failed(path, f"Unable to open file {path}")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        where = f"{path}:{error.lineno}.{error.colno}"
        return _failed(path, f"{where}: syntax error, unexpected end of file, expecting }}")
    root = endpoint.service.root
    if not isinstance(value, dict) or root not in value:
        return _failed(path, f"{path}:1.2: syntax error, unexpected }}, expecting {root}")
    if not endpoint.agent_socket:
        endpoint.agent_socket = control_sockets.unix_path(value[root])
    reply = apply(endpoint, value[root])
    if reply["result"] != replies.SUCCESS:
        return _failed(path, str(reply["text"]).replace("<wire>", path))
    return reply


def _failed(path: str, text: str) -> Reply:
    return replies.error(f"Config reload failed: configuration error using file '{path}': {text}")
