"""Webhooks are told once of each thing that begins and ends, whatever else lasts meanwhile, and over restarts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import orjson
import pytest

from reconciler.model import Service
from reconciler.simulator import Release, World
from tests.cli.site import Site, run, subnet, until
from tests.notifying.test_posts import listening
from tests.watching.living import Living

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = [subnet(Service.DHCP4, number) for number in range(1, 21)]


class Told:
    """A site's daemon that has a webhook, and what that was told."""

    def __init__(self, site: Site, url: str, received: list[tuple[str, str, bytes]]) -> None:
        self.site, self._received = site, received
        (site.folder / "ops.url").write_text(url)
        (site.folder / "ops.url").chmod(0o600)
        settings = site.folder / "settings.toml"
        settings.write_text('[webhooks.ops]\nurl-file = "ops.url"\nseverity = "info"\n')
        options = ("--interval", "0.7", "--steady", "0", "--settings", str(settings))
        self.daemon = Living(site.desired, site.folder, "--mode", "replicate", *options)
        self.known: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self.daemon.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.__exit__()

    @property
    def notices(self) -> list[dict[str, Any]]:
        """What lasts, as it was told; not what is of a moment."""
        told = [orjson.loads(content) for *_, content in self._received]
        return [each for each in told if each["turn"] != "once"]

    def expect(self, *turns: tuple[str, str]) -> list[dict[str, Any]]:
        """Wait until these (kind and turn, in any order) were told after all before, and return the notices."""
        number = len(self.known)
        until(lambda: len(self.notices) >= number + len(turns), f"{turns}", 30)
        found = [(each["kind"], each["turn"]) for each in self.notices]
        assert sorted(found[number:]) == sorted(turns), self.notices[number:]
        self.known = found
        return self.notices[number:]

    def restart(self, while_away: Any = None) -> None:
        """Start the daemon anew, after something happened that it doesn't see, and wait for some looks."""
        assert self.daemon.stop() == 0
        if while_away is not None:
            while_away()
        self.daemon.start()
        self.look()

    def look(self) -> None:
        """Wait until everything was looked at some more times."""
        until(lambda: self.daemon.get("readyz").status_code == 200, "first look")
        time.sleep(3)


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Told]:
    """A pair with 20 subnets and a backup, made and normal, and the daemon at work."""
    received: list[tuple[str, str, bytes]] = []
    with World() as world, listening(received) as url:
        made = Site(world, tmp_path, Release.KEA_2_2)
        made.add_pair(servers=("kea-a", "kea-b", "kea-c"), configurations={"kea-a": {"subnet4": MANY}})
        with Told(made.made(), url, received) as told:
            told.look()
            assert told.notices == []
            yield told


def test_a_further_server_that_goes_or_is_back_while_no_daemon_runs_is_told_once(trio: Told) -> None:
    b, c = trio.site.endpoint("kea-b"), trio.site.endpoint("kea-c")
    c.stop()
    trio.expect(("status", "begun"))
    trio.restart(b.stop)
    (worse,) = trio.expect(("status", "worse"))
    assert worse["details"][0] == "new: kea-b can't be reached"
    trio.restart()
    trio.restart(c.start)
    (better,) = trio.expect(("status", "better"))
    assert better["details"][0] == "over: kea-c can't be reached"
    assert "kea-b can't be reached" in better["summary"]
    trio.restart()
    trio.restart(b.start)
    trio.expect(("status", "recovered"))
    trio.restart()
    trio.expect()


def test_that_nobody_is_the_truth_and_who_is_then_is_told_once(trio: Told) -> None:
    for name in ("kea-a", "kea-b", "kea-c"):
        trio.site.endpoint(name).stop()
    until(lambda: len(trio.notices) >= 2, "first notices")
    trio.look()
    assert {each["severity"] for each in trio.notices} <= {"warning", "error"}
    assert trio.notices[-1]["severity"] == "error"
    trio.known = [(each["kind"], each["turn"]) for each in trio.notices]
    trio.restart()
    trio.expect()
    trio.restart(trio.site.endpoint("kea-b").start)
    until(lambda: ("authority", "better") in [(e["kind"], e["turn"]) for e in trio.notices], "who is the truth")
    (told,) = (each for each in trio.notices if (each["kind"], each["turn"]) == ("authority", "better"))
    assert told["summary"].startswith("hq: the authority is kea-b now: ")
    for name in ("kea-a", "kea-c"):
        trio.site.endpoint(name).start()
    until(lambda: {e["kind"] for e in trio.notices if e["turn"] == "recovered"} == {"status", "authority"}, "the end")


def test_a_primary_that_must_not_be_followed_is_told_while_the_relationship_is_impaired(trio: Told) -> None:
    """Also while nothing can be planned since servers are away."""
    a, b, c = (trio.site.endpoint(name) for name in ("kea-a", "kea-b", "kea-c"))
    c.stop()
    trio.expect(("status", "begun"))
    a.edit(lambda config: config.update(subnet4=MANY[:1]))
    found = trio.expect(("drift", "begun"), ("waiting", "begun"))
    (waits,) = (each for each in found if each["kind"] == "waiting")
    assert "authority-shrunk: " in waits["summary"]
    trio.restart()
    trio.restart(b.stop)  # what is held can't be seen now, and lasts
    trio.expect(("status", "worse"))
    trio.restart(b.start)
    trio.expect(("status", "better"))
    a.edit(lambda config: config.update(subnet4=MANY))
    trio.expect(("drift", "recovered"), ("waiting", "recovered"))
    trio.restart()
    trio.expect()


def test_a_suspension_is_told_once_and_its_end_too(trio: Told) -> None:
    options = ("--desired", str(trio.site.desired), "--state-dir", str(trio.daemon.state))
    assert run("suspend", "hq", "--reason", "CHG-1", "--for", "1h", *options).exit_code == 0
    trio.expect(("suspended", "begun"))
    trio.restart()
    trio.restart(lambda: run("resume", "hq", *options))
    trio.expect(("suspended", "recovered"))
    trio.restart()
    trio.expect()
