"""What differs between Kea versions, as far as a reconciler has to know it."""

from __future__ import annotations

import re

Version = tuple[int, int, int]

# Kea series that the test suite runs real daemons of. Anything else is planned, but objected to.
TESTED_SERIES: frozenset[tuple[int, int]] = frozenset({(2, 2), (2, 6), (3, 0)})


def parse_version(text: str) -> Version:
    """Turn version-get's text, such as "2.2.0" or "2.7.9-git", into three comparable numbers.

    What is no version at all becomes (0, 0, 0), which is in no tested series.
    """
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


def is_tested(version: str) -> bool:
    """Whether the series of this version is one that our tests run."""
    return parse_version(version)[:2] in TESTED_SERIES


def config_test_is_safe(version: str) -> bool:
    """Whether config-test leaves the daemon as it was.

    On 2.7.3 to 3.0.3 and 3.1.0 to 3.1.2 it switches the multi-threading test mode on and never off again, and the
    next config-set does not open the HA listener (Kea issue 4145; fixed in 3.0.4 and 3.1.3).
    """
    number = parse_version(version)
    return not ((2, 7, 3) <= number <= (3, 0, 3) or (3, 1, 0) <= number <= (3, 1, 2))


def has_config_hash(version: str) -> bool:
    """Whether config-hash-get exists and config-get carries a `hash` (2.4.0 and later)."""
    return parse_version(version) >= (2, 4, 0)


def has_several_relationships(version: str) -> bool:
    """Whether a server can be in several relationships, which its HA commands then tell apart by a `server-name`.

    Since Kea 2.5.5; before it ha-continue and ha-reset have no arguments.
    """
    return parse_version(version) >= (2, 5, 5)
