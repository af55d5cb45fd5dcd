"""Counts and times in words."""

from __future__ import annotations


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: `1 server`, `2 servers`; `plural` where that takes more than an s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def seconds(value: float) -> str:
    """Return a time in seconds, without digits that say nothing: `10 s`, `0.5 s`."""
    return f"{value:g} s"


def signed_seconds(value: float) -> str:
    """Return a difference of two clocks in whole seconds with its sign: `+2 s`, `-31 s`, `0 s`."""
    whole = round(value)
    return f"{whole:+d} s" if whole else "0 s"
