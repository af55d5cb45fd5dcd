"""The state machine of one server of a relationship (Kea manual, "Server States")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reconciler.simulator.dhcp import Origin
from reconciler.simulator.ha import synchronization, transitions
from reconciler.simulator.ha.communication import UNAVAILABLE, WORST_SKEW, Partner, date
from reconciler.simulator.ha.transitions import STAYS
from reconciler.simulator.ha.updates import Updates
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

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


_PATIENCE = 600.0
"""Seconds that a server waits for a terminated partner before it is terminated again (since 2.5.8)."""


class Host(Protocol):
    """What the state machine needs of the daemon that it runs in; `family` is 4 or 6."""

    family: int

    def now(self) -> float:
        """Simulated seconds."""

    def wall(self) -> float:
        """The server's own clock: seconds since 1970."""

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call something later."""

    def ask(self, url: str, command: str, arguments: Mapping[str, Json] | None = None) -> Mapping[str, Json] | None:
        """Send a command to a peer; None where no answer came."""

    def switch_dhcp(self, origin: int, *, on: bool) -> None:
        """Switch DHCP on or off on behalf of a relationship, or of its partner."""

    def is_serving(self) -> bool:
        """Whether DHCP is switched on."""

    def take_lease(self, lease: Mapping[str, Json]) -> None:
        """Keep a peer's lease, unless one that is as new is here."""

    def subnets_of(self, names: Collection[str]) -> frozenset[int]:
        """The ids of the subnets that say they are of one of these peers."""


