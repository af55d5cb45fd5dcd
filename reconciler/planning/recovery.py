"""What earlier runs left behind on the servers of a relationship, and what puts it right.

What the servers themselves tell is believed first, so that any management host can put it right: who serves other than
its own scopes while both are well. The journal is needed for what they don't tell: whose doing it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from reconciler.kea import ha, hooks
from reconciler.kea.locality import replicated
from reconciler.kea.stamps import read_departures, read_stamps
from reconciler.model import (
    ABSENT,
    Action,
    Authority,
    Change,
    Leftover,
    Live,
    Mend,
    Mode,
    Peer,
    Plan,
    Procedure,
    Relationship,
    RelationshipPlan,
    Remedy,
    Role,
    RunRecord,
    ServerPlan,
    Service,
    Snapshot,
)
from reconciler.model.moments import moment
from reconciler.planning import service, wanted
from reconciler.planning.diff import differences
from reconciler.planning.places import located, with_live_hubs
from reconciler.planning.pretence import judged
from reconciler.planning.scenes import IN_MAINTENANCE, PARTNER_DOWN, PARTNER_IN_MAINTENANCE, Operation
from reconciler.planning.service import is_silenced_still
from reconciler.planning.silence import may_be_silenced
from reconciler.planning.standing import SEVERING, Aspect, is_torn, own_scopes, standing

LiveWorld = Mapping[tuple[str, Service], Live]
_MAINTENANCE = frozenset({IN_MAINTENANCE, PARTNER_IN_MAINTENANCE})
PASSING = frozenset({"out-of-touch", "partner-not-normal"})  # objections that end by themselves after a run was cut off


class Class(Enum):
    """What a server runs, held against what was begun on it."""

    OLD = "what it had before"
    PLANNED = "what was planned"
    THIRD = "something else"


def with_recovery(plan: Plan, live: LiveWorld, left: Sequence[Leftover], beside: Iterable[Relationship] = ()) -> Plan:
    """Return the plan with what is to be put right of what earlier runs left open, and with relationships that nobody
    describes any more, or that were not asked for (`beside`), where something of them is.
    """
    known = {(each.relationship.name, each.relationship.service) for each in plan.relationships}
    unasked = {(each.name, each.service): each for each in beside if not each.is_absent}
    strays = {(each.relationship, each.service): each for each in left if each.is_owed}
    lost = [_stray(each) for key, each in sorted(strays.items()) if key not in known | unasked.keys()]
    lost += [_unasked(each, live) for key, each in unasked.items() if key not in known]
    plans = [_recovering(each, live, of(each.relationship, left)) for each in plan.relationships]
    plans += [each for each in (_recovering(each, live, of(each.relationship, left)) for each in lost) if each.mends]
    return replace(plan, relationships=tuple(sorted(plans, key=_name)))


def mends_alone(plan: Plan, why: str) -> Plan:
    """Return of a plan only what is to be put right. `why` is told of a relationship on which more is due."""
    return replace(plan, relationships=tuple(mended_alone(each, why) for each in plan.relationships if each.mends))


def mended_alone(plan: RelationshipPlan, why: str | None = None) -> RelationshipPlan:
    """Return of a relationship's plan only what is to be put right; `why` is told where more is due, if anything."""
    return replace(
        plan,
        procedure=Procedure.NOTHING,
        servers=tuple(replace(each, changes=(), outgoing=None, commands=()) for each in plan.servers),
        objections=(),
        withheld=why if plan.has_changes else None,
        stages=(),
        foresight=(),
        elsewhere=(),
    )


def _name(plan: RelationshipPlan) -> tuple[str, Service]:
    return plan.relationship.name, plan.relationship.service


def of(relationship: Relationship, left: Sequence[Leftover]) -> list[Leftover]:
    """Return what is open on servers of a relationship because of it."""
    return [each for each in left if (each.relationship, each.service) == (relationship.name, relationship.service)]


def _stray(leftover: Leftover) -> RelationshipPlan:
    relationship = Relationship(leftover.relationship, leftover.service, leftover.mode, leftover.peers, is_absent=True)
    return RelationshipPlan(relationship, Authority(None, "nobody describes this relationship any more"))


def _unasked(relationship: Relationship, live: LiveWorld) -> RelationshipPlan:
    read = [(peer, live.get((peer.server, relationship.service))) for peer in relationship.peers]
    servers = tuple(ServerPlan(peer, located(relationship, each)) for peer, each in read if isinstance(each, Snapshot))
    why = "it was not asked for, and shares a server with what was"
    return RelationshipPlan(relationship, Authority(None, why), servers=servers)


