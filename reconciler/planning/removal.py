"""Taking servers out of a relationship: what each of them becomes, what it costs, and in which order.

The others stop before the primary is touched, and stay off until it serves alone: at no time do two servers hand out
the same addresses without knowing of each other, and the primary never stops (Kea fact: a server whose HA hook is taken
off serves everything at once; one that has it and no partner takes over after max-response-delay).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.kea import guards, ha, hooks, hubs, pools
from reconciler.kea.locality import replicated
from reconciler.kea.objects import SUBNET, index, subnets_of
from reconciler.kea.stamps import read_departures, read_stamps, without_stamp
from reconciler.model import (
    Action,
    Authority,
    Change,
    Departure,
    FieldChange,
    Mode,
    Objection,
    OnRemove,
    Plan,
    Procedure,
    Relationship,
    RelationshipPlan,
    Role,
    ServerPlan,
    Service,
    Snapshot,
    Stage,
)
from reconciler.planning.diff import differences
from reconciler.planning.hub_rules import others_not_normal
from reconciler.planning.places import has_others
from reconciler.planning.remnants import Member, Remains, is_out
from reconciler.planning.removal_notes import notes
from reconciler.planning.risk import CLIENTS
from reconciler.planning.service import is_off
from reconciler.planning.silence import may_be_silenced

CODE = "remove-relationship"
_ORDER = (Role.BACKUP, Role.STANDBY, Role.SECONDARY, Role.PRIMARY)
_DROPPING = frozenset({"del", "fix-del"})  # values of sanity-checks.lease-checks with which leases go with their subnet


def plan_removal(remains: Remains) -> RelationshipPlan:
    """Return how a relationship that is not wanted any more is taken off its servers; nothing where it is already."""
    relationship = _relationship(remains)
    if remains.unreachable:
        return RelationshipPlan(
            relationship,
            Authority(None, f"it is to be removed: {remains.reason}"),
            objections=tuple(_told_already(remains)),
            unplanned=_waiting(remains),
            unreachable=remains.unreachable,
        )
    members = sorted(remains.members, key=lambda each: (_ORDER.index(each.peer.role), each.peer.name))
    if remains.is_gone:
        servers = tuple(ServerPlan(each.peer, each.snapshot) for each in members)
        return RelationshipPlan(relationship, Authority(None, "it is removed, as its file says"), servers=servers)
    stays = going_on(members)
    truth = Authority(stays.peer.server, f"it is to be removed: {remains.reason}; {stays.peer.server} goes on alone")
    names = frozenset(_names(members))
    servers = tuple(
        departed(remains.name, each, names, keeps_serving=each is stays) for each in members if _concerns(each, stays)
    )
    others = tuple(
        each.peer.server for each in members if each is not stays and may_be_silenced(each.peer, each.snapshot)
    )
    return RelationshipPlan(
        relationship,
        truth,
        Procedure.REMOVE,
        servers=servers,
        objections=tuple(_objections(remains, members, stays)),
        notes=tuple(notes(remains, members, stays)),
        stages=(
            Stage(
                tuple(server.peer.server for server in servers),
                others,
                needs_normal=False,
                covered_by=covered(others, stays.peer.server, stays.snapshot),
                released=tuple(each.peer.server for each in members if each is not stays and _may_be_off(each)),
            ),
        ),
    )


def _may_be_off(member: Member) -> bool:
    """Whether an earlier run that was cut off may have left a server switched off, which can't be told before Kea
    2.6.2. Since then the journal tells whose doing that is (see `recovery`), and a person's stays so.
    """
    return member.has_left and member.snapshot.disabled_by_user is None


def leaving(plan: Plan) -> Iterator[tuple[RelationshipPlan, ServerPlan]]:
    """Yield the servers that a plan takes out of a relationship, with that relationship's plan."""
    yield from ((each, server) for each in plan.relationships for server in each.servers if server.leaves)


def going_on(members: Sequence[Member]) -> Member:
    """Return the member that keeps serving alone: the primary, or, where it is not among them, the next in rank."""
    return max(members, key=lambda each: (_ORDER.index(each.peer.role), each.peer.name))


