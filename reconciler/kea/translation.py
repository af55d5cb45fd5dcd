"""The replicated part of one Kea version's configuration in the words of another version: pure, linear, and naming
what the other can't say.

What is kept is what a server does, not what its configuration says: where versions differ in what they do with a
parameter that nobody set, it is written out. What comes out reads as config-get of the other version shows it after a
set, so that the two can be compared. The facts stand in `parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.kea import preferred
from reconciler.kea.objects import TOP, Kind, index
from reconciler.kea.parameters import GLOBAL, NETWORK, RENAMES, SANITY, SUBNET
from reconciler.kea.rewording import HANDED_DOWN, Rule, rules
from reconciler.kea.versions import parse_version
from reconciler.model import Service


@dataclass(frozen=True, slots=True)
class Inexpressible:
    """Something that the other version can't say: what it lacks, and the object that has it."""

    lacks: str
    where: str

    def __str__(self) -> str:
        return f"{self.where} has {self.lacks}"


@dataclass(frozen=True, slots=True)
class Translation:
    """A replicated part in another version's words, and what had to be left out of it."""

    part: Mapping[str, Any]
    inexpressible: tuple[Inexpressible, ...] = ()


def translate(
    part: Mapping[str, Any], service: Service, source: str, target: str, *, upgraded: bool = False
) -> Translation:
    """Return a replicated part (see `locality.replicated`) of a `source` server in the words of `target`.

    For equal versions, and those between which nothing changed, that is the very same part. With `upgraded` it is
    the part of a `target` server that reads as `part` once Kea was upgraded to `source`: what has the newer version's
    default was then not written, and not chosen. Nothing is altered in place.
    """
    versions = parse_version(source), parse_version(target)
    wording = rules(service, *versions, upgraded)
    if not wording and not preferred.differs(service, *versions):
        return Translation(part)
    walk = _Walk(wording)
    translated = walk.object_of(GLOBAL, part, TOP, {}, ())
    if preferred.differs(service, *versions):
        translated, lost = preferred.translate(translated, *versions, upgraded=upgraded)
        walk.found += [Inexpressible("`preferred-lifetime` 0", where) for where in lost]
    return Translation(translated, tuple(dict.fromkeys(walk.found)))


def in_all_words(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return path patterns with those added that name the same parameter as other versions of Kea do."""
    names = {each.old: each.new for each in RENAMES} | {each.new: each.old for each in RENAMES}
    others = (
        f"{way}/{names[last]}" for way, _, last in (each.rpartition("/") for each in patterns) if way and last in names
    )
    return tuple(dict.fromkeys([*patterns, *others]))


class _Walk:
    """One pass over all objects of a part; `found` collects what the target can't say."""

    def __init__(self, rules: Mapping[str, tuple[Rule, ...]]) -> None:
        self._rules = rules
        self.found: list[Inexpressible] = []

    def object_of(
        self,
        place: str,
        item: Mapping[str, Any],
        children: Mapping[str, Kind],
        above: Mapping[str, Any],
        path: tuple[tuple[str, str], ...],
    ) -> dict[str, Any]:
        """Return one object and all in it, translated; `above` is what the objects around it hand down."""
        changed = dict(item)

        def complain(lacks: str) -> None:
            self.found.append(Inexpressible(lacks, _in_words(path)))

        for rule in self._rules.get(place, ()):
            rule(changed, above, complain)
        sanity = changed.get(SANITY) if place == GLOBAL else None
        if isinstance(sanity, Mapping):
            changed[SANITY] = self.object_of(SANITY, sanity, {}, {}, ())
        for key, kind in children.items():
            members = item.get(key)
            if members and self._concerns(kind):
                handed = {**above, **_handed_down(item), **_handed_down(changed)}
                changed[key] = [
                    self.object_of(kind.name, member, kind.children, handed, (*path, (kind.name, name)))
                    for name, member in index(members, kind).items()
                ]
        return changed

    def _concerns(self, kind: Kind) -> bool:
        return kind.name in self._rules or any(self._concerns(child) for child in kind.children.values())


def _handed_down(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in HANDED_DOWN if name in item}


def _in_words(path: tuple[tuple[str, str], ...]) -> str:
    """Name an object from the inside out: "option routers of subnet 10.0.0.0/24"."""
    told = path[1:] if [kind for kind, _ in path[:2]] == [NETWORK, SUBNET] else path  # a prefix says it all
    return " of ".join(f"{kind} {key}" for kind, key in reversed(told)) or "the global level"
