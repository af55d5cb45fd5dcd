"""Rules about the HA parameters of one relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model import Mode, Problem, Role, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.desired.draft import Draft

HEARTBEAT_DELAY = 10000  # milliseconds; Kea's default in every version
MAX_RESPONSE_DELAY = 60000  # milliseconds; Kea's default in every version
_LONGEST_DELAY = 65535  # milliseconds; a 16 bit number before Kea 3.3.0


def heartbeats_are_on(draft: Draft) -> Iterator[Problem]:
    """heartbeat-zero: without heartbeats Kea never leaves the state waiting, and never answers a client.

    In passive-backup there are none anyway.
    """
    if draft.mode is not Mode.PASSIVE_BACKUP and draft.parameters.get("heartbeat-delay") == 0:
        message = "heartbeat-delay is 0: without heartbeats the servers wait for each other for ever"
        advice = "Write milliseconds, or leave it out for Kea's 10000."
        yield Problem(draft.at("parameters", "heartbeat-delay"), "heartbeat-zero", message, advice)


def response_delay_allows_for_heartbeats(draft: Draft) -> Iterator[Problem]:
    """response-delay: a partner heard once in heartbeat-delay must not count as lost before the next heartbeat.

    In passive-backup nobody has a partner.
    """
    if draft.mode is Mode.PASSIVE_BACKUP:
        return
    if draft.has_refused("parameters", "heartbeat-delay") or draft.has_refused("parameters", "max-response-delay"):
        return
    heartbeat = draft.parameters.get("heartbeat-delay", HEARTBEAT_DELAY)
    response = draft.parameters.get("max-response-delay", MAX_RESPONSE_DELAY)
    which = "max-response-delay" if "max-response-delay" in draft.parameters else "heartbeat-delay"
    position = draft.at("parameters", which)
    words = f"max-response-delay ({response} ms) is %s heartbeat-delay ({heartbeat} ms)"
    if heartbeat and response <= heartbeat:
        advice = "Make it at least three times as long; Kea's own are 60000 and 10000 for heartbeat-delay."
        yield Problem(position, "response-delay", words % "not greater than", advice)
    elif response < 3 * heartbeat:
        advice = "One lost heartbeat may already count as an interruption: lengthen it, or shorten heartbeat-delay."
        yield Problem(position, "response-delay", words % "less than three times", advice, Severity.WARNING)


def delays_are_within_limits(draft: Draft) -> Iterator[Problem]:
    """kea-limits: before 3.3.0 Kea refuses a longer delay, at a time when its hooks are already unloaded."""
    for key in ("heartbeat-delay", "max-response-delay", "max-ack-delay"):
        if draft.parameters.get(key, 0) > _LONGEST_DELAY:
            message = f"{key} is more than {_LONGEST_DELAY} ms, which Kea before 3.3 refuses"
            yield Problem(draft.at("parameters", key), "kea-limits", message, f"Use at most {_LONGEST_DELAY}.")


def delayed_updates_suit_the_mode(draft: Draft) -> Iterator[Problem]:
    """delayed-updates-limit: only load-balancing has the state in which lease updates are kept back."""
    if draft.mode in {Mode.HOT_STANDBY, Mode.PASSIVE_BACKUP} and draft.parameters.get("delayed-updates-limit", 0) > 0:
        message = f"delayed-updates-limit must be 0 in {draft.mode}"
        position = draft.at("parameters", "delayed-updates-limit")
        yield Problem(position, "delayed-updates-limit", message, "Leave it out, or write 0.")


def backups_are_not_waited_for(draft: Draft) -> Iterator[Problem]:
    """wait-backup-ack: Kea takes true in passive-backup only."""
    if draft.mode not in {None, Mode.PASSIVE_BACKUP} and draft.parameters.get("wait-backup-ack") is True:
        message = f"wait-backup-ack must be false in {draft.mode}"
        position = draft.at("parameters", "wait-backup-ack")
        yield Problem(position, "wait-backup-ack", message, "Leave it out, or write false.")


def states_are_unique(draft: Draft) -> Iterator[Problem]:
    """state-unique: Kea refuses two entries for one state."""
    seen: set[str] = set()
    for index, entry in enumerate(draft.parameters.get("state-machine", {}).get("states", ())):
        state = (entry or {}).get("state")
        if state in seen:
            position = draft.at("parameters", "state-machine", "states", index, "state")
            yield Problem(position, "state-unique", f"the state {state} is configured twice", "Keep one of the two.")
        if state is not None:
            seen.add(state)


def pauses_come_to_an_end(draft: Draft) -> Iterator[Problem]:
    """state-pause: what moves a state machine that goes on is the next heartbeat, and a backup, and every server in
    passive-backup, has none: paused in waiting it never serves, nor takes leases (seen on 2.2.0, 2.6.3 and 3.0.3).
    """
    if draft.mode is not Mode.PASSIVE_BACKUP and all(peer.role is not Role.BACKUP for peer in draft.peers):
        return
    for index, entry in enumerate(draft.parameters.get("state-machine", {}).get("states", ())):
        state, pause = ((entry or {}).get(key) for key in ("state", "pause"))
        if state == "waiting" and pause in {"once", "always"}:
            who = "passive-backup" if draft.mode is Mode.PASSIVE_BACKUP else "a relationship with backups"
            message = f"a pause in waiting never ends in {who}: without heartbeats no server goes on from it"
            position = draft.at("parameters", "state-machine", "states", index, "pause")
            yield Problem(position, "state-pause", message, "Leave the pause out.")
