"""URLs of control channels and peers, read strictly: what is wrong with one is said in words, without its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

_SHAPE = re.compile(r"(?P<scheme>https?)://(?P<host>\[[^\]/?#@]*\]|[^\[\]/?#@:]*)(:(?P<port>[^/?#@]*))?(?P<path>/.*)?")
UNIX = "unix:"
_UNBRACKETED = "an IPv6 address must be in brackets, and its port follows the closing one"


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """A URL in its parts; `host` is without brackets, `port` between 1 and 65535."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The host as an IP address, None where it is a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def place(self) -> tuple[str, int]:
        """Host and port in one form for comparison: what connects to the same place is equal."""
        return (str(self.address or self.host.lower()), self.port)


@lru_cache(maxsize=4096)
def parse_http(text: str) -> HttpUrl | str:
    """Return the parts of an http(s) URL with its port written out, or what is wrong with it, in words."""
    if "@" in text.partition("://")[2]:
        return "a URL must not hold a user name or a password"
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return _misshapen(text)
    host, port, path = shape["host"], shape["port"], shape["path"] or "/"
    fault = _host_fault(host) or _port_fault(port)
    if fault is None and re.search(r"[?#\s]", text):
        fault = "a URL here has no query, no fragment and no spaces"
    return fault or HttpUrl(shape["scheme"], host.strip("[]"), int(port), path)


def parse_control(text: str) -> HttpUrl | str | None:
    """Return the parts of a control channel's URL, what is wrong with it, or None for a good unix:/path."""
    if text.startswith("http"):
        return parse_http(text)
    if not text.startswith(UNIX):
        return "it begins with none of http://, https:// and unix: in small letters"
    return None if re.fullmatch(r"unix:/\S+", text) else "after unix: comes an absolute path without spaces"


def _misshapen(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        return "it does not begin with http:// or https:// in small letters"
    return _UNBRACKETED


def _host_fault(host: str) -> str | None:
    if not host.strip("[]"):
        return "the host is missing"
    if host.startswith("["):
        try:
            IPv6Address(host[1:-1])
        except ValueError:
            return "what stands in the brackets is not an IPv6 address"
        return None
    return (
        None if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", host) else "the host is not a name or address"
    )


def _port_fault(port: str | None) -> str | None:
    if port and ":" in port:
        return _UNBRACKETED
    if not port:
        return "the port is missing; none is assumed"
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        return "the port is not a number from 1 to 65535"
    return None
