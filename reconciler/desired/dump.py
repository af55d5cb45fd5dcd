"""Desired state back into YAML, in the layout that the documentation shows; what is written reads back as the same.

The text is made here rather than by a YAML library, so that a remark can stand beside the value it speaks of, and
so that whatever any YAML reader could misread is quoted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.desired.scalars import resolve
from reconciler.desired.schema import schema as json_schema
from reconciler.model import OnPrimaryReturn, OnRemove, Pools

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.desired.documents import Trail
    from reconciler.model import Endpoint, Json, Peer, Relationship

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_OLD_WORDS = frozenset({"y", "Y", "n", "N"})  # truth values by the letter of YAML 1.1, though not to PyYAML
_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def dump_servers(endpoints: Iterable[Endpoint], schema: str = "../schemas/servers.schema.json") -> str:
    """Return servers.yaml for endpoints in any order. `schema` is the schema's path as seen from the file."""
    servers: dict[str, dict[str, dict[str, str]]] = {}
    for endpoint in sorted(endpoints, key=lambda endpoint: (endpoint.server, endpoint.service)):
        entry = {"control": endpoint.control}
        if endpoint.hooks_directory is not None:
            entry["hooks-directory"] = endpoint.hooks_directory
        servers.setdefault(endpoint.server, {})[str(endpoint.service)] = entry
    return _text({"servers": servers}, schema, {})


def dump_relationship(
    relationship: Relationship,
    remarks: Mapping[Trail, str] | None = None,
    schema: str = "../../schemas/relationship.schema.json",
) -> str:
    """Return the YAML document of a relationship.

    `remarks` become comments at the line of the value that their trail names, such as
    ("parameters", "heartbeat-delay"), or of the nearest value around it where that one is not written. `schema` is
    the schema's path as seen from the file.
    """
    data: dict[str, Json] = {
        "name": relationship.name,
        "service": str(relationship.service),
        "mode": str(relationship.mode),
        "peers": [_peer(peer) for peer in relationship.peers],
        "replicate": relationship.replicate,
    }
    if relationship.parameters:
        data["parameters"] = relationship.parameters
    if relationship.local:
        data["local"] = list(relationship.local)
    if relationship.pools is not Pools.SHARED:
        data["pools"] = str(relationship.pools)
    if relationship.on_remove is not OnRemove.DISABLE:
        data["on-remove"] = str(relationship.on_remove)
    if relationship.on_primary_return is not OnPrimaryReturn.PRIMARY:
        data["on-primary-return"] = str(relationship.on_primary_return)
    if relationship.is_absent:
        data["state"] = "absent"
    return _text(_ordered(data, json_schema("relationship")), schema, remarks or {})


def _peer(peer: Peer) -> dict[str, Json]:
    own_name = {} if peer.name == peer.server else {"name": peer.name}
    return {"server": peer.server, "role": str(peer.role), "url": peer.url, **own_name, **peer.options}


def _ordered(value: Json, node: Mapping[str, Any]) -> Json:
    """Return a value with the keys of its mappings in the order of their schema, unknown ones last by name."""
    if "$ref" in node:
        node = json_schema("relationship")["$defs"][node["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        return [_ordered(item, node.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    known = node.get("properties", {})
    rank = {key: index for index, key in enumerate(known)}
    keys = sorted(value, key=lambda key: (rank.get(key, len(rank)), key))
    return {key: _ordered(value[key], known.get(key, {})) for key in keys}


def _text(data: Mapping[str, Json], schema: str, remarks: Mapping[Trail, str]) -> str:
    lines: list[str] = []
    first_line: dict[Trail, int] = {(): 0}
    for trail, line in _lines(data, (), 0):
        for length in range(len(trail) + 1):
            first_line.setdefault(trail[:length], len(lines))
        lines.append(line)
    comments: dict[int, list[str]] = {}
    for trail, remark in sorted(remarks.items(), key=lambda item: [str(step) for step in item[0]]):
        comments.setdefault(_line_of(trail, first_line), []).append(_escaped(" ".join(remark.split()), {}))
    annotated = (line + _comment(comments.get(number, ())) for number, line in enumerate(lines))
    return "\n".join([f"# yaml-language-server: $schema={schema}", *annotated, ""])


def _line_of(trail: Trail, first_line: Mapping[Trail, int]) -> int:
    while trail not in first_line:
        trail = trail[:-1]
    return first_line[trail]


def _comment(remarks: Iterable[str]) -> str:
    text = "; ".join(remarks)
    return f"  # {text}" if text else ""


def _lines(value: Json, trail: Trail, indent: int) -> Iterator[tuple[Trail, str]]:
    """Yield each line of a mapping or list with the trail of the value that it begins."""
    pad = " " * indent
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(f"{pad}{_scalar(key)}:", item, (*trail, key), indent + 2)
    else:
        for index, item in enumerate(value):
            yield from _item(pad, item, (*trail, index), indent + 2)


def _entry(head: str, item: Json, trail: Trail, indent: int) -> Iterator[tuple[Trail, str]]:
    if isinstance(item, (dict, list)) and item:
        yield trail, head
        yield from _lines(item, trail, indent)
    else:
        yield trail, f"{head} {_scalar(item)}"


def _item(pad: str, item: Json, trail: Trail, indent: int) -> Iterator[tuple[Trail, str]]:
    if not isinstance(item, (dict, list)) or not item:
        yield trail, f"{pad}- {_scalar(item)}"
        return
    for number, (inner, line) in enumerate(_lines(item, trail, indent)):
        yield inner, line if number else f"{pad}- {line[indent:]}"


def _scalar(value: Json) -> str:
    if isinstance(value, str):
        return value if _is_plain(value) else f'"{_escaped(value, _ESCAPES)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return repr(value)  # a number, or an empty list or mapping


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or text in _OLD_WORDS:
        return False
    scalar = resolve(text)
    return isinstance(scalar.value, str) and scalar.doubt is None


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    """Return text with everything invisible in YAML's escapes, so that no remark or value can end its line."""
    return "".join(escapes.get(char, char) if char.isprintable() else _code(ord(char)) for char in text)


def _code(number: int) -> str:
    if number > 0xFFFF:
        return f"\\U{number:08x}"
    return f"\\u{number:04x}" if number > 0xFF else f"\\x{number:02x}"
