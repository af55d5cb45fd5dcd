"""What no apply may do to clients, not even once: such a failure is never tried again (see tests/conftest.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class UnsafeError(AssertionError):
    """Two servers served the same clients, or nobody did although one could."""


def must_not_be(found: Iterable[object], what: str) -> None:
    """Nothing of this kind was found; `what` is shown with it."""
    listed = list(found)
    if listed:
        raise UnsafeError(f"{'; '.join(map(str, listed))}\n{what}")
