"""The one table of what DHCP parameters Kea versions know: what was added, renamed, or got another default.

Everything that follows the authority and is not the same from 2.2 to 3.0 and later stands here, with the places that it
stands in; `translation` carries it out, and knows nothing of its own but `preferred-lifetime`. Found by asking real
2.2.0, 2.6.3 and 3.0.3 for every word in their libraries in every place, and by reading back what each fills in where
nobody set it; versions between them are from Kea's ChangeLog (CL). What a version takes without knowing it (unknown
keys of a client class) is treated as what it refuses. Parameters of the HA hook stand in `ha`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.kea.versions import Version
from reconciler.model import ABSENT, Service

GLOBAL, SANITY = "global", "sanity-checks"  # the places that are no kind of object (see `objects`)
NETWORK, SUBNET, POOL, PD_POOL = "shared-network", "subnet", "pool", "pd-pool"
CLASS, OPTION, DEFINITION, RESERVATION = "client-class", "option", "option-def", "reservation"

_ANYWHERE = (GLOBAL, NETWORK, SUBNET)
_V4, _V6 = (Service.DHCP4,), (Service.DHCP6,)
_BOTH = (*_V4, *_V6)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that came, or whose default changed, in a version.

    `since` is that version. `neutral` is the value with which a server does what older versions do, or those where
    nobody set it. `default` is what config-get shows from then on where nobody set it; ABSENT where it shows nothing.
    `inherits`: networks and subnets show the value that they inherit. `is_older`: the parameter was known before.
    `later` are values that came later than the parameter.
    """

    name: str
    since: Version
    places: tuple[str, ...]
    neutral: Any = ABSENT
    default: Any = ABSENT
    inherits: bool = False
    is_older: bool = False
    services: tuple[Service, ...] = _BOTH
    later: Mapping[Any, Version] = field(default_factory=dict)


PARAMETERS = (
    Parameter("never-send", (2, 3, 6), (OPTION,), neutral=False, default=False),  # CL 2110
    Parameter("client-classes", (3, 0, 0), (OPTION,), neutral=[]),
    Parameter(  # CL 2079, 2121
        "allocator",
        (2, 3, 4),
        _ANYWHERE,
        neutral="iterative",
        default="iterative",
        inherits=True,
        later={"flq": (2, 3, 7)},
    ),
    Parameter(
        "pd-allocator",
        (2, 3, 4),
        _ANYWHERE,
        neutral="iterative",
        default="iterative",
        inherits=True,
        services=_V6,
        later={"flq": (2, 3, 7)},
    ),
    # Lease caching: off where nobody set it, until 3.0 gave it a default.
    Parameter("cache-threshold", (3, 0, 0), _ANYWHERE, neutral=0.0, default=0.25, inherits=True, is_older=True),
    Parameter("offer-lifetime", (2, 3, 6), (*_ANYWHERE, CLASS), neutral=0, inherits=True, services=_V4),  # CL 2115
    Parameter("stash-agent-options", (2, 5, 8), (GLOBAL,), neutral=False, default=False, services=_V4),
    Parameter("extended-info-checks", (2, 3, 2), (SANITY,), neutral="fix", default="fix"),  # CL 2069
    Parameter("template-test", (2, 3, 2), (CLASS,)),
    Parameter("pool-id", (2, 4, 0), (POOL, PD_POOL)),  # CL 2156; not in config-get where nobody set it
    Parameter("ddns-ttl-percent", (2, 3, 6), _ANYWHERE, neutral=0.0),  # CL 2119
    Parameter("ddns-ttl-percent", (3, 0, 0), (POOL,)),
    Parameter("ddns-conflict-resolution-mode", (3, 0, 0), (POOL,)),
    *(
        Parameter(name, (3, 0, 0), (*_ANYWHERE, POOL), neutral=0)
        for name in ("ddns-ttl", "ddns-ttl-min", "ddns-ttl-max")
    ),
    *(
        Parameter(name, (3, 0, 0), (POOL,))
        for name in (
            "ddns-generated-prefix",
            "ddns-override-client-update",
            "ddns-override-no-update",
            "ddns-qualifying-suffix",
            "ddns-replace-client-name",
            "ddns-send-updates",
            "ddns-update-on-renew",
            "hostname-char-replacement",
            "hostname-char-set",
        )
    ),
    Parameter("excluded-prefixes", (3, 0, 0), (RESERVATION,), services=_V6),
    Parameter("adaptive-lease-time-threshold", (3, 1, 1), _ANYWHERE),
)


@dataclass(frozen=True, slots=True)
class Rename:
    """A parameter that has another name from `since` on. `up` and `down` turn its value into the new and the old
    form; `down` returns ABSENT for what the old form says by its absence, and raises KeyError for what it can't say.
    """

    old: str
    new: str
    since: Version
    places: tuple[str, ...]
    up: Callable[[Any], Any] = lambda value: value
    down: Callable[[Any], Any] = lambda value: value


