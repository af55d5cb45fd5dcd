"""From two configurations to semantic changes: pure, keyed, linear in the size of the two.

Objects with identity are matched by their key first (DeepDiff over a whole configuration is a hundred to a thousand
times slower, and reports moved list members as changed ones); DeepDiff then says what differs inside the few values
that are nested without identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.kea.objects import SUBNET, TOP, Kind, Object, index, subnets_of
from reconciler.kea.pools import CLASS_KEYS
from reconciler.model import ABSENT, Action, Change, FieldChange, Service
from reconciler.redaction import is_secret_key, redact

Path = tuple[tuple[str, str], ...]

HIDDEN, HIDDEN_CHANGED = "(hidden)", "(hidden, another value)"


@dataclass(frozen=True, slots=True)
class Difference:
    """A change without its cause, and the sections (top-level keys) that the object stands in before and after."""

    change: Change
    sections: tuple[str, ...]


def differences(before: Mapping[str, Any], after: Mapping[str, Any], service: Service) -> Iterator[Difference]:
    """Yield what turns the replicated part `before` into `after`, in a fixed order: globals, then kind by kind.

    Both are maps as `locality.replicated` returns them; nothing in them is altered.
    """
    for name in sorted((before.keys() | after.keys()) - TOP.keys()):
        fields = tuple(field_changes(name, before.get(name, ABSENT), after.get(name, ABSENT)))
        if fields:
            yield Difference(Change(Action.CHANGE, (("global", name),), fields), (name,))
    for key, kind in TOP.items():
        if kind is SUBNET:
            if key == service.subnets:
                yield from _subnet_differences(before, after, key)
            continue
        for change in list_changes(before.get(key), after.get(key), kind, ()):
            yield Difference(change, (key,))


def _subnet_differences(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> Iterator[Difference]:
    old, new = subnets_of(before, key), subnets_of(after, key)
    for prefix in {**old, **new}:
        was, now = old.get(prefix), new.get(prefix)
        if was == now:
            continue
        sections = tuple(dict.fromkeys("shared-networks" if side[0] else key for side in (was, now) if side))
        yield from (Difference(change, sections) for change in _subnet_changes(prefix, was, now))


def _subnet_changes(
    prefix: str, was: tuple[str | None, Object] | None, now: tuple[str | None, Object] | None
) -> Iterator[Change]:
    path = (("subnet", prefix),)
    if was is None or now is None:
        network, subnet = now or was or (None, {})
        place = f" in shared-network {network}" if network else ""
        action = Action.ADD if was is None else Action.DELETE
        yield Change(action, path, summary=describe(subnet, SUBNET) + place, item=subnet)
        return
    moved = [FieldChange("shared-network", was[0] or ABSENT, now[0] or ABSENT)] if was[0] != now[0] else []
    yield from object_changes(was[1], now[1], SUBNET, path, moved)


def list_changes(before: Any, after: Any, kind: Kind, inside: Path) -> Iterator[Change]:
    """Yield the changes from one list of objects to another; `inside` is the path of the object that holds it."""
    if before == after:
        return
    old, new = index(before, kind), index(after, kind)
    for key, item in old.items():
        if key not in new:
            yield Change(Action.DELETE, (*inside, (kind.name, key)), summary=describe(item, kind), item=item)
    for key, item in new.items():
        if key not in old:
            yield Change(Action.ADD, (*inside, (kind.name, key)), summary=describe(item, kind), item=item)
        elif item != old[key]:
            yield from object_changes(old[key], item, kind, (*inside, (kind.name, key)))
    if kind.is_ordered:
        was, now = [key for key in old if key in new], [key for key in new if key in old]
        if was != now:
            yield Change(Action.CHANGE, (*inside, (kind.name, "order")), (FieldChange("order", was, now),))


def object_changes(
    before: Object, after: Object, kind: Kind, path: Path, more: list[FieldChange] | None = None
) -> Iterator[Change]:
    """Yield the changes inside one matched object: its own parameters as one change, then its inner objects."""
    fields = list(more or ())
    for name in sorted((before.keys() | after.keys()) - kind.children.keys()):
        fields += field_changes(name, before.get(name, ABSENT), after.get(name, ABSENT))
    if fields:
        yield Change(Action.CHANGE, path, tuple(fields))
    for key, child in kind.children.items():
        if not key.startswith("subnet"):  # the subnets of a shared network are compared with all others
            yield from list_changes(before.get(key), after.get(key), child, path)


def field_changes(name: str, before: Any, after: Any) -> Iterator[FieldChange]:
    """Yield what differs between two values of one parameter, secrets hidden; nothing where they are equal."""
    if before == after:
        return
    if is_secret_key(name.rsplit(".", 1)[-1]):
        yield FieldChange(name, *_hidden(before, after), (before, after))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _nested_changes(name, before, after)
    else:
        yield _redacted(name, before, after)


def _redacted(name: str, before: Any, after: Any) -> FieldChange:
    """Return a change of a value that may hold secrets further inside."""
    shown = redact(before), redact(after)
    is_whole = shown[0] is before and shown[1] is after
    return FieldChange(name, *shown, None if is_whole else (before, after))


def _hidden(before: Any, after: Any) -> tuple[Any, Any]:
    if before is ABSENT or after is ABSENT:
        return tuple(ABSENT if side is ABSENT else HIDDEN for side in (before, after))  # type: ignore[return-value]
    return HIDDEN, HIDDEN_CHANGED


def _nested_changes(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[FieldChange]:
    """Let DeepDiff find the places that differ, and name the outermost map entry of each that isn't a map itself."""
    from deepdiff import DeepDiff

    places: set[tuple[str, ...]] = set()
    # Unless told otherwise, DeepDiff passes over keys that begin with two underscores.
    found = DeepDiff(dict(before), dict(after), view="tree", threshold_to_diff_deeper=0, ignore_private_variables=False)
    for group in found.values():
        for level in group:
            keys = level.path(output_format="list")
            places.add(_map_keys(before, after, keys))
    for place in sorted(places):
        old, new = _value_at(before, place), _value_at(after, place)
        label = ".".join((name, *place))
        if any(is_secret_key(key) for key in place):
            yield FieldChange(label, *_hidden(old, new), (old, new))
        else:
            yield _redacted(label, old, new)


