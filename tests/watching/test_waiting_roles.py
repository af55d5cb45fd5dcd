"""While git asks for other roles, or another mode, the servers go on by those that they have: so does the authority."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.simulator import Release, World
from tests.cli.site import Site, until
from tests.watching.living import Living

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ADDED = {"hw-address": "aa:bb:cc:00:00:01", "ip-address": "10.0.1.200"}
IS_AWAY = "the primary kea-a can't be reached; its standby kea-b is the truth until then"


def swapped(document: dict[str, Any]) -> None:
    first, second = document["peers"][:2]
    first["role"], second["role"] = "standby", "primary"


def passive(document: dict[str, Any]) -> None:
    document["mode"], document["parameters"] = "passive-backup", {"heartbeat-delay": 60}
    document["peers"][1]["role"] = "backup"


WAITING = pytest.mark.parametrize(
    ("site", "ask"),
    [(Release.KEA_2_2, swapped), (Release.KEA_3_0, swapped), (Release.KEA_2_2, passive)],
    indirect=["site"],
)


@pytest.fixture(params=[Release.KEA_2_2, Release.KEA_3_0])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A pair that notices within two seconds that one is away."""
    with World() as world:
        made = Site(world, tmp_path, request.param)
        made.add_pair()
        made.documents[0]["parameters"] |= {"max-response-delay": 1500, "max-unacked-clients": 0}
        made.write()
        yield made.made()


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Site]:
    """The same with a backup."""
    with World() as world:
        made = Site(world, tmp_path, Release.KEA_3_0)
        made.add_pair(servers=("kea-a", "kea-b", "kea-c"))
        made.documents[0]["parameters"] |= {"max-response-delay": 1500, "max-unacked-clients": 0}
        made.write()
        yield made.made()


def asked(site: Site, ask: Callable[[dict[str, Any]], None], policy: str = "primary") -> None:
    """Git asks for something else of the relationship."""
    site.documents[0]["on-primary-return"] = policy
    ask(site.documents[0])
    site.write()


def serves_alone(site: Site) -> bool:
    half = site.endpoint("kea-b").ha
    return half is not None and half.state == "partner-down"


def lost(site: Site) -> None:
    """The primary dies, its standby notices, and gets a reservation."""
    site.endpoint("kea-a").stop(killed=True)
    until(lambda: serves_alone(site), "partner-down")
    site.endpoint("kea-b").edit(lambda config: config["subnet4"][0].setdefault("reservations", []).append(ADDED))
    until(lambda: serves_alone(site), "partner-down again")


def came_back(site: Site) -> None:
    site.endpoint("kea-a").start()
    site.until_normal()


def has(site: Site) -> list[bool]:
    """Which of the two has what the standby got."""
    configs = (site.endpoint(name).config for name in ("kea-a", "kea-b"))
    return [bool(config["subnet4"][0].get("reservations")) for config in configs]


@WAITING
def test_what_the_standby_got_is_held_and_promoted_together_with_the_change(
    site: Site, ask: Callable[[dict[str, Any]], None]
) -> None:
    lost(site)
    asked(site, ask, "hold")
    assert f"authority: kea-b ({IS_AWAY})" in site.run("status").stdout
    came_back(site)
    held = site.run("apply", "--yes")
    assert (held.exit_code, has(site)) == (3, [False, True])
    assert "kea-b and not kea-a was changed since the last replication, and on-primary-return is hold" in held.stdout
    assert "`kea-reconciler promote hq` takes what kea-b has over to kea-a" in held.stdout
    promoted = site.run("promote", "hq", "--yes")
    assert promoted.exit_code == 0, promoted
    assert "\nPromote: " in promoted.stdout
    assert "kea-b (what the standby kea-b has is taken over to kea-a, as asked for)" in promoted.stdout
    assert (has(site), site.run("plan", "--detailed-exitcode").exit_code) == ([True, True], 0)


@WAITING
def test_that_the_primary_overwrites_is_told_with_the_way_to_keep_it(
    site: Site, ask: Callable[[dict[str, Any]], None]
) -> None:
    lost(site)
    asked(site, ask)
    came_back(site)
    for command in ("plan", "status"):
        told = site.run(command).stdout
        assert "kea-b was changed since the last replication, kea-a was not: apply overwrites what kea-b has" in told
        assert "`kea-reconciler promote hq` takes it over instead" in told
    assert site.run("apply", "--yes").exit_code == 0
    assert has(site) == [False, False]


def test_the_daemon_has_the_server_prove_itself_that_is_the_primary_until_then(site: Site) -> None:
    asked(site, swapped)
    with Living(site.desired, site.folder, "--mode", "replicate", "--interval", "0.7", "--steady", "600") as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "the first look")

        def relationship() -> dict[str, Any]:
            found: dict[str, Any] = daemon.get("status.json").json()["relationships"][0]
            return found

        lost(site)
        daemon.until("authority", is_over=False)
        assert relationship()["authority_reason"] == IS_AWAY
        came_back(site)
        until(lambda: "kea-a is back" in relationship()["authority_reason"], "kea-a proving itself")
        daemon.until("unsteady", is_over=False)
        assert has(site) == [False, True]
        told = [each["message"] for each in daemon.events("authority")]
        assert [each.partition(" now")[0] for each in told] == ["hq: the authority is kea-b"]


def test_while_the_primary_is_away_the_backup_follows_its_partner_all_the_same(trio: Site) -> None:
    backup = trio.endpoint("kea-c")
    with Living(trio.desired, trio.folder, "--mode", "replicate", "--interval", "0.7", "--steady", "0") as daemon:
        asked(trio, swapped)
        daemon.until("changes", is_over=False)
        trio.forget()
        lost(trio)
        daemon.until("applied")
        assert backup.config["subnet4"][0]["reservations"]
        (shown,) = daemon.get("status.json").json()["relationships"]
        assert [each["role"] for each in shown["servers"]] == ["primary", "standby", "backup"]
        assert "kea-a as standby, kea-b as primary" in shown["notes"][-1]
        assert daemon.events("changes", is_over=True) == []
        assert daemon.stop() == 0
    assert {name for name in ("kea-a", "kea-b", "kea-c") if "config-set" in trio.sent(name)} == {"kea-c"}
