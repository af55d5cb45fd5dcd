"""What the parameters of a relationship mean, from the schema that explains them to editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.desired.schema import schema


def meaning(name: str) -> str | None:
    """Return what a parameter is for, its unit, default and first version; None for one that the schema doesn't know.

    `name` is as a change has it: `heartbeat-delay`, `multi-threading.http-client-threads`, `peers.kea-a.url`, `mode`.
    """
    root = schema("relationship")
    parts = name.split(".")
    if parts[0] == "peers":
        trail = [root["$defs"]["peer"], *parts[2:]]
    elif parts[0] in root["$defs"]["parameters"]["properties"]:
        trail = [root["$defs"]["parameters"], *parts]
    else:
        trail = [root, *parts]
    node: Mapping[str, Any] | None = trail[0]
    for part in trail[1:]:
        node = _resolved((node or {}).get("properties", {}).get(part), root)
        if node is None:
            return None
    return None if node is None else str(node.get("description", "")) or None


def _resolved(node: Mapping[str, Any] | None, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if node is not None and "$ref" in node:
        found: Mapping[str, Any] = root["$defs"][node["$ref"].rpartition("/")[2]]
        return found
    return node
