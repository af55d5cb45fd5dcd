"""What an operation on a relationship is decided from, what is decided, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.kea import ha, versions
from reconciler.model import (
    Elsewhere,
    HaView,
    Json,
    Live,
    Objection,
    Peer,
    Relationship,
    Role,
    Service,
    Snapshot,
    Unreachable,
)
from reconciler.planning import elsewhere, wanted
from reconciler.planning.places import located

IN_MAINTENANCE, PARTNER_IN_MAINTENANCE = "in-maintenance", "partner-in-maintenance"
PARTNER_DOWN, SYNCING, WAITING = "partner-down", "syncing", "waiting"
RECOVERING = frozenset({WAITING, "syncing", "ready"})  # on the way to the normal state, answering nobody


class Operation(StrEnum):
    """What a person can have done to one server of a relationship, in the words of the command line."""

    MAINTENANCE_START = "maintenance start"
    MAINTENANCE_STOP = "maintenance stop"
    CONTINUE = "continue"
    SYNC = "sync"
    RESET = "reset"


class Ending(StrEnum):
    """What became of an operation."""

    DONE = "done"
    NOTHING_TO_DO = "nothing to do"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Order:
    """One command for one server, by its name in the inventory."""

    server: str
    command: str
    arguments: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done for an operation: orders, or why there are none.

    `goals` are the states, by server, at which it is reached. `says` is what will happen and what it costs, for the
    person who is asked. `hearing` are the servers that have to hear their partner at this very moment: without that,
    two would serve beside each other. `covered_by` is the server that answers the clients of the operation's peer from
    before the first order until the goals are reached, and `elsewhere` who answers them in its other relationships.
    `nothing_to_do` says why no command is needed. `is_passing` says
    that the servers are on their way to where the operation is possible, so that looking again helps.
    """

    orders: tuple[Order, ...] = ()
    goals: Mapping[str, frozenset[str]] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    refusals: tuple[Objection, ...] = ()
    hearing: tuple[str, ...] = ()
    covered_by: str | None = None
    elsewhere: tuple[Elsewhere, ...] = ()
    nothing_to_do: str | None = None
    is_passing: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one order: Kea's result and text, or `result` None and why there was none."""

    order: Order
    result: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one server of a relationship stands. `heard` is how many seconds ago it heard its partner; what is not
    known is None, and `reason` says why.
    """

    server: str
    role: Role
    state: str | None
    scopes: tuple[str, ...] = ()
    heard: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OperationOutcome:
    """An operation from beginning to end: the states before and after, and everything between."""

    operation: Operation
    relationship: Relationship
    server: str
    ending: Ending
    reasons: tuple[str, ...]
    decision: Decision
    before: tuple[Standing, ...]
    after: tuple[Standing, ...] = ()
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """A relationship as it is found: `peer` is the one that the operation is about, `live` every server by name.

    `beside` are who could answer the clients of the peer's other relationships, and why nobody could.
    """

    relationship: Relationship
    peer: Peer
    live: Mapping[str, Live]
    beside: Sequence[Elsewhere | str] = ()

    @property
    def partner(self) -> Peer | None:
        """The other one of the two that serve; None for a backup, and in passive-backup."""
        if not ha.hears_a_partner(self.relationship.mode, self.peer.role):
            return None
        return next(each for each in self.relationship.peers if each is not self.peer and each.role is not Role.BACKUP)

    def named(self, server: str) -> Peer:
        """The peer that a server of the inventory is."""
        return next(each for each in self.relationship.peers if each.server == server)

    def called(self, name: str) -> Peer:
        """The peer of a name in Kea."""
        return next(each for each in self.relationship.peers if each.name == name)

    @property
    def both(self) -> tuple[Peer, ...]:
        """The peer and its partner, if it has one."""
        return (self.peer,) if self.partner is None else (self.peer, self.partner)

    def snapshot(self, peer: Peer) -> Snapshot | None:
        """What was read of a peer, None where it can't be reached."""
        live = self.live[peer.server]
        return None if isinstance(live, Unreachable) else live

    def view(self, peer: Peer) -> HaView | None:
        """What a peer says of itself and its partner, None where it doesn't answer or has no HA in force."""
        snapshot = self.snapshot(peer)
        return snapshot.ha if snapshot else None

    def state(self, peer: Peer) -> str | None:
        """A peer's HA state, None where it is not known."""
        view = self.view(peer)
        return view.state if view else None

    def normal(self, peer: Peer) -> str:
        """The state in which a peer is while all is well."""
        return ha.normal_state(self.relationship.mode, peer.role)

    def is_normal(self, peer: Peer) -> bool:
        """Whether a peer is known to be in its normal state."""
        return self.state(peer) == self.normal(peer)


