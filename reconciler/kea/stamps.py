"""What we leave in a server's user-context, so that any management host can carry on from it.

Kea keeps a `user-context` at the top level through config-set, config-get and config-write (seen on 2.2.0, 2.6.3 and
3.0.3). Only our own key in it is ever touched.

Commands for single objects don't reach it. So with those, our marks go into the user-context of an object of our own,
which no client ever meets: a class without a test, or, where only the commands for reservations are there, a global
reservation that reserves nothing, for a flex-id that nobody has. A configuration is read as if the marks stood at its
top, and without the object (`gathered`): the next set of the whole configuration puts them there.

A server whose data followers were given has a mark in that object that says which generation of stamps they have since
(`witnessed`), and when its configuration had been committed last: after a later commit the mark is from elsewhere. It
is for the memory of that process; where it comes to the disk, the data that go with it are those of that time or later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.kea.locality import STAMP_KEY
from reconciler.model import Carrier, Departure, Fingerprints, Former, Mode, OnRemove, Role, Stamp

OURS = "kea-reconciler-stamp"
_FLEX_ID = OURS.encode().hex().upper()  # as config-get shows it
_KEYS = {Carrier.CLASS: "client-classes", Carrier.RESERVATION: "reservations"}
_WITNESSED, _SET_AT = "witnessed", "set-at"
_FORMER = ("local", "fingerprints", "version")


def read_stamps(config: Mapping[str, Any]) -> list[Stamp]:
    """Return the stamps in a configuration, one for each relationship; damaged ones are left out.

    Release 0.1.0 wrote a single stamp, not in a list.
    """
    return [stamp for each in _marks(config) if (stamp := _stamp(each)) is not None]


def read_departures(config: Mapping[str, Any]) -> list[Departure]:
    """Return what a configuration says of relationships that its server has left."""
    return [found for each in _marks(config) if (found := _departure(each)) is not None]


def _marks(config: Mapping[str, Any]) -> list[Any]:
    context = config.get("user-context")
    raw = context.get(STAMP_KEY) if isinstance(context, Mapping) else None
    return raw if isinstance(raw, list) else [raw]


def _stamp(raw: Any) -> Stamp | None:
    if not isinstance(raw, Mapping):
        return None
    sections, local = raw.get("sections"), raw.get("local")
    if not isinstance(sections, Mapping) or not isinstance(local, list):
        return None
    texts = [raw.get(key) for key in ("relationship", "revision", "desired", "fingerprint")]
    if not all(isinstance(text, str) for text in [*texts, *sections.values(), *local]):
        return None
    relationship, revision, desired, whole = map(str, texts)
    version, peers, earlier = raw.get("version", ""), raw.get("peers"), raw.get("earlier")
    generation, source = raw.get("generation"), raw.get("source")
    return Stamp(
        relationship,
        revision,
        desired,
        tuple(local),
        Fingerprints(whole, dict(sections)),
        version if isinstance(version, str) else "",
        _on_remove(raw.get("on-remove")) or OnRemove.DISABLE,
        tuple(map(str, peers)) if isinstance(peers, list) else (),
        raw.get("may-age") is True,
        generation if isinstance(generation, int) and not isinstance(generation, bool) else 0,
        tuple(map(str, earlier)) if isinstance(earlier, list) else (),
        source if isinstance(source, str) else "",
        tuple(_formers(raw.get("former"))),
    )


def _formers(raw: Any) -> Iterator[Former]:
    for each in raw if isinstance(raw, list) else ():
        local, found, version = (each.get(key) if isinstance(each, Mapping) else None for key in _FORMER)
        if isinstance(local, list) and isinstance(found, list) and isinstance(version, str):
            yield Former(tuple(map(str, local)), tuple(map(str, found)), version)


def _departure(raw: Any) -> Departure | None:
    if not isinstance(raw, Mapping):
        return None
    left, peer, on_remove = raw.get("left"), raw.get("peer"), _on_remove(raw.get("on-remove"))
    if not isinstance(left, str) or not isinstance(peer, str) or on_remove is None:
        return None
    mode = next((each for each in Mode if each.value == raw.get("mode")), Mode.HOT_STANDBY)
    role = next((each for each in Role if each.value == raw.get("role")), Role.BACKUP)
    return Departure(left, peer, on_remove, mode, role)


def _on_remove(raw: Any) -> OnRemove | None:
    return next((each for each in OnRemove if each.value == raw), None)


def with_stamp(
    config: Mapping[str, Any], stamp: Stamp, *, kept: Sequence[Stamp] = (), left: Sequence[Departure] = ()
) -> dict[str, Any]:
    """Return the configuration with the stamp in its user-context, with those `kept` of other relationships, and with
    what it `left`; everything else there stays.
    """
    marks = [_mark(each) for each in sorted([*kept, stamp], key=lambda each: each.relationship)]
    marks += map(_mark_of_departure, left)
    return {**config, "user-context": {**(config.get("user-context") or {}), STAMP_KEY: marks}}


def _mark_of_departure(departure: Departure) -> dict[str, Any]:
    return {
        "left": departure.relationship,
        "peer": departure.peer,
        "on-remove": departure.on_remove.value,
        "mode": departure.mode.value,
        "role": departure.role.value,
    }


def _mark(stamp: Stamp) -> dict[str, Any]:
    return {
        "relationship": stamp.relationship,
        "revision": stamp.revision,
        "desired": stamp.desired,
        "local": list(stamp.local),
        "fingerprint": stamp.fingerprints.whole,
        "sections": dict(stamp.fingerprints.sections),
        **({"version": stamp.version} if stamp.version else {}),
        "on-remove": stamp.on_remove.value,
        "peers": list(stamp.peers),
        **({"may-age": True} if stamp.may_age else {}),
        **({"generation": stamp.generation} if stamp.generation else {}),
        **({"earlier": list(stamp.earlier)} if stamp.earlier else {}),
        **({"source": stamp.source} if stamp.source else {}),
        **({"former": [_mark_of_former(each) for each in stamp.former]} if stamp.former else {}),
    }


def _mark_of_former(former: Former) -> dict[str, Any]:
    return dict(zip(_FORMER, (list(former.local), list(former.fingerprints), former.version), strict=True))


def without_stamp(config: Mapping[str, Any], relationship: str, departure: Departure | None) -> dict[str, Any]:
    """Return the configuration without our marks of one relationship, but with that of having left it, if given.

    Marks of others, and everything else in the user-context, stay.
    """
    kept = [each for each in _marks(config) if isinstance(each, Mapping) and _subject(each) != relationship]
    if departure is not None:
        kept.append(_mark_of_departure(departure))
    context = {key: value for key, value in (config.get("user-context") or {}).items() if key != STAMP_KEY}
    context = {**context, STAMP_KEY: kept} if kept else context
    rest = {key: value for key, value in config.items() if key != "user-context"}
    return {**rest, "user-context": context} if context else rest


def _subject(mark: Mapping[str, Any]) -> Any:
    return mark.get("relationship", mark.get("left"))


# ------------------------------------------------------------------------------------- in an object of our own


def carrier(config: Mapping[str, Any]) -> Carrier | None:
    """Return which object of our own a configuration has, as config-get shows it."""
    return next((kind for kind, key in _KEYS.items() if any(_is_ours(each) for each in config.get(key) or ())), None)


def gathered(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a configuration without our object, its marks in the user-context in place of those there; the very same
    where it has none.
    """
    for key in reversed(_KEYS.values()):  # should there be both, the class counts
        config = _gathered(config, key)
    return config


