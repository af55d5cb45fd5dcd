"""The control agent: takes a command off HTTP, hands it to its daemons, and answers for itself where none is named."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson

from reconciler.model import Service
from reconciler.simulator import replies
from reconciler.simulator.commands.basic import build_report
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply
    from reconciler.simulator.requests import Request
    from reconciler.simulator.server import SimulatedServer

_NOTHING = replies.encoded(replies.NOTHING)
OWN_COMMANDS = (
    "build-report",
    "config-get",
    "config-reload",
    "config-set",
    "config-test",
    "config-write",
    "list-commands",
    "shutdown",
    "status-get",
    "version-get",
)
_ADVICE = (
    ' You did not include "service" parameter in the command, which indicates that Kea Control Agent should process '
    "this command rather than forward it to one or more Kea servers. If you aimed to send this command to one of the "
    'Kea servers you should include the "service" parameter in your request, e.g. "service": [ "dhcp4" ] to forward '
    'the command to the DHCPv4 server, or "service": [ "dhcp4", "dhcp6", "d2" ] to forward it to DHCPv4, DHCPv6 and '
    "D2 servers etc."
)


def unreachable(endpoint: SimulatedEndpoint, reason: str = "") -> Reply:
    """What the agent says where the daemon did not answer."""
    reason = reason or ("Connection refused" if endpoint.was_killed else "No such file or directory")
    text = f"unable to forward command to the {endpoint.service} service: {reason}. The server is likely to be offline"
    return replies.error(text)


def forward(server: SimulatedServer, name: str, request: Request) -> bytes:
    """One daemon's answer."""
    endpoint = server.endpoints.get(Service(name)) if name in list(Service) else None
    if endpoint is None:
        text = f"forwarding socket is not configured for the server type {name}"
        return replies.encoded(replies.error(text))
    if not (endpoint.is_running and endpoint.is_reachable):
        return replies.encoded(unreachable(endpoint))
    answer = endpoint.execute_to_bytes(request.command, request.arguments)
    return answer if answer != _NOTHING else replies.encoded(unreachable(endpoint, "End of file"))


def own_commands(release: Release) -> list[str]:
    """What the agent can say about itself."""
    return sorted([*OWN_COMMANDS, *(["config-hash-get"] if release >= Release.KEA_2_6 else [])])


def own(server: SimulatedServer, request: Request) -> Reply:
    """The agent's answer about itself."""
    command = request.command
    if command not in own_commands(server.machine.release):
        return replies.unsupported(command) | {"text": f"'{command}' command not supported.{_ADVICE}"}
    if command in ("config-set", "config-test"):
        return _refuse_configuration(request.arguments)
    if command == "status-get":
        age = int(server.world.clock.now() - server.started_at)
        return replies.success(arguments={"pid": server.pid, "reload": age, "uptime": age})
    if command == "shutdown":
        server.world.after_this(server.stop_agent)
        return replies.success("Control Agent is shutting down")
    return _fixed(server, command)


def _fixed(server: SimulatedServer, command: str) -> Reply:
    release = server.machine.release
    body = {"Control-agent": server.agent_configuration()}
    digest: dict[str, Json] = {"hash": hashlib.sha256(replies.encoded(body)).hexdigest().upper()}
    path = "/etc/kea/kea-ctrl-agent.conf"
    fixed = {
        "build-report": replies.success(build_report(release)),
        "config-get": replies.success(arguments=body if release < Release.KEA_2_6 else body | digest),
        "config-hash-get": replies.success(arguments=digest),
        "config-reload": replies.success("Configuration applied successfully."),
        "list-commands": replies.success(arguments=own_commands(release)),
        "version-get": replies.success(
            release.value, {"extended": f"{release}\ntarball\nlinked with:\nlog4cplus 2.0.8\n"}
        ),
        "config-write": replies.success(
            f"Configuration written to {path} successful",
            {"filename": path, "size": len(orjson.dumps(body, option=orjson.OPT_INDENT_2))},
        ),
    }
    return fixed[command]


def _refuse_configuration(arguments: Json) -> Reply:
    """The agent is given no other configuration here; what is not one for it, it says itself."""
    if arguments is None:
        return replies.error("Missing mandatory 'arguments' parameter.")
    if not isinstance(arguments, dict) or "Control-agent" not in arguments:
        return replies.error("Missing mandatory 'Control-agent' parameter.")
    return replies.success("Configuration check successful")
