"""A site whose relationship a daemon watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.simulator import Release, World
from tests.cli.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """One pair of simulated servers of the newest generation, made and normal."""
    with World() as world:
        made = Site(world, tmp_path, Release.KEA_3_0)
        made.add_pair()
        yield made.made()
