"""The commands of class_cmds that change client classes, on the configuration in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator import replies
from reconciler.simulator.commands.subnets import reading, without_place
from reconciler.simulator.configuration import classes
from reconciler.simulator.configuration.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Shown
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply

_KEY = "client-classes"
_BUILT_IN = ("'KNOWN'", "'UNKNOWN'")
_DEPENDENCY = (
    "modification of the class '{}' would affect its dependency on the KNOWN and/or UNKNOWN built-in classes. Such "
    "modification is not allowed because there may be other classes depending on those built-ins via the updated class"
)


def _problem(name: str, arguments: Json) -> str:
    if arguments is None:
        return f"invalid command '{name}': no arguments specified"
    return "" if arguments else f"invalid command '{name}': 'arguments' is empty"


def _one(name: str, arguments: Json) -> Shown:
    problem = _problem(name, arguments)
    if problem:
        raise RefusedError(problem)
    if len(arguments[_KEY]) != 1:
        raise RefusedError(f"invalid number of classes specified for the '{name}' command. Expected one class")
    found: Shown = arguments[_KEY][0]
    return found


def _put(endpoint: SimulatedEndpoint, every: Sequence[Shown]) -> None:
    rest = {key: value for key, value in endpoint.config.items() if key != _KEY}
    endpoint.change(rest | ({_KEY: list(every)} if every else {}))


def _standing(endpoint: SimulatedEndpoint) -> list[Shown]:
    return list(endpoint.config.get(_KEY, []))


def _add(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    standing = _standing(endpoint)
    try:
        given = _one("class-add", arguments)
        added = classes.parse(reading(endpoint), [*standing, given])[-1]
    except RefusedError as refusal:
        return replies.error(without_place(refusal))
    _put(endpoint, [*standing, added])
    return replies.success(f"Class '{added['name']}' added")


def _update(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    standing = _standing(endpoint)
    try:
        given = _one("class-update", arguments)
        names = [each["name"] for each in standing]
        if given["name"] not in names:
            return replies.empty(f"Class '{given['name']}' is not found")
        place = names.index(given["name"])
        changed = classes.parse(reading(endpoint), [*standing[:place], given])[-1]
    except RefusedError as refusal:
        return replies.error(str(refusal))
    if _built_ins(standing[place]) != _built_ins(changed):
        what = f"modification of the class '{given['name']}' would affect its dependency"
        why = "there may be other classes depending on those built-ins via the updated class"
        return replies.error(
            f"{what} on the KNOWN and/or UNKNOWN built-in classes. Such modification is not allowed because {why}"
        )
    _put(endpoint, [*standing[:place], changed, *standing[place + 1 :]])
    return replies.success(f"Class '{changed['name']}' updated")


def _built_ins(item: Shown) -> bool:
    return any(name in item.get("test", "") for name in _BUILT_IN)


def _del(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    problem = _problem("class-del", arguments)
    if problem:
        return replies.error(problem)
    standing, name = _standing(endpoint), arguments["name"]
    rest = [each for each in standing if each["name"] != name]
    if len(rest) == len(standing):
        return replies.empty(f"Class '{name}' not found")
    for other in rest:
        if f"member('{name}')" in other.get("test", ""):
            return replies.error(f"Class '{name}' is used by class '{other['name']}'")
    _put(endpoint, rest)
    return replies.success(f"Class '{name}' deleted")


COMMANDS: dict[str, Callable[[SimulatedEndpoint, Json], Reply]] = {
    "class-add": _add,
    "class-del": _del,
    "class-update": _update,
}
