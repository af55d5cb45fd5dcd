"""Would leases count as those of other subnets? Objections to the ids that subnets would get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from reconciler.model import Action, Change, Objection, ServerPlan
from reconciler.planning.risk import leases_at_stake

if TYPE_CHECKING:
    from reconciler.planning.guard import Case


def _conflict(case: Case) -> Iterator[Objection]:
    """Say of each server once what becomes of its leases' ids: two subnets that change ids with each other are both a
    conflict for the same prefix and ids in use that others get.
    """
    for server in case.written:
        name, differing, taken = server.peer.server, _differing(server), _taken(server)
        have = "have" if server.snapshot.active_leases is not None else "may have"
        differ = f"subnet ids on {name} differ for the same prefix ({_first(words for _, words in differing)})"
        if taken:
            others = f"that leases in use {have} would be those of other prefixes ({_first(taken.values())})"
            if any(number not in taken for number, _ in differing if _is_id(number)):
                others += "; leases with the other old ids match no subnet then"
            yield Objection(
                "subnet-id-conflict",
                f"{differ}, and ids {others}" if differing else f"subnet ids on {name} {others}",
                f"give {case.source}'s subnets other ids; approve if these leases may count as those of others",
                object=name,
            )
        elif differing:
            yield Objection(
                "subnet-id-conflict",
                f"{differ}; its leases carry the old ids",
                f"approve to give {name} the authority's ids; its leases with the old ids then match no subnet",
                object=name,
            )


def _differing(server: ServerPlan) -> list[tuple[Any, str]]:
    """Return which ids prefixes have that would get another, and the same in words."""
    return [
        (field.before, f"{prefix} is {field.before}, not {field.after}")
        for change, prefix in _of_subnets(server)
        for field in change.fields
        if field.name == "id"
    ]


def _taken(server: ServerPlan) -> dict[int, str]:
    """Return in words, by the id, which of those in use another prefix would get.

    Leases carry the id of their subnet and no prefix: where another subnet gets it they count as that one's, and its
    peers fetch them. A subnet that has only grown still has them.
    """
    ids = {number: prefix for number, prefix in _ids_that_go(server) if _is_id(number)}
    return {
        number: f"{number} is {ids[number]}, not {prefix}"
        for number, prefix in _ids_that_come(server)
        if _is_id(number) and number in ids and not _lies_in(ids[number], prefix)
    }


def _first(words: Iterable[str]) -> str:
    """Return three of them, and how many more there are."""
    found = list(words)
    return "; ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _is_id(value: object) -> bool:
    return isinstance(value, int)


def _lies_in(prefix: str, other: str) -> bool:
    try:
        one, around = ip_network(prefix), ip_network(other)
    except ValueError:  # no prefix that Kea would take
        return False
    return one.version == around.version and one.subnet_of(around)  # type: ignore[arg-type]


def _ids_that_go(server: ServerPlan) -> Iterator[tuple[Any, str]]:
    """Yield the ids that subnets of a server have and lose, with their prefixes, where leases in use have them, or may
    have.
    """
    for change, prefix in _of_subnets(server):
        if leases_at_stake(server.snapshot, change) == 0:
            continue
        if change.action is Action.DELETE:
            yield (change.item or {}).get("id"), prefix
        yield from ((field.before, prefix) for field in change.fields if field.name == "id")


def _ids_that_come(server: ServerPlan) -> Iterator[tuple[Any, str]]:
    """Yield the ids that subnets of a server get, with their prefixes."""
    for change, prefix in _of_subnets(server):
        if change.action is Action.ADD:
            yield (change.item or {}).get("id"), prefix
        yield from ((field.after, prefix) for field in change.fields if field.name == "id")


def _of_subnets(server: ServerPlan) -> Iterator[tuple[Change, str]]:
    return ((each, each.path[0][1]) for each in server.changes if len(each.path) == 1 and each.path[0][0] == "subnet")


RULES = (_conflict,)
