"""The state machine of one server of a relationship (Kea manual, "Server States")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reconciler.simulator.ha import transitions
from reconciler.simulator.ha.communication import UNAVAILABLE, WORST_SKEW, Partner, date
from reconciler.simulator.ha.transitions import STAYS
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model import Json
    from reconciler.simulator.clock import Timer
    from reconciler.simulator.ha.settings import Settings

SERVING = (
    "communication-recovery",
    "load-balancing",
    "hot-standby",
    "partner-down",
    "partner-in-maintenance",
    "passive-backup",
    "terminated",
)
"""The states in which DHCP is switched on (measured; HA_LOCAL_DHCP_ENABLE in the log)."""

_SILENT = ("terminated", "passive-backup", "backup")
_FAILOVER = ("partner-down", "partner-in-maintenance")


class Host(Protocol):
    """What the state machine needs of the daemon that it runs in."""

    def now(self) -> float:
        """Simulated seconds."""

    def wall(self) -> float:
        """The server's own clock: seconds since 1970."""

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call something later."""

    def ask(self, url: str, command: str, arguments: Mapping[str, Json] | None = None) -> Mapping[str, Json] | None:
        """Send a command to a peer; None where no answer came."""

    def switch_dhcp(self, *, on: bool) -> None:
        """Switch DHCP on or off on behalf of HA."""

    def take_back_partner(self) -> None:
        """The partner needs DHCP off no more."""

    def is_serving(self) -> bool:
        """Whether DHCP is switched on."""


class HaService:
    """One server's half of a relationship, from the moment the hook is loaded until it is unloaded.

    `page_command` pulls a page of leases from a partner; `sync_seconds`: how long pulling them all takes (simulated).
    """

    def __init__(self, settings: Settings, host: Host, page_command: str, *, sync_seconds: float = 0.1) -> None:
        self.settings = settings
        self.state = "waiting"
        self.scopes: list[str] = []
        self.is_paused = False
        self.partner = Partner(heard_at=host.now())
        self._host = host
        self._page_command = page_command
        self._sync_seconds = sync_seconds
        self._previous = "waiting"
        self._visited: set[str] = set()
        self._is_cancelling = False
        self._heartbeat: Timer | None = None
        self._sync: Timer | None = None

    # ------------------------------------------------------------------------------------------- life

    def start(self) -> None:
        """Begin in `waiting`, with DHCP off."""
        self._enter("waiting")
        self.run()

    def stop(self) -> None:
        """End: the hook is unloaded."""
        for timer in (self._heartbeat, self._sync):
            if timer is not None:
                timer.cancel()

    def run(self) -> None:
        """Go from state to state until one stays."""
        while not self.is_paused and not self._is_cancelling:
            after = self._next()
            if after in (STAYS, self.state):
                break
            self._enter(after)
        self._is_cancelling = False
        self._plan_heartbeat()

    def go(self, state: str) -> None:
        """Go to a state because somebody said so, and on from there."""
        self._enter(state)
        self.run()

    def go_back(self) -> None:
        """Return to the state before, and stay there until the partner is heard again (a cancelled maintenance)."""
        self._enter(self._previous)
        self._is_cancelling = True
        self.run()

    def unpause(self) -> bool:
        """Go on from a paused state; whether it was paused."""
        was_paused, self.is_paused = self.is_paused, False
        if was_paused:
            self.run()
        return was_paused

    def _enter(self, state: str) -> None:
        self._previous, self.state = self.state, state
        self._serve(state)
        self._host.switch_dhcp(on=state in SERVING)
        pause = self.settings.pauses.get(state, "never")
        self.is_paused = pause == "always" or (pause == "once" and state not in self._visited)
        self._visited.add(state)
        if state == "syncing":
            self._sync = self._host.after(self._sync_seconds, self._synchronized)

    def _serve(self, state: str) -> None:
        own = self.settings.peers[self.settings.name]
        active = [name for name, peer in self.settings.peers.items() if peer["role"] in ("primary", "secondary")]
        if state in _FAILOVER and (state != "partner-down" or own["auto-failover"]):
            self.scopes = sorted(active)
        elif state in SERVING:
            self.scopes = self.default_scopes()
        else:
            self.scopes = []

    def default_scopes(self) -> list[str]:
        """What this server answers for when all is well; a standby for nobody."""
        return [self.settings.name] if self.settings.role in ("primary", "secondary") else []

    # ------------------------------------------------------------------------------------- the partner

    def _plan_heartbeat(self) -> None:
        delay = self.settings.seconds("heartbeat-delay")
        wanted = self.settings.partner is not None and delay > 0 and self.state not in _SILENT
        if not wanted and self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None
        elif wanted and (self._heartbeat is None or self._heartbeat.is_cancelled):
            self._heartbeat = self._host.after(delay, self._beat)

    def _beat(self) -> None:
        self._heartbeat = None
        self.partner.take(self.ask_partner("ha-heartbeat"), self._host.now(), self._host.wall())
        self.run()

    def ask_partner(self, command: str, arguments: Mapping[str, Json] | None = None) -> Mapping[str, Json] | None:
        """Send a command to the partner; None where no answer came, or there is no partner."""
        name = self.settings.partner
        return None if name is None else self._host.ask(self.settings.peers[name]["url"], command, arguments)

    def _synchronized(self) -> None:
        """The leases are pulled: what was planned in `syncing`, unless that state was left meanwhile."""
        if self.state != "syncing":
            return
        if self.pull_leases():
            self._enter("ready")
        else:
            self._sync = self._host.after(self.settings.seconds("heartbeat-delay"), self._synchronized)
        self.run()

    def pull_leases(self) -> bool:
        """Have the partner stop, hand over its leases, and go on; whether it did."""
        period = max(1, int(self.settings.seconds("sync-timeout")))
        stop = {"max-period": period, "origin": "ha-partner"}
        if not _is_fine(self.ask_partner("dhcp-disable", stop)):
            return False
        page = {"from": "start", "limit": self.settings.values["sync-page-limit"]}
        is_pulled = _is_fine(self.ask_partner(self._page_command, page), 0, 3)
        if not _is_fine(self.ask_partner("ha-sync-complete-notify")):
            self.ask_partner("dhcp-enable", {"origin": "ha-partner"})
        return is_pulled

    def allow_dhcp(self) -> None:
        """The partner has our leases: DHCP may go on, if this state has it on."""
        self._host.take_back_partner()
        self._host.switch_dhcp(on=self.state in SERVING)

    # ------------------------------------------------------------------------------------------ states

    def _next(self) -> str:
        """The state to go to from here, or nothing."""
        if self.settings.role == "backup":
            return "backup"
        if self.settings.mode == "passive-backup":
            return "passive-backup"
        if self.state in ("in-maintenance", "terminated"):
            return STAYS
        if abs(self.partner.skew) > WORST_SKEW:
            return "terminated"
        if self._is_of_other_mode():
            return "waiting" if self.state != "partner-in-maintenance" else STAYS
        if self.partner.state == UNAVAILABLE:
            return self._alone()
        return self._together()

    def _is_of_other_mode(self) -> bool:
        """Whether the partner works in a mode that is not ours: one side has to be corrected."""
        if self.partner.state == "communication-recovery":
            return self.settings.mode != "load-balancing"
        return self.partner.state in ("hot-standby", "load-balancing") and self.partner.state != self.settings.mode

    def _alone(self) -> str:
        """No answer from the partner."""
        if self.state == "partner-in-maintenance":
            return "partner-down"
        if self.state == "partner-down":
            return STAYS
        if self._should_take_over():
            return "partner-down"
        may_wait = self.settings.mode == "load-balancing" and self.settings.values["delayed-updates-limit"] > 0
        return "communication-recovery" if may_wait and self.state == "load-balancing" else STAYS

    def _should_take_over(self) -> bool:
        if not self.partner.is_interrupted(self.settings, self._host.now()):
            return False
        can_count = self.settings.mode == "load-balancing" or self.settings.role == "standby"
        return self.partner.has_failed(self.settings) if self._host.is_serving() and can_count else True

    def _together(self) -> str:
        """What the partner's state makes of ours."""
        is_primary = self.settings.role == "primary"
        after = transitions.after(self.state, self.partner.state, is_primary=is_primary)
        if after == transitions.NORMAL:
            return self.settings.normal_state
        if after == transitions.SYNC:
            return "syncing" if self.settings.values["sync-leases"] else "ready"
        return after

    # ----------------------------------------------------------------------------------------- reports

    def heartbeat(self) -> dict[str, Json]:
        """`arguments` of ha-heartbeat."""
        return {
            "date-time": date(self._host.wall()),
            "scopes": list(self.scopes),
            "state": self.state,
            "unsent-update-count": 0,
        }

    def report(self) -> dict[str, Json]:
        """The entry of status-get's high-availability."""
        settings = self.settings
        local: dict[str, Json] = {"role": settings.role, "scopes": list(self.scopes), "state": self.state}
        if settings.release >= Release.KEA_2_6:
            local["server-name"] = settings.name
        if settings.release >= Release.KEA_3_0:
            local["system-time"] = self.partner.own_clock()
        servers: dict[str, Json] = {"local": local}
        if settings.partner is not None:
            role = str(settings.peers[settings.partner]["role"])
            servers["remote"] = self.partner.report(settings, role, self._host.now())
        return {"ha-mode": settings.mode, "ha-servers": servers}


def _is_fine(answer: Mapping[str, Json] | None, *results: int) -> bool:
    return answer is not None and answer.get("result") in (results or (0,))
