"""The daemons' logs under every failed test that has a World, shared or its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kea.world import LIVING

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the daemons logged."""
    report = yield
    if report.failed:
        for world in LIVING:
            report.sections += [(f"log of {label}", text) for label, text in world.lab.logs(60).items()]
    return report
