"""Lease updates: to whom a server sends the leases that it gives, and what it does where they don't arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator import replies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json
    from reconciler.simulator.ha.service import HaService

SENDING = ("hot-standby", "load-balancing", "partner-in-maintenance")
"""The states in which the partner is sent updates; backups are sent them in every state."""


class Updates:
    """The updates of one relationship that were sent, kept for later, not sent, or refused by the partner.

    `unsent` counts those that the partner was never sent, `rejected` those that it refused.
    """

    def __init__(self, ha: HaService) -> None:
        self._ha = ha
        self._backlog: list[Mapping[str, Json]] = []
        self.is_overflown = False
        self.unsent = self.rejected = 0

    def give(self, lease: Mapping[str, Json]) -> bool:
        """Tell the peers of a lease that is being given; whether the client gets its answer."""
        settings, is_given = self._ha.settings, True
        if not settings.values["send-lease-updates"]:
            return True
        for name, peer in settings.peers.items():
            if name == settings.name:
                continue
            if peer["role"] == "backup":
                is_taken = self._send(name, lease) in (replies.SUCCESS, replies.EMPTY)
                is_given = is_given and (is_taken or not settings.values["wait-backup-ack"])
            elif settings.role != "backup":
                is_given = self._tell_partner(name, lease) and is_given
        self._ha.run()
        return is_given

    def _tell_partner(self, name: str, lease: Mapping[str, Json]) -> bool:
        if self._ha.state == "communication-recovery":
            limit = self._ha.settings.values["delayed-updates-limit"]
            self.is_overflown = self.is_overflown or len(self._backlog) >= limit
            self._backlog = [] if self.is_overflown else [*self._backlog, lease]
            return True
        if self._ha.state not in SENDING:
            self.unsent += 1
            return True
        result = self._send(name, lease)
        if result == replies.CONFLICT:
            self.rejected += 1
        elif result not in (replies.SUCCESS, replies.EMPTY):
            self._ha.partner.lose()
        return result in (replies.SUCCESS, replies.EMPTY)

    def _send(self, name: str, lease: Mapping[str, Json]) -> int | None:
        """The result of the peer's answer, None where none came."""
        family = self._ha.host.family
        command, arguments = f"lease{family}-update", {**lease, "force-create": True}
        if family == 6:
            command, arguments = "lease6-bulk-apply", {"leases": [dict(lease)], "deleted-leases": []}
        answer = self._ha.ask(name, command, arguments)
        return None if answer is None else int(answer["result"])

    def flush(self) -> bool:
        """Send the partner what was kept for it; whether it has everything now."""
        partner = self._ha.settings.partner
        while self._backlog and not self.is_overflown and partner is not None:
            if self._send(partner, self._backlog[0]) not in (replies.SUCCESS, replies.EMPTY):
                return False
            del self._backlog[0]
        return not self.is_overflown

    def forget(self) -> None:
        """Forget what was kept: communication-recovery was left."""
        self._backlog, self.is_overflown = [], False

    def should_terminate(self) -> bool:
        """Whether the partner refused more than is bearable (since 2.3.1)."""
        limit = self._ha.settings.values.get("max-rejected-lease-updates", 0)
        return bool(0 < limit <= self.rejected)
