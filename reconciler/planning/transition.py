"""How a standing relationship gets from what its servers have to what is desired: the stages, and their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from reconciler.model import Mode, Relationship, Role, ServerPlan, Stage
from reconciler.planning import wanted
from reconciler.planning.silence import may_be_silenced
from reconciler.planning.standing import SEVERING, Aspect, is_main, is_torn, standing, turned_over

_NORMAL = frozenset({"load-balancing", "hot-standby", "passive-backup"})


def stages(relationship: Relationship, servers: Sequence[ServerPlan]) -> Iterator[Stage]:
    """Yield the stages in which the servers that change are changed; `servers` are in safe order.

    Backups are changed first and each on its own, and so is every server where both sides understand each other in
    between. Where they would not, the servers that answer clients, or would in another's place, are changed together.
    """
    changing = [server for server in servers if server.changes]
    main = [server for server in servers if is_main(relationship, server.peer, server.snapshot)]
    is_cut = _is_torn(relationship, main, SEVERING)
    is_ready = not is_cut and not any(wanted.is_broken(server.snapshot) for server in servers)
    needed = [] if is_cut else [server for server in changing if not wanted.is_broken(server.snapshot)]
    yield from (_alone(server, needs_normal=server in needed) for server in changing if server not in main)
    changing = [server for server in changing if server in main]
    aspects = _aspects(relationship, changing)
    if aspects & SEVERING:
        yield _together(relationship, changing, main, aspects, is_cut=is_cut, is_ready=is_ready)
    elif aspects and is_ready and all(_of(relationship, server) is not Role.BACKUP for server in main):
        yield _relayed(relationship, changing, main)
    else:
        for server in changing:
            alone = _alone(server, needs_normal=server in needed)
            yield replace(alone, covered_by=_cover(relationship, server, main)) if is_ready else alone


def _alone(server: ServerPlan, *, needs_normal: bool) -> Stage:
    """Change one server, from normal to normal; a new backup is silenced until it is one.

    A server whose hook is not in force is mended whatever the others say: that it is broken is why they complain.
    """
    name = server.peer.server
    is_new = wanted.block_of(server.snapshot) is None
    return Stage((name,), (name,) if is_new and _may_be_silenced(server) else (), needs_normal=needs_normal)


def _cover(relationship: Relationship, server: ServerPlan, main: Sequence[ServerPlan]) -> tuple[tuple[str, str], ...]:
    """Say who answers the clients of a server whose entry of the HA hook is changed; nobody where it has none, or
    there is none that could. What is replicated alone is set without.
    """
    is_restructured = any(change.path[0][0] == "relationship" for change in server.changes)
    view = server.snapshot.ha
    others = [other for other in main if other is not server and _of(relationship, other) is not Role.BACKUP]
    if not is_restructured or view is None or not view.scopes or not others:
        return ()
    return ((server.peer.server, others[0].peer.server),)


def _together(
    relationship: Relationship,
    changing: Sequence[ServerPlan],
    main: Sequence[ServerPlan],
    aspects: Set[Aspect],
    *,
    is_cut: bool,
    is_ready: bool,
) -> Stage:
    """Change servers that don't understand each other in between, without a wait between them.

    The one that serves goes last, so that it serves until its own set, in load-balancing for the others as well (Kea
    leaves it in its state while its partner waits). The others are silenced: unheard for max-response-delay they would
    take over. A hub can't be: it goes last, whoever serves, and answers the clients of the one that is silenced until
    then. Where the servers are at odds already, an earlier run may have left one of them silenced.
    """
    ordered = sorted(changing, key=lambda server: (not _may_be_silenced(server), *_serves(relationship, server)))
    names = [server.peer.server for server in ordered]
    last = ordered[-1]
    is_serving = _serves(relationship, ordered[0])[0]
    covers = len(names) > 1 and is_ready and (is_serving or _mode(relationship, last) is Mode.LOAD_BALANCING)
    return Stage(
        tuple(names),
        silenced=tuple(server.peer.server for server in ordered[:-1] if _may_be_silenced(server)),
        needs_normal=is_ready,
        covered_by=((names[0], names[-1]),) if covers else (),
        released=tuple(_switched_off(main)) if is_cut else (),
        reason=_because(aspects) if len(names) > 1 else "",
    )


def _relayed(relationship: Relationship, changing: Sequence[ServerPlan], main: Sequence[ServerPlan]) -> Stage:
    """Change roles, in which two servers understand each other in between and would both serve one scope, or neither.

    So each is set while the other serves all of it by ha-scopes. In hot-standby the primary gives up its role first:
    in between there are two standbys, of which one serves, and never two primaries that both do.
    """
    ordered = sorted(changing, key=lambda server: not _is_primary_now(relationship, server))
    if _mode(relationship, ordered[-1]) is Mode.LOAD_BALANCING:
        ordered.reverse()
    names = tuple(server.peer.server for server in ordered)
    everyone = [server.peer.server for server in main]
    partners = {name: next(other for other in everyone if other != name) for name in names}
    reason = _because({Aspect.ROLES}) if len(names) > 1 else ""
    return Stage(names, covered_by=tuple(partners.items()), in_turn=len(names) > 1, reason=reason)


def _may_be_silenced(server: ServerPlan) -> bool:
    return may_be_silenced(server.peer, server.snapshot)


def _because(aspects: Set[Aspect]) -> str:
    words = " and ".join([each.value for each in Aspect if each in aspects])
    if aspects & SEVERING:
        return f"with different {words} they would lose each other in between"
    return f"with different {words} both would serve the same clients, or neither; each serves all while another is set"


def _aspects(relationship: Relationship, servers: Sequence[ServerPlan]) -> frozenset[Aspect]:
    found = (turned_over(relationship, server.peer, server.snapshot) for server in servers)
    return frozenset().union(*found)


def _is_torn(relationship: Relationship, servers: Sequence[ServerPlan], by: Set[Aspect]) -> bool:
    return is_torn(relationship, [(server.peer, server.snapshot) for server in servers], by=by)


def _switched_off(servers: Sequence[ServerPlan]) -> Iterator[str]:
    """Yield the servers whose DHCP service is off or, before Kea 2.6.2, may be, and not by a person for sure."""
    found = (server for server in servers if _may_be_silenced(server))
    yield from (server.peer.server for server in found if server.snapshot.disabled_by_user is not False)


def _of(relationship: Relationship, server: ServerPlan) -> Role:
    return standing(relationship, server.peer, server.snapshot)[1]


def _mode(relationship: Relationship, server: ServerPlan) -> Mode:
    return standing(relationship, server.peer, server.snapshot)[0]


def _is_primary_now(relationship: Relationship, server: ServerPlan) -> bool:
    return _of(relationship, server) is Role.PRIMARY


def _serves(relationship: Relationship, server: ServerPlan) -> tuple[bool, bool]:
    """How much would be lost with a server now: whether it serves, and whether it is the primary."""
    view = server.snapshot.ha
    serves = view is not None and view.state in _NORMAL | {"partner-down", "communication-recovery"}
    return serves and bool(view and view.scopes), _is_primary_now(relationship, server)