def _gathered(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    ours = next((each for each in config.get(key) or () if _is_ours(each)), None)
    if ours is None:
        return config
    others = [each for each in config[key] if not _is_ours(each)]
    rest = {name: value for name, value in config.items() if name != key}
    told = {**rest, key: others} if others else rest
    context = ours.get("user-context")
    marks = context.get(STAMP_KEY) if isinstance(context, Mapping) else None
    if not isinstance(marks, list):
        return told
    return {**told, "user-context": {**(config.get("user-context") or {}), STAMP_KEY: marks}}


def _is_ours(item: Any) -> bool:
    return isinstance(item, Mapping) and (item.get("name") == OURS or str(item.get("flex-id")).upper() == _FLEX_ID)


def as_class(marks: Sequence[Any]) -> dict[str, Any]:
    """Return the class that carries marks."""
    return {"name": OURS, **_context(marks)}


def as_reservation(marks: Sequence[Any]) -> dict[str, Any]:
    """Return the global reservation that carries marks."""
    return {"flex-id": _FLEX_ID, **_context(marks)}


def _context(marks: Sequence[Any]) -> dict[str, Any]:
    return {"user-context": {STAMP_KEY: list(marks)}}


def marks_to_carry(config: Mapping[str, Any], live: Mapping[str, Any]) -> list[Any]:
    """Return the marks in a configuration's user-context, and what the server witnessed that has `live` now."""
    return [*_marks(config), *filter(_is_witness, _marks(live))]


def aging_marks(config: Mapping[str, Any], after: Mapping[str, Any]) -> list[Any] | None:
    """Return the marks that a configuration has, of which those that `after` has otherwise say that data may not be
    what they tell: they are on their way. None where the marks say so already, or there is none.
    """
    marks, coming = _marks(config), _marks(after)
    aging = [
        {**each, "may-age": True}
        if isinstance(each, Mapping) and "fingerprint" in each and each not in coming
        else each
        for each in marks
    ]
    return None if aging == marks else aging


def have_same_marks(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two configurations say the same of every relationship, but for what their servers witnessed."""
    first, second = ([each for each in _marks(config) if not _is_witness(each)] for config in (one, other))
    return first == second


def witnessed(config: Mapping[str, Any], relationship: str) -> int:
    """Return the generation of stamps that a server saw replicated from it last in a relationship; 0 if none."""
    return max(_told_by_witness(config, relationship, _WITNESSED), default=0)


def witness_set_at(config: Mapping[str, Any], relationship: str) -> int | None:
    """Return when the configuration of a server had been committed last as that mark was made; None if unknown."""
    return max(_told_by_witness(config, relationship, _SET_AT), default=None)


def _told_by_witness(config: Mapping[str, Any], relationship: str, key: str) -> Iterator[int]:
    found = (each.get(key) for each in _marks(config) if _is_witness(each) and _subject(each) == relationship)
    return (each for each in found if type(each) is int)


def witness_marks(
    config: Mapping[str, Any], relationship: str, generation: int, set_at: float | None = None
) -> list[Any]:
    """Return the marks that a configuration has, and that its server, whose configuration was committed last at
    `set_at`, saw this generation replicated.
    """
    marks = [each for each in _marks(config) if each is not None]
    kept = [each for each in marks if not (_is_witness(each) and _subject(each) == relationship)]
    when = {} if set_at is None else {_SET_AT: round(set_at)}
    return [*kept, {"relationship": relationship, _WITNESSED: generation, **when}]


def _is_witness(mark: Any) -> bool:
    return isinstance(mark, Mapping) and _WITNESSED in mark
