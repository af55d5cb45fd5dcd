"""What differs between Kea versions, as far as a reconciler has to know it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from enum import StrEnum

Version = tuple[int, int, int]

# Kea series that the test suite runs real daemons of. Anything else is planned, but objected to.
TESTED_SERIES: frozenset[tuple[int, int]] = frozenset({(2, 2), (2, 6), (3, 0)})


@functools.lru_cache(maxsize=1024)
def parse_version(text: str) -> Version:
    """Turn version-get's text, such as "2.2.0" or "2.7.9-git", into three comparable numbers.

    What is no version at all becomes (0, 0, 0), which is in no tested series.
    """
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


def is_tested(version: str) -> bool:
    """Whether the series of this version is one that our tests run."""
    return parse_version(version)[:2] in TESTED_SERIES


class Capability(StrEnum):
    """What some versions of Kea can do and others can't."""

    CONFIG_HASH = "config-hash-get, and a hash in config-get"
    HARMLESS_CONFIG_TEST = "config-test that leaves the daemon as it was"
    LONELY_SYNC = "ha-sync on the primary of a passive-backup relationship"
    SEVERAL_RELATIONSHIPS = "several relationships in the HA hook, told apart by server-name"
    SINGLE_COMMANDS = "commands for single subnets, networks, reservations and classes that come with Kea itself"


# From which version on, and up to which, exclusive, where that ended. What depends on a version and is no capability
# stands in two more tables: DHCP parameters in `parameters`, those of the HA hook in `ha`.
_ALWAYS: Version = (0, 0, 0)
CAPABILITIES: Mapping[Capability, tuple[tuple[Version, Version | None], ...]] = {
    Capability.CONFIG_HASH: (((2, 4, 0), None),),
    Capability.HARMLESS_CONFIG_TEST: ((_ALWAYS, (2, 7, 3)), ((3, 0, 4), (3, 1, 0)), ((3, 1, 3), None)),
    Capability.LONELY_SYNC: (((2, 6, 0), None),),  # 2.2.0 never answers, and nothing else after it (seen three times)
    Capability.SEVERAL_RELATIONSHIPS: (((2, 5, 5), None),),
    Capability.SINGLE_COMMANDS: (((3, 0, 0), None),),  # older ones were sold, and are not tested
}


def can(version: str, capability: Capability) -> bool:
    """Whether a version of Kea can do something."""
    number = parse_version(version)
    return any(since <= number and (until is None or number < until) for since, until in CAPABILITIES[capability])


def config_test_is_safe(version: str) -> bool:
    """Whether config-test leaves the daemon as it was.

    On 2.7.3 to 3.0.3 and 3.1.0 to 3.1.2 it switches the multi-threading test mode on and never off again, and the
    next config-set does not open the HA listener (Kea issue 4145; fixed in 3.0.4 and 3.1.3).
    """
    return can(version, Capability.HARMLESS_CONFIG_TEST)


def has_config_hash(version: str) -> bool:
    """Whether config-hash-get exists and config-get carries a `hash`."""
    return can(version, Capability.CONFIG_HASH)


def has_several_relationships(version: str) -> bool:
    """Whether a server can be in several relationships, which its HA commands then tell apart by a `server-name`.

    Before, ha-continue and ha-reset have no arguments.
    """
    return can(version, Capability.SEVERAL_RELATIONSHIPS)