def covered(leaving: Sequence[str], primary: str, snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """Say who answers the clients of servers that leave, from before the first of them is touched until the primary is
    set itself; nobody has to where it serves them already.

    A load-balancing primary can answer everybody (ha-scopes), unless it doesn't hear its partner: it may be in
    communication-recovery then, and hold lease updates back.
    """
    view = snapshot.ha
    is_balancing = view is not None and view.state == ha.normal_state(Mode.LOAD_BALANCING, Role.PRIMARY)
    hears = view is not None and view.hears_partner
    return ((leaving[0], primary),) if leaving and is_balancing and hears else ()


def _concerns(member: Member, stays: Member) -> bool:
    """Whether a member is set: one that has left is once more, for its disk, as long as another is still in."""
    return not is_out(member) or member is not stays


def _waiting(remains: Remains) -> str:
    names = " and ".join(each.endpoint.server for each in remains.unreachable)
    return (
        f"{names} can't be reached; a server that keeps its part would take over as soon as it misses the others, so "
        "the removal waits. Take a server that is gone for good out of servers.yaml, and delete the relationship's file"
    )


def _relationship(remains: Remains) -> Relationship:
    peers = tuple(member.peer for member in remains.members)
    return Relationship(remains.name, remains.service, remains.mode, peers, is_absent=True)


def _names(members: Sequence[Member]) -> Iterator[str]:
    for member in members:
        yield member.peer.name
        block = block_of(member)
        yield from (str(peer.get("name")) for peer in (block or {}).get("peers") or ())


def block_of(member: Member) -> Mapping[str, Any] | None:
    """Return the entry that a member still has, None where it has none."""
    blocks, place = hooks.relationships_of(member.snapshot.config), member.snapshot.place
    return blocks[place] if place is not None and place < len(blocks) else None


# ----------------------------------------------------------------------------------------------- one server


def departed(relationship: str, member: Member, names: frozenset[str], *, keeps_serving: bool) -> ServerPlan:
    """Return what a server becomes that leaves a relationship; `names` are all its peers' names in Kea.

    One that keeps serving loses the HA hook's entry and its pools' guards; any other also what its on-remove says.
    """
    snapshot = member.snapshot
    service, on_remove = snapshot.endpoint.service, OnRemove.KEEP if keeps_serving else member.on_remove
    config: Mapping[str, Any] = snapshot.config
    if not is_out(member):
        config = {**config, "hooks-libraries": hooks.without_relationship(config, snapshot.place or 0)}
    config = pools.without_guards(config, service, names).config
    concerned = concerned_subnets(snapshot, names)
    if on_remove is OnRemove.DELETE:
        config = _without_subnets(config, service, concerned)
        if not has_others(snapshot) and not subnets_of(config, service.subnets):
            config = guards.silenced(config, relationship)  # it would refuse clients that reboot (see `guards`)
    shown = config
    if on_remove is OnRemove.DISABLE:
        config = guards.disabled(
            config,
            service,
            relationship,
            snapshot.version,
            concerns=lambda each: each.get("subnet") in concerned,
            may_drop=not has_others(snapshot),
        )
        shown = {**shown, "client-classes": config.get("client-classes") or []}
    # By its mark a hub's next set knows that what it keeps of this relationship is not to be replaced.
    is_marked = not keeps_serving or has_others(snapshot)
    config = without_stamp(config, relationship, _departure(relationship, member, on_remove) if is_marked else None)
    will = {OnRemove.DISABLE: False, OnRemove.KEEP: True}.get(on_remove)
    changes = _changes(relationship, member, shown, concerned, will_answer=will)
    return ServerPlan(member.peer, snapshot, tuple(changes), config, leaves=True)


def _departure(relationship: str, member: Member, on_remove: OnRemove) -> Departure:
    """Return the mark of a server that leaves, or the one that it has already."""
    block = block_of(member)
    for each in read_departures(member.snapshot.config) if block is None else ():
        if each.relationship == relationship:
            return each
    mode = next((each for each in Mode if block and each.value == block.get("mode")), Mode.HOT_STANDBY)
    return Departure(relationship, member.peer.name, on_remove, mode, member.peer.role)


def concerned_subnets(snapshot: Snapshot, names: frozenset[str]) -> frozenset[str]:
    """Return the prefixes of a server's subnets that a relationship with these peers is about.

    All of them, unless the server is in others as well: then those that the hook gives to one of the peers, by
    `ha-server-name` in the user-context of the subnet or its network (Kea manual, "Hub and Spoke Configuration").
    """
    subnets = snapshot.endpoint.service.subnets
    found = subnets_of(snapshot.config, subnets)
    if not has_others(snapshot):
        return frozenset(found)
    networks = {str(each.get("name")): each for each in snapshot.config.get(hubs.NETWORKS) or ()}
    owners = {
        prefix: hubs.tag_of(subnet) or hubs.tag_of(networks.get(str(name), {}))
        for prefix, (name, subnet) in found.items()
    }
    return frozenset(prefix for prefix, owner in owners.items() if owner in names)


def _without_subnets(config: Mapping[str, Any], service: Service, prefixes: frozenset[str]) -> dict[str, Any]:
    """Return a configuration without these subnets, and without the shared networks that only they were in."""
    key = service.subnets

    def kept(holder: Mapping[str, Any]) -> list[Any]:
        return [each for prefix, each in index(holder.get(key), SUBNET).items() if prefix not in prefixes]

    changed = {**config, key: kept(config)}
    networks = [{**each, key: kept(each)} for each in config.get("shared-networks") or ()]
    if networks:
        changed["shared-networks"] = [each for each in networks if each[key]]
    return changed


def answers_now(member: Member) -> bool:
    """Whether a server answers clients now, as far as it tells; in a relationship a standby and a backup don't."""
    view = member.snapshot.ha
    return is_out(member) or view is None or bool(view.scopes)


def _changes(
    relationship: str, member: Member, after: Mapping[str, Any], concerned: frozenset[str], *, will_answer: bool | None
) -> Iterator[Change]:
    """Yield what changes on a server that leaves; `will_answer` says what becomes of the clients of its subnets."""
    block, service = block_of(member), member.snapshot.endpoint.service
    path = (("relationship", relationship),)
    if block is None:
        done = FieldChange("removal", before="begun", after="finished")
        yield Change(Action.CHANGE, path, (done,))
    else:
        others = (f"{each.get('role')} {each.get('name')}" for each in block.get("peers") or ())
        yield Change(Action.DELETE, path, summary=", ".join([str(block.get("mode")), *others]))
    was_answered = True if answers_now(member) else "in another's place" if will_answer is False else False
    if concerned and will_answer is not None and was_answered is not will_answer:
        answers = FieldChange("answered", before=was_answered, after=will_answer)
        leases = leases_in(member.snapshot, concerned)
        yield Change(Action.CHANGE, ((CLIENTS, f"of {subnet_words(concerned)}"),), (answers,), leases=leases)
    before = replicated(member.snapshot.config, service)
    yield from (each.change for each in differences(before, _plain(after, service), service))


def _plain(config: Mapping[str, Any], service: Service) -> dict[str, Any]:
    return replicated({key: value for key, value in config.items() if value != [] or key != "client-classes"}, service)


def scope_words(snapshot: Snapshot, prefixes: frozenset[str]) -> str:
    """Return in words how many subnets, and leases in use in them, are concerned."""
    text, leases = subnet_words(prefixes), leases_in(snapshot, prefixes)
    return text if leases is None else f"{text} with {leases} active lease{'' if leases == 1 else 's'}"


def subnet_words(prefixes: frozenset[str]) -> str:
    """Return in words how many subnets are concerned: a part of what a plan does, unlike the leases of the moment."""
    return f"{len(prefixes)} subnet{'' if len(prefixes) == 1 else 's'}"


def leases_in(snapshot: Snapshot, prefixes: frozenset[str]) -> int | None:
    """Return how many leases are in use in subnets of a server, None where they were not counted."""
    if snapshot.active_leases is None:
        return None
    found = subnets_of(snapshot.config, snapshot.endpoint.service.subnets)
    ids = {int(subnet.get("id", 0)) for prefix, (_, subnet) in found.items() if prefix in prefixes}
    return sum(number for each, number in snapshot.active_leases.items() if each in ids)


def is_gone_as_planned(server: ServerPlan, live: Snapshot) -> bool:
    """Whether a server that was to leave has what was sent to it, and nothing of the relationship in force."""
    wanted, service = server.outgoing or {}, live.endpoint.service
    alike: tuple[Callable[[Mapping[str, Any]], Any], ...] = (
        hooks.relationships_of,
        read_stamps,
        read_departures,
        guards.is_silenced,
        lambda config: guards.guarded_subnets(config, service),
    )
    if any(part(live.config) != part(wanted) for part in alike):
        return False
    if len(live.views) != len(hooks.relationships_of(wanted)):
        return False
    mine, theirs = (replicated(guards.enabled(each, service), service) for each in (live.config, wanted))
    return not any(differences(mine, theirs, service))


# ----------------------------------------------------------------------------------------------- objections


def _told_already(remains: Remains) -> Iterator[Objection]:
    """Yield what is against a removal that waits, as far as the servers that can be read tell: not which states they
    are in, and nothing of one that may go on, unless the primary is among them.
    """
    stays = going_on(remains.members) if remains.members else None
    if stays is None or stays.peer.role is not Role.PRIMARY:
        yield from hazards(remains.members, None)
        return
    yield from _removing(remains, remains.members, stays)
    yield from hazards(remains.members, stays)
    yield from _silent_hub(stays)


def _objections(remains: Remains, members: Sequence[Member], stays: Member) -> Iterator[Objection]:
    yield from _removing(remains, members, stays)
    yield from hazards(members, stays)
    yield from not_normal(members)
    if stays.peer.role is Role.BACKUP and remains.strangers:
        others = " and ".join(f"{name} at {url}" for name, url in remains.strangers)
        yield Objection(
            "two-would-serve",
            f"{stays.peer.server}, a backup that answers nobody, would begin to serve, and {others}, of which "
            "servers.yaml knows nothing, may serve the same clients",
            "bring these back into servers.yaml; approve if none of them runs",
            object=stays.peer.server,
        )
    yield from _silent_hub(stays)
    for member in members:
        yield from others_not_normal(member.snapshot)


def _removing(remains: Remains, members: Sequence[Member], stays: Member) -> Iterator[Objection]:
    leaving_ones = [each for each in members if each is not stays]
    yield Objection(
        CODE,
        f"{remains.name} would be removed; {stays.peer.server} goes on alone" + "".join(map(fate, leaving_ones)),
        "approve if that is meant; if not, its file has to be there, without `state: absent`",
        object=remains.name,
    )
    if is_off(stays.snapshot):
        yield Objection(
            "nobody-would-serve",
            f"{stays.peer.server}, which is to go on alone, has its DHCP service switched off by dhcp-disable",
            f"run dhcp-enable on {stays.peer.server} first",
            object=stays.peer.server,
        )


def _silent_hub(stays: Member) -> Iterator[Objection]:
    """A hub that is to go on alone can't: Kea serves what no relationship has only by the only one that there is, and
    drops it where there are several (seen on 2.6.3 and 3.0.3).
    """
    config, place = stays.snapshot.config, stays.snapshot.place
    others = [block for position, block in enumerate(hooks.relationships_of(config)) if position != place]
    if not others or (len(others) == 1 and _is_primary_of(others[0])):
        return
    concerned = concerned_subnets(stays.snapshot, frozenset(_names([stays])))
    server, subnets = stays.peer.server, scope_words(stays.snapshot, concerned)
    why = f"is in {len(others)} others" if len(others) > 1 else "is the standby in its other one"
    yield Objection(
        "nobody-would-serve",
        f"{server}, which is to go on alone with {subnets}, {why}: Kea then answers none of their clients",
        f"move these subnets to another server first, or let {server} be the primary of its only other relationship",
        object=server,
    )


def _is_primary_of(block: Mapping[str, Any]) -> bool:
    own = (each for each in block.get("peers") or () if each.get("name") == block.get("this-server-name"))
    return any(each.get("role") == Role.PRIMARY for each in own)


def fate(member: Member) -> str:
    """Return in words, after a semicolon, what becomes of the clients of a server that leaves."""
    snapshot = member.snapshot
    concerned = concerned_subnets(snapshot, frozenset(_names([member])))
    is_serving = answers_now(member)
    words = {
        OnRemove.DISABLE: f"{'stops answering' if is_serving else 'is never to answer'} the clients of its",
        OnRemove.DELETE: "loses its",
        OnRemove.KEEP: "goes on serving its" if is_serving else "begins to serve its",
    }[member.on_remove]
    return f"; {member.peer.server} {words} {scope_words(snapshot, concerned)}"


def hazards(members: Sequence[Member], stays: Member | None) -> Iterator[Objection]:
    """Yield what would become of leases when these servers leave, of which one may go on."""
    for member in members:
        server, config = member.peer.server, member.snapshot.config
        database = config.get("lease-database") or {}
        if database.get("type", "memfile") == "memfile" and database.get("persist") is False:
            yield Objection(
                "leases-not-persistent",
                f"{server} keeps its leases in memory only (persist: false): setting its configuration drops them",
                "set persist to true on that server; approve if its leases may be lost",
                object=server,
            )
        checks = (config.get("sanity-checks") or {}).get("lease-checks")
        if member.on_remove is OnRemove.DELETE and member is not stays and checks in _DROPPING:
            yield Objection(
                "leases-would-go",
                f"{server} has lease-checks {checks}, with which its leases go together with their subnets",
                f"set sanity-checks.lease-checks to warn on {server}; approve if its leases may be lost",
                object=server,
            )


def not_normal(members: Sequence[Member]) -> Iterator[Objection]:
    """Yield which servers, as they are now, may hold leases that the others don't know."""
    inside = [each for each in members if not is_out(each)]
    if len(inside) < 2:
        return  # whoever is left alone can't be normal
    for member in inside:
        view, server = member.snapshot.ha, member.peer.server
        if view is None:
            continue
        modes = {mode.value: mode for mode in Mode}
        normal = ha.normal_state(modes[view.mode], member.peer.role) if view.mode in modes else view.state
        if view.state != normal:
            yield Objection(
                "partner-not-normal",
                f"{server} is in state {view.state}, not {normal}: leases may not have reached the server that goes on",
                "wait until all servers are in their normal state (`kea-reconciler status`), then plan again",
                object=server,
            )
        elif view.partner and not view.partner.is_heard:
            yield Objection(
                "out-of-touch",
                f"{server} is out of touch with its partner: leases may not have reached the server that goes on",
                "mend the connection between the servers first",
                object=server,
            )
