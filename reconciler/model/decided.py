"""What was decided: changes, objections, stages, the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.desired import Endpoint, Mode, OnRemove, Role
from reconciler.model.steps import Disruption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.desired import Approval, Peer, Position, Relationship, Service
    from reconciler.model.journal import Leftover, Mend
    from reconciler.model.json import Json
    from reconciler.model.live import Probe, Snapshot, Unreachable


class Cause(StrEnum):
    """Why a change is due: desired changed, the authority's data changed, a peer was changed behind us, nobody changed
    anything but a server's version of Kea, or a person wants the data back that were there earlier.
    """

    GIT = "git"
    PRIMARY = "primary"
    PEER = "peer"
    VERSION = "version"
    ROLLBACK = "rollback"


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
    """One parameter of one object before and after; secrets are already replaced by marks.

    `hidden` are the two values as they are, where any of them is or holds a secret: to be digested, never to be shown.
    """

    name: str
    before: Json
    after: Json
    hidden: tuple[Json, Json] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One semantic change of one object on one server.

    `path` names the object from the outside in, as (kind, key) pairs, for instance
    (("subnet", "10.0.0.0/24"), ("reservation", "hw-address aa:bb:cc:dd:ee:01")). For an object that is added
    or deleted whole, `fields` is empty and `summary` says in a few words what it holds. `moved` names the
    servers that moved away from what was last replicated, where that can be told. `item` is the object that is
    added or deleted whole, secrets and all: to be digested, never to be shown. `leases` are how many are in use, on the
    server that the change is of, in the subnet that it takes something from, or in those whose clients it is about;
    None where that is not known, or nothing is taken. `told_source` is the place in the files that asks for it, where
    the plan was read from a file and that can't be looked up again.
    """

    action: Action
    path: tuple[tuple[str, str], ...]
    fields: tuple[FieldChange, ...] = ()
    summary: str = ""
    cause: Cause = Cause.GIT
    moved: tuple[str, ...] = ()
    item: Mapping[str, Json] | None = field(default=None, repr=False, compare=False)
    leases: int | None = field(default=None, compare=False)
    told_source: Position | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Objection:
    """A reason not to apply. `code` is what `--approve` takes; `advice` says what to do instead.
    One with `approvable` False can't be waved through. `object` names what it is about, as far as it is about less than
    all: a server, what of a server (`kea-b: subnets`), or a relationship.
    """

    code: str
    message: str
    advice: str
    approvable: bool = True
    object: str = ""


@dataclass(frozen=True, slots=True)
class Authority:
    """Which server is the truth for a relationship's DHCP data now, and why, in words. `is_promoted` says that a
    person asked for it to be, for one plan.
    """

    server: str | None
    reason: str
    is_promoted: bool = False


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Our digests of a replicated part: `whole`, equal between peers that agree, and one per section
    (top-level key), by which it can be told which side moved where.
    """

    whole: str
    sections: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Former:
    """Fingerprints of what was replicated while other path patterns were `local`, or the server ran another `version`
    of Kea, the last one first.
    """

    local: tuple[str, ...]
    fingerprints: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """What we leave in a server's user-context: the relationship, the revision of desired, a digest of the
    relationship as it was wanted then, its local path patterns, and the fingerprints of the replicated part then.

    `version` is the Kea that the server ran then, in whose words that part was; empty where release 0.1.0 left it out.
    `on_remove` is what is to become of the server's scopes when the relationship goes, which has to be known when its
    file is deleted, and `peers` are the names of the relationship's peers. `may_age` says that data may have been
    replicated to this server since by commands that leave the stamp as it is, or are on their way by others.
    `generation` is larger than that of every stamp that the relationship's servers had when it was made, so that the
    newest of several can be told; `earlier` are the fingerprints of what was replicated from the primary before, the
    last one first, and `former` those of the time before `local` or `version` became what it is. `source` is the name
    of the peer whose data these are; empty where an older release left it out.
    """

    relationship: str
    revision: str
    desired: str
    local: tuple[str, ...]
    fingerprints: Fingerprints
    version: str = ""
    on_remove: OnRemove = OnRemove.DISABLE
    peers: tuple[str, ...] = ()
    may_age: bool = False
    generation: int = 0
    earlier: tuple[str, ...] = ()
    source: str = ""
    former: tuple[Former, ...] = ()


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
class Command:
    """One command that changes one object of a server's configuration in memory, by its name in Kea."""

    name: str
    arguments: Mapping[str, Json] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """What one server of a relationship is to become. `outgoing` is the whole configuration to set, None
    where nothing is to be sent; `try_standing` says whether the server is to try with config-test, beside that, what it
    has now. `leaves` says that the server is to have no part in the relationship afterwards. `commands` change the
    server in the same way as `outgoing` does, one object at a time and without touching its HA; none where that can't
    be. `told_disruption` and `told_cost` are what its clients notice, in a word and in more, where the plan was read
    from a file and that can't be worked out again. `apart` is how its data would have to change to be the authority's
    where they don't follow it (`replicate: false`): told as drift, and never done. `left_alone` says why none of its
    data follow where some of them are contested; empty where the others do. `put_off` is what of it is not done
    while others can't be read, and only told; `is_compared` is false where that is not known.
    """

    peer: Peer
    snapshot: Snapshot
    changes: tuple[Change, ...] = ()
    outgoing: Mapping[str, Json] | None = field(default=None, repr=False, compare=False)
    try_standing: bool = True
    leaves: bool = False
    commands: tuple[Command, ...] = field(default=(), repr=False, compare=False)
    told_disruption: Disruption | None = None
    told_cost: str | None = None
    apart: tuple[Change, ...] = ()
    left_alone: str = ""
    put_off: tuple[Change, ...] = ()
    is_compared: bool = True

    @property
    def is_left(self) -> bool:
        """Whether it is not brought to what it is to be while others can't be read, or what that is isn't known."""
        return bool(self.put_off) or not self.is_compared

    @property
    def told(self) -> tuple[Change, ...]:
        """All by which it differs from what it is to be, whether that is done or not."""
        return (*self.changes, *self.apart, *self.put_off)


