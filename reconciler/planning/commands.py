"""Which single commands bring a server's configuration from what it is to what it shall be: pure.

Nothing is half done by commands: where one part of a change needs the whole configuration, all of it goes with that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from reconciler.kea import single_commands as single
from reconciler.kea.fingerprints import section
from reconciler.kea.locality import STAMP_KEY
from reconciler.kea.objects import (
    CLIENT_CLASS,
    IDENTIFIERS,
    RESERVATION,
    SHARED_NETWORK,
    SUBNET,
    Object,
    index,
    subnets_of,
)
from reconciler.kea.rapid_commit import written_out
from reconciler.kea.stamps import aging_marks, have_same_marks, marks_to_carry
from reconciler.model import Action, Change, Command, Service, Snapshot
from reconciler.planning.diff import Path, differences
from reconciler.planning.subnet_commands import Layout, are_same

LONGEST = 120.0  # seconds of Kea's work; above, the whole configuration is set, which takes a fraction of that

Places = Mapping[str, tuple[int, Sequence[Any]]]  # the reservations of each subnet by its prefix, with its id


def single_commands(
    before: Mapping[str, Any], after: Mapping[str, Any], service: Service, offered: Collection[str]
) -> tuple[Command, ...]:
    """Return the commands that turn the configuration `before` of a server into `after`, in the order in which they are
    to be sent: none where they can't, where the server does not offer one of them, or where they would take too long.

    What stamps in the user-context say is not compared.
    """
    if not _rest_is_same(before, after, service):
        return ()
    before, after = written_out(before, service), written_out(after, service)
    made = _made(before, after, service)
    if made is None or any(command.name not in offered for command in made):
        return ()
    most = max(len(subnets_of(side, service.subnets)) for side in (before, after))
    return () if single.busy_seconds(made, most) > LONGEST else tuple(made)


def stamped(
    commands: Sequence[Command], snapshot: Snapshot, after: Mapping[str, Any], offered: Collection[str]
) -> tuple[Command, ...]:
    """Return commands with what renews the server's stamp, so that it says what `after` says when they are done, and
    before that, that it may not tell what the server has; the very same where the server does not offer that. Without
    commands, what is missing of it where they were carried out already.
    """
    there = snapshot.carrier
    if not single.offers_stamping(offered, there) or have_same_marks(snapshot.config, after):
        return tuple(commands)
    aging = aging_marks(snapshot.config, after) if commands else None
    opening = [single.stamping(aging, offered, there)] if aging else []
    is_there = there is not None or bool(opening)
    closing = single.stamping(marks_to_carry(after, snapshot.config), offered, there, is_there=is_there)
    return (*opening, *commands, closing)


def is_between(before: Mapping[str, Any], live: Mapping[str, Any], after: Mapping[str, Any], service: Service) -> bool:
    """Whether a server that had `before` can have `live` by some of the commands that lead to `after`, as far as that
    can be told: what they don't touch is as it was. A subnet that gets other parameters only keeps all that it holds.
    """
    if not _rest_is_same(before, live, service):
        return False
    told = [written_out(config, service) for config in (before, live, after)]
    due = [each.change for each in differences(told[0], told[2], service)]
    whole = {place for change in due if (place := _replaced_whole(change)) is not None}
    touched = whole | {change.path for change in due}
    rebuilt = {path[0][1] for path in touched if path[0][0] == SHARED_NETWORK.name}
    insides = subnets_of(before, service.subnets).items()
    touched |= {((SUBNET.name, prefix),) for prefix, (network, _) in insides if network in rebuilt}
    found = (each.change.path for each in differences(told[0], told[1], service))
    return all(path in touched or any(path[:length] in whole for length in range(1, len(path))) for path in found)


def _replaced_whole(change: Change) -> Path | None:
    """Return the path of the object that commands take away, and put there anew, with all that it holds; None where
    they change it as it is.
    """
    kinds = [kind for kind, _ in change.path]
    if kinds[0] == SUBNET.name and RESERVATION.name not in kinds:
        is_anew = change.action is not Action.CHANGE or any(each.name == "id" for each in change.fields)
        return change.path if is_anew else None
    return change.path[: 2 if kinds[0] == SUBNET.name else 1]


def _rest_is_same(before: Mapping[str, Any], after: Mapping[str, Any], service: Service) -> bool:
    """Whether nothing differs that no command changes."""
    for key in (before.keys() | after.keys()) - single.sections(service) - {"user-context"}:
        one, other = before.get(key), after.get(key)
        if one != other and (not one or not other or section(before, key) != section(after, key)):
            return False
    return _own_context(before) == _own_context(after)


def _own_context(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (config.get("user-context") or {}).items() if key != STAMP_KEY}


def _made(before: Mapping[str, Any], after: Mapping[str, Any], service: Service) -> list[Command] | None:
    """Return the commands, None where a change can't be said with them.

    A class comes before what asks for it and goes after it. What is deleted goes before what is added, which may have
    its id, prefix, name or address.
    """
    classes = _class_commands(
        index(before.get("client-classes"), CLIENT_CLASS), index(after.get("client-classes"), CLIENT_CLASS)
    )
    old, new = _reservations(before, service), _reservations(after, service)
    if classes is None or not all(_are_told_apart(places) for places in (old, new)):
        return None
    added, deleted = classes
    layout = Layout.of(before, after, service)
    gone, changed, fresh = _reservation_commands(old, new)
    return [*added, *gone, *layout.deletions(), *layout.additions(), *changed, *fresh, *deleted]


# ------------------------------------------------------------------------------------------------- classes


def _class_commands(old: Mapping[str, Object], new: Mapping[str, Object]) -> tuple[list[Command], list[Command]] | None:
    """Return what adds or changes classes, and what deletes them: None where the rest would not be in the order that it
    shall have, since a new class always goes behind all others. One that another asks for is not deleted before that.
    """
    kept = [name for name in old if name in new]
    if list(new) != [*kept, *(name for name in new if name not in old)]:
        return None
    changed = [name for name in kept if not are_same(old[name], new[name], CLIENT_CLASS)]
    if any(_built_ins(old[name]) != _built_ins(new[name]) for name in changed):
        return None
    updates = (single.class_update(new[name]) for name in changed)
    adds = (single.class_add(item) for name, item in new.items() if name not in old)
    gone = [item for name, item in old.items() if name not in new]
    return [*updates, *adds], [single.class_del(item) for item in reversed(gone)]


def _built_ins(item: Object) -> tuple[bool, ...]:
    """Say on which built-in classes a class depends: class-update refuses to change that (seen on 3.0.3)."""
    test = str(item.get("test", ""))
    return tuple(f"'{name}'" in test for name in ("KNOWN", "UNKNOWN"))


# -------------------------------------------------------------------------------------------- reservations


def _reservations(config: Mapping[str, Any], service: Service) -> Places:
    inside = subnets_of(config, service.subnets).items()
    found = {prefix: (int(subnet["id"]), subnet.get(single.RESERVATIONS) or ()) for prefix, (_, subnet) in inside}
    return {"": (single.GLOBAL, config.get(single.RESERVATIONS) or ()), **found}


def _are_told_apart(places: Places) -> bool:
    """Whether every reservation can be named by its identifier: kea-dhcp6 takes two with one flex-id."""
    for _, reservations in places.values():
        keys = {RESERVATION.key(item) for item in reservations if any(name in item for name in IDENTIFIERS)}
        if len(keys) != len(reservations):
            return False
    return True


def _reservation_commands(old: Places, new: Places) -> tuple[list[Command], list[Command], list[Command]]:
    """Return what deletes, changes and adds reservations.

    Those of a subnet that goes, or gets another id, go with it. One that is to have what another one has now is deleted
    first and added again last, since reservation-update deletes it before it finds that out.
    """
    deleted: list[Command] = []
    changed: list[Command] = []
    added: list[Command] = []
    for place, (number, reservations) in new.items():
        was_number, was = old.get(place, (number, ()))
        found = index(list(was), RESERVATION) if was_number == number else {}
        wanted = index(list(reservations), RESERVATION)
        if found == wanted:
            continue
        holders = {each: key for key, item in found.items() for each in _resources(item)}
        updated = {key for key in wanted if key in found and not are_same(found[key], wanted[key], RESERVATION)}
        replaced = {key for key in updated if any(holders.get(each, key) != key for each in _resources(wanted[key]))}
        deleted += [
            single.reservation_del(number, item) for key, item in found.items() if key in replaced or key not in wanted
        ]
        changed += [single.reservation_update(number, wanted[key]) for key in wanted if key in updated - replaced]
        added += [
            single.reservation_add(number, item) for key, item in wanted.items() if key in replaced or key not in found
        ]
    return deleted, changed, added


def _resources(item: Object) -> Iterator[str]:
    """Yield what a reservation keeps for its client alone."""
    if "ip-address" in item:
        yield str(item["ip-address"])
    for key in ("ip-addresses", "prefixes"):
        yield from map(str, item.get(key) or ())
