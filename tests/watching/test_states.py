"""What the daemon tells of servers that go and come back, while others are away and while a primary proves itself."""

from __future__ import annotations

import re
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Service
from reconciler.simulator import Release, World
from tests.cli.site import Site, run, subnet, until
from tests.watching.living import Living

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Site]:
    """A pair and a backup, made and normal."""
    with World() as world:
        made = Site(world, tmp_path, Release.KEA_2_2)
        made.add_pair(servers=("kea-a", "kea-b", "kea-c"))
        yield made.made()


def relationship(daemon: Living) -> dict[str, Any]:
    found: dict[str, Any] = daemon.get("status.json").json()["relationships"][0]
    return found


def without(daemon: Living, server: str) -> list[str]:
    """What is told of the status without a word of a server."""
    told = [each["message"] for each in daemon.events("status", is_over=False)]
    return [each for each in told if server not in each]


def in_history(daemon: Living, kind: str) -> list[str]:
    listed = run("history", "hq", "--state-dir", str(daemon.state), "--format", "json").json["entries"]
    return [each["summary"] for each in reversed(listed) if each["kind"] == kind]


def test_each_server_that_goes_or_is_back_is_told_while_another_is_away(trio: Site) -> None:
    with Living(trio.desired, trio.folder, "--mode", "replicate", "--interval", "0.7", "--steady", "0") as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "first look")
        trio.endpoint("kea-c").stop()
        assert "kea-c can't be reached" in daemon.until("status", is_over=False)["message"]
        daemon.forget()
        trio.endpoint("kea-b").stop()
        gone = daemon.until("status", is_over=False)["message"]
        assert gone == "hq is Impaired: kea-b can't be reached; kea-c can't be reached"
        daemon.forget()
        trio.endpoint("kea-c").start()
        until(lambda: bool(without(daemon, "kea-c")), "word that kea-c is back")
        back = without(daemon, "kea-c")[0]
        assert "kea-b can't be reached" in back
        trio.endpoint("kea-b").start()
        daemon.until("status", is_over=True)
        summaries = in_history(daemon, "status")
        assert gone in summaries
        assert summaries.index(gone) < summaries.index(back)
        assert summaries[-1] == "hq is OK again"
        assert len(summaries) <= 6  # nothing for each of the states that kea-b passes through
        assert daemon.stop() == 0


def test_the_partner_is_said_to_be_the_truth_until_the_primary_has_proved_itself(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "replicate", "--interval", "0.7", "--steady", "12") as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "first look")
        site.endpoint("kea-a").stop()
        daemon.until("authority", is_over=False)
        site.endpoint("kea-a").start()
        site.endpoint("kea-a").edit(lambda config: config["subnet4"].append(subnet(Service.DHCP4, 2)))
        daemon.until("unsteady", is_over=False)
        assert daemon.events("authority", is_over=True) == []
        told = relationship(daemon)
        words = "the primary kea-a is back, but not for long enough; its standby kea-b is the truth until then"
        assert (told["authority"], told["authority_reason"]) == ("kea-b", words)
        assert any("the daemon waits until kea-a has proved itself" in note for note in told["notes"])
        assert (told["in_sync"], [each["in_sync"] for each in told["servers"]]) == (None, [None, None])
        assert daemon.events("drift", is_over=False) == []
        metrics = daemon.get("metrics").text
        labels = 'relationship="hq",role="standby",server="kea-b",service="dhcp4"'
        assert f"kea_reconciler_authority{{{labels}}} 1.0" in metrics
        assert 'kea_reconciler_drift_differences{relationship="hq",service="dhcp4"} 0.0' in metrics
        assert "in_sync{" not in metrics
        page = daemon.get().text
        assert "in sync: unknown" in page
        assert "From kea-b to kea-a: whether it has the same is not known." in page
        beside = site.run("status", "--format", "json", "--state-dir", str(daemon.state)).json
        assert (beside["relationships"][0]["authority"], beside["relationships"][0]["authority_reason"]) == (
            "kea-b",
            words,
        )
        assert beside["relationships"][0]["in_sync"] is None
        elsewhere = site.run("status", "--format", "json").json  # a host that knows of no daemon
        assert elsewhere["relationships"][0]["authority"] == "kea-a"
        over = daemon.until("authority", is_over=True)
        assert over["message"] == "hq: the authority is kea-a again"
        daemon.until("unsteady", is_over=True)
        daemon.until("applied")
        daemon.until("drift", is_over=True)
        told = relationship(daemon)
        assert (told["authority"], told["authority_reason"]) == ("kea-a", "kea-a is the primary and answers")
        assert daemon.stop() == 0


