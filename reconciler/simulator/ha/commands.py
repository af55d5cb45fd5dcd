"""The commands that the HA hook adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator import replies
from reconciler.simulator.replies import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model import Json
    from reconciler.simulator.ha.service import HaService

_NO_MAINTENANCE = ("backup", "in-maintenance", "partner-in-maintenance", "terminated")
_NO_NOTIFY = ("terminated", "backup", "partner-in-maintenance")


def _continue(ha: HaService, _: Json) -> Reply:
    was_paused = ha.unpause()
    return replies.success("HA state machine continues." if was_paused else "HA state machine is not paused.")


def _heartbeat(ha: HaService, _: Json) -> Reply:
    return replies.success("HA peer status returned.", ha.heartbeat())


def _reset(ha: HaService, _: Json) -> Reply:
    if ha.state == "waiting":
        return replies.success("HA state machine already in WAITING state.")
    ha.go("waiting")
    return replies.success("HA state machine reset.")


def _scopes(ha: HaService, arguments: Json) -> Reply:
    problem = _problem("ha-scopes", arguments, "scopes")
    if problem:
        return replies.error(problem)
    scopes = arguments["scopes"]
    if not isinstance(scopes, list):
        return replies.error("'scopes' must be a list in the 'ha-scopes' command")
    for scope in scopes:
        if not isinstance(scope, str):
            return replies.error("scope name must be a string in the 'scopes' argument")
        if scope not in ha.settings.peers:
            return replies.error(f"invalid server name specified '{scope}' while enabling/disabling HA scopes")
    ha.scopes = sorted(set(scopes))
    return replies.success("New HA scopes configured.")


def _sync(ha: HaService, arguments: Json) -> Reply:
    problem = _problem("ha-sync", arguments, "server-name")
    if problem:
        return replies.error(problem)
    name, period = arguments["server-name"], arguments.get("max-period", 1)
    if not isinstance(name, str):
        return replies.error("'server-name' must be a string in the 'ha-sync' command")
    if not isinstance(period, int) or period <= 0:
        return replies.error("'max-period' must be a positive integer in the 'ha-sync' command")
    if name not in ha.settings.peers:
        return replies.error(f"no configuration specified for server {name}")
    if name != ha.settings.partner or not ha.pull_leases():
        return replies.error("Connection timed out")
    return replies.success("Lease database synchronization complete.")


def _problem(command: str, arguments: Json, key: str) -> str:
    if not isinstance(arguments, dict):
        return f"arguments not found in the '{command}' command"
    return "" if key in arguments else f"'{key}' is mandatory for the '{command}' command"


def _sync_complete(ha: HaService, _: Json) -> Reply:
    ha.allow_dhcp()
    return replies.success("Server successfully notified about the synchronization completion.")


def _maintenance_start(ha: HaService, _: Json) -> Reply:
    if ha.state in _NO_MAINTENANCE:
        return replies.error(f"Unable to transition the server from the {ha.state} to partner-in-maintenance state.")
    answer = ha.ask_partner("ha-maintenance-notify", {"cancel": False})
    if answer is None or answer["result"] == replies.ERROR:
        ha.go("partner-down")
        reason = "as its partner appears to be offline for maintenance"
        return replies.success(f"Server is now in the partner-down state {reason}.")
    if answer["result"] != replies.SUCCESS:
        return replies.error(
            "Unable to transition to the partner-in-maintenance state. The partner server responded with the following "
            f"message to the ha-maintenance-notify command: {answer.get('text', '')}."
        )
    ha.go("partner-in-maintenance")
    return replies.success(
        "Server is now in the partner-in-maintenance state and its partner is in-maintenance state. "
        "The partner can be now safely shut down."
    )


def _maintenance_cancel(ha: HaService, _: Json) -> Reply:
    if ha.state != "partner-in-maintenance":
        where = "the server is not in the partner-in-maintenance state"
        return replies.error(f"Unable to cancel maintenance request because {where}.")
    answer = ha.ask_partner("ha-maintenance-notify", {"cancel": True})
    if answer is None or answer["result"] != replies.SUCCESS:
        reason = "" if answer is None else answer.get("text", "")
        return replies.error(
            "Unable to cancel maintenance. The partner server responded with the following message to the "
            f"ha-maintenance-notify command: {reason}."
        )
    ha.go_back()
    return replies.success("Server maintenance successfully canceled.")


def _maintenance_notify(ha: HaService, arguments: Json) -> Reply:
    problem = _problem("ha-maintenance-notify", arguments, "cancel")
    if problem:
        return replies.error(problem)
    if arguments["cancel"]:
        if ha.state != "in-maintenance":
            where = "the server not in the in-maintenance state"
            return replies.error(f"Unable to cancel the maintenance for {where}.")
        ha.go_back()
        return replies.success("Server maintenance canceled.")
    if ha.state in _NO_NOTIFY:
        return replies.refused(f"Unable to transition the server from the {ha.state} to in-maintenance state.")
    ha.go("in-maintenance")
    return replies.success("Server is in-maintenance state.")


COMMANDS: dict[str, Callable[[HaService, Json], Reply]] = {
    "ha-continue": _continue,
    "ha-heartbeat": _heartbeat,
    "ha-maintenance-cancel": _maintenance_cancel,
    "ha-maintenance-notify": _maintenance_notify,
    "ha-maintenance-start": _maintenance_start,
    "ha-reset": _reset,
    "ha-scopes": _scopes,
    "ha-sync": _sync,
    "ha-sync-complete-notify": _sync_complete,
}
"""What list-commands has more of while the hook is loaded."""