def scene(
    relationship: Relationship,
    server: str,
    live: Mapping[tuple[str, Service], Live],
    known: Sequence[Relationship] = (),
) -> Scene:
    """Return the scene of an operation on a server; `live` must hold every endpoint that the relationship names.
    `known` are the relationships of desired, for what the server answers in others, as far as `live` holds those.
    """
    read = {each.server: live[each.server, relationship.service] for each in relationship.peers}
    placed = {name: located(relationship, each) if isinstance(each, Snapshot) else each for name, each in read.items()}
    peer, seen = next(each for each in relationship.peers if each.server == server), placed[server]
    beside = elsewhere.beside(peer, seen, known, live) if isinstance(seen, Snapshot) and known else ()
    return Scene(relationship, peer, placed, beside)


def standings(relationship: Relationship, live: Mapping[str, Live]) -> tuple[Standing, ...]:
    """Return where each peer of a relationship stands, in the order of desired."""
    return tuple(_standing(peer, live[peer.server]) for peer in relationship.peers)


def _standing(peer: Peer, live: Live) -> Standing:
    if isinstance(live, Unreachable):
        return Standing(peer.server, peer.role, None, reason=live.reason)
    if live.ha is None:
        return Standing(peer.server, peer.role, None, reason="no HA hook in force")
    heard = live.ha.partner.age if live.ha.partner else None
    return Standing(peer.server, peer.role, live.ha.state, live.ha.scopes, heard)


def settled(decision: Decision) -> tuple[Ending, tuple[str, ...]] | None:
    """Return how an operation ends for which nothing is to be done, and why; None where there is something to do."""
    if decision.refusals:
        return Ending.REFUSED, tuple(each.message for each in decision.refusals)
    return None if decision.nothing_to_do is None else (Ending.NOTHING_TO_DO, (decision.nothing_to_do,))


def refusal(code: str, about: str, message: str, advice: str) -> Objection:
    """Return a reason not to do it, which nobody can wave through. `about` is the server or relationship that it is
    about.
    """
    return Objection(code, message, advice, approvable=False, object=about)


def refused(*objections: Objection) -> Decision:
    """Return the decision to do nothing, for these reasons."""
    return Decision(refusals=objections)


def unready(scene: Scene, *peers: Peer) -> Iterator[Objection]:
    """Yield why one of the peers can't be given a command of the HA hook, or must not be."""
    for peer in peers:
        live, name = scene.live[peer.server], peer.server
        if isinstance(live, Unreachable):
            yield refusal(
                "unreachable", name, f"{name} can't be reached: {live.reason}", f"make {name} reachable first"
            )
        elif live.ha is None:
            yield refusal(
                "no-ha",
                name,
                f"{name} has no HA hook in force for this relationship",
                "`kea-reconciler plan` says what is wrong, and `apply` mends it",
            )
        else:
            block = wanted.block_of(live)
            told = block.get("this-server-name") if block else None
            if told != peer.name:
                yield refusal(
                    "identity",
                    name,
                    f"{name} says it is {told!r}, not {peer.name!r}: its address may lead to another server",
                    f"check the control address of {name} in the inventory",
                )


def out_of_touch(scene: Scene, *peers: Peer) -> Iterator[Objection]:
    """Yield which of the peers don't hear their partner."""
    for peer in peers:
        view = scene.view(peer)
        if view is None or not view.hears_partner:
            yield refusal(
                "out-of-touch",
                peer.server,
                f"{peer.server} is out of touch with its partner: both would come to serve the same clients, without "
                "knowing of each other",
                "mend the connection between the two servers first",
            )


def own_name(scene: Scene, peer: Peer) -> Mapping[str, Json] | None:
    """The argument that tells a server in several relationships which one is meant; older versions take none."""
    snapshot = scene.snapshot(peer)
    names = snapshot is not None and versions.has_several_relationships(snapshot.version)
    return {"server-name": peer.name} if names else None