def test_a_primary_proves_itself_until_the_time_is_over_or_it_goes_again(site: Site) -> None:
    """Be there something to do or not."""
    with Living(site.desired, site.folder, "--mode", "replicate", "--interval", "0.7", "--steady", "600") as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "first look")
        site.endpoint("kea-a").stop()
        daemon.until("authority", is_over=False)
        site.endpoint("kea-a").start()
        site.change("kea-a", partial(with_subnet, 2))
        daemon.until("unsteady", is_over=False)
        site.change("kea-a", lambda config: config["subnet4"].pop())
        asked = len(site.endpoint("kea-b").log)
        until(lambda: len(site.endpoint("kea-b").log) >= asked + 4, "further looks")
        assert daemon.events("unsteady", is_over=True) == []
        site.endpoint("kea-a").stop()
        told = daemon.until("unsteady", is_over=True)["message"]
        assert told == "hq: its primary does not have to prove itself any more"
        assert daemon.stop() == 0


def test_nobody_has_to_prove_itself_to_a_daemon_that_found_nobody(site: Site) -> None:
    """It looks again only after a while, and is stopped here: its last word is older than what the servers say now."""
    with Living(site.desired, site.folder, "--mode", "replicate", "--interval", "0.7", "--steady", "600") as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "first look")
        for name in ("kea-a", "kea-b"):
            site.endpoint(name).stop()
        until(lambda: any("is nobody now" in each["message"] for each in daemon.events("authority")), "word of nobody")
        daemon.process.send_signal(signal.SIGSTOP)
        for name in ("kea-a", "kea-b"):
            site.endpoint(name).start()
        (beside,) = site.run("status", "--format", "json", "--state-dir", str(daemon.state)).json["relationships"]
        assert (beside["authority"], beside["authority_reason"]) == ("kea-a", "kea-a is the primary and answers")


def test_the_first_of_two_that_were_away_is_the_truth_at_once(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "replicate", "--interval", "0.7", "--steady", "600") as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "first look")
        for name in ("kea-a", "kea-b"):
            site.endpoint(name).stop()
        daemon.until("authority", is_over=False)
        site.endpoint("kea-a").start()
        until(lambda: relationship(daemon)["authority"] == "kea-a", "a look at kea-a")
        time.sleep(3)  # servers tell whole seconds
        site.endpoint("kea-b").start()
        site.endpoint("kea-b").edit(lambda config: config["subnet4"].append(subnet(Service.DHCP4, 2)))
        daemon.until("applied")
        assert len(site.endpoint("kea-b").config["subnet4"]) == 1
        assert relationship(daemon)["authority"] == "kea-a"
        assert daemon.stop() == 0


def with_subnet(number: int, config: dict[str, Any]) -> None:
    config["subnet4"].append(subnet(Service.DHCP4, number))


def test_what_is_told_to_bring_back_what_two_servers_had_brings_it_back(trio: Site) -> None:
    for name, number in (("kea-b", 2), ("kea-c", 3)):
        trio.endpoint(name).edit(partial(with_subnet, number))
    with Living(trio.desired, trio.folder, "--mode", "replicate", "--interval", "0.7", "--steady", "0") as daemon:
        (told,) = (each for each in daemon.until("applied")["details"] if "rollback" in each)
        daemon.until("drift", is_over=True)
        assert daemon.stop() == 0
    commands = re.findall("`kea-reconciler (.*?)`", told)
    assert [each.rpartition(" ")[2] for each in commands] == ["kea-c", "kea-b"]
    number, state = commands[0].split()[3], str(daemon.state)
    shown = run("history", "show", number, "--state-dir", state).stdout
    assert all(
        f"  to have the data again that were there before: kea-reconciler {each}\n" in shown for each in commands
    )
    for command in commands:
        planned = trio.run(*command.split(), "--state-dir", state).stdout
        assert f"the data are those that {command.rpartition(' ')[2]} had before {number} of the history" in planned
