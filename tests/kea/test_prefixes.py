"""Which subnets of two servers have addresses in common."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import product

import pytest

from reconciler.kea.prefixes import overlaps

SIX = ["2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::/48", "2001:db9::/48"]


@pytest.mark.parametrize(
    ("own", "others", "found"),
    [
        (["10.0.1.0/24"], ["10.0.1.0/24"], [("10.0.1.0/24", "10.0.1.0/24")]),
        (["10.0.1.0/24", "10.1.1.0/24"], ["10.0.0.0/16"], [("10.0.1.0/24", "10.0.0.0/16")]),
        (["10.0.0.0/16"], ["10.0.1.0/24", "10.0.2.0/24"], [("10.0.0.0/16", "10.0.1.0/24")]),
        (["10.0.1.0/24"], ["10.0.0.0/8", "10.0.0.0/16"], [("10.0.1.0/24", "10.0.0.0/16")]),
        (["10.0.1.0/24"], ["10.0.2.0/24", "10.0.1.0/16x"], []),
        (["10.0.1.7/24"], ["10.0.0.0/16"], [("10.0.1.7/24", "10.0.0.0/16")]),
        ([], ["0.0.0.0/0"], []),
        (["2001:db8:1::/48"], ["2001:db8::/32"], [("2001:db8:1::/48", "2001:db8::/32")]),
    ],
)
def test_equal_enclosing_and_enclosed_ones_are_found(
    own: list[str], others: list[str], found: list[tuple[str, str]]
) -> None:
    assert list(overlaps(own, others)) == found


@pytest.mark.parametrize(("one", "other"), list(product(SIX, SIX)))
def test_two_overlap_where_the_standard_library_says_so(one: str, other: str) -> None:
    assert bool(list(overlaps([one], [other]))) is ip_network(one).overlaps(ip_network(other))