def _recovering(plan: RelationshipPlan, live: LiveWorld, left: Sequence[Leftover]) -> RelationshipPlan:
    found = seen(plan.relationship, live, left)
    due = tuple(mends(plan.relationship, found, left))
    return replace(
        plan,
        servers=plan.servers or tuple(_to_be_mended(plan.relationship, found) if due else ()),
        mends=due,
        left=tuple(left),
        notes=(*plan.notes, *_notes(plan, found, left)),
    )


def _to_be_mended(relationship: Relationship, found: Mapping[str, Snapshot]) -> Iterator[ServerPlan]:
    """Yield the servers of a relationship for which nothing could be planned, as far as they were read."""
    for peer in relationship.peers:
        if peer.server in found:
            yield ServerPlan(peer, found[peer.server], is_compared=False)


def seen(relationship: Relationship, live: LiveWorld, left: Sequence[Leftover]) -> dict[str, Snapshot]:
    """Return what was read of the servers of a relationship, and of those on which something of it is left open, as
    the relationship sees them.
    """
    names = [peer.server for peer in relationship.peers]
    names += [each.server for each in left if each.server not in names]
    read = {name: live.get((name, relationship.service)) for name in names}
    found = {name: each for name, each in read.items() if isinstance(each, Snapshot)}
    if not left and (len(found) < len(relationship.peers) or _is_quiet(relationship, found.values())):
        return {}
    relationship = with_live_hubs(relationship, found)
    return judged(relationship, {name: located(relationship, each) for name, each in found.items()})


def _is_quiet(relationship: Relationship, found: Collection[Snapshot]) -> bool:
    """Whether a look at the states alone tells that there is nothing to say; most relationships are so."""
    views = [view for snapshot in found for view in snapshot.views]
    scopes = [len(view.scopes) for view in views]
    at_once = 1 if relationship.mode is Mode.HOT_STANDBY else len(scopes)
    is_usual = all(number <= 1 for number in scopes) and sum(scopes) <= at_once
    is_usual = is_usual and not any(len(snapshot.views) > 1 for snapshot in found)  # a hub may serve too few
    is_usual = is_usual and not any(view.role == Role.PRIMARY and not view.scopes for view in views)
    return is_usual and not any(each.disabled_by_user for each in found) and not _MAINTENANCE & {v.state for v in views}


def mends(relationship: Relationship, found: Mapping[str, Snapshot], left: Sequence[Leftover]) -> Iterator[Mend]:
    """Yield what is to be put right. `found` is what `seen` returns, `left` what `of` does."""
    in_it = [(peer, found[peer.server]) for peer in relationship.peers if peer.server in found]
    at_odds = is_torn(relationship, in_it, by=SEVERING)  # then nobody is heard, though every listener is open
    due: list[Mend] = []
    for each in left:
        if each.server in found and is_meant(each, found[each.server]):
            due += _mends_of(each, found[each.server], at_odds=at_odds)
            if each.is_maintaining:
                due += _ending_maintenance(each, found)
    yield from due
    yield from _narrowing(relationship, found, {each.server for each in due if each.remedy is Remedy.SERVE})


def is_meant(leftover: Leftover, snapshot: Snapshot) -> bool:
    """Whether a server is the one that something was left open on: its address is the same, or its process is."""
    return leftover.control == snapshot.endpoint.control or _is_same_process(leftover, snapshot)


def _is_same_process(leftover: Leftover, snapshot: Snapshot) -> bool:
    return not snapshot.process.is_another_than(leftover.process)


def classified(leftover: Leftover, snapshot: Snapshot) -> Class:
    """Say what a server runs: what it had before the last set, what that set was of, or a third configuration.

    Kea fills in what was left out and orders what has no order, so what was planned is recognised by what it means.
    Commands for single objects renew our marks last of all, or not at all: then they are still those from before.
    """
    if leftover.before is not None and snapshot.config == leftover.before:
        return Class.OLD
    planned, service = leftover.planned, snapshot.endpoint.service
    if planned is None:
        return Class.THIRD
    known = [_marks(each) for each in (planned, leftover.before) if each is not None]
    blocks = [_blocks(each, snapshot.version) for each in (planned, snapshot.config)]
    if _marks(snapshot.config) not in known or blocks[0] != blocks[1]:
        return Class.THIRD
    theirs = (replicated(planned, service), replicated(snapshot.config, service))
    changes = (each.change for each in differences(*theirs, service))
    return Class.PLANNED if all(map(_is_filled_in, changes)) else Class.THIRD


