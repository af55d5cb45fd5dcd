"""Which relationships are looked at together: those that share a server, so that none of them runs twice at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.model import Desired, Endpoint, Relationship


@dataclass(frozen=True, slots=True)
class Group:
    """Relationships and the endpoints that they are looked at by. `desired` is what they are planned from: they alone.

    One without relationships is the rest: endpoints that no relationship names, and what files say is to be absent.
    """

    names: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    desired: Desired

    @property
    def is_rest(self) -> bool:
        """Whether it is about what is left of relationships that desired doesn't have."""
        return not self.names

    def has(self, relationship: str) -> bool:
        """Whether a relationship of this name is its matter, be it one that nobody describes any more."""
        if self.names:
            return relationship in self.names
        return relationship not in {each.name for each in self.desired.others}


def groups(desired: Desired) -> tuple[Group, ...]:
    """Return the groups of a desired state in the order of their names, and the rest last."""
    standing = [each for each in desired.relationships if not each.is_absent]
    joined: list[tuple[set[Endpoint], list[Relationship]]] = []
    for each in standing:
        own = set(_endpoints(desired, each))
        touching = [group for group in joined if not group[0].isdisjoint(own)]
        joined = [group for group in joined if group[0].isdisjoint(own)]
        members = [member for _, members in touching for member in members]
        joined.append((own.union(*(group[0] for group in touching)), [*members, each]))
    found = [_group(desired, members) for _, members in joined]
    return (*sorted(found, key=lambda group: group.names), _rest(desired, standing))


def _endpoints(desired: Desired, relationship: Relationship) -> list[Endpoint]:
    return [desired.endpoints[peer.server, relationship.service] for peer in relationship.peers]


def _group(desired: Desired, members: list[Relationship]) -> Group:
    inside = tuple(sorted(members, key=lambda each: each.name))
    others = tuple(each for each in desired.relationships if each not in inside)
    endpoints = {endpoint for each in inside for endpoint in _endpoints(desired, each)}
    return Group(
        tuple(each.name for each in inside),
        tuple(sorted(endpoints, key=lambda each: (each.server, each.service))),
        replace(desired, relationships=inside, others=others, is_selection=True),
    )


def _rest(desired: Desired, standing: list[Relationship]) -> Group:
    named = {(peer.server, each.service) for each in standing for peer in each.peers}
    absent = tuple(each for each in desired.relationships if each.is_absent)
    free = tuple(endpoint for key, endpoint in sorted(desired.endpoints.items()) if key not in named)
    return Group((), free, replace(desired, relationships=absent, others=tuple(standing)))
