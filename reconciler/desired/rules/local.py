"""Rules about the paths of what belongs to each server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.desired.wording import nearest
from reconciler.model import Problem, Service, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.desired.draft import Draft

_BAD_ESCAPE = re.compile(r"~(?![01])")

# Global parameters of kea-dhcp4 and kea-dhcp6, 2.2 to 3.0 (Kea manual, "DHCPv4 Server" and "DHCPv6 Server").
_COMMON = frozenset(
    """allocator cache-max-age cache-threshold calculate-tee-times client-classes compatibility config-control
    control-socket control-sockets ddns-conflict-resolution-mode ddns-generated-prefix
    ddns-override-client-update ddns-override-no-update ddns-qualifying-suffix ddns-replace-client-name
    ddns-send-updates ddns-ttl ddns-ttl-max ddns-ttl-min ddns-ttl-percent ddns-update-on-renew
    ddns-use-conflict-resolution decline-probation-period dhcp-ddns dhcp-queue-control dhcp4o6-port
    early-global-reservations-lookup expired-leases-processing hooks-libraries host-reservation-identifiers
    hostname-char-replacement hostname-char-set hosts-database hosts-databases interfaces-config
    ip-reservations-unique lease-database loggers max-valid-lifetime min-valid-lifetime multi-threading option-data
    option-def parked-packet-limit rebind-timer renew-timer reservation-mode reservations reservations-global
    reservations-in-subnet reservations-lookup-first reservations-out-of-pool sanity-checks server-tag
    shared-networks statistic-default-sample-age statistic-default-sample-count store-extended-info t1-percent
    t2-percent user-context valid-lifetime""".split()  # noqa: SIM905 - a list would take a page
)
_OF_SERVICE = {
    Service.DHCP4: frozenset(
        """authoritative boot-file-name echo-client-id match-client-id next-server offer-lifetime server-hostname
        stash-agent-options subnet4""".split()  # noqa: SIM905
    ),
    Service.DHCP6: frozenset(
        """data-directory mac-sources max-preferred-lifetime min-preferred-lifetime pd-allocator preferred-lifetime
        relay-supplied-options server-id subnet6""".split()  # noqa: SIM905
    ),
}
_WHOLE = {"", "*"}


def patterns_are_sound(draft: Draft) -> Iterator[Problem]:
    """local-pattern: each names a place inside the configuration of the relationship's service."""
    for index, pattern in enumerate(draft.local):
        if pattern is None:
            continue
        segments = pattern.removeprefix("/").split("/")
        fault = _shape_fault(segments) or _place_fault(segments[0], draft.service)
        if fault:
            message, advice = fault
            yield Problem(draft.at("local", index), "local-pattern", f"local[{index}] {message}", advice)
        elif draft.service and segments[0] not in _COMMON | _OF_SERVICE[draft.service]:
            meant = nearest(segments[0], _COMMON | _OF_SERVICE[draft.service])
            advice = f"Did you mean /{meant}?" if meant else "It has no effect unless a newer Kea has such a parameter."
            message = f"local[{index}] begins with {segments[0]}, which no {draft.service} that we know has at its top"
            yield Problem(draft.at("local", index), "local-pattern", message, advice, Severity.WARNING)


def _shape_fault(segments: list[str]) -> tuple[str, str] | None:
    if (segments[0] in _WHOLE and len(segments) == 1) or segments[0] == "*":
        return (
            "would keep everything local",
            "To manage the relationship without the DHCP data, write replicate: false.",
        )
    if "" in segments:
        return "has an empty segment", "Write single slashes between segments, and none at the end."
    if any("*" in segment and segment != "*" for segment in segments):
        return "has a * inside a segment", "A * stands for a whole segment: every member of a list or map."
    if any(_BAD_ESCAPE.search(segment) for segment in segments):
        return "has a ~ that is followed by neither 0 nor 1", "Write ~0 for a ~ in a segment, and ~1 for a slash in it."
    return None


def _place_fault(first: str, service: Service | None) -> tuple[str, str] | None:
    if first in {each.root for each in Service}:
        return f"begins with {first}", f"Paths begin inside {first}: /subnet{first[-1]}/*/interface."
    for other in Service:
        if service and other is not service and first in _OF_SERVICE[other]:
            message = f"begins with {first}, which belongs to {other}, and this relationship is about {service}"
            return message, f"Write a path inside the configuration of {service}."
    return None
