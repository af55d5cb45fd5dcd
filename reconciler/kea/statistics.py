"""What Kea counts, as statistic-get-all tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reconciler.model import Service

# Kea counts without any hook: addresses in DHCPv4, addresses (NA) and prefixes (PD) in DHCPv6. Counts of single pools
# (`subnet[1].pool[0].assigned-addresses`, since 2.4) are in those of their subnets.
_ASSIGNED = {
    Service.DHCP4: re.compile(r"subnet\[(\d+)\]\.assigned-addresses"),
    Service.DHCP6: re.compile(r"subnet\[(\d+)\]\.assigned-(?:nas|pds)"),
}


def active_leases(arguments: Any, service: Service) -> dict[int, int]:
    """Return how many leases are in use by subnet id; `arguments` are those of the reply to statistic-get-all.

    What is not a count as Kea gives it (a list of pairs of value and time, the newest first) is left out.
    """
    found: dict[int, int] = {}
    for name, values in arguments.items() if isinstance(arguments, Mapping) else ():
        match = _ASSIGNED[service].fullmatch(str(name))
        first = values[0] if isinstance(values, list) and values else None
        count = first[0] if isinstance(first, list) and first else None
        if match and isinstance(count, int):
            found[int(match[1])] = found.get(int(match[1]), 0) + count
    return found
