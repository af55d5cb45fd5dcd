"""The daemon whose state directory is lost: it goes on watching, changes nothing, and says both."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.site import until
from tests.watching.living import Living

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.site import Site

OPTIONS = ("--interval", "0.7", "--steady", "0", "--mode", "replicate")


def overwrite(state: Path) -> None:
    for path in state.glob("state.db*"):
        path.write_bytes(os.urandom(path.stat().st_size))


def told_status(daemon: Living) -> dict[str, Any]:
    found: list[dict[str, Any]] = daemon.get("status.json").json()["relationships"]
    return next(each for each in found if each["name"] == "hq")


# What is gone is missed only by who has something to write down, what is damaged by all; that is told once.
@pytest.mark.parametrize(
    ("lose", "about", "failing"), [(overwrite, None, ["hq", "lab"]), (shutil.rmtree, "hq", ["hq"])]
)
def test_it_goes_on_watching_and_changes_nothing(
    site: Site, lose: Callable[[Path], None], about: str | None, failing: list[str]
) -> None:
    site.add_pair("lab", servers=("kea-c", "kea-d"))
    site.made()
    with Living(site.desired, site.folder, *OPTIONS) as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "first look", 60)
        site.forget()
        lose(daemon.state)
        site.change("kea-b", lambda config: config.update({"valid-lifetime": 1234}))
        failed = daemon.until("failed", is_over=False)
        assert str(daemon.state) in failed["message"]
        daemon.until("drift", is_over=False)
        site["kea-a"].stop_agent()
        daemon.until("status", is_over=False)
        assert told_status(daemon)["authority"] == "kea-b"
        for name in failing:
            well = f'consecutive_failures{{relationship="{name}",service="dhcp4"}} 0.0'
            until(lambda: well not in daemon.get("metrics").text, f"a failure of {name}")  # noqa: B023
        assert [each["relationship"] for each in daemon.events("failed")] == [about]
        assert daemon.stop() == 0
    assert site.sent() == []
