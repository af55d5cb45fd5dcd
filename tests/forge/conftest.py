"""What the tests of jobs share: a forge on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.forge import FakeForge

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    with FakeForge() as forge:
        yield forge
