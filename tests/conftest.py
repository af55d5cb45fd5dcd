"""What every test can ask for: a laboratory of real Kea servers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lab.kea import KeaServer, kea_is_installed
from lab.laboratory import Laboratory

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_LABORATORY = pytest.StashKey[Laboratory]()


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    """A laboratory of the test's own: `lab.pair()`, `lab.server(...)`, `lab.proxy(server)`; for tests marked kea."""
    if request.node.get_closest_marker("kea") is None:
        pytest.fail("a test that starts real Kea daemons must be marked kea", pytrace=False)
    with Laboratory() as laboratory:
        request.node.stash[_LABORATORY] = laboratory
        yield laboratory


@pytest.fixture
def kea_pair(lab: Laboratory) -> tuple[KeaServer, KeaServer]:
    """Two unrelated empty dhcp4 servers, kea-a and kea-b; `lab.pair(...)` for anything else."""
    return lab.pair()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without Kea a test of the real thing is skipped with a reason, except where it must not be: in CI."""
    if item.get_closest_marker("kea") is None or kea_is_installed():
        return
    reason = "needs the real daemons kea-dhcp4, kea-dhcp6 and kea-ctrl-agent (lab/install.sh installs them)"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; with CI=true that is a failure", pytrace=False)
    pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the daemons' logs under a failed test: why a hook did not load is said nowhere else."""
    report = yield
    laboratory = item.stash.get(_LABORATORY, None)
    if report.failed and laboratory is not None:
        report.sections += [(f"log of {label}", text) for label, text in laboratory.logs().items()]
    return report
