"""When two control addresses are one place, so that two runs that write the same server's address otherwise see each
other. Pure: names of DNS are not looked up.
"""

from __future__ import annotations

import contextlib
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_HERE = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})


def place(control: str) -> str:
    """Return host and port of a control address, one way to write them for all; other addresses as they are."""
    parts = urlsplit(control)
    if parts.scheme not in _PORTS or not parts.hostname:
        return control
    return f"{_host(parts.hostname)} {parts.port or _PORTS[parts.scheme]}"


def _host(name: str) -> str:
    found = name.rstrip(".").lower()
    if found in _HERE:
        return "localhost"
    with contextlib.suppress(ValueError):
        address = ip_address(found)
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return "localhost" if str(address) in {"127.0.0.1", "::1"} else str(address)
    return found