def _map_keys(before: Any, after: Any, keys: list[Any]) -> tuple[str, ...]:
    """Return the leading keys that go through maps on both sides; a list is a value of its own."""
    walked: list[str] = []
    for key in keys:
        if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
            break
        walked.append(key)
        before, after = before.get(key, ABSENT), after.get(key, ABSENT)
    return tuple(walked)


def _value_at(value: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        value = value.get(key, ABSENT) if isinstance(value, Mapping) else ABSENT
    return value


def describe(item: Object, kind: Kind) -> str:
    """Return in a few words what an object holds, for one that is added or deleted whole."""
    told = {name: item.get(name) for name in _TELLING.get(kind.name, ())}
    words = [f"{name} {_in_words(value)}" for name, value in told.items() if value not in (None, "", [])]
    for key, child in kind.children.items():
        count = len(item.get(key) or ())
        if count:
            words.append(f"{count} {child.name}{'' if count == 1 else 's'}")
    return ", ".join(words)


def _in_words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


# The parameters that tell a person which object this is, beside its key.
_TELLING: Mapping[str, tuple[str, ...]] = {
    "subnet": ("id",),
    "pool": CLASS_KEYS,
    "pd-pool": CLASS_KEYS,
    "reservation": ("ip-address", "ip-addresses", "prefixes", "hostname"),
    "option": ("data",),
    "option-def": ("code", "type"),
    "client-class": ("test",),
}
