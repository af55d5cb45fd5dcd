from __future__ import annotations

from typing import Any

import pytest

from reconciler.kea.statistics import active_leases
from reconciler.model import Service


def test_leases_in_use_are_counted_by_subnet() -> None:
    told = {
        "pkt4-received": [[7, "2026-11-26 08:00:00.000000"]],
        "subnet[1].assigned-addresses": [[12, "2026-11-26 08:00:00.000000"], [11, "2026-11-26 07:00:00.000000"]],
        "subnet[1].pool[0].assigned-addresses": [[12, "2026-11-26 08:00:00.000000"]],
        "subnet[20].assigned-addresses": [[0, "2026-11-26 08:00:00.000000"]],
        "subnet[20].declined-addresses": [[3, "2026-11-26 08:00:00.000000"]],
    }
    assert active_leases(told, Service.DHCP4) == {1: 12, 20: 0}


def test_addresses_and_prefixes_count_in_dhcp6() -> None:
    told = {"subnet[1].assigned-nas": [[2, ""]], "subnet[1].assigned-pds": [[3, ""]]}
    assert active_leases(told, Service.DHCP6) == {1: 5}


@pytest.mark.parametrize(
    "told", [None, [], 3, {"subnet[1].assigned-addresses": 3}, {"subnet[1].assigned-addresses": []}]
)
def test_what_kea_never_says_counts_nothing(told: Any) -> None:
    assert active_leases(told, Service.DHCP4) == {}
