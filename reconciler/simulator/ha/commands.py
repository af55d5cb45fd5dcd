"""The commands that the HA hook adds: which relationship each is for, and what it needs to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator import replies
from reconciler.simulator.dhcp import Origin
from reconciler.simulator.ha import maintenance
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model import Json
    from reconciler.simulator.ha.service import HaService
    from reconciler.simulator.replies import Reply

    Command = Callable[[Sequence[HaService], Json], Reply]


class _BadArgumentsError(Exception):
    """What is wrong with the arguments of a command, in Kea's words."""


def _named(command: str, relationships: Sequence[HaService], arguments: Json) -> HaService:
    """The relationship that `server-name` is a peer of, the first where none is named; before 2.5.5 there is one."""
    if relationships[0].settings.release < Release.KEA_2_6 or arguments is None:
        return relationships[0]
    if not isinstance(arguments, dict):
        raise _BadArgumentsError(f"arguments in the '{command}' command are not a map")
    name = arguments.get("server-name")
    if name is None:
        return relationships[0]
    if not isinstance(name, str):
        raise _BadArgumentsError(f"'server-name' must be a string in the '{command}' command")
    for relationship in relationships:
        if name in relationship.settings.peers:
            return relationship
    raise _BadArgumentsError(f"{name} matches no configured 'server-name'")


def _needed(command: str, arguments: Json, key: str) -> Json:
    if arguments is None:
        raise _BadArgumentsError(f"arguments not found in the '{command}' command")
    if not isinstance(arguments, dict):
        raise _BadArgumentsError(f"arguments in the '{command}' command are not a map")
    if key not in arguments:
        raise _BadArgumentsError(f"'{key}' is mandatory for the '{command}' command")
    return arguments[key]


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


def _check_scopes(_: Release, arguments: Json) -> None:
    scopes = _needed("ha-scopes", arguments, "scopes")
    if not isinstance(scopes, list):
        raise _BadArgumentsError("'scopes' must be a list in the 'ha-scopes' command")
    if not all(isinstance(scope, str) for scope in scopes):
        raise _BadArgumentsError("scope name must be a string in the 'scopes' argument")


def _scopes(ha: HaService, arguments: Json) -> Reply:
    for scope in arguments["scopes"]:
        if scope not in ha.settings.peers:
            return replies.error(f"invalid server name specified '{scope}' while enabling/disabling HA scopes")
    ha.serve(arguments["scopes"])
    return replies.success("New HA scopes configured.")


def _check_sync(_: Release, arguments: Json) -> None:
    if not isinstance(_needed("ha-sync", arguments, "server-name"), str):
        raise _BadArgumentsError("'server-name' must be a string in the 'ha-sync' command")
    period = arguments.get("max-period", 1)
    if not isinstance(period, int) or isinstance(period, bool) or period <= 0:
        raise _BadArgumentsError("'max-period' must be a positive integer in the 'ha-sync' command")


def _sync(ha: HaService, arguments: Json) -> Reply:
    name = arguments["server-name"]
    if name not in ha.settings.peers:
        return replies.NOTHING  # before 2.5.5 only the log says that there is no such server
    if name == ha.settings.name:
        return replies.error(f"'{name}' points to local server but should point to a partner")
    if not ha.pull_leases(name, arguments.get("max-period")):
        return replies.error("Connection timed out")
    return replies.success("Lease database synchronization complete.")


def _check_sync_complete(release: Release, arguments: Json) -> None:
    if release < Release.KEA_2_6 or not isinstance(arguments, dict):
        return
    key = "origin-id" if "origin-id" in arguments else "origin"
    if not isinstance(arguments.get(key, 0), int):
        raise _BadArgumentsError(f"'{key}' must be an integer in the 'ha-sync-complete-notify' command")


def _sync_complete(ha: HaService, arguments: Json) -> Reply:
    given: dict[str, int] = arguments if isinstance(arguments, dict) else {}
    origin = given.get("origin-id", given.get("origin", Origin.PARTNER + 1))
    ha.note_synchronized(origin)
    return replies.success("Server successfully notified about the synchronization completion.")


def _check_notify(_: Release, arguments: Json) -> None:
    """2.2 says what is wrong to its log only, and closes the connection."""
    command = "ha-maintenance-notify"
    if arguments is None:
        raise _BadArgumentsError(f"invalid command '{command}': no arguments specified")
    if not arguments:
        raise _BadArgumentsError(f"invalid command '{command}': 'arguments' is empty")
    if not isinstance(_needed(command, arguments, "cancel"), bool):
        raise _BadArgumentsError(f"'cancel' must be a boolean in the '{command}' command")


def _for_one(
    name: str,
    call: Callable[[HaService, Json], Reply],
    check: Callable[[Release, Json], None] | None = None,
) -> Command:
    """A command for one relationship, once its arguments are right."""

    def command(relationships: Sequence[HaService], arguments: Json) -> Reply:
        release = relationships[0].settings.release
        try:
            if check is not None:
                check(release, arguments)
            chosen = _named(name, relationships, arguments)
        except _BadArgumentsError as error:
            is_said = check is not _check_notify or release >= Release.KEA_2_6
            return replies.error(str(error)) if is_said else replies.NOTHING
        return call(chosen, arguments)

    return command


COMMANDS: dict[str, Command] = {
    "ha-continue": _for_one("ha-continue", _continue),
    "ha-heartbeat": _for_one("ha-heartbeat", _heartbeat),
    "ha-maintenance-cancel": maintenance.cancel,
    "ha-maintenance-notify": _for_one("ha-maintenance-notify", maintenance.notify, _check_notify),
    "ha-maintenance-start": maintenance.start,
    "ha-reset": _for_one("ha-reset", _reset),
    "ha-scopes": _for_one("ha-scopes", _scopes, _check_scopes),
    "ha-sync": _for_one("ha-sync", _sync, _check_sync),
    "ha-sync-complete-notify": _for_one("ha-sync-complete-notify", _sync_complete, _check_sync_complete),
}
"""What list-commands has more of while the hook is loaded."""