def _only(classes: list[str]) -> Any:
    if len(classes) > 1:
        raise KeyError
    return classes[0] if classes else ABSENT


_MODES = {True: "check-with-dhcid", False: "no-check-with-dhcid"}
_FLAGS = {mode: flag for flag, mode in _MODES.items()}

RENAMES = (
    Rename(  # CL 2167; from 2.5.0 on the old name is refused by config-set
        "ddns-use-conflict-resolution",
        "ddns-conflict-resolution-mode",
        (2, 5, 0),
        _ANYWHERE,
        _MODES.__getitem__,
        _FLAGS.__getitem__,
    ),
    Rename(
        "client-class",
        "client-classes",
        (2, 7, 5),
        (NETWORK, SUBNET, POOL, PD_POOL),
        lambda name: [name],
        _only,
    ),
    Rename("require-client-classes", "evaluate-additional-classes", (2, 7, 4), (NETWORK, SUBNET, POOL, PD_POOL)),
    # Older versions take the new name without a word and evaluate the class for every packet.
    Rename("only-if-required", "only-in-additional-list", (2, 7, 4), (CLASS,)),
)


@dataclass(frozen=True, slots=True)
class StandardOption:
    """An option of the service's own space that Kea defines itself since a version.

    From then on config-get gives it its name, and no option-def may define its code. Before, it can only stand in
    hexadecimal digits. Those that have no data in Kea's own definition lose what stands in digits.
    """

    service: Service
    code: int
    name: str
    since: Version
    has_data: bool = True


_LEASE_QUERY = (  # CL 2051
    "status-code",
    "base-time",
    "start-time-of-state",
    "query-start-time",
    "query-end-time",
    "dhcp-state",
    "data-source",
)

STANDARD_OPTIONS = (
    *(StandardOption(Service.DHCP4, code, name, (2, 3, 0)) for code, name in enumerate(_LEASE_QUERY, 151)),
    StandardOption(Service.DHCP4, 143, "v4-sztp-redirect", (2, 3, 6)),  # CL 2116
    StandardOption(Service.DHCP6, 136, "v6-sztp-redirect", (2, 3, 6)),
    StandardOption(Service.DHCP4, 162, "v4-dnr", (2, 3, 8)),  # CL 2130
    StandardOption(Service.DHCP6, 144, "v6-dnr", (2, 3, 8)),
    StandardOption(Service.DHCP4, 121, "classless-static-route", (2, 5, 5)),  # CL 2200
    StandardOption(Service.DHCP4, 122, "cablelabs-client-conf", (3, 0, 0), has_data=False),
    StandardOption(Service.DHCP6, 148, "addr-reg-enable", (3, 0, 0), has_data=False),
)

# Functions of the expressions in a class's `test`.
FUNCTIONS: Mapping[str, Version] = {"lcase": (2, 5, 2), "ucase": (2, 5, 2), "match": (3, 0, 0)}  # CL 2181

# A reservation that reserves nothing makes its client KNOWN (CL 2093); before, Kea wants one of these.
BARE_RESERVATION: Version = (2, 3, 5)
RESOURCES = (
    "hostname",
    "ip-address",
    "ip-addresses",
    "prefixes",
    "client-classes",
    "option-data",
    "next-server",
    "server-hostname",
    "boot-file-name",
)

# Since then a subnet's renew-timer may be above its rebind-timer, and is ignored with a warning (CL 2097).
RENEW_ABOVE_REBIND: Version = (2, 3, 5)

# Since then what is not set is 5/8 of the valid-lifetime, and so is what is above it or 0. Before, it is 3600, and
# sent to the client whatever the valid-lifetime is (CL 2136; seen with clients on 2.2.0, 2.6.3 and 3.0.3).
CALCULATED_PREFERRED: Version = (2, 3, 8)
OLD_PREFERRED = 3600


@dataclass(frozen=True, slots=True)
class IdentifierLength:
    """How many bytes a reservation's identifier may have, from a version on until the next such entry."""

    since: Version
    lengths: Mapping[str, tuple[int, int]]


_UNLIMITED = (1, 1 << 16)
IDENTIFIER_LENGTHS = (
    IdentifierLength(
        (0, 0, 0),
        {"duid": (1, 128), "client-id": _UNLIMITED, "circuit-id": _UNLIMITED, "flex-id": _UNLIMITED},
    ),
    IdentifierLength(  # CL 2061
        (2, 3, 1), {"duid": (1, 128), "client-id": (1, 128), "circuit-id": (1, 128), "flex-id": (1, 128)}
    ),
    IdentifierLength(  # CL 2131; the least length of a DUID seen on 2.6.3 and 3.0.3
        (2, 3, 8), {"duid": (3, 130), "client-id": (1, 255), "circuit-id": (1, 128), "flex-id": (1, 128)}
    ),
)
