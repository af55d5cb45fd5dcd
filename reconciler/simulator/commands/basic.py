"""What every daemon can say about itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.model import Service
from reconciler.simulator import libraries, replies
from reconciler.simulator.dhcp import Origin
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply

_EXTENDED = {
    Release.KEA_2_2: "2.2.0\ntarball\nlinked with:\nlog4cplus 2.0.8\nOpenSSL 3.0.8 7 Feb 2023\ndatabase:\n",
    Release.KEA_2_6: "2.6.3 (tarball)\npremium: no\nlinked with:\n- log4cplus 2.0.8\n- OpenSSL 3.5.4\nbackends:\n- ",
    Release.KEA_3_0: (
        "3.0.3 (3.0.3 (tarball))\npremium: no\nlinked with:\n- log4cplus 2.0.8\n- OpenSSL 3.5.4\nlease backends:\n- "
    ),
}
_MEMFILE = {
    Release.KEA_2_2: {Service.DHCP4: "2.1", Service.DHCP6: "4.0"},
    Release.KEA_2_6: {Service.DHCP4: "3.0", Service.DHCP6: "5.0"},
    Release.KEA_3_0: {Service.DHCP4: "3.0", Service.DHCP6: "5.0"},
}
_PROCESSORS = 2
_BUILD = {
    "Name": "kea",
    "Version": "VERSION",
    "Extended version": "VERSION (tarball)",
    "Version type": "stable",
    "OS Family": "Linux",
    "": "",
    "Prefix": "/usr",
    "Hooks directory": libraries.DIRECTORY,
    "Premium hooks": "no",
}
_PACKETS = {
    Service.DHCP4: "ack-received ack-sent decline-received discover-received nak-sent offer-sent received sent",
    Service.DHCP6: "advertise-sent received rebind-received renew-received reply-sent request-received sent",
}


def build_report(release: Release) -> str:
    """How Kea was built, as far as anybody wants to know; 3.0 sets its columns apart by one more."""
    width = 19 if release < Release.KEA_3_0 else 20
    lines = [f"  {f'{name}:':{width}}{value}" if name else "" for name, value in _BUILD.items()]
    head = ["", "       Kea source configure results:", "    -=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-", "", "Package:"]
    return "\n ".join([*head, *lines, ""]).replace("VERSION", release)


def _version(endpoint: SimulatedEndpoint, _: Json) -> Reply:
    memfile = _MEMFILE[endpoint.release][endpoint.service]
    return replies.success(
        endpoint.release.value, {"extended": f"{_EXTENDED[endpoint.release]}Memfile backend {memfile}"}
    )


def _build_report(endpoint: SimulatedEndpoint, _: Json) -> Reply:
    return replies.success(build_report(endpoint.release))


def _list_commands(endpoint: SimulatedEndpoint, _: Json) -> Reply:
    return replies.success(arguments=endpoint.command_names())


def _status(endpoint: SimulatedEndpoint, _: Json) -> Reply:
    threads = endpoint.config.get("multi-threading", {})
    has_threads = bool(threads.get("enable-multi-threading"))
    arguments: dict[str, Json] = {
        "multi-threading-enabled": has_threads,
        "pid": endpoint.pid,
        "reload": int(endpoint.now() - endpoint.committed_at),
        "sockets": {"status": "ready"},  # also where they are closed: 2.2 only knows about failed retries
        "uptime": int(endpoint.now() - endpoint.started_at),
    }
    if has_threads:
        arguments["thread-pool-size"] = threads["thread-pool-size"] or _PROCESSORS
        arguments["packet-queue-size"] = threads["packet-queue-size"]
        arguments["packet-queue-statistics"] = [0.0, 0.0, 0.0]
    if endpoint.release >= Release.KEA_2_6:
        arguments["dhcp-state"] = _dhcp_state(endpoint)
        arguments |= {"extended-info-tables": False} if endpoint.service is Service.DHCP6 else {}
    if endpoint.relationships:
        first = endpoint.relationships[0].settings.mode  # which Kea shows for each of them
        arguments["high-availability"] = [one.report() | {"ha-mode": first} for one in endpoint.relationships]
    return replies.success(arguments=arguments)


def _dhcp_state(endpoint: SimulatedEndpoint) -> dict[str, Json]:
    """Who has switched DHCP off, shown since 2.6.2; HA's sides have numbers."""
    dhcp = endpoint.dhcp
    return {
        "disabled-by-db-connection": [],
        "disabled-by-local-command": dhcp.off_by(Origin.HA),
        "disabled-by-remote-command": dhcp.off_by(Origin.PARTNER),
        "disabled-by-user": dhcp.is_off_by(Origin.USER),
        "globally-disabled": not dhcp.is_on,
    }


def _statistics(endpoint: SimulatedEndpoint, _: Json) -> Reply:
    now = datetime.fromtimestamp(endpoint.wall(), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    family = endpoint.service.value[-1]
    names = [f"pkt{family}-{name}" for name in _PACKETS[endpoint.service].split()]
    names += [f"subnet[{subnet['id']}].assigned-addresses" for subnet in endpoint.config[endpoint.service.subnets]]
    return replies.success(arguments={name: [[0, now]] for name in sorted(names)})


def _statistic(_: SimulatedEndpoint, arguments: Json) -> Reply:
    if not replies.is_map(arguments):
        return replies.error("missing mandatory 'name' parameter.")
    return replies.success(arguments={})


def _statistic_change(_: SimulatedEndpoint, __: Json) -> Reply:
    return replies.success("All statistics reset to neutral values.")


def _server_tag(endpoint: SimulatedEndpoint, _: Json) -> Reply:
    return replies.success(arguments={"server-tag": endpoint.config["server-tag"]})


def _pull(_: SimulatedEndpoint, __: Json) -> Reply:
    return replies.empty("No config backend.")


def _reclaim(_: SimulatedEndpoint, arguments: Json) -> Reply:
    if not replies.is_map(arguments) or "remove" not in arguments:
        return replies.error("Missing mandatory 'remove' parameter.")
    return replies.success("Reclamation of expired leases is complete.")


def _libreload(endpoint: SimulatedEndpoint, _: Json) -> Reply:
    """Everything is unloaded and loaded again, and HA begins in `waiting`."""
    loaded = endpoint.loaded
    committed_at = endpoint.committed_at
    endpoint.unload()
    endpoint.put_in_force(endpoint.config, loaded)
    endpoint.committed_at = committed_at
    return replies.success("Hooks libraries successfully reloaded.")


def _shutdown(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    if replies.is_map(arguments) and not isinstance(arguments.get("exit-value", 0), int):
        return replies.error("parameter 'exit-value' is not an integer")
    endpoint.stop()
    return replies.success("Shutting down.")


COMMANDS: dict[str, Callable[[SimulatedEndpoint, Json], Reply]] = {
    "build-report": _build_report,
    "config-backend-pull": _pull,
    "leases-reclaim": _reclaim,
    "libreload": _libreload,
    "list-commands": _list_commands,
    "server-tag-get": _server_tag,
    "shutdown": _shutdown,
    "statistic-get": _statistic,
    "statistic-get-all": _statistics,
    "statistic-remove": _statistic_change,
    "statistic-remove-all": _statistic_change,
    "statistic-reset": _statistic_change,
    "statistic-reset-all": _statistic_change,
    "statistic-sample-age-set": _statistic_change,
    "statistic-sample-age-set-all": _statistic_change,
    "statistic-sample-count-set": _statistic_change,
    "statistic-sample-count-set-all": _statistic_change,
    "status-get": _status,
    "version-get": _version,
}
