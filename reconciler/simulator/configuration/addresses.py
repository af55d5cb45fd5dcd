"""Addresses and hexadecimal strings as Kea reads and prints them."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from reconciler.simulator.configuration.refusal import RefusedError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_GROUPED = re.compile(r"[0-9a-fA-F]{1,2}(?:([: ])[0-9a-fA-F]{1,2}(?:\1[0-9a-fA-F]{1,2})*)?")
_PLAIN = re.compile(r"(?:0x)?([0-9a-fA-F]+)")


@lru_cache(maxsize=4096)
def address(text: str) -> Address:
    """The address; RefusedError in the words of Kea's inet_pton seam (no zone, no leading zeros)."""
    try:
        if "%" not in text:
            return ipaddress.ip_address(text)
    except ValueError:
        pass
    raise RefusedError(f"Failed to convert string to address '{text}': Invalid argument")


def of_family(text: str, version: int) -> Address | None:
    """The address if it is one of that IP version, else None."""
    try:
        found = address(text)
    except RefusedError:
        return None
    return found if found.version == version else None


def octets(text: str) -> bytes | None:
    """The bytes that an identifier or raw option data stands for, None where it is none.

    'quoted text', aa:bb:cc (one digit is enough in each group), aa bb cc, 0xaabbcc and aabbcc; an odd number of
    digits is filled up on the left.
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].encode()
    plain = _PLAIN.fullmatch(text)
    if plain:
        digits = plain.group(1)
        return bytes.fromhex("0" * (len(digits) % 2) + digits)
    if _GROUPED.fullmatch(text):
        return bytes(int(group, 16) for group in re.split("[: ]", text))
    return None


def colons(value: bytes) -> str:
    """The bytes as aa:bb:cc."""
    return value.hex(":")
