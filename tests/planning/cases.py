"""The cases in tests/cases: reading one, planning it, and a plain text of the plan that depends on no report.

Run as a program (`python -m tests.planning.cases`) this writes every plan.txt anew; read the difference before
committing it.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.desired.load import load
from reconciler.kea.fingerprints import fingerprints
from reconciler.kea.stamps import with_stamp
from reconciler.kea.views import disabled_by_user, ha_views, sockets_are_ready
from reconciler.model import (
    Change,
    Desired,
    Endpoint,
    Live,
    Plan,
    Relationship,
    RelationshipPlan,
    ServerPlan,
    Service,
    Snapshot,
    Stage,
    Unreachable,
)
from reconciler.planning import wanted
from reconciler.planning.plan import plan

FOLDER = Path(__file__).resolve().parent.parent / "cases"
BASES = FOLDER / "bases"
HOOKS = "/usr/lib/kea/hooks"

World = dict[tuple[str, Service], Live]


@dataclass(frozen=True, slots=True)
class Case:
    """One folder: what is desired, what is live, and the plan that is due."""

    name: str
    folder: Path
    desired: Desired
    live: World

    @property
    def expected(self) -> str:
        """The text in plan.txt."""
        return (self.folder / "plan.txt").read_text()


def names() -> list[str]:
    """Return the name of every case, sorted."""
    return sorted(each.name for each in FOLDER.iterdir() if (each / "live").is_dir())


def read_case(name: str) -> Case:
    """Read one case. A case without a `desired` of its own has the one that its live servers came from."""
    folder = FOLDER / name
    told = {path.stem: json.loads(path.read_text()) for path in sorted((folder / "live").glob("*.json"))}
    own = folder / "desired"
    desired = load(own if own.is_dir() else BASES / "desired" / _kind_of(told))
    relationship = desired.relationships[0]
    live: World = {}
    for server, what in told.items():
        endpoint = desired.endpoints[server, relationship.service]
        live[server, relationship.service] = _live(endpoint, relationship, what)
    return Case(name, folder, desired, live)


def _kind_of(told: Mapping[str, Any]) -> str:
    """Return service and mode, as in dhcp4-hs; two unrelated servers are to become a hot-standby pair."""
    base = next((what["base"] for what in told.values() if "base" in what), "dhcp4-hs-kea-a")
    return "-".join(base.split("-")[:2]).replace("alone", "hs")


def _live(endpoint: Endpoint, relationship: Relationship, what: Mapping[str, Any]) -> Live:
    if "unreachable" in what:
        return Unreachable(endpoint, what["unreachable"])
    config = read_base(what["base"])
    config = _stamped(config, relationship, what)
    return _snapshot(endpoint, edited(config, what.get("edits", [])), what)


def _stamped(config: dict[str, Any], relationship: Relationship, what: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the stamp of an apply that left it as the base is, where the case says so.

    `"stamp": {}` is one of this very relationship as it is desired; keys in it replace fields of the stamp.
    """
    if "stamp" not in what:
        return config
    then = {"base": what.get("stamp-of", what["base"])}
    before = read_base(then["base"]) if "stamp-of" in what else config
    part = wanted.replicated_part(relationship, _snapshot(Endpoint("", relationship.service, ""), before, then))
    stamp = wanted.stamp_for(relationship, "revision-1", fingerprints(part), _version(then))
    changes: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in what["stamp"].items()
    }
    return with_stamp(config, replace(stamp, **changes))


def _snapshot(endpoint: Endpoint, config: dict[str, Any], what: Mapping[str, Any]) -> Snapshot:
    name = str(what.get("base", ""))
    kind, server = name.split("-")[1:2], name.split("-")[-2:]
    default = {} if "alone" in name or not name else read_base("-".join(["status", *kind, *server]))
    status = edited(default, what.get("status", []))
    return Snapshot(
        endpoint=endpoint,
        version=_version(what),
        config=config,
        kea_hash=None,
        pid=status.get("pid", 1),
        uptime=status.get("uptime", 100),
        reload=status.get("reload", 100),
        read_at=1000.0,
        ha=next(iter(ha_views(status)), None),
        views=ha_views(status),
        sockets_ready=sockets_are_ready(status),
        disabled_by_user=disabled_by_user(status),
        hooks_directory=what.get("hooks-directory", HOOKS),
        clock_offset=what.get("clock-offset", 0.0),
    )


def _version(what: Mapping[str, Any]) -> str:
    """The Kea that a server runs: the one of its base, as in dhcp4-hs-2.6.3-kea-a, unless the case says another."""
    found = re.search(r"-(\d+\.\d+\.\d+)-", str(what.get("base", "")))
    return str(what.get("version", found[1] if found else "2.2.0"))


