"""What a plan would do, apart from when and by whom it was made: its fingerprint, and how two plans differ.

Both are made from the value of a plan file, so that one that was read and one that is made now are held to the same. In
it counts what would be sent where, and what stands against it; not the time, the order of anything, what a server's HA
is doing at the moment, or which commit the files are of. Secrets count by their keyed digests, where the key is shared:
a plan that changes none has the same fingerprint with every key and without.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.planning.risk import CLIENTS
from reconciler.redaction import visible
from reconciler.reports.text_changes import change_lines
from reconciler.reports.values import shown_name
from reconciler.saved.digests import canonical
from reconciler.saved.values import change_of

_LENGTH = 32  # hexadecimal digits: with fewer, two plans with one fingerprint could be made on purpose

Value = Mapping[str, Any]


def fingerprint(document: Value) -> str:
    """Return the fingerprint of the plan in a plan file."""
    effects = sorted(canonical(_effects(each, document)) for each in document["relationships"])
    return hashlib.sha256(b"\n".join(effects)).hexdigest()[:_LENGTH]


def _effects(relationship: Value, document: Value) -> dict[str, Any]:
    is_keyed = document["key"] is not None
    return {
        **{name: relationship[name] for name in ("name", "service", "mode", "procedure", "replicates", "wanted")},
        "authority": relationship["authority"]["server"],
        "is_planned": relationship["unplanned"] is None,
        "unreachable": sorted(each["server"] for each in relationship["unreachable"]),
        "stages": [
            {name: each[name] for name in ("servers", "in_turn", "silenced", "covered_by")}
            for each in relationship["stages"]
        ],
        **_elsewhere(relationship),
        "objections": sorted({_objected(each) for each in relationship["objections"]}),
        "servers": sorted(
            (_server_effects(each, is_keyed=is_keyed) for each in relationship["servers"]),
            key=lambda each: str(each["server"]),
        ),
    }


def _elsewhere(relationship: Value) -> dict[str, Any]:
    """Return who answers for a hub that is set in its other relationships; nothing where nobody does, as in older
    files. Commands for single objects need nobody to, unless they fail.
    """
    names = ("relationship", "server", "partner")
    commanded = {each["server"] for each in relationship["servers"] if each["commands"]}
    told = (each for each in relationship.get("elsewhere", ()) if each["server"] not in commanded)
    found = sorted([each[name] for name in names] for each in told)
    return (
        {"elsewhere": [" for ".join((partner, f"{hub} in {there}")) for there, hub, partner in found]} if found else {}
    )


def _objected(objection: Value) -> str:
    """Return what is objected to: an approval for one server is none for another."""
    about = objection.get("object")  # files of format 1.0 have none
    return f"{objection['code']} of {about}" if about else str(objection["code"])


def _server_effects(server: Value, *, is_keyed: bool) -> dict[str, Any]:
    changes = [_change_effects(each, is_keyed=is_keyed) for each in server["changes"]]
    own = {name: server[name] for name in ("server", "peer", "role", "leaves", "control")}
    return {**own, "is_commanded": server["commands"] > 0, "changes": sorted(changes, key=canonical)}


def _change_effects(change: Value, *, is_keyed: bool) -> dict[str, Any]:
    """Return what a change does; why it is due, and at which line that is written, is another matter."""
    content = change["content"] or {}
    # Whom a server answers now goes by the state of its HA.
    sides = ("after",) if change["path"][-1][0] == CLIENTS else ("before", "after")
    fields = [
        [
            each["name"],
            *([side in each, each.get(side)] for side in sides),
            each["digests"] if is_keyed else None,
        ]
        for each in change["fields"]
    ]
    return {
        **{name: change[name] for name in ("action", "path", "summary")},
        "fields": sorted(fields, key=canonical),
        "content": [content.get("digest"), content.get("keyed") if is_keyed else None],
    }


# -------------------------------------------------------------------------------------- the difference


def difference(then: Value, now: Value) -> list[str]:
    """Return as lines what the plan of now does otherwise than the one of then; empty where they do the same."""
    lines: list[str] = []
    old, new = (_by_name(each) for each in (then, now))
    for name in sorted(old.keys() | new.keys()):
        found = list(_of_relationship(old.get(name), new.get(name), then, now))
        if found:
            lines += [f"{shown_name(name[0])} ({shown_name(name[1])}):", *(f"  {line}" for line in found)]
    return lines


def _by_name(document: Value) -> dict[tuple[str, str], Value]:
    return {(each["name"], each["service"]): each for each in document["relationships"]}


def _of_relationship(old: Value | None, new: Value | None, then: Value, now: Value) -> Iterator[str]:
    if old is None or new is None:
        yield "is in the plan only now" if old is None else "was in the plan file, and is in the plan no more"
        return
    was, will = _effects(old, then), _effects(new, now)
    if was == will:
        return
    for name, words in _WORDS.items():
        if was.get(name, []) != will.get(name, []):
            yield f"{words}: {_told(was.get(name, []))} -> {_told(will.get(name, []))}"
    servers = {each["server"]: each for each in old["servers"]}, {each["server"]: each for each in new["servers"]}
    for server in sorted(servers[0].keys() | servers[1].keys()):
        found = list(_of_server(servers[0].get(server), servers[1].get(server), then, now))
        if found:
            yield f"{shown_name(server)}:"
            yield from (f"  {line}" for line in found)
    if was["wanted"] != will["wanted"]:
        yield "the relationship itself is described otherwise in desired"


_WORDS = {
    "mode": "mode",
    "procedure": "what is done",
    "authority": "authority",
    "replicates": "whether DHCP data follow the authority",
    "is_planned": "whether it could be planned",
    "unreachable": "unreachable",
    "objections": "objections",
    "stages": "servers that are changed together",
    "elsewhere": "who answers the clients of other relationships",
}


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        members = [" and ".join(each["servers"]) if isinstance(each, Mapping) else str(each) for each in value]
        return visible(", ".join(members)) or "none"
    return shown_name(str(value if value is not None else "none"))


def _of_server(old: Value | None, new: Value | None, then: Value, now: Value) -> Iterator[str]:
    for name in ("control", "role", "peer", "leaves"):
        sides = [each[name] if each else None for each in (old, new)]
        if old and new and sides[0] != sides[1]:
            yield f"{name}: {_told(sides[0])} -> {_told(sides[1])}"
    was, will = (_changes(*each) for each in ((old, then), (new, now)))
    yield from _listed("not due any more", [was[key] for key in was if key not in will])
    yield from _listed("due now as well", [will[key] for key in will if key not in was])


def _changes(server: Value | None, document: Value) -> dict[bytes, Value]:
    changes: Sequence[Value] = server["changes"] if server else ()
    is_keyed = document["key"] is not None
    return {canonical(_change_effects(each, is_keyed=is_keyed)): each for each in changes}


def _listed(words: str, changes: Sequence[Value]) -> Iterator[str]:
    if changes:
        yield f"{words}:"
    for each in changes:
        yield from (f"  {line}" for line in change_lines(change_of(each), colour=False))
