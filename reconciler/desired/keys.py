"""What to say about a key that has no place where it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.desired.schema import parameter_names, peer_option_names
from reconciler.desired.wording import key, label, listed, nearest
from reconciler.model import Problem

if TYPE_CHECKING:
    from collections.abc import Collection

    from reconciler.desired.documents import Trail
    from reconciler.model import Position

_SECRET = re.compile(r"pass|pwd|secret|token|credential|psk|^key$|^basic-auth$", re.IGNORECASE)
_OWN_PLACE = {
    "this-server-name": "Leave it out: every server is given its own name from the list of peers.",
    "mode": "Write it one level up, beside peers.",
    "peers": "Write them one level up, beside mode.",
    "name": "Write it one level up: it is the relationship's name.",
    "service": "Write it one level up, beside mode.",
    "replicate": "Write it one level up, beside mode.",
    "local": "Write it one level up, beside mode.",
}


def key_problem(position: Position, trail: Trail, known: Collection[str]) -> Problem:
    """Return the problem of a key, the last step of `trail`, that is not among the `known` ones of its mapping."""
    *around, name = trail
    section = f"in {label(tuple(around))}" if around else "at the top of the document"
    if isinstance(name, str) and _is_plain_secret(name):
        return Problem(position, "plain-password", *_plain_password(name, tuple(around)))
    text = key(str(name))
    if around == ["parameters"] and name in _OWN_PLACE:
        return Problem(position, "misplaced-key", f"{text} has no place under parameters", _OWN_PLACE[str(name)])
    is_elsewhere = around[:1] in (["servers"], ["approve"]) or not {"servers", "approve"}.isdisjoint(known)
    other = None if is_elsewhere else _other_place(str(name), tuple(around))
    if other:
        message = f"{text} has no place {section}"
        return Problem(position, "misplaced-key", message, f"It belongs {other}.")
    meant = nearest(str(name), known)
    advice = f"Did you mean {meant}?" if meant else f"Known here: {listed(sorted(known), 'and')}."
    return Problem(position, "unknown-key", f"there is an unknown key {section}: {text}", advice)


def _is_plain_secret(name: str) -> bool:
    return _SECRET.search(name) is not None and not name.endswith(("-file", "-user"))


def _plain_password(name: str, around: Trail) -> tuple[str, str]:
    message = f"{key(name)}: passwords and other secrets are never written in desired/"
    if around[:1] in (("peers",), ("parameters",)):
        return (
            message,
            "Put it into a file on the Kea servers and name that: basic-auth-password-file (Kea 2.1.2 and later).",
        )
    return message, "Put it into the credentials file (option --credentials), under the server's scheme, host and port."


def _other_place(name: str, around: Trail) -> str | None:
    """Return where in a relationship a known key belongs that stands somewhere else."""
    if name in parameter_names() and around != ("parameters",):
        return "under parameters"
    if name in peer_option_names() and around[:1] != ("peers",):
        return "to each peer"
    return None
