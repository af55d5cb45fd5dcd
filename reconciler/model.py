"""The nouns of the project: frozen values that every other room passes on.

Nothing in here decides or does anything, and nothing is imported from another room.
*Desired* is what git says, *live* is what a server says; an *endpoint* is one server and one service.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = Any  # a value as it came from, or goes to, JSON: dict, list, str, int, float, bool or None


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


# ---------------------------------------------------------------------------------------------- input


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a value stands in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


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
class Relationship:
    """One desired failover relationship. `parameters` are those of Kea's HA hook, by Kea's own names and in
    Kea's units; a parameter that is absent has Kea's default. `local` are path patterns of what belongs to
    each server beside the built-in list. `pools` counts in load-balancing only. `on_remove` is what is done to the
    other peers when the relationship goes, which `is_absent` asks for. `positions` maps a path inside the document to
    its place.
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
    position: Position | None = field(default=None, compare=False, repr=False)
    positions: Mapping[tuple[str | int, ...], Position] = field(default_factory=dict, compare=False, repr=False)

    @property
    def primary(self) -> Peer:
        """The peer whose configuration is the truth while it is up."""
        return next(peer for peer in self.peers if peer.role is Role.PRIMARY)

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
    that only some relationships were asked for; `others` are then the rest.
    """

    endpoints: Mapping[tuple[str, Service], Endpoint]
    relationships: tuple[Relationship, ...]
    revision: str
    warnings: tuple[Problem, ...] = ()
    is_selection: bool = False
    others: tuple[Relationship, ...] = ()


# ----------------------------------------------------------------------------------------------- live


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
    DHCP service off. `active_leases` are how many leases are in use by subnet id, None where that was not asked for.
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


@dataclass(frozen=True, slots=True)
class Unreachable:
    """An endpoint that could not be read, and why, in words without secrets."""

    endpoint: Endpoint
    reason: str


Live = Snapshot | Unreachable


class Probe(StrEnum):
    """What a try to connect to an address found."""

    OPEN = "open"
    REFUSED = "refused"
    NO_ANSWER = "no answer"
    NOT_TRIED = "not tried"


# ------------------------------------------------------------------------------------------- decisions


class Cause(StrEnum):
    """Why a change is due: desired changed, the authority's data changed, a peer was changed behind us, or nobody
    changed anything but a server's version of Kea.
    """

    GIT = "git"
    PRIMARY = "primary"
    PEER = "peer"
    VERSION = "version"


class Action(StrEnum):
    """What happens to one object."""

    ADD = "add"
    CHANGE = "change"
    DELETE = "delete"


class Missing(StrEnum):
    """Stands for "there is no value" in a field change, where None would be a value of its own."""

    ABSENT = "(absent)"


ABSENT = Missing.ABSENT


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One parameter of one object before and after; secrets are already replaced by marks."""

    name: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class Change:
    """One semantic change of one object on one server.

    `path` names the object from the outside in, as (kind, key) pairs, for instance
    (("subnet", "10.0.0.0/24"), ("reservation", "hw-address aa:bb:cc:dd:ee:01")). For an object that is added
    or deleted whole, `fields` is empty and `summary` says in a few words what it holds. `moved` names the
    servers that moved away from what was last replicated, where that can be told.
    """

    action: Action
    path: tuple[tuple[str, str], ...]
    fields: tuple[FieldChange, ...] = ()
    summary: str = ""
    cause: Cause = Cause.GIT
    moved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Objection:
    """A reason not to apply. `code` is what `--approve` takes; `advice` says what to do instead.
    One with `approvable` False can't be waved through.
    """

    code: str
    message: str
    advice: str
    approvable: bool = True


