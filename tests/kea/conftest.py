"""The daemons' logs under every failed test that has a World, shared or its own, and that it failed; and the pair that
tests of a module hurt one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kea.shared import FAILED, Shared, shared_by
from tests.kea.standing import Standing, healed, standing
from tests.kea.world import LIVING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the daemons logged, and tell who lends them (see `shared`)."""
    report = yield
    item.stash[FAILED] = report.failed
    if report.failed:
        for world in LIVING:
            report.sections += [(f"log of {label}", text) for label, text in world.lab.logs(60).items()]
    return report


shared = shared_by(standing)  # a pair that stands, for all tests of a module


@pytest.fixture
def pair(request: pytest.FixtureRequest, shared: Shared[Standing]) -> Iterator[Standing]:
    """That pair, as the test before left it, or another one where that failed."""
    with shared.lent(request.node) as pair:
        yield pair


@pytest.fixture
def world(request: pytest.FixtureRequest, pair: Standing) -> Iterator[Standing]:
    """That pair, healed."""
    with healed(pair, request.node):
        yield pair
