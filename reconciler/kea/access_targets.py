"""Where a control address leads: taking it apart, and whether we may go there at all.

A pull request can put any address into the inventory. So every address that a name stands for is checked before
anything is sent, and the connection goes to a checked address, not to the name once more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network
    from urllib.parse import SplitResult

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNUSUAL = re.compile(r"[^!-~]|[\\\"<>^`{|}]")  # what urlsplit drops or bends silently, and what no address needs
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")

_NEVER: tuple[tuple[str, str], ...] = (
    ("169.254.0.0/16", "link-local"),
    ("fe80::/10", "link-local"),
    ("224.0.0.0/4", "multicast"),
    ("ff00::/8", "multicast"),
    ("0.0.0.0/8", "unspecified"),
    ("::/128", "unspecified"),
    ("255.255.255.255/32", "broadcast"),
    # Metadata services of clouds that are not link-local: they hand out the machine's own credentials.
    ("100.100.100.200/32", "a cloud metadata service"),
    ("168.63.129.16/32", "a cloud metadata service"),
    ("192.0.0.192/32", "a cloud metadata service"),
    ("fd00:ec2::254/128", "a cloud metadata service"),
    ("fd20:ce::254/128", "a cloud metadata service"),
)
_REFUSED = tuple((ip_network(network), what) for network, what in _NEVER)
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """An agent's or a daemon's HTTP address, normalised: lower case, the port always there, no credentials in it."""

    scheme: str
    host: str
    port: int
    path: str = "/"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what credentials are kept under."""
        return f"{self.scheme}://{self._written_host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return self.origin + self.path

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is spoken there."""
        return self.scheme == "https"

    @property
    def literal(self) -> Address | None:
        """The host as an address; None where it is a name."""
        return _literal(self.host)

    @property
    def _written_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True)
class UnixTarget:
    """A daemon's unix control socket."""

    path: str


def parse_control(control: str) -> HttpTarget | UnixTarget:
    """Take `http(s)://host[:port][/path]` or `unix:/path` apart.

    ValueError says what is wrong, without repeating the address: it may hold a password.
    """
    if control.startswith("unix:"):
        return _parse_unix(control.removeprefix("unix:"))
    if _UNUSUAL.search(control):
        raise ValueError("it has characters that don't belong into an address")
    parts = urlsplit(control)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("it must begin with http://, https:// or unix:/")
    if "@" in parts.netloc:
        raise ValueError("a user or password must not stand in it; they belong into the credentials file")
    if "?" in control or "#" in control:
        raise ValueError("it must end with the path, without ? or #")
    return HttpTarget(parts.scheme, _host(parts.hostname), _port(parts), parts.path or "/")


def parse_origin(text: str) -> str:
    """Return scheme, host and port of an address normalised, as `HttpTarget.origin` does.

    ValueError where it is anything else, such as one with a path.
    """
    target = parse_control(text)
    if isinstance(target, UnixTarget):
        raise ValueError("a unix socket takes no credentials")  # noqa: TRY004 - the type was written by a person
    if target.path != "/":
        raise ValueError("it must be scheme, host and port alone, without a path")
    return target.origin


def origin_of(address: str) -> str | None:
    """Return the origin of a control or peer address; None where it has none, as a unix socket, or can't be one."""
    try:
        target = parse_control(address)
    except ValueError:
        return None
    return target.origin if isinstance(target, HttpTarget) else None


def _parse_unix(path: str) -> UnixTarget:
    if not path.startswith("/"):
        raise ValueError("the path behind unix: must be absolute")
    if not path.isprintable():
        raise ValueError("the path behind unix: has unprintable characters")
    return UnixTarget(path)


def _host(hostname: str | None) -> str:
    host = (hostname or "").removesuffix(".")
    literal = _literal(host)
    if literal is not None:
        return str(literal)
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("it has no host, or one that is neither a name nor an IP address")
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port is None:
        return _DEFAULT_PORTS[parts.scheme]
    if port == 0:
        raise ValueError("its port is not a number from 1 to 65535")
    return port


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


# --------------------------------------------------------------------------------------------- policy


def refusal(address: Address, allow: Iterable[Network] | None) -> str | None:
    """Say why we must not talk to `address`; None where we may.

    Link-local, multicast, unspecified and metadata addresses never; else everything, or what `allow` holds. An
    IPv4 address that is wrapped into an IPv6 one is judged as both.
    """
    for form in _forms(address):
        for network, what in _REFUSED:
            if form in network:
                return f"the address is {what}, which is always refused"
    if allow is None or any(form in network for network in allow for form in _forms(address)):
        return None
    return "the address is in none of the networks that the settings allow ([network] allow)"


def always_refused(network: Network) -> str | None:
    """Say what kind of address a whole network is that is never talked to; None for any other network."""
    for refused, what in _REFUSED:
        if network.version == refused.version and network.subnet_of(refused):  # type: ignore[arg-type]
            return what
    return None


def _forms(address: Address) -> tuple[Address, ...]:
    """Return the address without its scope, and the IPv4 addresses that are wrapped into it."""
    if isinstance(address, IPv4Address):
        return (address,)
    plain = IPv6Address(int(address))
    if plain.ipv4_mapped is not None:
        return (plain.ipv4_mapped,)  # the same host on the same wire, only written differently
    wrapped = [plain.sixtofour]
    if plain in _NAT64:
        wrapped.append(IPv4Address(int(plain) & 0xFFFFFFFF))
    return (plain, *(inner for inner in wrapped if inner is not None))
