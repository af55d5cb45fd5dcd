"""What config-get shows for everything that nobody configured."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from reconciler.model import Service
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.simulator.configuration.context import Shown

_BOTH: dict[str, Any] = {
    "calculate-tee-times": False,
    "ddns-generated-prefix": "myhost",
    "ddns-override-client-update": False,
    "ddns-override-no-update": False,
    "ddns-qualifying-suffix": "",
    "ddns-replace-client-name": "never",
    "ddns-send-updates": True,
    "ddns-update-on-renew": False,
    "ddns-use-conflict-resolution": True,
    "decline-probation-period": 86400,
    "dhcp4o6-port": 0,
    "early-global-reservations-lookup": False,
    "hostname-char-replacement": "",
    "hostname-char-set": "[^A-Za-z0-9.-]",
    "ip-reservations-unique": True,
    "parked-packet-limit": 256,
    "reservations-global": False,
    "reservations-in-subnet": True,
    "reservations-lookup-first": False,
    "reservations-out-of-pool": False,
    "server-tag": "",
    "statistic-default-sample-age": 0,
    "statistic-default-sample-count": 20,
    "store-extended-info": False,
    "t1-percent": 0.5,
    "t2-percent": 0.8,
    "valid-lifetime": 7200,
}
_ONLY4: dict[str, Any] = {
    "authoritative": False,
    "boot-file-name": "",
    "echo-client-id": True,
    "match-client-id": True,
    "next-server": "0.0.0.0",  # noqa: S104 (Kea's mark for "none")
    "server-hostname": "",
    "t2-percent": 0.875,
}
_ONLY6: dict[str, Any] = {
    "calculate-tee-times": True,
    "mac-sources": ["any"],
    "preferred-lifetime": 3600,
}
_SINCE: dict[Release, dict[str, Any]] = {
    Release.KEA_2_6: {"allocator": "iterative", "ddns-conflict-resolution-mode": "check-with-dhcid"},
    Release.KEA_3_0: {"cache-threshold": 0.25},
}
_ONLY_SINCE_2_6: dict[Service, dict[str, Any]] = {
    Service.DHCP4: {"stash-agent-options": False},
    Service.DHCP6: {"pd-allocator": "iterative"},
}
_UNTIL_2_6 = ("ddns-use-conflict-resolution", "preferred-lifetime")


@functools.cache
def scalars(service: Service, release: Release) -> dict[str, Any]:
    """The global parameters that always show."""
    known = _BOTH | (_ONLY4 if service is Service.DHCP4 else _ONLY6)
    for since, more in _SINCE.items():
        known |= more if release >= since else {}
    if release >= Release.KEA_2_6:
        known |= _ONLY_SINCE_2_6[service]
        known = {key: value for key, value in known.items() if key not in _UNTIL_2_6}
    return known


EXPIRED_LEASES = {
    "flush-reclaimed-timer-wait-time": (25, 65535),
    "hold-reclaimed-time": (3600, 2**32 - 1),
    "max-reclaim-leases": (100, 2**32 - 1),
    "max-reclaim-time": (250, 10000),
    "reclaim-timer-wait-time": (10, 65535),
    "unwarned-reclaim-cycles": (5, 65535),
}
"""Each parameter's default and largest value."""

DDNS: Shown = {
    "enable-updates": False,
    "max-queue-size": 1024,
    "ncr-format": "JSON",
    "ncr-protocol": "UDP",
    "sender-ip": "0.0.0.0",  # noqa: S104 (Kea's mark for "any")
    "sender-port": 0,
    "server-ip": "127.0.0.1",
    "server-port": 53001,
}
SERVER_ID: Shown = {"enterprise-id": 0, "htype": 0, "identifier": "", "persist": True, "time": 0, "type": "LLT"}
IDENTIFIERS = {
    Service.DHCP4: ("hw-address", "duid", "circuit-id", "client-id"),
    Service.DHCP6: ("hw-address", "duid"),
}
"""host-reservation-identifiers."""


def multi_threading(release: Release) -> Shown:
    """multi-threading, on by default since 2.3.5."""
    is_on = release >= Release.KEA_2_6
    return {"enable-multi-threading": is_on, "packet-queue-size": 64, "thread-pool-size": 0}


def queue(service: Service) -> Shown:
    """dhcp-queue-control."""
    return {"capacity": 64, "enable-queue": False, "queue-type": f"kea-ring{service.value[-1]}"}
