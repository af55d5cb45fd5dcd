"""Replies of Kea in our words: pure reading of status-get, config-get and ha-heartbeat."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from reconciler.errors import WrongAnswererError
from reconciler.model import Endpoint, HaView, PartnerView


def configuration(endpoint: Endpoint, arguments: Any) -> Mapping[str, Any]:
    """Return what stands under Dhcp4 or Dhcp6 in config-get's arguments.

    Kea 2.7.2 to 3.1.8 answer a direct HTTP command whatever `service` says, and an agent may answer for itself: the
    root key tells who it was. Raises WrongAnswererError when it was not the service that was asked.
    """
    root = endpoint.service.root
    found = arguments.get(root) if isinstance(arguments, Mapping) else None
    if not isinstance(found, Mapping):
        others = ", ".join(sorted(map(str, arguments))) if isinstance(arguments, Mapping) else "no configuration"
        raise WrongAnswererError(f"{endpoint}: asked for {root}, the answer holds {others[:80]}")
    return found


def ha_view(status: Mapping[str, Any]) -> HaView | None:
    """Return what status-get says of the first relationship, None where the HA hook is not in force.

    `status` are the arguments of status-get. A hook that the configuration names but whose `high-availability` is
    missing here failed to load (seen on 2.2.0, 2.6.3 and 3.0.3).
    """
    relationships = status.get("high-availability")
    if not isinstance(relationships, list) or not relationships:
        return None
    servers = relationships[0].get("ha-servers") or {}
    local, remote = servers.get("local") or {}, servers.get("remote")
    return HaView(
        mode=str(relationships[0].get("ha-mode", "")),
        role=str(local.get("role", "")),
        state=str(local.get("state", "")).lower(),
        scopes=tuple(sorted(map(str, local.get("scopes") or ()))),
        partner=_partner_view(remote) if isinstance(remote, Mapping) else None,
    )


def _partner_view(remote: Mapping[str, Any]) -> PartnerView:
    return PartnerView(
        role=str(remote.get("role", "")),
        last_state=str(remote.get("last-state", "")).lower(),
        last_scopes=tuple(sorted(map(str, remote.get("last-scopes") or ()))),
        age=float(remote.get("age") or 0),
        in_touch=bool(remote.get("in-touch")),
        interrupted=bool(remote.get("communication-interrupted")),
    )


def disabled_by_user(status: Mapping[str, Any]) -> bool | None:
    """Return whether a person switched the DHCP service off; None before Kea 2.6.2, which doesn't tell."""
    state = status.get("dhcp-state")
    return bool(state.get("disabled-by-user")) if isinstance(state, Mapping) else None


def sockets_are_ready(status: Mapping[str, Any]) -> bool:
    """Return whether status-get finds every DHCP socket ready; true where it says nothing about them."""
    sockets = status.get("sockets")
    return not isinstance(sockets, Mapping) or sockets.get("status", "ready") == "ready"


def heartbeat_clock(arguments: Any) -> datetime | None:
    """Return the server's clock as its ha-heartbeat reply says it (whole seconds), None where it doesn't."""
    text = arguments.get("date-time") if isinstance(arguments, Mapping) else None
    try:
        moment = parsedate_to_datetime(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
