"""A primary that is back: what moved while it was away, and whether it may be the truth again.

Told from the servers and their stamps alone, so that a daemon that was restarted, or runs on another host, sees the
same.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from reconciler.model import Action, Cause, Change, Objection, OnPrimaryReturn, Relationship, ServerPlan
from reconciler.planning import wanted
from reconciler.planning.authority import acting
from reconciler.planning.guard import Case, promoting, promotion
from reconciler.planning.remembered import fingerprint_with
from reconciler.planning.server_plan import stamp_of
from reconciler.planning.witness import has_witnessed, is_as_started, is_put_back

HELD, OLDER = "partner-changed", "authority-older"
_OF_THE_RELATIONSHIP = frozenset({"relationship", "hook", "clients"})  # kinds of objects that are no DHCP data


class Moved(StrEnum):
    """Which of primary and partner has other data than they had alike last."""

    NEITHER = "neither"
    PRIMARY = "primary"
    PARTNER = "partner"
    BOTH = "both"
    UNKNOWN = "unknown"


def data_changes(server: ServerPlan) -> tuple[Change, ...]:
    """Return the changes of a server's plan that are to DHCP data."""
    return tuple(change for change in server.changes if change.path[0][0] not in _OF_THE_RELATIONSHIP)


def moved(relationship: Relationship, server: ServerPlan, primary: str) -> Moved:
    """Say who moved away from what was last replicated; `server` is the partner's plan with the primary, whose server
    has the name `primary`, as authority.

    It is unknown where the partner's stamp does not tell: there is none, or it may have aged.
    """
    changes = data_changes(server)
    stamp = stamp_of(relationship, server.snapshot)
    if not changes:
        return Moved.NEITHER
    if stamp is None:
        return Moved.UNKNOWN
    movers = {name for change in changes for name in change.moved}
    if stamp.may_age and not all(change.moved for change in changes):
        return Moved.UNKNOWN
    has_partner, has_primary = server.peer.server in movers, primary in movers
    if has_partner:
        return Moved.BOTH if has_primary else Moved.PARTNER
    return Moved.PRIMARY if has_primary else Moved.NEITHER


def objections(case: Case) -> Iterator[Objection]:
    """Yield why the authority's data must not be replicated before a person has looked."""
    if case.is_promoted or case.relationship.earlier is not None:  # a person has looked
        return
    yield from _anew(case) or _older(case)
    if case.relationship.on_primary_return is not OnPrimaryReturn.HOLD:
        return
    for server, giver in _given_by_others(case):
        yield Objection(
            HELD,
            f"{_given(case, server, giver)}, and on-primary-return is hold",
            f"{_taken_over(case, giver)}; approve to overwrite what {server} has",
            object=server,
        )
    partner = _partner_plan(case)
    if partner is None:
        return
    primary = case.authority.endpoint.server
    said = _HELD.get(moved(case.relationship, partner, primary))
    if said is not None and wanted.block_of(partner.snapshot) is not None:
        names = {"primary": primary, "partner": partner.peer.server}
        yield Objection(
            HELD,
            f"{said.format(**names)}, and on-primary-return is hold",
            f"`{promotion(case.relationship)}` takes what {partner.peer.server} has over to {primary}; "
            "approve to overwrite it",
            object=partner.peer.server,
        )


_HELD = {
    Moved.PARTNER: "{partner} and not {primary} was changed since the last replication",
    Moved.BOTH: "{primary} and {partner} were both changed since the last replication",
    Moved.UNKNOWN: "whether {partner} was changed since the last replication can't be told",
}


def notes(case: Case) -> Iterator[str]:
    """Yield what of the partner's own the authority would overwrite, and what would take it over instead."""
    partner = _partner_plan(case)
    if case.is_promoted:
        primary = _acting(case).primary.server
        yield f"{case.authority.endpoint.server} is the truth in this plan alone: what {primary} has is overwritten"
    if case.relationship.earlier is not None:
        return
    if case.is_promoted or case.relationship.on_primary_return is not OnPrimaryReturn.PRIMARY:
        return
    for server, giver in _given_by_others(case):
        yield (
            f"{_given(case, server, giver)}: apply overwrites that, which `kea-reconciler rollback "
            f"{case.relationship.name} --to ID` brings back afterwards; {_taken_over(case, giver)}"
        )
    if partner is None:
        return
    primary, name = case.authority.endpoint.server, partner.peer.server
    found = moved(case.relationship, partner, primary)
    if found is Moved.PARTNER:
        yield f"{name} was changed since the last replication, {primary} was not: {_overwritten(case, name)}"
    # Else nothing was replicated to it yet, as where two are taken over that a person made.
    is_in = wanted.block_of(partner.snapshot) is not None and any(
        stamp_of(case.relationship, each) is not None for each in case.snapshots.values()
    )
    due = Cause.GIT if stamp_of(case.relationship, partner.snapshot) is None else None
    if found is Moved.UNKNOWN and is_in and _takes_away(partner, but=due):
        yield f"whether {name} was changed since the last replication can't be told: {_overwritten(case, name)}"
    if found is Moved.BOTH:
        yield f"{primary} and {name} were both changed since the last replication: {_overwritten(case, name)}"


