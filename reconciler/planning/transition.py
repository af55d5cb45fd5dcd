"""How a standing relationship gets from what its servers have to what is desired: the stages, and their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from reconciler.kea import ha
from reconciler.kea.objects import subnets_of
from reconciler.kea.single_commands import busy_seconds
from reconciler.model import Disruption, Mode, Relationship, Role, ServerPlan, Stage
from reconciler.planning import wanted
from reconciler.planning.method import choose
from reconciler.planning.service import is_off, why_unable
from reconciler.planning.silence import may_be_silenced
from reconciler.planning.standing import SEVERING, Aspect, is_torn, main_of, standing, turned_over

_NORMAL = frozenset({"load-balancing", "hot-standby", "passive-backup"})


def stages(relationship: Relationship, servers: Sequence[ServerPlan]) -> Iterator[Stage]:
    """Yield the stages in which the servers that change are changed; `servers` are in safe order.

    Backups are changed first and each on its own, and so is every server where both sides understand each other in
    between. Where they would not, the servers that answer clients, or would in another's place, are changed together.
    """
    changing = [server for server in servers if server.changes]
    named = {peer.server for peer, _ in main_of(relationship, [(each.peer, each.snapshot) for each in servers])}
    main = [server for server in servers if server.peer.server in named]
    is_cut = _is_torn(relationship, main, SEVERING)
    is_ready = not is_cut and not any(wanted.is_broken(server.snapshot) for server in servers)
    needed = [] if is_cut else [server for server in changing if not wanted.is_broken(server.snapshot)]
    for server in changing:
        if server not in main:
            alone = _alone(server, needs_normal=server in needed)
            yield _gently(server, replace(alone, method=Disruption.NONE, because="it is a backup"))
    changing = [server for server in changing if server in main]
    aspects = _aspects(relationship, changing)
    if aspects & SEVERING:
        yield _together(relationship, changing, main, aspects, is_cut=is_cut, is_ready=is_ready)
    elif aspects and is_ready and all(_of(relationship, server) is not Role.BACKUP for server in main):
        yield _relayed(relationship, changing, main)
    else:
        for server in changing:
            alone = _alone(server, needs_normal=server in needed)
            yield _gently(server, _with_method(relationship, alone, server, main) if is_ready else alone)


def _alone(server: ServerPlan, *, needs_normal: bool) -> Stage:
    """Change one server, from normal to normal; a new backup is silenced until it is one.

    A server whose hook is not in force is mended whatever the others say: that it is broken is why they complain.
    """
    name = server.peer.server
    is_new = wanted.block_of(server.snapshot) is None
    return Stage((name,), (name,) if is_new and _may_be_silenced(server) else (), needs_normal=needs_normal)


def _gently(server: ServerPlan, stage: Stage) -> Stage:
    """Change a server by commands where that can be, and as `stage` says where they fail. Its HA goes on as it is, so
    it may be in any state.
    """
    if not server.commands:
        return stage
    because = _of_commands(server)
    return Stage(stage.servers, needs_normal=False, method=Disruption.NONE, because=because, otherwise=stage)


def _of_commands(server: ServerPlan) -> str:
    number = len(server.commands)
    subnets = subnets_of(server.snapshot.config, server.snapshot.endpoint.service.subnets)
    seconds = busy_seconds(server.commands, len(subnets))
    work = f", about {seconds:.0f} s of work for Kea" if seconds >= 1 else ""
    return f"{number} command{'' if number == 1 else 's'} for single objects{work}; its HA goes on"


def _with_method(relationship: Relationship, stage: Stage, server: ServerPlan, main: Sequence[ServerPlan]) -> Stage:
    """Say how the clients of a server that is changed alone are kept from noticing, and who answers them meanwhile."""
    view = server.snapshot.ha
    others = [other for other in main if other is not server and _of(relationship, other) is not Role.BACKUP]
    hindrance = next(filter(None, map(_why_unable, others)), None)
    choice = choose(
        _mode(relationship, server),
        serves=view is not None and bool(view.scopes) and not is_off(server.snapshot),
        is_covered=bool(others) and stage.needs_normal and hindrance is None,
        is_dedicated=any(_listens_itself(each) for each in main),
    )
    is_handed_over = choice.method is Disruption.HAND_OVER
    return replace(
        stage,
        covered_by=((server.peer.server, others[0].peer.server),) if is_handed_over else (),
        method=choice.method,
        because=hindrance if hindrance and choice.method is Disruption.RESTART else choice.because,
        pauses=choice.pauses and _may_be_silenced(others[0]),
    )


def _why_unable(server: ServerPlan) -> str | None:
    """Return why a server can't answer another's clients, None where it can."""
    why = why_unable(server.snapshot)
    return f"{server.peer.server} can't answer for it: it {why}" if why else None


def _listens_itself(server: ServerPlan) -> bool:
    block = wanted.block_of(server.snapshot)
    return block is not None and wanted.listens_itself(ha.normal_form(block, server.snapshot.version), server.snapshot)


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
    covers = covers and why_unable(last.snapshot) is None
    return Stage(
        tuple(names),
        silenced=tuple(server.peer.server for server in ordered[:-1] if _may_be_silenced(server)),
        needs_normal=is_ready,
        covered_by=((names[0], names[-1]),) if covers else (),
        released=tuple(_untold(main)) if is_cut else (),
        reason=_because(aspects) if len(names) > 1 else "",
    )


def _relayed(relationship: Relationship, changing: Sequence[ServerPlan], main: Sequence[ServerPlan]) -> Stage:
    """Change roles, in which two servers understand each other in between and would both serve one scope, or neither.

    So each is set while the other serves all of it by ha-scopes. In hot-standby the primary gives up its role first:
    in between there are two standbys, of which one serves, and never two primaries that both do.

    In load-balancing two primaries have one half of the clients for their own. So who answers for the other must not
    fall back to its own: with HA listeners of their own it is off as well for the moment of the set, since a lease
    update that fails would have it do so (communication-recovery), and nobody widens it again where we are killed.
    """
    ordered = sorted(changing, key=lambda server: not _is_primary_now(relationship, server))
    is_balancing = _mode(relationship, ordered[-1]) is Mode.LOAD_BALANCING
    if is_balancing:
        ordered.reverse()
    names = tuple(server.peer.server for server in ordered)
    everyone = [server.peer.server for server in main]
    partners = {name: next(other for other in everyone if other != name) for name in names}
    reason = _because({Aspect.ROLES}) if len(names) > 1 else ""
    released = () if reason else tuple(_maybe_off(main))  # an earlier run may have come half way
    unable = {server.peer.server for server in main if why_unable(server.snapshot)}.difference(released)
    because = "each answers for the other meanwhile"
    if unable:
        because = f"{' and '.join(sorted(unable))} can't answer for the other: its DHCP service is off, or not ready"
    return Stage(
        names,
        covered_by=tuple((name, by) for name, by in partners.items() if by not in unable),
        released=released,
        in_turn=len(names) > 1,
        reason=reason,
        method=Disruption.HAND_OVER,
        because=because,
        pauses=is_balancing and any(map(_listens_itself, main)),
    )


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


def _maybe_off(servers: Sequence[ServerPlan]) -> Iterator[str]:
    """Yield the servers whose DHCP service is off or, before Kea 2.6.2, may be: one has to serve now for the other."""
    found = (server for server in servers if _may_be_silenced(server))
    yield from (server.peer.server for server in found if server.snapshot.disabled_by_user is not False)


def _untold(servers: Sequence[ServerPlan]) -> Iterator[str]:
    """Yield the servers of which nobody can tell, before Kea 2.6.2, whether their DHCP service is off.

    Of one that says so since, the journal tells whether a run of ours did it (see `recovery`); a person's stays off.
    """
    found = (server for server in servers if _may_be_silenced(server))
    yield from (server.peer.server for server in found if server.snapshot.disabled_by_user is None)


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
    serves = serves and not is_off(server.snapshot)
    return serves and bool(view and view.scopes), _is_primary_now(relationship, server)