@dataclass(frozen=True, slots=True)
class Stage:
    """Servers that are changed together, all of them or none: from a relationship that works to one that works.

    `servers` are names, in the order in which they are set. The DHCP service of those in `silenced` is off from before
    the first set until all know of each other again; that of those in `released` is on at the end, even where it was
    off before. `needs_normal` says whether the relationship has to be well before. `covered_by` are pairs: a server,
    and who answers its clients while it is set. `in_turn` says that each has to be normal before the next
    is set. `reason` says in words why more than one is changed together. `method` says how clients are kept from
    noticing, and `because` why that one; `pauses` that with a hand-over the other is switched off for the moment of the
    set, in which it could not send its lease updates. `otherwise` is the stage that sets the server where its commands
    don't bring it to what is planned.
    """

    servers: tuple[str, ...]
    silenced: tuple[str, ...] = ()
    needs_normal: bool = True
    covered_by: tuple[tuple[str, str], ...] = ()
    in_turn: bool = False
    released: tuple[str, ...] = ()
    reason: str = ""
    method: Disruption = Disruption.RESTART
    because: str = ""
    pauses: bool = False
    otherwise: Stage | None = None

    @property
    def sets(self) -> bool:
        """Whether its servers are set, with which their HA begins anew, and not changed by commands."""
        return self.otherwise is None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another relationship of a hub that is set, in which the hub answers the clients: its partner there does while it
    is set. Both servers are as that relationship sees them.
    """

    relationship: Relationship
    hub: ServerPlan
    partner: ServerPlan


@dataclass(frozen=True, slots=True)
class RelationshipPlan:
    """What is to be done about one relationship. `servers` are in the order in which they are changed, and `stages`
    say which of them are changed together.

    `replicates` says whether DHCP data follows the authority; `unplanned` says why nothing could be decided;
    `unreachable` are the endpoints that could not be read; `notes` are worth saying and stop nothing, `foresight` too,
    where a plan is to be carried out. `mends` are what is put right besides, and `left` is what earlier runs left open.
    `elsewhere` are the other relationships of its servers whose clients are handed over while a server is set.
    `withheld` says why nothing of what was decided is to be done now but its mends.
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
    mends: tuple[Mend, ...] = ()
    left: tuple[Leftover, ...] = ()
    foresight: tuple[str, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    withheld: str | None = None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints of its own to which something may be sent: of its servers, of those that may be back by then,
        and those on which earlier runs left something open, though nothing else may be planned there.
        """
        known = [*(each.snapshot.endpoint for each in self.servers), *(each.endpoint for each in self.unreachable)]
        names = {each.server for each in known}
        left = (Endpoint(each.server, each.service, each.control) for each in self.left if each.server not in names)
        return tuple(dict.fromkeys([*known, *left]))

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What there is to say about the relationship, and about carrying the plan out."""
        return (*self.notes, *self.foresight)

    @property
    def has_changes(self) -> bool:
        """Whether any server is to be set."""
        return any(server.changes for server in self.servers)

    @property
    def is_apart(self) -> bool:
        """Whether servers have other data than the authority where none follow it."""
        return any(server.apart for server in self.servers)

    @property
    def lacks_half(self) -> bool:
        """Whether the primary or its partner could not be read: the other one need not be in its normal state."""
        away = {each.endpoint.server for each in self.unreachable}
        return any(peer.server in away for peer in self.relationship.peers if peer.role is not Role.BACKUP)


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
    `digest` is that of the content of desired, wherever it is kept; `approvals` are what was approved there, by the
    fingerprint of the plan that it is for; `probes` are what was found at urls.
    """

    revision: str
    relationships: tuple[RelationshipPlan, ...]
    unmanaged: tuple[Unmanaged, ...] = ()
    digest: str = ""
    approvals: Mapping[str, tuple[Approval, ...]] = field(default_factory=dict)
    probes: Mapping[str, Probe] = field(default_factory=dict, repr=False, compare=False)
