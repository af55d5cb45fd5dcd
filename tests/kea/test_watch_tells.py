"""The daemon tells webhooks once, and keeps what it tells: on real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from lab.kea import base_configuration
from reconciler.model import Service
from tests.kea.world import World, run, subnet, until
from tests.notifying.test_posts import listening
from tests.watching.living import Living

if TYPE_CHECKING:
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

REPORT = ("--mode", "report", "--interval", "1", "--steady", "0")


def test_a_server_that_dies_is_told_once_and_its_return_by_the_next_daemon(lab: Laboratory) -> None:
    world = World(lab, configurations={"kea-a": base_configuration(Service.DHCP4, subnets=[subnet(Service.DHCP4, 1)])})
    world.must_apply()
    received: list[tuple[str, str, bytes]] = []

    def told(kind: str = "status") -> list[str]:
        return [each["turn"] for each in (orjson.loads(content) for *_, content in received) if each["kind"] == kind]

    with listening(received) as url:
        (lab.directory / "ops.url").write_text(f"{url}/c4n4ry")
        (lab.directory / "ops.url").chmod(0o600)
        settings = lab.directory / "settings.toml"
        settings.write_text('[webhooks.ops]\nurl-file = "ops.url"\n')
        with Living(world.desired, lab.directory, *REPORT, "--settings", str(settings)) as daemon:
            world.b.stop_daemon(Service.DHCP4)
            daemon.until("status", is_over=False)
            until(lambda: told() == ["begun"], "notice", 60)
            assert daemon.stop() == 0

            daemon.start()  # it finds the same, which is no news
            daemon.until("status", is_over=False)
            assert daemon.stop() == 0
            assert told() == ["begun"]

            world.b.start_daemon(Service.DHCP4)
            world.until_normal(60)
            daemon.start()
            until(lambda: told() == ["begun", "recovered"], "notice of the end", 60)
            assert daemon.stop() == 0
            assert "c4n4ry" not in daemon.log
        listed = run("history", "hq", "--state-dir", str(daemon.state), "--format", "json").json["entries"]
    kinds = [(each["kind"], each["is_over"]) for each in reversed(listed) if each["kind"] == "status"]
    assert kinds == [("status", False), ("status", True)]
