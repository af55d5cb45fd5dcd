"""The daemon on simulated servers: what it does in each mode, what makes it look, and what it leaves alone."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Service
from reconciler.simulator import Kind, Release, World
from tests.cli.site import PROGRAM, Site, run, subnet, until
from tests.watching.living import Living, lasting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = ("--interval", "0.7", "--steady", "0")
SLOW = ("--interval", "3600", "--steady", "0")


@pytest.fixture(params=[Release.KEA_2_2, Release.KEA_3_0], ids=str)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with World() as world:
        made = Site(world, tmp_path, request.param)
        made.add_pair()
        yield made.made()


def lifetime(config: dict[str, Any]) -> None:
    config["valid-lifetime"] = 1234


def is_in_sync(site: Site) -> bool:
    return site.run("plan", "--detailed-exitcode").exit_code == 0


def planned(daemon: Living) -> list[dict[str, Any]]:
    """The plans that were shown and are in the history."""
    listed = run("history", "hq", "--state-dir", str(daemon.state), "--format", "json").json["entries"]
    return [each for each in listed if each["kind"] == "planned"]


def test_report_changes_nothing_and_says_what_drifted_until_it_is_over(site: Site) -> None:
    with Living(site.desired, site.folder, *QUICK) as daemon:
        site.change("kea-b", lifetime)
        site.forget()
        told = daemon.until("drift", is_over=False)
        drifted, *held = told["details"]
        assert drifted == "kea-b: ~ global valid-lifetime: 1234 -> 7200 (peer: kea-b was changed behind our back)"
        # Its HA may be on its way back still.
        assert all(line.startswith(("held by ", "note: ")) for line in held)
        assert any("`kea-reconciler promote hq` takes it over" in line for line in held)
        assert told["finding"] == "drift:hq"
        until(lambda: planned(daemon) != [], "plan in the history")  # as soon as they are normal again
        site.endpoint("kea-b").edit(lambda config: config.update({"valid-lifetime": 7200}))
        daemon.until("drift", is_over=True)
        assert len(daemon.events("drift")) == 2
        assert daemon.stop() == 0
    assert site.sent() == []
    (kept,) = planned(daemon)  # once, however often it was looked at
    assert kept["summary"].endswith("showed 1 change on kea-b, not carried out")
    assert kept["details"] == [drifted]


def test_replicate_puts_drift_right_and_leaves_what_git_asks_for(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "replicate", *QUICK) as daemon:
        site.change("kea-b", lifetime)
        daemon.until("applied")
        daemon.until("drift", is_over=True)
        assert is_in_sync(site)
        site.forget()
        site.documents[0]["parameters"]["max-ack-delay"] = 3000
        site.write()
        daemon.until("changes", is_over=False)
        assert site.sent() == []
        before = site.endpoint("kea-b").config["hooks-libraries"]
        daemon.forget()
        site.change("kea-b", lifetime)
        daemon.until("applied")  # git's change waits; data don't
        daemon.until("drift", is_over=True)
        assert site.endpoint("kea-b").config["valid-lifetime"] == site.endpoint("kea-a").config["valid-lifetime"]
        assert site.endpoint("kea-b").config["hooks-libraries"] == before
        assert daemon.events("changes", is_over=True) == []
        assert daemon.stop() == 0
    assert "kea-a" not in {server for server in ("kea-a", "kea-b") if "config-set" in site.sent(server)}


def test_data_go_on_while_a_change_of_git_waits_for_an_approval(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "enforce", *QUICK) as daemon:
        has_listener = site.release is not Release.KEA_2_2  # of its own, which needs a port that is free
        site.documents[0]["peers"][1]["url"] = site["kea-b"].control if has_listener else "http://127.0.0.1:9/"
        site.write()
        assert "listener-port" in daemon.until("waiting", is_over=False)["message"]
        site.change("kea-b", lifetime)
        daemon.until("applied")
        daemon.until("drift", is_over=True)
        assert site.endpoint("kea-b").config["valid-lifetime"] == site.endpoint("kea-a").config["valid-lifetime"]
        assert daemon.events("waiting", is_over=True) == []
        assert daemon.stop() == 0


def test_enforce_applies_what_git_asks_for(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "enforce", *SLOW) as daemon:
        site.documents[0]["parameters"]["max-ack-delay"] = 3000
        site.write()
        daemon.until("applied")
        daemon.until("changes", is_over=True)
        assert is_in_sync(site)
        assert daemon.stop() == 0


def test_what_needs_an_approval_waits_and_says_so(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "enforce", *QUICK) as daemon:
        site.forget()
        site.documents[0]["state"] = "absent"
        site.write()
        told = daemon.until("waiting", is_over=False)
        assert "remove-relationship" in told["message"]
        assert daemon.stop() == 0
    assert site.sent() == []


def test_at_its_end_it_says_that_a_step_is_finished_first(site: Site) -> None:
    site.change("kea-b", lifetime)
    site.forget()
    with Living(site.desired, site.folder, "--mode", "replicate", *QUICK) as daemon:
        until(lambda: "config-set" in site.sent("kea-b"), "set of kea-b", 60)
        assert daemon.stop() == 0
        said = [line["message"] for line in daemon.lines()]
    assert "stopping: the step at hand is finished first, which can take a few minutes" in said


def test_a_file_that_approves_a_plan_adds_no_line_that_is_no_json(site: Site) -> None:
    site.documents[0]["state"] = "absent"
    site.write()
    file = site.folder / "shown.json"
    assert site.run("plan", "--out", str(file)).exit_code == 3
    mark = json.loads(file.read_text())["fingerprint"]
    (site.desired / "approvals").mkdir()
    text = "approve: [{code: remove-relationship, reason: CHG-1}]"
    (site.desired / "approvals" / f"{mark}.yaml").write_text(text)
    assert f"{mark}.yaml" in site.run("plan").stderr
    with Living(site.desired, site.folder, "--mode", "report", *QUICK) as daemon:
        daemon.until("changes")
        assert daemon.events("waiting") == []
        assert daemon.stop() == 0
    assert [line for line in daemon.log.splitlines() if not line.startswith("{")] == []


def test_terminated_servers_wait_for_a_person_who_is_told_the_way_out(site: Site) -> None:
    halves = [site.endpoint(name).ha for name in ("kea-a", "kea-b")]
    for offset in (90, 0):
        site["kea-a"].clock_offset = offset
        until(lambda: all(half and half.state == "terminated" for half in halves), "end of the HA service")
    site.endpoint("kea-b").edit(lifetime)
    with Living(site.desired, site.folder, "--mode", "replicate", *QUICK) as daemon:
        assert "`kea-reconciler reset kea-a`" in daemon.until("waiting")["message"]


@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
@pytest.mark.parametrize("subnets", [[], [1, 77]])
def test_a_server_without_ha_behind_an_address_waits_while_the_one_that_is_meant_is_heard(
    site: Site, name: str, subnets: list[int]
) -> None:
    body = {"subnet4": [subnet(Service.DHCP4, number) for number in subnets]}
    stranger = site.world.add_server("stranger", {Service.DHCP4: body}, version=site.release)
    before = [site.endpoint(each).config for each in ("stranger", "kea-a", "kea-b")]
    with Living(site.desired, site.folder, "--mode", "enforce", *QUICK) as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "daemon that is ready", 60)
        site.inventory[name] = {"dhcp4": {"control": stranger.control}}
        site.write()
        site.forget()
        assert "identity" in daemon.until("waiting")["message"]
        looks = len(stranger.log)
        until(lambda: len(stranger.log) >= looks + 4, "further looks", 60)
        assert daemon.stop() == 0
        assert daemon.events("applied") == []
    assert site.sent() == []
    assert [site.endpoint(each).config for each in ("stranger", "kea-a", "kea-b")] == before


def test_an_invalid_desired_keeps_the_last_good_one(site: Site) -> None:
    inventory = site.desired / "servers.yaml"
    good = inventory.read_text()
    with Living(site.desired, site.folder, "--mode", "enforce", *QUICK) as daemon:
        inventory.write_text("servers: [")
        daemon.until("desired-refused", is_over=False)
        site.change("kea-b", lifetime)
        daemon.until("applied")  # by the last good one
        inventory.write_text(good)
        daemon.until("desired-refused", is_over=True)
        assert daemon.stop() == 0


def test_reconcile_now_looks_at_once(site: Site) -> None:
    site.forget()
    with Living(site.desired, site.folder, "--mode", "enforce", *SLOW) as daemon:
        until(
            lambda: all("config-get" in {each.command for each in site[name].log} for name in ("kea-a", "kea-b")),
            "a look",
        )
        site.change("kea-b", lifetime)
        assert daemon.events("drift") == []
        assert run("reconcile-now", "--state-dir", str(daemon.state)).exit_code == 0
        daemon.until("applied")
        assert daemon.stop() == 0
    assert run("reconcile-now", "--state-dir", str(daemon.state)).exit_code == 1


def test_a_suspended_relationship_is_left_alone_until_it_is_resumed(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "enforce", *QUICK) as daemon:
        where = ("--desired", str(site.desired), "--state-dir", str(daemon.state))
        assert run("suspend", "hq", "--reason", "CHG-1", "--for", "2h", *where).exit_code == 0
        assert "CHG-1" in daemon.until("suspended")["message"]
        site.change("kea-b", lifetime)
        site.forget()
        daemon.until("drift", is_over=False)
        assert site.sent() == []
        assert run("resume", "hq", *where).exit_code == 0
        daemon.until("suspended", is_over=True)
        daemon.until("applied")
        assert daemon.stop() == 0
    kept = run("history", "hq", "--state-dir", str(daemon.state), "--format", "json").json["entries"]
    assert [each["is_over"] for each in kept if each["kind"] == "suspended"] == [True, False]


def test_suspend_waits_for_an_apply_that_is_under_way(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "enforce", *SLOW) as daemon:
        held = site["kea-b"].faults.add(Kind.HANG, "config-set", times=1)
        site.change("kea-b", lifetime)
        options = ("--reason", "CHG-1", "--for", "2h", "--desired", str(site.desired), "--state-dir", str(daemon.state))
        assert run("reconcile-now", "--state-dir", str(daemon.state)).exit_code == 0
        until(lambda: held.times == 0, "apply of the daemon", 60)

        ended = run("suspend", "hq", "--lock-timeout", "0", *options)
        assert ended.exit_code == 5
        assert "hq is suspended until" in ended.stdout
        assert f"(pid {daemon.process.pid}, since" in ended.stderr
        assert "is still at work on its servers, and may change them until it is done" in ended.stderr

        said = site.folder / "suspend.stderr"
        with said.open("w") as err, subprocess.Popen([PROGRAM, "suspend", "hq", *options], stderr=err) as waiting:
            until(lambda: "hq is suspended; waiting for `kea-reconciler watch`" in said.read_text(), "what it says", 60)
            assert waiting.poll() is None
            daemon.kill()
            assert waiting.wait(60) == 0


def test_what_drifts_back_again_and_again_is_contested(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "enforce", *QUICK) as daemon:
        for _ in range(3):
            daemon.forget()
            site.change("kea-b", lifetime)
            daemon.until("drift", is_over=True)
            site.until_normal()
        site.change("kea-b", lifetime)
        assert "valid-lifetime on kea-b" in daemon.until("contested", is_over=False)["message"]
        daemon.forget()
        site.change("kea-a", lambda config: config["subnet4"].append(subnet(Service.DHCP4, 2)))
        daemon.until("applied")  # all else goes on
        assert len(site.endpoint("kea-b").config["subnet4"]) == 2
        assert site.endpoint("kea-b").config["valid-lifetime"] == 1234
        daemon.stop()
        site.until_normal()
        daemon.forget()
        site.forget()
        daemon.start()  # one that starts anew fights no more either
        daemon.until("contested", is_over=False)
        assert "contested: global valid-lifetime on kea-b" in daemon.get().text
        told = site.run("status", "--format", "json", "--state-dir", str(daemon.state)).json
        assert told["relationships"][0]["contested"] == ["global valid-lifetime on kea-b"]
        assert lasting(told) == lasting(daemon.get("status.json").json())
        shown = site.run("status", "--state-dir", str(daemon.state)).stdout
        assert "contested: global valid-lifetime on kea-b drifts back again and again" in shown
        assert site.sent() == []
        assert daemon.stop() == 0


def test_a_relationship_is_not_changed_more_often_than_is_allowed(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "enforce", "--writes-per-hour", "1", *QUICK) as daemon:
        site.change("kea-b", lifetime)
        daemon.until("drift", is_over=True)
        daemon.stop()
        daemon.start()  # what was done counts, whoever did it
        site.change("kea-b", lambda config: config.update({"valid-lifetime": 4321}))
        site.forget()
        daemon.until("capped", is_over=False)
        assert site.sent() == []
        site.endpoint("kea-b").stop()
        daemon.until("status", is_over=False)
        assert daemon.events("capped", is_over=True) == []


def test_a_primary_that_comes_back_has_to_prove_itself(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "enforce", "--interval", "0.7", "--steady", "6") as daemon:
        until(lambda: bool(daemon.lines()), "a line")
        site["kea-a"].endpoint(Service.DHCP4).stop()
        daemon.until("status", is_over=False)
        assert "kea-b" in daemon.until("authority")["message"]
        site["kea-a"].endpoint(Service.DHCP4).start()
        site.endpoint("kea-a").edit(lambda config: config["subnet4"].append(subnet(Service.DHCP4, 2)))
        site.forget()
        daemon.until("unsteady", is_over=False)
        assert site.sent() == []
        daemon.until("unsteady", is_over=True)
        daemon.until("applied")
        assert daemon.stop() == 0


def test_a_primary_installed_anew_from_a_template_waits_and_says_what_helps(site: Site) -> None:
    """It has no entry, no stamp and three of four subnets: too few are gone for any threshold."""
    site.documents[0]["parameters"] |= {"max-response-delay": 1500, "max-unacked-clients": 0}
    site.write()
    others = [subnet(Service.DHCP4, number) for number in (2, 3, 4)]
    site.change("kea-a", lambda config: config["subnet4"].extend(others))
    assert site.run("apply", "--yes").exit_code == 0
    written = site.endpoint("kea-a").written
    assert written is not None
    template = {key: value for key, value in written.items() if key not in {"hooks-libraries", "user-context"}}
    template["subnet4"] = template["subnet4"][:3]
    with Living(site.desired, site.folder, "--mode", "enforce", *QUICK) as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "daemon that is ready", 60)
        site.endpoint("kea-a").stop(killed=True)
        partner = site.endpoint("kea-b").ha
        assert partner is not None
        until(lambda: partner.state == "partner-down", "partner-down", 60)
        site.forget()
        site.endpoint("kea-a").restart(template)
        told = daemon.until("waiting", is_over=False)["message"]
        assert "authority-older: kea-a has no HA entry and no stamp of this relationship" in told
        assert "`kea-reconciler promote hq`" in told
        asked = len(site.endpoint("kea-b").log)
        until(lambda: len(site.endpoint("kea-b").log) >= asked + 4, "further looks", 60)
        assert daemon.stop() == 0
        assert daemon.events("applied") == []
    assert site.sent() == []
    assert len(site.endpoint("kea-b").config["subnet4"]) == 4
    assert site.run("promote", "hq", "--yes").exit_code == 0
    assert len(site.endpoint("kea-a").config["subnet4"]) == 4


def test_a_dead_server_delays_no_other_relationship(site: Site) -> None:
    site.add_pair("branch", servers=("kea-c", "kea-d"))
    site.made()
    site["kea-a"].faults.add(Kind.HANG)
    with Living(site.desired, site.folder, "--mode", "enforce", *QUICK) as daemon:
        for number in range(2):
            daemon.forget()
            site.endpoint("kea-d").edit(lambda config: config.update({"valid-lifetime": 1000 + number}))  # noqa: B023
            daemon.until("applied", relationship="branch", seconds=15)
        assert daemon.events("applied", relationship="hq") == []


def test_two_daemons_do_not_share_a_state_directory(site: Site) -> None:
    with Living(site.desired, site.folder, *SLOW) as daemon:
        ended = run("watch", "--desired", str(site.desired), "--state-dir", str(daemon.state))
        assert ended.exit_code == 5
        assert f"pid {daemon.process.pid}" in ended.stderr


def test_an_apply_by_hand_works_beside_it(site: Site) -> None:
    with Living(site.desired, site.folder, "--mode", "enforce", *SLOW) as daemon:
        site.change("kea-b", lifetime)
        assert site.run("apply", "--yes", "--state-dir", str(daemon.state)).exit_code == 0
        assert is_in_sync(site)