def _given_by_others(case: Case) -> Iterator[tuple[str, str]]:
    """Yield the servers that are to lose what they were given while another one was the authority, with that one: where
    it isn't set itself, which tells of it.
    """
    told = {each.peer.server for each in case.written} | {case.authority.endpoint.server}
    for server in case.written:
        movers = [name for change in data_changes(server) for name in change.moved]
        giver = next((name for name in movers if name not in told), None)
        if giver is not None:
            yield server.peer.server, giver


def _given(case: Case, server: str, giver: str) -> str:
    return f"{server} has what it was given from {giver}, and not what {case.authority.endpoint.server} has"


def _taken_over(case: Case, giver: str) -> str:
    """Say how the data of a server that gave them to another one could become everybody's, which takes that server."""
    partner = _acting(case).partner
    if giver in case.snapshots:
        return f"{giver} has other data by now"
    if partner is None or giver != partner.server:
        return f"what {giver} has by now is seen when it is back"
    return f"once {giver} is back, `{promotion(case.relationship)}` takes what it has over"


def _overwritten(case: Case, partner: str) -> str:
    """Say what becomes of what the partner has, and both ways to have it again; the journal gives the ID."""
    back = f"`kea-reconciler rollback {case.relationship.name} --to ID` brings back afterwards"
    return f"apply overwrites what {partner} has, which {back}; `{promotion(case.relationship)}` takes it over instead"


def _partner_plan(case: Case) -> ServerPlan | None:
    """Return the plan of the partner where it is to get the primary's data: of the two that have these roles now."""
    works = _acting(case)
    if works.partner is None or case.authority.endpoint.server != works.primary.server:
        return None
    return next((server for server in case.written if server.peer.server == works.partner.server), None)


def _acting(case: Case) -> Relationship:
    return acting(case.relationship, case.snapshots)


def _anew(case: Case) -> list[Objection]:
    """An authority that shows nothing of the relationship, neither an entry nor a stamp, while the stamp of a server
    that follows says that it stands: it was installed anew, from whatever file. None where it would take nothing away.
    """
    source = case.authority
    if wanted.block_of(source) is not None or stamp_of(case.relationship, source) is not None:
        return []
    name = source.endpoint.server
    for server in case.written:
        is_standing = stamp_of(case.relationship, server.snapshot) is not None
        if is_standing and any(each.action is not Action.ADD for each in data_changes(server)):
            told = f"{name} has no HA entry and no stamp of this relationship, as if it were installed anew, and would "
            told += f"take from {server.peer.server} what that has"
            way = f"{promoting(case, server)}approve if what {name} has is meant"
            return [Objection(OLDER, told, way, object=name)]
    return []


def _older(case: Case) -> Iterator[Objection]:
    """A daemon that has what was in its file when it started, which was replicated from it once and is not the last:
    it came back with an old file, or with one to which a later change was never written. One that lived through the
    last replication was brought to what it has by commands; one whose memory is older was put back with it.

    What went by single commands that leave the stamp as it is, is in none, and nothing tells whether a daemon was
    started since: it may have been.
    """
    source, relationship = case.authority, case.relationship
    name, is_new = source.endpoint.server, is_as_started(source)
    for server in case.written:
        follower, stamp = server.peer.server, stamp_of(relationship, server.snapshot)
        if stamp is None or not data_changes(server):
            continue
        is_back = is_put_back(relationship, source, server.snapshot)
        if not is_back and (not is_new or has_witnessed(relationship, source, server.snapshot)):
            continue  # somebody set it, or commands brought it to what it has
        known = {*stamp.earlier, *((stamp.fingerprints.whole,) if stamp.may_age else ())}
        version = stamp.version or server.snapshot.version
        if (stamp.earlier and fingerprint_with(stamp.local, relationship, source, version) in known) or any(
            fingerprint_with(former.local, relationship, source, former.version) in former.fingerprints
            for former in stamp.former
        ):
            came = "was put back, with its memory, to" if is_back else "was started with"
            yield Objection(
                OLDER,
                f"{name} {came} what it had before the last replication to {follower}",
                f"{promoting(case, server)}approve if the older is meant",
                object=name,
            )
            return
        if is_new and stamp.may_age and _takes_away(server):
            yield Objection(
                OLDER,
                f"{name} has what it was started with, and would take from {follower} what that has; nothing there "
                "tells whether single commands brought it, and what they brought since may be newer",
                "look at the plan's deletions and changes; approve if they are meant",
                object=name,
            )
            return


def _takes_away(server: ServerPlan, *, but: Cause | None = None) -> bool:
    """Whether a plan deletes or changes data of a server that nobody is known to have put there behind our back, with
    another cause than this one.
    """
    name, found = server.peer.server, data_changes(server)
    return any(each.action is not Action.ADD and name not in each.moved and each.cause is not but for each in found)
