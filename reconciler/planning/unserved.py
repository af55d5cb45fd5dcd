"""Would anybody answer the clients? Objections to giving them to a server that can't."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.kea import guards
from reconciler.model import Mode, Objection, Procedure, Role, Snapshot
from reconciler.planning import service
from reconciler.planning.guard import Case
from reconciler.planning.standing import main_of, own_scopes, standing
from reconciler.planning.wanted import block_of


def objections(case: Case) -> Iterator[Objection]:
    """Yield why clients would be left without an answer that have one now."""
    yield from _nobody_would_serve(case)
    yield from _disabled_primary(case)
    yield from _left_off(case)


def _nobody_would_serve(case: Case) -> Iterator[Objection]:
    """A server that is to answer more clients than it does now must be able to; HA doesn't ask whether it is."""
    ours = {name for stage in case.stages for name in stage.released}
    for peer, snapshot in case.read:
        why, share = service.why_unable(snapshot), _share(case.relationship.mode, peer.role)
        before = 0.0
        if block_of(snapshot) is not None:
            before = _share(*standing(case.relationship, peer, snapshot))
        if why is not None and share > before and peer.server not in ours:
            yield Objection(
                "nobody-would-serve",
                f"{peer.server}, which is to answer {'all' if share == 1 else 'half of the'} clients, {why}",
                service.remedy(snapshot),
                object=peer.server,
            )


def _disabled_primary(case: Case) -> Iterator[Objection]:
    """A server that was disabled when it left answers nobody until its own set, the last; the others stop before."""
    if case.procedure is not Procedure.CREATE or case.relationship.is_spoke:
        return
    off = {peer.server for peer, snapshot in case.read if _is_disabled(snapshot)}
    primary, serving = case.relationship.primary.server, [p.server for p, _ in case.read if p.server not in off]
    if primary in off and serving:
        others = " and ".join(serving)
        yield Objection(
            "nobody-would-serve",
            f"{primary}, which is to be the primary, was disabled when it left its relationship; {others} served since "
            f"then, would be switched off before {primary} answers anybody, and would get the data of {primary}, which "
            "know of no change since",
            f"make {serving[-1]} the primary, apply that, and swap the roles after; approve if the data of {primary} "
            "are the right ones",
            object=primary,
        )


def _left_off(case: Case) -> Iterator[Objection]:
    """A server that is off, and whom another answers for as long as its HA state stays, or who is off too, as when an
    apply of another host was cut off. A set ends both that answering and the time after which Kea switches it on.
    """
    if case.procedure is not Procedure.MODIFY or not any(stage.sets for stage in case.stages):
        return
    main = main_of(case.relationship, case.read)
    released = {name for stage in case.stages for name in stage.released}
    for peer, snapshot in main:
        if not service.is_off(snapshot) or peer.server in released:
            continue
        server = peer.server
        for other, partner in main:
            if other is peer:
                continue
            if service.is_off(partner):
                why = f"{server} and {other.server} have their DHCP service switched off by dhcp-disable"
            elif partner.ha is not None and set(partner.ha.scopes) - set(own_scopes(partner)):
                why = f"{server} has its DHCP service switched off by dhcp-disable, and {other.server} answers for it"
            else:
                continue
            yield Objection(
                "nobody-would-serve",
                f"{why}, as when an apply was cut off; after a set that would stay off, and nobody answer its clients",
                f"apply again in a minute, after which Kea ends what an apply left; else {service.remedy(snapshot)}",
                object=server,
            )


def _is_disabled(snapshot: Snapshot) -> bool:
    return guards.is_guarded(snapshot.config, snapshot.endpoint.service)


def _share(mode: Mode, role: Role) -> float:
    """How many of the clients a server of this role answers while all is well."""
    if role in {Role.STANDBY, Role.BACKUP}:
        return 0.0
    return 0.5 if mode is Mode.LOAD_BALANCING else 1.0
