"""What the tests of the command line share: a site of simulated servers, and an environment that says nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reconciler.simulator import World
from tests.cli.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def empty_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without a kea-reconciler.toml, and no variable that means anything to us."""
    for name in os.environ:
        if name.startswith("KEA_RECONCILER_") or name in {"NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS"}:
            monkeypatch.delenv(name)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def world() -> Iterator[World]:
    """A world of simulated servers, without any yet."""
    with World(sync_seconds=0.01) as world:
        yield world


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    """Two unrelated servers, kea-a with a subnet and kea-b without, that desired/ makes the hot-standby pair hq."""
    site = Site(world, tmp_path)
    site.add_pair()
    return site


@pytest.fixture
def pair(site: Site) -> Site:
    """The same, as a relationship in its normal state, and nothing remembered of how it got there."""
    site.made()
    site.forget()
    return site
