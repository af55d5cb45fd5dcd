"""What lasts about a relationship, and the events by which it begins, becomes another and ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.model import (
    Event,
    EventKind,
    Gravity,
    Health,
    RelationshipStatus,
    Role,
    ServerStatus,
    Service,
    Watched,
)
from reconciler.planning.scenes import RECOVERING
from reconciler.planning.status import HEARD

_SECONDS = re.compile(r"\b\d+(\.\d+)? m?s\b")
_SHOWN = 3  # reasons in the summary of a status; all of them are its details
_HEALTH = {
    Health.OK: ("OK", Gravity.INFO),
    Health.IMPAIRED: ("Impaired", Gravity.WARNING),
    Health.SERVICE_DOWN: ("Service down", Gravity.ERROR),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that lasts. It is another one when its `sign` is, and when other servers are `away`; `ended` is how it
    is told that it is over. `parts` and `authority` as in `Event`.
    """

    kind: EventKind
    severity: Gravity
    summary: str
    ended: str
    sign: str = ""
    details: tuple[str, ...] = ()
    away: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    authority: str | None = None


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The sign of a status as the last look found it, and since when, on our monotonic clock in seconds, each did."""

    sign: str
    since: float


@dataclass(frozen=True, slots=True)
class Subject:
    """What events are about, and of which revision of desired they are."""

    revision: str
    relationship: str | None = None
    service: Service | None = None


Findings = Mapping[EventKind, Finding]


@dataclass(frozen=True, slots=True)
class Remarks:
    """What lasts about a relationship and does not stand on the board; what is empty is not so. `asks` are what a
    person has to do.
    """

    asks: tuple[str, ...] = ()
    unsteady: str = ""
    capped: str = ""
    failure: str = ""


def of_watched(watched: Watched, remarks: Remarks) -> dict[EventKind, Finding]:
    """Return what lasts about a relationship, in the order in which it is told."""
    return {each.kind: each for each in _of_watched(watched, remarks)}


def _of_watched(watched: Watched, remarks: Remarks) -> Iterator[Finding]:
    name, status = watched.name, watched.status
    if status is not None and status.status is not Health.OK:
        word, severity = _HEALTH[status.status]
        text, over = f"{name} is {word}: {_in_short(status.reasons)}", f"{name} is OK again"
        away = frozenset(each.server for each in status.servers if not each.is_reachable)
        yield Finding(EventKind.STATUS, severity, text, over, _sign(status), status.reasons, away, _parts(status))
    if status is not None and status.authority != status.primary:
        truth = status.authority
        text = f"{name}: the authority is {truth or 'nobody'} now: {status.authority_reason}"
        over = f"{name}: the authority is {status.primary or 'the primary'} again"
        is_down = truth is None and status.status is Health.SERVICE_DOWN
        severity, nobody = (Gravity.ERROR, ("nobody is the truth",)) if is_down else (Gravity.WARNING, ())
        parts = frozenset(nobody)
        yield Finding(EventKind.AUTHORITY, severity, text, over, truth or "", parts=parts, authority=truth)
    if watched.drift:
        text, over = f"{name} has drifted: {_differences(watched.drift_count)}", f"{name} has no drift any more"
        notes = (f"note: {each}" for each in (status.notes if status is not None else ()))
        details = (*watched.drift, *notes)
        yield Finding(EventKind.DRIFT, Gravity.WARNING, text, over, "\n".join(watched.drift), details)
    if watched.changes:
        text, over = (
            f"{name} is not yet as desired: {_differences(watched.change_count)}",
            f"{name} is as desired again",
        )
        yield Finding(EventKind.CHANGES, Gravity.INFO, text, over, "\n".join(watched.changes), watched.changes)
    if remarks.asks:
        text, over = f"{name} waits for a person: {remarks.asks[0]}", f"{name} waits for nobody any more"
        codes = [each.partition(":")[0] for each in remarks.asks]  # what follows them has numbers that move
        sign, parts = " ".join(codes), frozenset(codes)
        yield Finding(EventKind.WAITING, Gravity.WARNING, text, over, sign, remarks.asks, parts=parts)
    if watched.contested:
        text = f"{name} is contested: {watched.contested[0]} drifted back again and again, and is left alone"
        over = f"{name} is not contested any more"
        details, parts = (*watched.contested, *watched.left_alone), frozenset(watched.contested)
        yield Finding(EventKind.CONTESTED, Gravity.ERROR, text, over, "\n".join(details), details, parts=parts)
    if watched.suspension is not None:
        text, details = watched.suspension.told
        sign = "\n".join((text, *details))
        yield Finding(EventKind.SUSPENDED, Gravity.INFO, text, f"{name} is resumed", sign, details)
    if remarks.unsteady:
        over = f"{name}: its primary does not have to prove itself any more"
        yield Finding(EventKind.UNSTEADY, Gravity.WARNING, f"{name}: {remarks.unsteady}", over)
    if remarks.capped:
        yield Finding(EventKind.CAPPED, Gravity.ERROR, f"{name}: {remarks.capped}", f"{name} may be changed again")
    if remarks.failure:
        yield of_failure(name, remarks.failure)


def is_of_a_partner(event: Event) -> bool:
    """Whether an event says that the primary's partner is the truth, and not that nobody is."""
    return event.kind is EventKind.AUTHORITY and event.authority is not None


