"""Maintenance: who says it to whom, and what becomes of both servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator import replies
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model import Json
    from reconciler.simulator.ha.service import HaService
    from reconciler.simulator.replies import Reply

_NO_START = ("backup", "in-maintenance", "partner-in-maintenance", "terminated")
_NO_NOTIFY = ("terminated", "backup", "partner-in-maintenance")
_ANSWERED = "The partner server responded with the following message to the ha-maintenance-notify command"


def start(relationships: Sequence[HaService], _: Json) -> Reply:
    """ha-maintenance-start: one relationship after the other, until one can't."""
    answer: Reply = replies.NOTHING
    for ha in relationships:
        answer = _start(ha)
        if answer.get("result") != replies.SUCCESS:
            break
    return answer


def _start(ha: HaService) -> Reply:
    if ha.state in _NO_START:
        return replies.error(f"Unable to transition the server from the {ha.state} to partner-in-maintenance state.")
    if ha.settings.partner is None:
        return replies.NOTHING  # only the log says that there is no partner to fail over to
    answer = ha.ask_partner("ha-maintenance-notify", {"cancel": False})
    if answer is None or answer["result"] == replies.ERROR:
        ha.partner.lose()
        ha.go("partner-down", is_maintenance=True)
        reason = "as its partner appears to be offline for maintenance"
        return replies.success(f"Server is now in the partner-down state {reason}.")
    if answer["result"] != replies.SUCCESS:
        said = f"{answer.get('text', '')} (error code {answer['result']})"
        return replies.error(f"Unable to transition to the partner-in-maintenance state. {_ANSWERED}: {said}.")
    ha.go("partner-in-maintenance")
    return replies.success(
        "Server is now in the partner-in-maintenance state and its partner is in-maintenance state. "
        "The partner can be now safely shut down."
    )


def cancel(relationships: Sequence[HaService], _: Json) -> Reply:
    """ha-maintenance-cancel: every relationship; the answer is that of the last."""
    return [_cancel(ha) for ha in relationships][-1]


def _cancel(ha: HaService) -> Reply:
    if ha.state != "partner-in-maintenance":
        where = "the server is not in the partner-in-maintenance state"
        return replies.error(f"Unable to cancel maintenance request because {where}.")
    answer = ha.ask_partner("ha-maintenance-notify", {"cancel": True})
    if answer is None or answer["result"] != replies.SUCCESS:
        ha.partner.lose()
        said = "" if answer is None else f"{answer.get('text', '')} (error code {answer['result']})"
        return replies.error(f"Unable to cancel maintenance. {_ANSWERED}: {said}.")
    ha.go_back()
    return replies.success("Server maintenance successfully canceled.")


def notify(ha: HaService, arguments: Json) -> Reply:
    """ha-maintenance-notify: what the partner sends."""
    if arguments["cancel"]:
        if ha.state != "in-maintenance":
            return replies.error("Unable to cancel the maintenance for the server not in the in-maintenance state.")
        ha.go_back()
        state = {"state": ha.state} if ha.settings.release >= Release.KEA_3_0 else None
        return replies.success("Server maintenance canceled.", state)
    if ha.state in _NO_NOTIFY:
        return replies.refused(f"Unable to transition the server from the {ha.state} to in-maintenance state.")
    ha.go("in-maintenance")
    return replies.success("Server is in-maintenance state.")
