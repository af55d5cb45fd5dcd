"""How a configuration is refused."""

from __future__ import annotations

PLACE = "(<wire>:0:0)"
"""Stands where Kea puts the offset of a value in what it received. The offsets themselves are not simulated."""


class RefusedError(Exception):
    """Kea would refuse this configuration; `str()` is the text of its answer."""


def at(text: str) -> RefusedError:
    """A refusal that ends in the place of the value, as most of Kea's do."""
    return RefusedError(f"{text} {PLACE}")