def _marks(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what we say of a server, but for whether that may have aged."""
    return tuple(replace(each, may_age=False) for each in read_stamps(config)), tuple(read_departures(config))


def _is_filled_in(change: Change) -> bool:
    """Whether Kea may have made a change by itself: what nobody set shows up in an object, such as a class."""
    is_global = change.path[0][0] == "global"
    return change.action is Action.CHANGE and not is_global and all(each.before is ABSENT for each in change.fields)


def _blocks(config: Mapping[str, Any], version: str) -> list[Any]:
    return [ha.normal_form(block, version) for block in hooks.relationships_of(config)]


def _mends_of(leftover: Leftover, snapshot: Snapshot, *, at_odds: bool) -> Iterator[Mend]:
    server, run = leftover.server, told(leftover.run)
    if leftover.is_unclear or leftover.is_unwritten:
        standing_now = classified(leftover, snapshot)
        if leftover.is_unclear and standing_now is not Class.THIRD and _is_hurt(snapshot, at_odds=at_odds):
            yield Mend(
                server,
                Remedy.RESTORE,
                f"{run} set it, and its HA hook or listener is gone since; it gets back the configuration before that",
            )
        elif leftover.is_unwritten and standing_now is Class.PLANNED and _is_same_process(leftover, snapshot):
            yield Mend(server, Remedy.WRITE, f"it runs what {run} set and did not write to its disk; it is written")
        elif leftover.is_unclear and standing_now is Class.OLD and _may_be_deaf(leftover, snapshot):
            yield Mend(
                server,
                Remedy.RESTORE,
                f"{run} set it, and how that ended nobody saw; it may be deaf, and gets back what it had",
            )
    if is_silenced_still(leftover, snapshot):
        yield Mend(server, Remedy.SERVE, f"{run} switched its DHCP service off; {_until(leftover, snapshot)}")


def _until(leftover: Leftover, snapshot: Snapshot) -> str:
    if _has_taken_over(snapshot):
        return "it is partner-down and would serve everybody; it is switched on if its partner gives no answer"
    until = leftover.silenced_until
    if until is None:
        return "it is switched on as soon as that is safe"
    end = until.astimezone()
    is_that_day = end.date() == leftover.run.began_at.astimezone().date()
    at = f"{end:%H:%M:%S}" if is_that_day else moment(end)
    return f"it is switched on as soon as that is safe, by itself at {at}"


def _ending_maintenance(leftover: Leftover, found: Mapping[str, Snapshot]) -> Iterator[Mend]:
    """Yield who is to end it: the server that was to serve alone; or, where that does so no more since it missed the
    other, the one that would wait in maintenance for ever (seen on 2.2.0).
    """
    states = {name: each.ha.state for name, each in found.items() if each.ha is not None}
    waiting = [name for name, state in states.items() if state == IN_MAINTENANCE]
    why = f"{told(leftover.run)} began a maintenance to set a server in it"
    if states.get(leftover.server) == PARTNER_IN_MAINTENANCE:
        yield Mend(leftover.server, Remedy.END_MAINTENANCE, f"{why}; it ends that")
    elif waiting and leftover.server in states:
        yield Mend(waiting[0], Remedy.END_MAINTENANCE, f"{why}, and it is still in it; its HA begins anew")


def _is_hurt(snapshot: Snapshot, *, at_odds: bool) -> bool:
    return wanted.is_broken(snapshot) and not (at_odds and wanted.is_in_force(snapshot))


def _may_be_deaf(leftover: Leftover, snapshot: Snapshot) -> bool:
    """Whether a failed set may have closed its sockets without a trace: there was no HA hook that would be missing."""
    had_ha = bool(hooks.relationships_of(leftover.before or {}))
    return _is_same_process(leftover, snapshot) and not had_ha and snapshot.place is None


def _narrowing(relationship: Relationship, found: Mapping[str, Snapshot], served: Collection[str]) -> Iterator[Mend]:
    """Yield who is to serve its own scopes again; not where the other would answer nobody then. `served` are those that
    are switched on right after it, where that is safe.
    """
    pair = [peer for peer in ha.talking_peers(relationship) if peer.server in found]
    if len(pair) != 2:
        return
    if not are_well(relationship, found):
        yield from _narrowing_later(relationship, pair, found)
        return
    strange = {peer.server: _strange_scopes(found[peer.server]) for peer in pair}
    for server, (extra, missing) in sorted(strange.items(), key=lambda each: not each[1][0]):  # first who has too many
        (other,) = (peer for peer in pair if peer.server != server)
        is_off = found[other.server].disabled_by_user
        if extra and is_off and other.server not in served:
            continue
        if extra or missing:
            scopes = f"{', '.join(extra)} beside its own" if extra else f"{', '.join(missing)} no more"
            yield Mend(
                server,
                Remedy.NARROW,
                f"it serves {scopes} although both servers are well, as when an apply was cut off "
                "between asking for that and ending it; it serves its own again",
            )
        if extra and is_off is None and other.server not in served and may_be_silenced(other, found[other.server]):
            yield Mend(
                other.server,
                Remedy.SERVE,
                f"{server} answers its clients, as when an apply was cut off that had switched its DHCP service off; "
                "this release of Kea doesn't tell whether it is, so it is switched on",
            )


def _narrowing_later(relationship: Relationship, pair: Sequence[Peer], found: Mapping[str, Snapshot]) -> Iterator[Mend]:
    """Yield who answers for a hub that is on its way back: it was set for another relationship's sake, and nothing is
    left open in this one that would tell. In its normal state Kea itself gives nobody other scopes than its own.
    """
    for peer in pair if any(peer.is_hub for peer in relationship.peers) else ():
        view, (extra, _) = found[peer.server].ha, _strange_scopes(found[peer.server])
        if (
            extra
            and view is not None
            and view.state == ha.normal_state(*standing(relationship, peer, found[peer.server]))
        ):
            yield Mend(
                peer.server,
                Remedy.NARROW,
                f"it serves {', '.join(extra)} beside its own while its partner is not well, as when an apply was cut "
                "off that set it; it serves its own again as soon as both are well",
            )


def _strange_scopes(snapshot: Snapshot) -> tuple[list[str], list[str]]:
    """Return which scopes a server serves that are not its own, and which of its own it does not."""
    now, own = set(snapshot.ha.scopes if snapshot.ha else ()), set(own_scopes(snapshot))
    return sorted(now - own), sorted(own - now)


def are_well(relationship: Relationship, found: Mapping[str, Snapshot]) -> bool:
    """Whether both servers that answer clients are well, and of one mind about their roles: each can serve its own."""
    pair = [(peer, found[peer.server]) for peer in ha.talking_peers(relationship) if peer.server in found]
    if not pair or not all(is_well(relationship, *each) for each in pair):
        return False
    return not is_torn(relationship, pair, by=frozenset(Aspect))


def is_well(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> bool:
    """Whether a server is in its normal state, and hears its partner in that state where it has one."""
    mode, role = standing(relationship, peer, snapshot)
    view, normal = snapshot.ha, ha.normal_state(mode, role)
    if view is None or view.state != normal or not snapshot.is_heard:
        return False
    if not ha.hears_a_partner(mode, role):
        return True
    return view.partner is not None and view.partner.is_heard and view.partner.last_state == normal


def _has_taken_over(snapshot: Snapshot) -> bool:
    """Whether Kea decided that the server serves everybody, since its partner gives no answer."""
    return snapshot.ha is not None and snapshot.ha.state == PARTNER_DOWN


def why_unsafe(relationship: Relationship, server: str, found: Mapping[str, Snapshot]) -> str | None:
    """Return why a server's DHCP service can't be switched on yet, None where it can.

    It can where nobody has the relationship: then each serves as it did before, or as its guards say. And where the
    server says that its partner is down, and that one gives us no answer either: it would serve if it weren't for us.
    Else everybody who is in it has to be well, and the server itself to be in it, or to have left it.
    """
    others = [peer.server for peer in ha.talking_peers(relationship) if peer.server != server]
    if _has_taken_over(found[server]) and not any(name in found for name in others):
        return None
    inside = {name: each for name, each in found.items() if wanted.block_of(each) is not None}
    if not inside:
        missing = [peer.server for peer in relationship.peers if peer.server not in found]
        return f"{' and '.join(missing)} can't be read" if missing else None
    left = {each.relationship for each in read_departures(found[server].config)}
    if server not in inside and relationship.name not in left:
        return f"it is not in the relationship that {' and '.join(inside)} is in"
    for name, snapshot in inside.items():
        peer = next((each for each in relationship.peers if each.server == name), None)
        if peer is None or not is_well(relationship, peer, snapshot):
            state = snapshot.ha.state if snapshot.ha else "without HA in force"
            return f"{name} is {state}, or does not hear its partner in its normal state"
    return None


def why_early(relationship: Relationship, mend: Mend, due: Sequence[Mend], found: Mapping[str, Snapshot]) -> str | None:
    """Return why a service that is off, or a server that answers for another, has to stay so for now; None where it
    has not, and for everything else. `due` is all that is due, `found` what the servers have now.
    """
    if mend.remedy is Remedy.SERVE:
        unsafe = why_unsafe(relationship, mend.server, found)
        if unsafe is None:
            return None
        return f"its DHCP service was switched off by an earlier run and stays off: {unsafe}; apply again"
    if mend.remedy is not Remedy.NARROW:
        return None
    why = "it goes on serving its partner's scopes, since {}; apply again"
    if not are_well(relationship, found):
        return why.format("that one is not well yet")
    partners = {peer.server for peer in ha.talking_peers(relationship)} - {mend.server}
    for each in due:
        is_partner = each.remedy is Remedy.SERVE and each.server in partners
        if is_partner and why_early(relationship, each, due, found):
            return why.format(f"{each.server} stays off for now")
    return None


def due_first(plan: RelationshipPlan) -> tuple[set[Remedy], set[Remedy]]:
    """Return what is put right before a plan is carried out: what would be in its way, and what comes before it only
    where all are well: with a set a server forgets whom it answers for.
    """
    due = {mend.remedy for mend in plan.mends}
    is_setting = any(stage.sets for stage in plan.stages)
    return due & {Remedy.RESTORE, Remedy.END_MAINTENANCE}, due & {Remedy.NARROW, Remedy.SERVE} if is_setting else set()


def owed_words(leftover: Leftover) -> list[str]:
    """Return in words what is open on a server that can't be read: nobody knows what it has."""
    return [
        words
        for is_so, words in (
            (leftover.is_unclear, "whether it was set is not known"),
            (leftover.is_unwritten and not leftover.is_unclear, "what it runs may not be on its disk"),
            (leftover.is_silenced, "its DHCP service may be off"),
            (leftover.is_maintaining, "its partner may be in maintenance"),
        )
        if is_so
    ]


def told(run: RunRecord) -> str:
    """Return in words which run is meant."""
    what = "a reset" if Operation.RESET in run.command.split() else "an apply"
    return f"{what} of {run.user}, begun {moment(run.began_at)}{' and cut off' if run.is_cut_off else ''},"


def _for_good(plan: RelationshipPlan, server: str) -> str:
    is_set = any(server in stage.servers and stage.sets for stage in plan.stages)
    return ", and for good: with a set Kea forgets the time after which it would end that" if is_set else ""


def may_end_soon(plan: RelationshipPlan) -> list[Snapshot]:
    """Return which servers' DHCP service is off, perhaps only for a while: those that have clients, where the plan sets
    servers that are well and nothing here tells who did that: an apply of another host that was cut off leaves it so
    for `silence.LONGEST`, a person for good. None of it where servers don't know of each other: there every moment
    counts.
    """
    if not any(stage.sets and stage.needs_normal for stage in plan.stages):
        return []
    released = {name for stage in plan.stages for name in stage.released}
    waiting = (each for each in plan.servers if own_scopes(each.snapshot) and each.peer.server not in released)
    return [each.snapshot for each in waiting if service.is_off(each.snapshot)]


def _notes(plan: RelationshipPlan, found: Mapping[str, Snapshot], left: Sequence[Leftover]) -> Iterator[str]:
    runs = {each.run for each in left if each.run.is_cut_off}
    for run in sorted(runs, key=lambda each: each.number):
        rest = "what it had not done is in this plan" if plan.has_changes else "nothing of its changes is left to do"
        yield f"{told(run)} did not come to its end; {rest}"
    ours = {each.server for each in left if each.server in found and is_silenced_still(each, found[each.server])}
    kept = {each.server for each in left if each.is_maintaining}
    for name, snapshot in found.items():
        if snapshot.disabled_by_user and name not in ours and not plan.relationship.is_absent:
            yield (
                f"the DHCP service of {name} is switched off (dhcp-disable), and nothing here tells that an apply did "
                f"it: it stays so{_for_good(plan, name)}; where nobody meant it, send dhcp-enable to it"
            )
        if snapshot.ha is not None and snapshot.ha.state == IN_MAINTENANCE and not kept:
            yield f"{name} is in maintenance; `kea-reconciler maintenance stop {name}` ends that"
        if name in {each.server for each in left if not is_meant(each, snapshot)}:
            yield f"an earlier run left something open on a {name} at another address; it is not looked after here"
