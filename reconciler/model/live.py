"""What the servers say: endpoints as they were read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.desired import Endpoint
    from reconciler.model.json import Json


@dataclass(frozen=True, slots=True)
class PartnerView:
    """What a server says about its partner (status-get, `high-availability[].ha-servers.remote`).

    `age` is in seconds since the partner was last heard; `interrupted` is Kea's communication-interrupted.
    """

    role: str
    last_state: str
    last_scopes: tuple[str, ...]
    age: float
    in_touch: bool
    interrupted: bool

    @property
    def is_heard(self) -> bool:
        """Whether the two hear each other, as far as the server has noticed."""
        return self.in_touch and not self.interrupted


@dataclass(frozen=True, slots=True)
class HaView:
    """What a server says about itself in its relationship (`ha-servers.local`); `partner` is None where Kea
    gives no `remote`: in passive-backup, and on a backup.
    """

    mode: str
    role: str
    state: str
    scopes: tuple[str, ...]
    partner: PartnerView | None

    @property
    def hears_partner(self) -> bool:
        """Whether there is a partner, and it is heard."""
        return self.partner is not None and self.partner.is_heard


_READ_AGAIN = 10.0  # seconds by which two readings of when one process began may differ on busy machines


@dataclass(frozen=True, slots=True)
class Process:
    """A process of Kea: its id, and when it began, in seconds on the clock of whoever compares two; None: not known."""

    pid: int
    started_at: float | None

    def is_another_than(self, earlier: Process, error: float = _READ_AGAIN) -> bool:
        """Whether it is not the one that was seen earlier. In a container both have the same id: what tells them apart
        is that the later one began later, by more than its beginning may seem to move (`error`, in seconds). Where that
        is not sure it is the same one: what a run of ours left off in it would stay off else, and clients without it.
        """
        if self.pid != earlier.pid:
            return True
        if self.started_at is None or earlier.started_at is None:
            return False
        return self.started_at > earlier.started_at + error


class Carrier(StrEnum):
    """Which kind of object of a configuration carries our marks where single commands left them."""

    CLASS = "class"
    RESERVATION = "reservation"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An endpoint as it was read.

    `config` is what stands under `Dhcp4` or `Dhcp6`, shared and never altered. `kea_hash` is Kea's own hash
    (2.4.0 and later), a per-server optimistic lock. `uptime` and `reload` are seconds, `read_at` the
    reader's monotonic clock in seconds when status-get answered, `clock_offset` the server's clock minus
    ours in seconds where it could be told. `size` is that of the config-get reply in bytes.

    `views` are what status-get says of each relationship, in the order of the HA hook's list; `place` is where in
    that list the relationship at hand stands, None where it is not there. `ha` is the view at that place, None when
    the HA hook is not in force, whatever the configuration says (see `planning.places`). `commands` are those of
    list-commands, None where they were not asked for. `is_heard` is false where its partner gets no answer from its HA
    listener although it hears the partner (see `planning.pretence`), `is_held_off` true where its partner keeps its
    DHCP service off. `is_off_by_us` says that the user who switched the service off is an earlier run of ours, as the
    journal tells. `active_leases` are how many leases are in use by subnet id, None where that was not asked for.
    `carrier` is the object of our own in which our marks were found, which `config` shows as if they stood at its top;
    None where they stand there (see `kea.stamps`). `set_at` is when its configuration was committed last, to a few
    seconds, as its own clock was then, in seconds since 1970; None where that clock could not be told.
    `started_at` is when its process began, by that clock too; None where nobody asked.
    """

    endpoint: Endpoint
    version: str
    config: Mapping[str, Json] = field(repr=False)
    kea_hash: str | None
    pid: int
    uptime: int
    reload: int
    read_at: float
    ha: HaView | None
    sockets_ready: bool = True
    disabled_by_user: bool | None = None
    hooks_directory: str | None = None
    clock_offset: float | None = None
    size: int = 0
    views: tuple[HaView, ...] = ()
    place: int | None = 0
    commands: frozenset[str] | None = None
    is_heard: bool = True
    active_leases: Mapping[int, int] | None = field(default=None, repr=False)
    is_held_off: bool = False
    is_off_by_us: bool = False
    carrier: Carrier | None = None
    set_at: float | None = None
    started_at: float | None = None

    @property
    def process(self) -> Process:
        """The process that answered, by the server's own clock."""
        return Process(self.pid, self.started_at)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """An endpoint that could not be read, and why, in words without secrets."""

    endpoint: Endpoint
    reason: str


Live = Snapshot | Unreachable


class Probe(StrEnum):
    """What a try to connect to an address found. GUARDED: open, and our credentials have a password for it."""

    OPEN = "open"
    GUARDED = "guarded"
    REFUSED = "refused"
    NO_ANSWER = "no answer"
    NOT_TRIED = "not tried"
