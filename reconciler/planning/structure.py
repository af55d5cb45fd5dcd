"""Why nothing can be planned for servers that all answered: what is out of reach of any order of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.kea import ha, hooks
from reconciler.kea.versions import parse_version
from reconciler.model import Relationship, Snapshot
from reconciler.planning import wanted
from reconciler.planning.diff import field_changes


def undecidable(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> str | None:
    """Return why nothing can be planned for servers that all answered, None where it can."""
    versions = {name: snapshot.version for name, snapshot in snapshots.items()}
    if len({parse_version(version) for version in versions.values()}) > 1:
        shown = ", ".join(f"{name} runs {version}" for name, version in versions.items())
        return f"the servers run different versions of Kea ({shown}), which this release can't replicate between"
    for name, snapshot in snapshots.items():
        blocks = hooks.relationships_of(snapshot.config)
        if len(blocks) > 1:
            return f"{name} has {len(blocks)} relationships in its HA hook; hub-and-spoke is not supported yet"
        if not blocks and wanted.hooks_directory(snapshot) is None:
            return f"{name} does not tell where its hook libraries are; give hooks-directory in the inventory"
    return _restructured(relationship, snapshots)


def _restructured(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> str | None:
    """A structure (mode, peers, roles, urls) that one server alone has otherwise is drift and put back; one that all
    have otherwise is another relationship, or a change that needs an order of its own.
    """
    differing = {}
    for peer in relationship.peers:
        block = wanted.block_of(snapshots[peer.server])
        if block is None:
            continue
        live, desired = _structure(block), _structure(ha.wanted_block(relationship, peer, block))
        if live == desired:
            return None
        differing[peer.server] = (live, desired)
    if not differing:
        return None
    server, (live, desired) = next(iter(differing.items()))
    if live["peers"].keys() != desired["peers"].keys():
        peers = ", ".join(sorted(live["peers"]))
        return (
            f"{server} already is in another relationship, of the peers {peers}; "
            "describe that one (`kea-reconciler import`), or take the HA hook off the server first"
        )
    fields = [f.name for key in sorted(live) for f in field_changes(key, live[key], desired[key])]
    return (
        f"{', '.join(fields)} of a standing relationship would change, which needs a safe order of its own and "
        "is not supported yet"
    )


def _structure(block: Mapping[str, Any]) -> dict[str, Any]:
    form = ha.normal_form(block, "0")
    peers = {name: {key: peer.get(key) for key in ("role", "url")} for name, peer in form["peers"].items()}
    return {"mode": form.get("mode"), "peers": peers}