def read_base(name: str) -> dict[str, Any]:
    """Return a configuration or status as a real Kea 2.2.0 gave it (see tests/cases/README.md)."""
    found: dict[str, Any] = json.loads((BASES / f"{name}.json").read_text())
    return found


def edited(value: dict[str, Any], edits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a copy with the operations add, replace and remove of JSON Patch (RFC 6902) carried out."""
    value = copy.deepcopy(value)
    for edit in edits:
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in edit["path"].split("/")[1:])
        holder: Any = value
        for part in way:
            holder = holder[int(part)] if isinstance(holder, list) else holder[part]
        _edit(holder, last, edit)
    return value


def _edit(holder: Any, key: str, edit: Mapping[str, Any]) -> None:
    place: Any = len(holder) if key == "-" else int(key) if isinstance(holder, list) else key
    if edit["op"] == "add" and isinstance(holder, list):
        holder.insert(place, edit["value"])
    elif edit["op"] == "remove":
        del holder[place]
    else:
        assert edit["op"] == "add" or place in (range(len(holder)) if isinstance(holder, list) else holder), edit
        holder[place] = edit["value"]


def after_apply(case: Case, made: Plan) -> World:
    """Return the world as it is once every server has what the plan sends to it, and all are well again."""
    world = dict(case.live)
    for relationship in made.relationships:
        service, mode = relationship.relationship.service, relationship.relationship.mode
        number = len(relationship.relationship.peers)
        kind = {"load-balancing": "lb" if number == 2 else "lb3", "hot-standby": "hs", "passive-backup": "pb"}[mode]
        for server in relationship.servers:
            views = ha_views(read_base(f"status-{kind}-{server.peer.server}"))
            config = server.snapshot.config if server.outgoing is None else server.outgoing
            world[server.peer.server, service] = replace(server.snapshot, config=config, ha=views[0], views=views)
    return world


# ------------------------------------------------------------------------------------------ plain text


def dump(made: Plan) -> str:
    """Return everything that a plan decides as text, apart from the revision."""
    return "\n".join(line for each in made.relationships for line in _relationship_lines(each)) + "\n"


def _relationship_lines(made: RelationshipPlan) -> Iterator[str]:
    yield f"{made.relationship.name}: {made.procedure}"
    yield f"  authority {made.authority.server}: {made.authority.reason}"
    yield f"  replicates: {made.replicates}"
    if made.unplanned:
        yield f"  unplanned: {made.unplanned}"
    for each in made.unreachable:
        yield f"  unreachable: {each.endpoint.server}: {each.reason}"
    for server in made.servers:
        yield from _server_lines(server)
    for number, stage in enumerate(made.stages, 1):
        yield f"  stage {number}: {'; '.join(_stage_words(stage))}"
    for objection in made.objections:
        yield f"  objection {objection.code}{'' if objection.approvable else ' (final)'}: {objection.message}"
        yield f"      {objection.advice}"
    for note in made.all_notes:
        yield f"  note: {note}"


def _stage_words(stage: Stage) -> Iterator[str]:
    yield ", ".join(stage.servers)
    if stage.in_turn:
        yield "in turn"
    if stage.silenced:
        yield f"silenced {', '.join(stage.silenced)}"
    if stage.released:
        yield f"released {', '.join(stage.released)}"
    for covered, by in stage.covered_by:
        yield f"{by} covers {covered}"
    if not stage.needs_normal:
        yield "whatever the states are"
    if stage.reason:
        yield stage.reason


def _server_lines(server: ServerPlan) -> Iterator[str]:
    if server.outgoing is None:
        yield f"  {server.peer.server}: stays"
    else:
        live, out = server.snapshot.config, server.outgoing
        keys = [key for key in sorted(live.keys() | out.keys()) if live.get(key) != out.get(key)]
        yield f"  {server.peer.server}: set {', '.join(keys)}; try standing: {server.try_standing}"
    for change in server.changes:
        yield from _change_lines(change)


def _change_lines(change: Change) -> Iterator[str]:
    path = " / ".join(f"{kind} {key}" for kind, key in change.path)
    moved = f"; moved {', '.join(change.moved)}" if change.moved else ""
    yield f"    {change.action} {path} [{change.cause}{moved}]"
    if change.summary:
        yield f"        {change.summary}"
    for field in change.fields:
        yield f"        {field.name}: {_value(field.before)} -> {_value(field.after)}"


def _value(value: Any) -> str:
    return str(value) if str(value) == "(absent)" else json.dumps(value, sort_keys=True)


if __name__ == "__main__":
    for each in names():
        case = read_case(each)
        (case.folder / "plan.txt").write_text(dump(plan(case.desired, case.live)))
