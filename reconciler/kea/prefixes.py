"""Whether subnets have addresses in common: equal prefixes, or one inside the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network


def overlaps(own: Collection[str], others: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each prefix of `own` that has addresses in common with one of `others`, with the first such one, sorted.

    Of one service, so all of one version of IP. What is no prefix has nothing in common with anything.
    """
    theirs = dict(_networks(others))
    mine = dict(_networks(own))
    found: dict[Network, Network] = {}
    for small, large in (*_nested(mine, theirs), *((a, b) for b, a in _nested(theirs, mine))):
        found.setdefault(small, large)
    yield from sorted((mine[network], theirs[other]) for network, other in found.items())


def _nested(inner: Collection[Network], outer: Collection[Network]) -> Iterator[tuple[Network, Network]]:
    """Yield the networks of one that are, or lie in, one of the other, with that one."""
    lengths = sorted({network.prefixlen for network in outer}, reverse=True)
    for network in sorted(inner):
        wider = (network.supernet(new_prefix=length) for length in lengths if length <= network.prefixlen)
        around = next((each for each in wider if each in outer), None)
        if around is not None:
            yield network, around


def _networks(prefixes: Collection[str]) -> Iterator[tuple[Network, str]]:
    for prefix in prefixes:
        try:
            yield ip_network(prefix, strict=False), prefix
        except ValueError:
            continue