@dataclass(frozen=True, slots=True)
class Authority:
    """Which server is the truth for a relationship's DHCP data now, and why, in words."""

    server: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Our digests of a replicated part: `whole`, equal between peers that agree, and one per section
    (top-level key), by which it can be told which side moved where.
    """

    whole: str
    sections: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What we leave in a server's user-context: the relationship, the revision of desired, a digest of the
    relationship as it was wanted then, its local path patterns, and the fingerprints of the replicated part then.

    `version` is the Kea that the server ran then, in whose words that part was; empty where release 0.1.0 left it out.
    `on_remove` is what is to become of the server's scopes when the relationship goes, which has to be known when its
    file is deleted, and `peers` are the names of the relationship's peers.
    """

    relationship: str
    revision: str
    desired: str
    local: tuple[str, ...]
    fingerprints: Fingerprints
    version: str = ""
    on_remove: OnRemove = OnRemove.DISABLE
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Departure:
    """What stays in the user-context of a server that left a relationship: which one, as which peer, what became of its
    scopes, and the relationship's mode and the server's role in it.
    """

    relationship: str
    peer: str
    on_remove: OnRemove
    mode: Mode = Mode.HOT_STANDBY
    role: Role = Role.BACKUP


class Procedure(StrEnum):
    """What a plan does to a relationship; how its servers are brought there is in the plan's stages."""

    NOTHING = "nothing"
    CREATE = "create"
    MODIFY = "modify"
    REMOVE = "remove"
    ENABLE = "enable"


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """What one server of a relationship is to become. `outgoing` is the whole configuration to set, None
    where nothing is to be sent; `test_first` says whether the server is to try it with config-test before. `leaves`
    says that the server is to have no part in the relationship afterwards.
    """

    peer: Peer
    snapshot: Snapshot
    changes: tuple[Change, ...] = ()
    outgoing: Mapping[str, Json] | None = field(default=None, repr=False, compare=False)
    test_first: bool = True
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """Servers that are changed together, all of them or none: from a relationship that works to one that works.

    `servers` are names, in the order in which they are set. The DHCP service of those in `silenced` is off from before
    the first set until all know of each other again; that of those in `released` is on at the end, even where it was
    off before. `needs_normal` says whether the relationship has to be well before. `covered_by` are pairs: a server,
    and who answers its clients while it is set (ha-scopes). `in_turn` says that each has to be normal before the next
    is set. `reason` says in words why more than one is changed together.
    """

    servers: tuple[str, ...]
    silenced: tuple[str, ...] = ()
    needs_normal: bool = True
    covered_by: tuple[tuple[str, str], ...] = ()
    in_turn: bool = False
    released: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RelationshipPlan:
    """What is to be done about one relationship. `servers` are in the order in which they are changed, and `stages`
    say which of them are changed together.

    `replicates` says whether DHCP data follows the authority; `unplanned` says why nothing could be decided;
    `unreachable` are the endpoints that could not be read; `notes` are worth saying and stop nothing.
    """

    relationship: Relationship
    authority: Authority
    procedure: Procedure = Procedure.NOTHING
    replicates: bool = False
    servers: tuple[ServerPlan, ...] = ()
    objections: tuple[Objection, ...] = ()
    notes: tuple[str, ...] = ()
    unplanned: str | None = None
    unreachable: tuple[Unreachable, ...] = ()
    stages: tuple[Stage, ...] = ()

    @property
    def has_changes(self) -> bool:
        """Whether any server is to be set."""
        return any(server.changes for server in self.servers)


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """A relationship that an endpoint is in and that is none of ours, by the names that its peers have in Kea."""

    server: str
    service: Service
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about everything that was asked for, sorted by relationship name. `unmanaged` are endpoints of
    the inventory in a relationship that neither a file describes nor a stamp tells of; they are never touched.
    """

    revision: str
    relationships: tuple[RelationshipPlan, ...]
    unmanaged: tuple[Unmanaged, ...] = ()


# -------------------------------------------------------------------------------------------- outcomes


class Result(StrEnum):
    """What became of one server's part of a plan."""

    APPLIED = "applied"
    NOTHING_TO_DO = "nothing to do"
    RESTORED = "restored"
    FAILED = "failed"
    WORLD_CHANGED = "world changed"
    NOT_ATTEMPTED = "not attempted"


@dataclass(frozen=True, slots=True)
class ServerOutcome:
    """Where one server stands after an apply, with the reason in words. `persisted` is None where nothing
    was to be written to disk.
    """

    server: str
    result: Result
    reason: str
    persisted: bool | None = None


@dataclass(frozen=True, slots=True)
class RelationshipOutcome:
    """What an apply did to one relationship, server by server, in the order of the plan."""

    relationship: str
    servers: tuple[ServerOutcome, ...]
    blocked_by: tuple[Objection, ...] = ()
