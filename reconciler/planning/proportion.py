"""Whether a plan takes more away from a server, or changes more on it, than the operator lets pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.kea.objects import subnets_of
from reconciler.kea.pools import ends
from reconciler.model import Action, Cause, Change, Objection, Relationship, ServerPlan, Thresholds
from reconciler.planning.guard import Case
from reconciler.planning.risk import leases_at_stake
from reconciler.planning.server_plan import stamp_of
from reconciler.planning.wanted import replicated_part
from reconciler.planning.witness import is_as_started

SHRUNK, CHANGED = "authority-shrunk", "large-change"
_KINDS = {"subnet": "subnets", "pool": "pools", "pd-pool": "pd-pools", "reservation": "reservations"}
_INSIDE = ("pools", "pd-pools", "reservations")  # what a subnet has lists of
_DELEGATED = " delegated "  # in the key of a pool of prefixes, before their length
Path = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Toll:
    """How many objects of one kind a server has, and how many of them a plan deletes, changes and adds; and `fewer`, by
    how many there are fewer in each place. One takes another's there, as a pool does that is made larger. `undone` are
    those deleted that somebody added to this server alone.
    """

    had: int = 0
    deleted: int = 0
    undone: int = 0
    changed: int = 0
    added: int = 0
    fewer: Counter[Path] = field(default_factory=Counter)

    @property
    def lost(self) -> int:
        """By how many there are fewer; more in one place make up for none in another."""
        return sum(number for number in self.fewer.values() if number > 0)

    @property
    def left(self) -> int:
        """How many there are afterwards."""
        return self.had - self.deleted + self.added


def objections(case: Case) -> Iterator[Objection]:
    """Yield what is too much at once, server by server."""
    thresholds = case.relationship.thresholds
    # An authority without any is objected to by itself.
    is_empty = not subnets_of(case.pools.authority.config, case.relationship.service.subnets)
    has_started = is_as_started(case.authority) and case.relationship.earlier is None and not is_empty
    missing = f"not {'in' if case.relationship.earlier else 'on'} {case.source}"
    for server in case.written:
        name = server.peer.server
        is_standing = stamp_of(case.relationship, server.snapshot) is not None
        for what, toll in tolls(server, case.relationship).items():
            what_of = f"{name}: {what}"
            gone = toll.lost if what in {"pools", "pd-pools"} else toll.deleted
            is_short = is_standing and what == "subnets" and has_started and _is_short(toll, thresholds)
            if is_short or _is_too_much(gone, toll.had, thresholds.deleted_share, thresholds.deleted, thresholds):
                told = f"{gone} of the {toll.had} {what} on {name} are {missing} and would be deleted"
                yield Objection(SHRUNK, told, "look at the plan's deletions; approve if they are meant", object=what_of)
            elif not is_empty and _all_go(what, toll):
                whole = f"all {toll.had} {what}" if toll.had > 1 else f"the only one of the {what}"
                rest = (
                    f"{toll.left} other{'s' * (toll.left > 1)} would take over" if toll.left else "none would be left"
                )
                told = f"{whole} on {name} would be deleted, and {rest}"
                yield Objection(SHRUNK, told, "look at the plan's deletions; approve if they are meant", object=what_of)
            elif not (is_empty or is_standing) and (served := _served(server, what)):
                is_counted = server.snapshot.active_leases is not None
                leases = "with leases in use" if is_counted else "whose leases could not be counted"
                lost = f"{served} of the {toll.had} {what} on {name}, {leases},"
                told = f"{lost} are {missing} and would be deleted"
                way = f"bring them to {case.source} first; approve if their clients may lose their service"
                yield Objection(SHRUNK, told, way, object=what_of)
            if _is_too_much(toll.changed, toll.had, thresholds.changed_share, thresholds.changed, thresholds):
                told = f"{toll.changed} of the {toll.had} {what} on {name} would be changed at once"
                yield Objection(CHANGED, told, "look at the plan's changes; approve if they are meant", object=what_of)


def _is_short(toll: Toll, thresholds: Thresholds) -> bool:
    """Whether more than the share is gone of however few there are: of an authority that runs what was in its file, and
    lacks what others have from it, that file is more likely the wrong one than what was meant.
    """
    lost = toll.deleted - toll.undone
    return lost > 1 and lost > thresholds.deleted_share * toll.had


def _served(server: ServerPlan, what: str) -> int:
    """Return how many subnets, or pools whose addresses don't all stay, go from a server while leases are in use in
    their subnets, or may be: nobody else has these clients yet where the server is not in the relationship.
    """
    if what not in {"subnets", "pools", "pd-pools"}:
        return 0
    added = [each.path for each in server.changes if each.action is Action.ADD and what != "subnets"]
    return sum(
        each.action is Action.DELETE
        and _KINDS.get(each.path[-1][0]) == what
        and leases_at_stake(server.snapshot, each) != 0
        and not _stays(each.path[-1][1], [path[-1][1] for path in added if path[:-1] == each.path[:-1]])
        for each in server.changes
    )


def _all_go(what: str, toll: Toll) -> bool:
    """Whether nothing of a kind would be left. Other subnets in the place of all are no consolation: they are another
    network's. The only reservation goes unasked where it was added here alone: nobody else ever had one to lose.
    """
    if not toll.deleted or (what == "reservations" and toll.had == toll.undone == 1):
        return False
    return toll.left == 0 or (what == "subnets" and toll.deleted == toll.had)


def _is_too_much(number: int, had: int, share: float, most: int, thresholds: Thresholds) -> bool:
    return number > most or (had >= thresholds.least and number > share * had)


def tolls(server: ServerPlan, relationship: Relationship) -> Mapping[str, Toll]:
    """Return what a plan does to the subnets, pools and reservations of one server; nothing where it touches none. Of a
    server that is in other relationships too, those of this one alone are counted.

    What goes or comes with its subnet counts too. A change inside a pool or reservation is a change of that alone.
    """
    touched = [(change, inner) for change in server.changes if (inner := _innermost(change)) is not None]
    if not touched:
        return {}
    found = {what: Toll() for what in ("subnets", *_INSIDE)}
    snapshot = server.snapshot
    config = replicated_part(relationship, snapshot) if relationship.is_spoke else snapshot.config
    subnets = subnets_of(config, relationship.service.subnets)
    found["subnets"].had = len(subnets)
    found["reservations"].had = len(config.get("reservations") or ())
    for what in _INSIDE:
        found[what].had += sum(len(subnet.get(what) or ()) for _, subnet in subnets.values())
    changed: dict[str, set[Path]] = {what: set() for what in found}
    merged = _merged([change for change, _ in touched])
    for change, place in touched:
        kind, key = change.path[place]
        if change.path in merged:
            continue
        if change.action is Action.CHANGE or place < len(change.path) - 1:
            changed[_KINDS[kind]].add(change.path[: place + 1])
            continue
        _add(found[_KINDS[kind]], change.path[:place], 1, change, server.peer.server)
        if kind == "subnet":
            is_gone = change.action is Action.DELETE
            subnet = subnets[key][1] if is_gone and key in subnets else change.item or {}
            for what in _INSIDE:
                number = len(subnet.get(what) or ())
                _add(found[what], change.path[: place + 1], number, change, server.peer.server)
    for what, paths in changed.items():
        found[what].changed = len(paths)
    rest = [change for change, _ in touched if change.path not in merged]
    for kind in ("pool", "pd-pool"):
        found[_KINDS[kind]].changed += _replaced(rest, kind)
    return found


def _replaced(changes: Sequence[Change], kind: str) -> int:
    """Return how many pools of a kind others take the place of in their subnet, but for those whose addresses, or
    prefixes, all stay, as they do where one is divided.
    """
    number = 0
    for gone, added in _pools(changes, kind).values():
        left = [each for each in gone if not _stays(each.path[-1][1], [new.path[-1][1] for new in added])]
        number += min(len(left), len(added))
    return number


def _merged(changes: Sequence[Change]) -> set[Path]:
    """Return which pools go into one that is added to the same subnet, as two halves do, and those they go into."""
    found: set[Path] = set()
    for kind in ("pool", "pd-pool"):
        for gone, added in _pools(changes, kind).values():
            for new in added:
                inner = [each.path for each in gone if _lies_in(each.path[-1][1], new.path[-1][1])]
                found.update([*inner, new.path] if inner else ())
    return found


def _pools(changes: Sequence[Change], kind: str) -> dict[Path, tuple[list[Change], list[Change]]]:
    """Return the pools that go and those that come, whole, by where they are."""
    pools: dict[Path, tuple[list[Change], list[Change]]] = {}
    for change in changes:
        if change.path[-1][0] == kind and change.action is not Action.CHANGE:
            pools.setdefault(change.path[:-1], ([], []))[change.action is Action.ADD].append(change)
    return pools


def _lies_in(inner: str, outer: str) -> bool:
    return _stays(inner, [outer])


def _stays(pool: str, others: Sequence[str]) -> bool:
    """Whether every address of a pool is in one of the others; of a pool of prefixes every prefix, which one of another
    length never is.
    """
    own, _, length = pool.partition(_DELEGATED)
    alike = [each.partition(_DELEGATED)[0] for each in others if each.partition(_DELEGATED)[2] == length]
    try:
        begin, end = map(int, ends(own))
        ranges = sorted(tuple(map(int, ends(each))) for each in alike)
    except ValueError:  # a server has what is no pool
        return False
    for first, last in ranges:
        if first <= begin <= last:
            begin = last + 1
    return begin > end


def _innermost(change: Change) -> int | None:
    """Return where in a change's path the innermost object stands that is counted; None where there is none.

    The order of a list is no object.
    """
    places = [place for place, (kind, key) in enumerate(change.path) if kind in _KINDS and key != "order"]
    return places[-1] if places else None


def _add(toll: Toll, where: Path, number: int, change: Change, server: str) -> None:
    if change.action is Action.DELETE:
        toll.deleted += number
        toll.undone += number if server in change.moved and change.cause is Cause.PEER else 0
        toll.fewer[where] += number
    else:
        toll.added += number
        toll.fewer[where] -= number