class HaService:
    """One server's half of a relationship, from the moment the hook is loaded until it is unloaded.

    `sync_seconds`: how long pulling the partner's leases takes (simulated).
    """

    def __init__(self, settings: Settings, host: Host, *, sync_seconds: float = 0.1) -> None:
        self.settings = settings
        self.state = "waiting"
        self.scopes: list[str] = []
        self.is_paused = False
        self.partner = Partner(heard_at=host.now())
        self.updates = Updates(self)
        self.host = host
        self._sync_seconds = sync_seconds
        self._previous = "waiting"
        self._visited: set[str] = set()
        self._is_cancelling = self._is_synchronized = False
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

    def go(self, state: str, *, is_maintenance: bool = False) -> None:
        """Go to a state because somebody said so, and on from there."""
        self._enter(state, is_maintenance=is_maintenance)
        self.run()

    def go_back(self) -> None:
        """Return to the state before, and stay there until the partner is heard again (a cancelled maintenance)."""
        self._enter(self._previous)
        self._is_cancelling = True
        self.run()

    def unpause(self) -> bool:
        """Go on from a paused state, with the next heartbeat; whether it was paused."""
        was_paused, self.is_paused = self.is_paused, False
        return was_paused

    def _enter(self, state: str, *, is_maintenance: bool = False) -> None:
        if self.state == "communication-recovery":
            self.updates.forget()
        if state in ("waiting", "syncing", "ready", "partner-down", "terminated"):
            self.updates.rejected = 0
        self._previous, self.state = self.state, state
        if self._previous == state and self._visited:
            return  # Kea does nothing on the way into the state that it is in
        self._serve(state, is_maintenance=is_maintenance)
        self._adjust_dhcp()
        pause = self.settings.pauses.get(state, "never")
        is_pausing = pause == "always" or (pause == "once" and state not in self._visited)
        self.is_paused = self.is_paused or is_pausing
        self._visited.add(state)
        if state == "syncing":
            self._sync = self.host.after(self._sync_seconds, self._synchronized)

    def _adjust_dhcp(self) -> None:
        """Kea looks at whether DHCP is on at all, whoever switched it off, and only then switches its own."""
        is_wanted = self.state in SERVING
        if is_wanted != self.host.is_serving():
            self.host.switch_dhcp(Origin.HA + self.settings.number, on=is_wanted)

    def serve(self, scopes: Collection[str]) -> None:
        """Answer the clients of these scopes until the next transition (what ha-scopes wants)."""
        self.scopes = sorted(set(scopes))
        self._adjust_dhcp()

    def _serve(self, state: str, *, is_maintenance: bool) -> None:
        own = self.settings.peers[self.settings.name]
        if state in _FAILOVER and (state != "partner-down" or own["auto-failover"] or is_maintenance):
            self.scopes = self.settings.scopes
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
            self._heartbeat = self.host.after(delay, self._beat)

    def _beat(self) -> None:
        self._heartbeat = None
        was_synchronized, self._is_synchronized = self._is_synchronized, False
        self.partner.take(self.ask_partner("ha-heartbeat"), self.host.now(), self.host.wall())
        if was_synchronized and self.partner.state == UNAVAILABLE and self.state == "partner-down":
            self._adjust_dhcp()
        self.run()

    def ask_partner(self, command: str, arguments: Mapping[str, Json] | None = None) -> Mapping[str, Json] | None:
        """Send a command to the partner, and who sends it; None where no answer came, or there is no partner."""
        name = self.settings.partner
        named = {**(arguments or {}), **self.sender()}
        return None if name is None else self.ask(name, command, named or None)

    def ask(self, name: str, command: str, arguments: Mapping[str, Json] | None) -> Mapping[str, Json] | None:
        """Send a command to a peer; None where no answer came."""
        return self.host.ask(self.settings.peers[name]["url"], command, arguments)

    def sender(self) -> dict[str, Json]:
        """What tells a peer which relationship a command is for, since 2.5.5."""
        return {"server-name": self.settings.name} if self.settings.release >= Release.KEA_2_6 else {}

    def _synchronized(self) -> None:
        """The leases are pulled: what was planned in `syncing`, unless that state was left meanwhile."""
        if self.state != "syncing":
            return
        if self.settings.partner is not None and self.pull_leases(self.settings.partner):
            self._enter("ready")
        else:
            self._sync = self.host.after(self.settings.seconds("heartbeat-delay"), self._synchronized)
        self.run()

    def pull_leases(self, name: str, seconds: float | None = None) -> bool:
        """Take over a peer's leases; whether it gave them. It answers nobody meanwhile, for `seconds` at most."""
        is_pulled = synchronization.pull(self, name, seconds or self.settings.seconds("sync-timeout"))
        if not is_pulled and name == self.settings.partner:
            self.partner.lose()
        return is_pulled

    def note_synchronized(self, origin: int) -> None:
        """The partner has our leases: DHCP may go on; in partner-down only once the next heartbeat says what is up."""
        if self.state == "partner-down":
            self._is_synchronized = True
            self.host.switch_dhcp(Origin.HA + self.settings.number, on=False)
        if self.settings.release >= Release.KEA_2_6:
            self.host.switch_dhcp(origin, on=True)
        elif self.state in SERVING and self.state != "partner-down":
            self.host.switch_dhcp(Origin.PARTNER, on=True)

    # ------------------------------------------------------------------------------------------ states

    def _next(self) -> str:
        """The state to go to from here, or nothing."""
        if self.settings.role == "backup":
            return "backup"
        if self.settings.mode == "passive-backup":
            return "passive-backup"
        if self.state in ("in-maintenance", "terminated"):
            return STAYS
        if abs(self.partner.skew) > WORST_SKEW or self.updates.should_terminate():
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
        if not self.partner.is_interrupted(self.settings, self.host.now()):
            return False
        can_count = self.settings.mode == "load-balancing" or self.settings.role == "standby"
        return self.partner.has_failed(self.settings) if self.host.is_serving() and can_count else True

    def _together(self) -> str:
        """What the partner's state makes of ours."""
        if self.state == "communication-recovery":
            return self._recovered()
        if self.state == "partner-down" and self.partner.state == "ready" and self.partner.has_new_unsent():
            return "waiting"
        if self.state == "waiting" and self.partner.state == "terminated":
            return self._after_termination()
        is_primary = self.settings.role == "primary"
        after = transitions.after(self.state, self.partner.state, is_primary=is_primary)
        if after == transitions.NORMAL:
            return self.settings.normal_state
        if after == transitions.SYNC:
            return "syncing" if self.settings.values["sync-leases"] else "ready"
        return after

    def _recovered(self) -> str:
        """Where communication-recovery leads once the partner is heard: both need what the other did meanwhile."""
        if self.partner.is_interrupted(self.settings, self.host.now()):
            return STAYS
        after = transitions.after(self.state, self.partner.state, is_primary=False)
        if after == transitions.NORMAL and self.updates.flush():
            return self.settings.normal_state
        if after == transitions.NORMAL:
            return "waiting" if synchronization.is_fine(self.ask_partner("ha-reset")) else STAYS
        is_waking = self.partner.state in ("waiting", "syncing", "ready")
        return "waiting" if is_waking and self.updates.is_overflown else after

    def _after_termination(self) -> str:
        """A server that was started again waits for its terminated partner to be, but not for ever."""
        waited = self.host.now() - self.partner.state_since
        return "terminated" if self.settings.release >= Release.KEA_2_6 and waited >= _PATIENCE else STAYS

    # ----------------------------------------------------------------------------------------- reports

    def heartbeat(self) -> dict[str, Json]:
        """`arguments` of ha-heartbeat."""
        return {
            "date-time": date(self.host.wall()),
            "scopes": list(self.scopes),
            "state": self.state,
            "unsent-update-count": self.updates.unsent,
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
            servers["remote"] = self.partner.report(settings, role, self.host.now())
        return {"ha-mode": settings.mode, "ha-servers": servers}