def of_failure(name: str, reason: str) -> Finding:
    """Return that something fails about a relationship."""
    return Finding(EventKind.FAILED, Gravity.ERROR, f"{name}: {reason}", f"{name}: nothing fails any more", reason)


def of_lost(reason: str) -> Finding:
    """Return that nothing is known of what was done before, of no relationship."""
    text = f"nothing is known of earlier runs, and nothing is changed until it is: {reason}"
    return Finding(EventKind.FAILED, Gravity.ERROR, text, "what earlier runs did is known again", reason)


def _standing(server: ServerStatus) -> str:
    """Return what a server is like, in words that stay the same as long as it is like that."""
    if not server.is_reachable:
        return f"{server.server} away"
    return f"{server.server} {'recovering' if server.ha_state in RECOVERING else server.ha_state or 'no HA'}"


def _sign(status: RelationshipStatus) -> str:
    """Return what makes a status another one: its health, what each server is like, and the lasting reasons."""
    recovering = [each for each in status.servers if each.ha_state in RECOVERING]
    return "\n".join((status.status.value, *map(_standing, status.servers), *_lasting_reasons(status, recovering)))


def _parts(status: RelationshipStatus) -> frozenset[str]:
    """Return what of a status can begin and end by itself: that nobody serves, and the reasons that don't just follow
    from another. What a server says that is on its way back does, and what its partner says meanwhile, or while that is
    away.
    """
    pair = [each for each in status.servers if each.role is not Role.BACKUP]
    gone = {each.server for each in status.servers if not each.is_reachable or each.ha_state in RECOVERING}
    following = [each for each in status.servers if each.server in gone]
    following += [each for each in pair if any(other.server in gone for other in pair if other is not each)]
    reasons = (each for each in _lasting_reasons(status, following) if not each.endswith(HEARD))
    word = [f"{status.name} is {_HEALTH[status.status][0]}"] if status.status is Health.SERVICE_DOWN else []
    return frozenset((*word, *reasons))


def _lasting_reasons(status: RelationshipStatus, but: Iterable[ServerStatus]) -> Iterator[str]:
    """Yield of each reason what stays the same as long as it holds: what the network says, and seconds, are others at
    each look. Left out is what servers `but` for these say of themselves.
    """
    left_out = [each.reason for each in but if each.is_reachable]
    for each in status.reasons:
        if not any(each in said for said in left_out):
            yield _SECONDS.sub("", each.partition(": ")[0])


def _in_short(reasons: tuple[str, ...]) -> str:
    """Return a single reason whole, and of several what each comes to."""
    if len(reasons) <= 1:
        return "".join(reasons) or "no reason known"
    more = f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return "; ".join(each.partition(": ")[0] for each in reasons[:_SHOWN]) + more


def _differences(number: int) -> str:
    return f"{number} difference{'' if number == 1 else 's'}"


def glimpsed(before: Glimpse | None, found: Findings, now: float) -> Glimpse | None:
    """Return since when a status is found without a break, `before` being what is known of that from earlier looks."""
    status = found.get(EventKind.STATUS)
    if status is None:
        return None
    return before if before is not None and before.sign == status.sign else Glimpse(status.sign, now)


def lasting(told: Findings, found: Findings, seconds: float, apart: float) -> Findings:
    """Return what is to be told of what a look found, after what was told last. Its status is found for that many
    `seconds` without a break, by looks of which the first and this one have to be `apart` seconds from each other.

    A status that became another one, and no worse, is told only then: servers pass through several states on their way
    back, and a look that follows another within moments sees the same one.
    """
    status, known = (each.get(EventKind.STATUS) for each in (found, told))
    if status is None or known is None:
        return found
    is_the_same = status.severity is known.severity and not _is_worse(known, status)
    return {**found, EventKind.STATUS: known} if is_the_same and seconds < apart else found


def _is_worse(before: Finding, after: Finding) -> bool:
    return bool(after.away - before.away)


def events(before: Findings, after: Findings, subject: Subject, at: datetime) -> Iterator[Event]:
    """Yield what is to be told of the way from what was found before to what is found now: ends first."""
    for kind, finding in before.items():
        if kind not in after:
            yield _event(finding, subject, at, is_over=True)
    for kind, finding in after.items():
        known = before.get(kind)
        if known is None or (known.sign, known.severity) != (finding.sign, finding.severity):
            yield _event(finding, subject, at)


def _event(finding: Finding, subject: Subject, at: datetime, *, is_over: bool = False) -> Event:
    about = f"{finding.kind}:{subject.relationship}" if subject.relationship else finding.kind.value
    return Event(
        at,
        finding.kind,
        Gravity.INFO if is_over else finding.severity,
        finding.ended if is_over else finding.summary,
        subject.relationship,
        subject.service,
        () if is_over else finding.details,
        subject.revision,
        about,
        is_over,
        frozenset() if is_over else finding.parts,
        None if is_over else finding.authority,
    )
