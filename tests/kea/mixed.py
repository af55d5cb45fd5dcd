"""Pairs of two versions of Kea, as in the days of a rolling upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import GENERATIONS, Generation
from reconciler.model import Service
from tests.kea.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.laboratory import Laboratory

OLD, MIDDLE, NEW = GENERATIONS
V4, V6 = Service
# Primary and standby of each pair.
PAIRS = [
    (V4, (OLD, MIDDLE)),
    (V4, (MIDDLE, OLD)),
    (V4, (MIDDLE, NEW)),
    (V4, (NEW, MIDDLE)),
    (V4, (OLD, NEW)),
    (V6, (OLD, MIDDLE)),
    (V6, (MIDDLE, OLD)),
    (V6, (MIDDLE, NEW)),
    (V6, (NEW, MIDDLE)),
    (V6, (NEW, OLD)),
]


def on(group: str, service: Service, generations: tuple[Generation, Generation]) -> Any:
    """A pair as a parameter; all tests of a group on the same pair run in one process."""
    names = "-with-".join(map(str, generations))
    return pytest.param(
        service, generations, id=f"{service}-{names}", marks=pytest.mark.xdist_group(f"{group}-{service}-{names}")
    )


def mixed(
    lab: Laboratory,
    service: Service,
    generations: tuple[Generation, Generation],
    configurations: Mapping[str, Mapping[str, Any]] | None = None,
) -> World:
    """A world of kea-a of the one generation and kea-b of the other."""
    options = dict(zip(("kea-a", "kea-b"), ({"generation": each} for each in generations), strict=True))
    return World(lab, service, configurations=configurations, options=options, is_logged=True)
