"""Pulling a peer's leases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator import replies
from reconciler.simulator.dhcp import Origin
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json
    from reconciler.simulator.ha.service import HaService


def pull(ha: HaService, name: str, seconds: float | None) -> bool:
    """Have a peer stop (for so many seconds at most), hand over its leases, and go on; whether it did.

    What it has is added, and put over what is here where it is newer; nothing is deleted.
    """
    stop = origin(ha) | ({} if seconds is None else {"max-period": max(1, int(seconds))})
    if not is_fine(ha.ask(name, "dhcp-disable", stop)):
        return False
    is_pulled = _take_pages(ha, name)
    number = Origin.PARTNER + ha.settings.number
    done = {"origin-id": number, "origin": number} | ha.sender() if ha.sender() else None
    if not (is_pulled and is_fine(ha.ask(name, "ha-sync-complete-notify", done))):
        ha.ask(name, "dhcp-enable", origin(ha))
    return is_pulled


def origin(ha: HaService) -> dict[str, Json]:
    """How a relationship names its side to the partner: since 2.5.8 by a number beside what older ones understand."""
    if ha.settings.release < Release.KEA_2_6:
        return {"origin": "ha-partner"}
    return {"origin-id": Origin.PARTNER + ha.settings.number, "origin": "ha-partner"}


def _take_pages(ha: HaService, name: str) -> bool:
    limit, start = ha.settings.values["sync-page-limit"], "start"
    command = f"lease{ha.host.family}-get-page"
    wanted = ha.host.subnets_of(ha.settings.peers)
    while True:
        answer = ha.ask(name, command, {"from": start, "limit": limit})
        if answer is None or not is_fine(answer, replies.SUCCESS, replies.EMPTY):
            return False
        page = answer["arguments"]["leases"]
        for lease in page:
            if not wanted or lease["subnet-id"] in wanted:
                ha.host.take_lease(lease)
        if len(page) < limit:
            return True
        start = page[-1]["ip-address"]


def is_fine(answer: Mapping[str, Json] | None, *results: int) -> bool:
    """Whether an answer came and is a success, or has one of these results."""
    return answer is not None and answer.get("result") in (results or (replies.SUCCESS,))
