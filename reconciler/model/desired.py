"""What git says: the inventory, relationships and their peers, and what is wrong with the input."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import Json


class Service(StrEnum):
    """A DHCP service of Kea, by the name its control channel uses."""

    DHCP4 = "dhcp4"
    DHCP6 = "dhcp6"

    @property
    def root(self) -> str:
        """The key that holds the whole configuration in config-get and config-set: `Dhcp4` or `Dhcp6`."""
        return self.value.capitalize()

    @property
    def subnets(self) -> str:
        """The key of the list of subnets: `subnet4` or `subnet6`."""
        return "subnet" + self.value[-1]


class Mode(StrEnum):
    """A mode of the HA hook (Kea manual, "Supported Configurations")."""

    LOAD_BALANCING = "load-balancing"
    HOT_STANDBY = "hot-standby"
    PASSIVE_BACKUP = "passive-backup"

    @property
    def partner_role(self) -> Role | None:
        """The role of the peer that answers clients together with, or in place of, the primary; passive-backup has
        none.
        """
        return _PARTNER_ROLES[self]


class Role(StrEnum):
    """A peer's role in a relationship."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    STANDBY = "standby"
    BACKUP = "backup"


_PARTNER_ROLES = {Mode.LOAD_BALANCING: Role.SECONDARY, Mode.HOT_STANDBY: Role.STANDBY, Mode.PASSIVE_BACKUP: None}


class Pools(StrEnum):
    """Who hands out addresses of a pool in load-balancing: both servers, or each of a part of its own."""

    SHARED = "shared"
    SPLIT = "split"


class OnRemove(StrEnum):
    """What becomes of the scopes of the other peers when a relationship is removed; the primary keeps its own."""

    DISABLE = "disable"
    DELETE = "delete"
    KEEP = "keep"


class OnPrimaryReturn(StrEnum):
    """What becomes of what the partner got while the primary was away: the primary overwrites it, or a person says."""

    PRIMARY = "primary"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a value stands in a file; line and column count from 1, and are 0 for a file or folder as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Severity(StrEnum):
    """Whether a problem stops the work (error) or is only said (warning)."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with the input: where, which rule, what and why, and what to do about it."""

    position: Position
    rule: str
    message: str
    advice: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.position}: {self.severity}: {self.message} [{self.rule}]\n    {self.advice}"


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person approved for one plan: the code of an objection, and why. `position` is where that is written."""

    code: str
    reason: str
    position: Position


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server x one service: what is read and set.

    `control` is `http(s)://host:port/` or `unix:/path`. `hooks_directory` overrides what the server's own
    build-report says about where its hook libraries are.
    """

    server: str
    service: Service
    control: str
    hooks_directory: str | None = None
    position: Position | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.server} ({self.service})"


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer of a relationship. `name` is its name in Kea; `options` holds further HA peer parameters by
    Kea's own names (auto-failover, basic-auth-user, basic-auth-password-file, trust-anchor, ...). `is_hub` says that
    its server is in other relationships of the service too.
    """

    server: str
    name: str
    role: Role
    url: str
    options: Mapping[str, Json] = field(default_factory=dict)
    position: Position | None = field(default=None, compare=False, repr=False)
    is_hub: bool = False


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many of a server's subnets, pools or reservations a plan may delete or change without an approval.

    Of `least` or more of a kind, deleting more than `deleted_share` or changing more than `changed_share` of them is
    too much; more than `deleted` or `changed` is, however many there are. Deleting the last one is always too much, but
    for the only reservation where a person added it to that server alone.
    """

    least: int = 10
    deleted_share: float = 0.30
    deleted: int = 500
    changed_share: float = 0.5
    changed: int = 5000


DEFAULT_THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True)
class Earlier:
    """The data that a relationship had before an entry of the history, to be brought back: the configuration of a
    `server`, which then ran the Kea `version`.
    """

    entry: int
    server: str
    version: str
    config: Mapping[str, Json] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Relationship:
    """One desired failover relationship. `parameters` are those of Kea's HA hook, by Kea's own names and in
    Kea's units; a parameter that is absent has Kea's default. `local` are path patterns of what belongs to
    each server beside the built-in list. `pools` counts in load-balancing only. `on_remove` is what is done to the
    other peers when the relationship goes, which `is_absent` asks for. `on_primary_return` is whether the primary is
    the truth again by itself where its partner has changes of its own. `positions` maps a path inside the document to
    its place. `thresholds` are no part of what is desired, but what the operator's settings allow a plan for it.
    Nor is `earlier`: it is there for one plan, a rollback, in which its data take the place of the authority's; nor
    `is_data_alone`: in such a plan only DHCP data follow, and the relationship itself stays as each server has it; nor
    `contested`: which objects, by the paths of their changes, stay as a server has them in that plan.
    """

    name: str
    service: Service
    mode: Mode
    peers: tuple[Peer, ...]
    parameters: Mapping[str, Json] = field(default_factory=dict)
    replicate: bool = True
    local: tuple[str, ...] = ()
    pools: Pools = Pools.SHARED
    on_remove: OnRemove = OnRemove.DISABLE
    is_absent: bool = False
    on_primary_return: OnPrimaryReturn = OnPrimaryReturn.PRIMARY
    position: Position | None = field(default=None, compare=False, repr=False)
    positions: Mapping[tuple[str | int, ...], Position] = field(default_factory=dict, compare=False, repr=False)
    thresholds: Thresholds = field(default=DEFAULT_THRESHOLDS, compare=False, repr=False)
    earlier: Earlier | None = None
    is_data_alone: bool = False
    contested: Mapping[str, tuple[tuple[tuple[str, str], ...], ...]] = field(default_factory=dict)

    @property
    def primary(self) -> Peer:
        """The peer whose configuration is the truth while it is up; LookupError without one, which only what is left
        of a relationship that is to be removed can be.
        """
        for peer in self.peers:
            if peer.role is Role.PRIMARY:
                return peer
        raise LookupError(f"none of the peers of {self.name} is its primary")

    @property
    def partner(self) -> Peer | None:
        """The secondary or standby: the peer that is the truth while the primary is down; None in passive-backup."""
        return next((peer for peer in self.peers if peer.role is self.mode.partner_role), None)

    @property
    def is_spoke(self) -> bool:
        """Whether any of its servers is in other relationships too: only a part of its configuration is ours then."""
        return any(peer.is_hub for peer in self.peers)

    @property
    def backups(self) -> tuple[Peer, ...]:
        """The peers that are sent every lease and answer nobody."""
        return tuple(peer for peer in self.peers if peer.role is Role.BACKUP)


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything that `desired/` says. `endpoints` is the inventory by (server, service); `revision` names the
    state of the files: a git commit where they lie in a work tree, else a digest of their content. `is_selection` says
    that only some relationships were asked for; `others` are then the rest. `digest` is that of the files' content.
    `approvals` are what was approved, by the fingerprint of the plan that it is for.
    """

    endpoints: Mapping[tuple[str, Service], Endpoint]
    relationships: tuple[Relationship, ...]
    revision: str
    warnings: tuple[Problem, ...] = ()
    is_selection: bool = False
    others: tuple[Relationship, ...] = ()
    digest: str = ""
    approvals: Mapping[str, tuple[Approval, ...]] = field(default_factory=dict)
