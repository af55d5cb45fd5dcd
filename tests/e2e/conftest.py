"""What real clients take: network namespaces, which take root, and perfdhcp. Where CI=true their lack is a failure."""

from __future__ import annotations

import os

import pytest

from lab import network
from lab.generation import found
from tests.e2e.load import PROGRAM


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip with a reason what can't be run here, except in CI."""
    if item.get_closest_marker("e2e") is None:
        return
    reason = network.missing()
    if reason is None and found(PROGRAM) is None:
        reason = f"{PROGRAM} is not here (lab/install.sh installs it with Debian's package kea-admin)"
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; with CI=true that is a failure", pytrace=False)
    pytest.skip(reason)
