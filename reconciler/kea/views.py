"""Replies of Kea in our words: pure reading of status-get, config-get and ha-heartbeat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from reconciler.errors import WrongAnswererError
from reconciler.kea.shapes import misshapen_at_the_top
from reconciler.kea.stamps import gathered
from reconciler.model import Endpoint, HaView, PartnerView
from reconciler.redaction import visible


@contextmanager
def reading(endpoint: Endpoint) -> Iterator[None]:
    """Turn what goes wrong while a reply of another shape than Kea's is read into WrongAnswererError."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise WrongAnswererError(f"{endpoint}: its answer does not have the shape that Kea gives") from error


def configuration(endpoint: Endpoint, arguments: Any) -> Mapping[str, Any]:
    """Return what stands under Dhcp4 or Dhcp6 in config-get's arguments, our marks all in its user-context.

    Kea 2.7.2 to 3.1.8 answer a direct HTTP command whatever `service` says, and an agent may answer for itself: the
    root key tells who it was. Raises WrongAnswererError when it was not the service that was asked.
    """
    root = endpoint.service.root
    found = arguments.get(root) if isinstance(arguments, Mapping) else None
    if not isinstance(found, Mapping):
        others = ", ".join(sorted(map(str, arguments))) if isinstance(arguments, Mapping) else "no configuration"
        raise WrongAnswererError(f"{endpoint}: asked for {root}, the answer holds {visible(others[:80])}")
    odd = misshapen_at_the_top(found)
    if odd:
        raise WrongAnswererError(f"{endpoint}: {odd} of its configuration does not have the shape that Kea gives it")
    return gathered(found)


_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?[\w.+-]{0,40}")


def version(endpoint: Endpoint, text: str) -> str:
    """Return the version with which version-get's text begins, such as `2.2.0`. Raises WrongAnswererError without."""
    match = _VERSION.match(text.strip())
    if match is None:
        raise WrongAnswererError(f"{endpoint}: version-get does not answer with a version of Kea")
    return match[0]


def ha_views(status: Mapping[str, Any]) -> tuple[HaView, ...]:
    """Return what status-get says of each relationship, in the order of the HA hook's list; none where the hook is not
    in force.

    `status` are the arguments of status-get. A hook that the configuration names but whose `high-availability` is
    missing here failed to load (seen on 2.2.0, 2.6.3 and 3.0.3). Raises WrongAnswererError for anything but what Kea
    says there: garbage must not pass for a hook that has to be repaired.
    """
    relationships = status.get("high-availability") or []
    if not isinstance(relationships, list):
        raise WrongAnswererError("status-get: high-availability is no list")
    return tuple(_ha_view(_map(each, f"high-availability[{place}]")) for place, each in enumerate(relationships))


def _ha_view(entry: Mapping[str, Any]) -> HaView:
    servers = _map(entry.get("ha-servers"), "ha-servers")
    local, remote = _map(servers.get("local"), "local"), servers.get("remote")
    return HaView(
        mode=str(entry.get("ha-mode", "")),
        role=str(local.get("role", "")),
        state=str(local.get("state", "")).lower(),
        scopes=_scopes(local.get("scopes")),
        partner=_partner_view(_map(remote, "remote")) if remote else None,
    )


def _map(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise WrongAnswererError(f"status-get: {name} is no map")
    return value


def _scopes(value: Any) -> tuple[str, ...]:
    if not isinstance(value or [], list):
        raise WrongAnswererError("status-get: scopes is no list")
    return tuple(sorted(map(str, value or ())))


def _seconds(value: Any) -> float:
    if isinstance(value or 0, int | float):
        return float(value or 0)
    raise WrongAnswererError("status-get: age is no number")


def _partner_view(remote: Mapping[str, Any]) -> PartnerView:
    return PartnerView(
        role=str(remote.get("role", "")),
        last_state=str(remote.get("last-state", "")).lower(),
        last_scopes=_scopes(remote.get("last-scopes")),
        age=_seconds(remote.get("age")),
        in_touch=bool(remote.get("in-touch")),
        interrupted=bool(remote.get("communication-interrupted")),
    )


def disabled_by_user(status: Mapping[str, Any]) -> bool | None:
    """Return whether a person switched the DHCP service off; None before Kea 2.6.2, which doesn't tell."""
    state = status.get("dhcp-state")
    return bool(state.get("disabled-by-user")) if isinstance(state, Mapping) else None


def held_by_partners(status: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the origin ids under which partners hold the DHCP service off, as while they fetch leases; none before
    Kea 2.6.2, which doesn't tell.
    """
    state = status.get("dhcp-state")
    ids = state.get("disabled-by-remote-command") if isinstance(state, Mapping) else None
    return tuple(each for each in ids if isinstance(each, int)) if isinstance(ids, list) else ()


def is_held_off(status: Mapping[str, Any]) -> bool:
    """Return whether HA keeps the DHCP service off: a state machine of the server's own, be it that of another
    relationship, or a partner; false before Kea 2.6.2, which doesn't tell.
    """
    state = status.get("dhcp-state")
    if not isinstance(state, Mapping):
        return False
    return bool(state.get("disabled-by-local-command") or state.get("disabled-by-remote-command"))


def sockets_are_ready(status: Mapping[str, Any]) -> bool:
    """Return whether status-get finds every DHCP socket ready; true where it says nothing about them."""
    sockets = status.get("sockets")
    return not isinstance(sockets, Mapping) or sockets.get("status", "ready") == "ready"


def heartbeat_clock(arguments: Any) -> datetime | None:
    """Return the server's clock as its ha-heartbeat reply says it (whole seconds), None where it doesn't."""
    text = arguments.get("date-time") if isinstance(arguments, Mapping) else None
    try:
        moment = parsedate_to_datetime(str(text))
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
