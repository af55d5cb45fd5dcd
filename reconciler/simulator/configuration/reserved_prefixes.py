"""The delegated prefixes of a DHCPv6 reservation, and what is left out of them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import keywords
from reconciler.simulator.configuration.addresses import address
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading

_BITS = 128


def items(reading: Reading, value: Json) -> list[Json]:
    """The members of `prefixes` or `ip-addresses`; each release has words of its own for what is no list."""
    if reading.release >= Release.KEA_3_0 and not isinstance(value, list):
        raise at("size() called on a non-list Element in")
    return keywords.as_list(value)


def prefix(reading: Reading, text: str) -> str:
    """One reserved prefix."""
    first, slash, length = text.partition("/")
    if not slash:
        raise at(f"prefix reservation requires prefix length be specified in '{text}'")
    if not length.isdigit():
        raise at(f"prefix length value '{length}' is invalid")
    found = _address(first)
    if found.version != 6:
        raise at(f"invalid prefix '{found}' for new IPv6 reservation")
    lowest = 0 if reading.release < Release.KEA_2_6 else 1
    if not lowest <= int(length) <= _BITS:
        reason = f"invalid prefix length '{length}' for new IPv6 reservation"
        raise at("'prefix-len' value must be in range of [1..128]" if lowest else reason)
    size = 2 ** (_BITS - int(length))
    if lowest and int(found) % size:
        whole = ipaddress.ip_network((int(found) - int(found) % size, int(length)))
        raise at(f"Prefix address: {found} exceeds prefix/prefix-len pair: {whole}")
    return f"{found}/{length}"


def excluded(reading: Reading, value: dict[str, Json], prefixes: list[str]) -> list[str]:
    """What is left out of each prefix ("": nothing), as it is shown; no list at all where nothing is (since 3.0)."""
    if "excluded-prefixes" not in value:
        return []
    if "prefixes" not in value:
        raise RefusedError("'excluded-prefixes' parameter requires the 'prefixes' parameter")
    texts = [keywords.as_text(item) for item in items(reading, value["excluded-prefixes"])]
    if len(texts) != len(prefixes):
        counts = f"{len(texts)} != {len(prefixes)}"
        raise RefusedError(f"'excluded-prefixes' parameter does not match the 'prefixes' parameter: {counts}")
    shown = [_one_excluded(text, whole) for text, whole in zip(texts, prefixes, strict=True)]
    return shown if any(shown) else []


def _one_excluded(text: str, whole: str) -> str:
    if not text:
        return ""
    first, slash, length = text.partition("/")
    if not slash:
        raise at(f"exclude prefix requires prefix length be specified in '{text}'")
    delegated, bits = whole.split("/")
    shift = _BITS - int(bits)
    if int(_address(first)) >> shift != int(address(delegated)) >> shift:
        same = f"must have the same common prefix part of {bits} as the delegated prefix {whole}"
        raise at(f"excluded prefix {first}/{length} {same}")
    return f"{first}/{length}"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return address(text)
    except RefusedError as refusal:
        raise at(str(refusal)) from None
