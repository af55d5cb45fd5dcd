"""Who is the truth, on real servers: the primary goes, its partner is changed meanwhile, and the primary comes back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from lab.laboratory import Laboratory
from reconciler.kea.hooks import relationships_of
from tests.kea.shared import Shared, shared_by
from tests.kea.trio import S, Trio
from tests.kea.world import subnet, until
from tests.watching.living import Living

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.kea import Generation

pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("authority")]

STARTED = 12  # seconds after which a set is none of its start


@contextlib.contextmanager
def made(generation: Generation) -> Iterator[Trio]:
    with Laboratory(generation=generation) as lab:
        world = Trio(lab)
        world.must_apply()
        yield world


shared = shared_by(made)


@pytest.fixture
def world(request: pytest.FixtureRequest, shared: Shared[Trio]) -> Iterator[Trio]:
    with shared.lent(request.node) as trio:
        trio.heal()
        yield trio


def changed_while_the_primary_is_away(world: Trio) -> str:
    """Let the partner be changed while the primary is away, and the primary come back; returns what the partner got."""
    world.lose(world.a)
    added = world.add(world.b)
    until(lambda: world.state(world.b) == "partner-down", "partner-down")
    world.bring_back(world.a)
    world.until_normal()
    world.forget()
    return added


def test_a_primary_that_is_back_overwrites_and_says_what_and_how_to_keep_it(world: Trio) -> None:
    added = changed_while_the_primary_is_away(world)
    for command in ("plan", "drift", "status"):
        notes = world.told(command)["notes"]
        assert any("kea-b was changed since the last replication, kea-a was not" in note for note in notes), command
        assert any("`kea-reconciler promote hq` takes it over instead" in note for note in notes), command
    (partner,) = [each for each in world.told("drift")["servers"] if each["changes"]]
    assert {tuple(change["moved"]) for change in partner["changes"]} == {("kea-b",)}
    status = world.told("status")
    assert (status["authority"], status["authority_reason"]) == ("kea-a", "kea-a is the primary and answers")
    world.must_apply()
    assert world.has(added) == (False, False, False)


def test_promote_takes_over_what_the_partner_got_and_the_next_change_is_the_primarys_alone(world: Trio) -> None:
    added = changed_while_the_primary_is_away(world)
    promoted = world.run("promote", "hq", "--yes", "--format", "json")
    assert promoted.exit_code == 0, promoted
    world.must_be_done()
    assert world.has(added) == (True, True, True)
    assert Trio.is_in(world.file(world.a), added)
    world.until_normal()
    second = world.add(world.a)
    world.until_normal()
    told = world.told("plan")
    movers = {tuple(change["moved"]) for server in told["servers"] for change in server["changes"]}
    assert (movers, told["objections"]) == ({("kea-a",)}, [])
    world.must_apply()
    assert world.has(second) == (True, True, True)


def test_a_primary_that_is_put_back_to_before_a_promote_is_held(world: Trio) -> None:
    world.add(world.a)  # the only one would not go unasked
    world.until_normal()
    world.must_apply()
    world.a.command(S, "config-write")
    old = world.file(world.a)
    added = changed_while_the_primary_is_away(world)
    assert world.run("promote", "hq", "--yes").exit_code == 0
    world.until_normal()
    world.must_be_done()
    world.lose(world.a)
    world.bring_back(world.a, old)
    world.until_normal()
    world.forget()
    held = world.apply("--format", "json")
    assert held.exit_code == 3, held
    assert [each["code"] for each in world.relation(held)["blocked_by"]] == ["authority-older"]
    assert world.sets() == []
    assert world.run("promote", "hq", "--yes").exit_code == 0
    world.must_be_done()
    assert world.has(added) == (True, True, True)


def test_both_changed_is_told_from_one(world: Trio) -> None:
    world.lose(world.a)
    world.add(world.b)
    until(lambda: world.state(world.b) == "partner-down", "partner-down")
    file = world.file(world.a)
    file["subnet4"][1]["reservations"] = [{"hw-address": "aa:bb:cc:00:00:01", "ip-address": "10.0.2.200"}]
    world.bring_back(world.a, file)
    world.until_normal()
    notes = world.told("drift")["notes"]
    assert any("kea-a and kea-b were both changed since the last replication" in note for note in notes), notes


@pytest.mark.parametrize("local", [[], ["/next-server"]], ids=["alone", "beside a change of local"])
def test_hold_waits_for_a_person(world: Trio, local: list[str]) -> None:
    world.heal("hold")
    added = changed_while_the_primary_is_away(world)
    world.document["local"] = local
    world.write()
    waiting = world.apply("--format", "json")
    assert waiting.exit_code == 3, waiting
    (objection,) = world.relation(waiting)["blocked_by"]
    assert objection["code"] == "partner-changed"
    assert "kea-reconciler promote hq" in objection["advice"]
    assert world.sets() == []
    assert any("held (partner-changed)" in note for note in world.told("status")["notes"])
    del world.document["local"]
    assert world.run("promote", "hq", "--yes").exit_code == 0
    world.must_be_done()
    assert world.has(added) == (True, True, True)


def test_hold_and_promote_go_by_the_roles_that_the_servers_have_while_others_wait(world: Trio) -> None:
    world.heal("hold")
    peers = world.document["peers"]
    was = [each["role"] for each in peers]
    try:
        world.lose(world.a)
        added = world.add(world.b)
        until(lambda: world.state(world.b) == "partner-down", "partner-down")
        peers[0]["role"], peers[1]["role"] = "standby", "primary"
        world.write()
        reason = "the primary kea-a can't be reached; its standby kea-b is the truth until then"
        assert world.told("status")["authority_reason"] == reason
        world.bring_back(world.a)
        world.until_normal()
        waiting = world.apply("--format", "json")
        assert (waiting.exit_code, world.has(added)) == (3, (False, True, False)), waiting
        assert [each["code"] for each in world.relation(waiting)["blocked_by"]] == ["partner-changed"]
        promoted = world.run("promote", "hq", "--yes")
        assert promoted.exit_code == 0, promoted
        world.must_be_done()
        assert world.has(added) == (True, True, True)
        assert world.told("status")["authority_reason"] == "kea-b is the primary and answers"
    finally:
        for peer, role in zip(peers, was, strict=True):
            peer["role"] = role


def test_hold_carries_on_what_only_the_primary_got(world: Trio) -> None:
    world.heal("hold")
    added = world.add(world.a)
    world.until_normal()
    world.must_apply()
    assert world.has(added) == (True, True, True)
    overwritten = world.add(world.b)
    world.until_normal()
    assert world.apply().exit_code == 3
    assert world.apply("--approve", "partner-changed").exit_code == 0
    assert world.has(overwritten) == (False, False, False)


def requests_of(daemon: Living) -> float:
    """How many requests it has sent."""
    lines = daemon.get("metrics").text.splitlines()
    return sum(
        float(each.split()[-1]) for each in lines if each.startswith("kea_reconciler_request_duration_seconds_count")
    )


def must_wait(world: Trio, folder: Path, code: str) -> None:
    """A daemon that may do all that nobody has to approve asks a person, and leaves every server alone."""
    with Living(world.desired, folder, "--mode", "enforce", "--interval", "0.5", "--steady", "0") as daemon:
        until(lambda: any(code in each["message"] for each in daemon.events("waiting")), f"{code} that waits", 60)
        asked = requests_of(daemon)
        until(lambda: requests_of(daemon) >= asked + 2 * len(world.servers), "further look", 60)
        assert daemon.stop() == 0
        assert daemon.events("applied") == []
    assert world.sets() == []


SAMPLE = [subnet(S, 99)]  # as the file that a package brings has one
TEMPLATE = [subnet(S, 1), subnet(S, 2)]  # one of three lacks, which no threshold minds


@pytest.mark.parametrize(
    ("policy", "subnets", "codes"),
    [
        ("primary", [], {"authority-empty"}),
        ("hold", [], {"authority-empty"}),
        ("primary", SAMPLE, {"authority-shrunk", "identity"}),
        ("primary", TEMPLATE, {"authority-older"}),
    ],
)
def test_a_primary_installed_anew_is_held_and_promote_gives_it_everything(
    world: Trio, tmp_path: Path, policy: str, subnets: list[Any], codes: set[str]
) -> None:
    world.heal(policy)
    own = {
        key: value
        for key, value in world.file(world.a).items()
        if key not in {"subnet4", "user-context", "hooks-libraries"}
    }
    world.lose(world.a)
    world.bring_back(world.a, {**own, "subnet4": subnets})
    until(lambda: world.a.command(S, "status-get")["result"] == 0, "an answer of the new primary")
    held = world.apply("--format", "json")
    assert held.exit_code == 3, held
    assert codes <= {each["code"] for each in world.relation(held)["blocked_by"]}
    assert world.sets() == []
    (code, *_) = sorted(codes)
    assert any(f"held ({code})" in note for note in world.told("status")["notes"])
    if policy == "primary":
        must_wait(world, tmp_path, max(codes))  # the first that is named
    approved = [f"--approve={each}" for each in codes - {"authority-empty", "authority-older"}]
    done = world.run("promote", "hq", "--yes", *approved)
    assert done.exit_code == 0, done
    world.until_normal()
    world.must_be_done()
    assert len(world.config(world.a)["subnet4"]) == 3


def test_a_primary_that_is_back_with_an_older_file_is_held(world: Trio, tmp_path: Path) -> None:
    """What was changed in memory and replicated, but never written to the primary's disk, is gone with its process."""
    old = world.file(world.a)
    added = world.add(world.a)
    world.until_normal()
    world.must_apply()
    world.lose(world.a)
    world.bring_back(world.a, old)
    world.until_normal()
    world.forget()
    held = world.apply("--format", "json")
    assert held.exit_code == 3, held
    objection = next(each for each in world.relation(held)["blocked_by"] if each["code"] == "authority-older")
    assert "kea-a was started with what it had before the last replication to" in objection["message"]
    assert world.sets() == []
    assert any("held (authority-older)" in note for note in world.told("status")["notes"])
    must_wait(world, tmp_path, "authority-older")
    assert world.run("promote", "hq", "--yes").exit_code == 0
    world.must_be_done()
    assert world.has(added) == (True, True, True)


def test_a_change_that_is_undone_by_hand_is_no_older_primary(world: Trio) -> None:
    world.add(world.a)  # the only one would not go unasked
    before = world.config(world.a)
    added = world.add(world.a)
    world.until_normal()
    world.must_apply()
    # What a daemon is given in its first seconds can't be told from what it found in its file.
    until(lambda: world.a.command(S, "status-get")["arguments"]["uptime"] >= STARTED, "daemon that runs for a while")
    world.a.set_config(S, before)
    world.until_normal()
    world.must_apply()
    assert world.has(added) == (False, False, False)


# ------------------------------------------------------------------------------------ while one is away


def test_while_the_primary_is_away_backups_follow_its_partner(world: Trio) -> None:
    world.add(world.a)  # the only one would not go unasked
    world.until_normal()
    world.must_apply()
    world.lose(world.a)
    added = world.add(world.b)
    until(lambda: world.state(world.b) == "partner-down", "partner-down")
    world.forget()
    status = world.told("status")
    assert (status["status"], status["authority"]) == ("impaired", "kea-b")
    assert status["authority_reason"] == (
        "the primary kea-a can't be reached; its standby kea-b is the truth until then"
    )
    planned = world.run("plan", "--format", "json")
    assert planned.exit_code == 1, planned
    assert [each["server"] for each in world.relation(planned)["servers"] if each["changes"]] == ["kea-c"]
    done = world.apply("--format", "json")
    assert done.exit_code == 6, done
    results = {each["server"]: each["result"] for each in world.relation(done)["servers"]}
    assert results == {"kea-a": "not-attempted", "kea-b": "nothing-to-do", "kea-c": "applied"}
    assert (world.has(added), set(world.sets())) == ((True, True), {"kea-c"})
    assert Trio.is_in(world.file(world.c), added)
    again = world.apply()
    assert again.exit_code == 1, again
    assert len(world.sets()) == 1
    world.bring_back(world.a)
    world.until_normal()
    assert any("kea-b was changed since the last replication" in note for note in world.told("drift")["notes"])
    world.must_apply()
    assert world.has(added) == (False, False, False)


def test_while_other_roles_wait_those_there_are_are_shown_and_backups_follow_by_them(world: Trio) -> None:
    world.add(world.a)  # the only one would not go unasked
    world.until_normal()
    world.must_apply()
    peers = world.document["peers"]
    was = [each["role"] for each in peers]
    try:
        peers[0]["role"], peers[1]["role"] = "standby", "primary"
        world.write()
        status = world.told("status")
        assert [each["role"] for each in status["servers"]] == was
        assert "still to be applied: kea-a as standby, kea-b as primary" in status["notes"]
        world.lose(world.a)
        added = world.add(world.b)
        until(lambda: world.state(world.b) == "partner-down", "partner-down")
        world.forget()
        done = world.apply("--format", "json")
        assert done.exit_code == 6, done
        assert (world.has(added), set(world.sets())) == ((True, True), {"kea-c"})
        status = world.told("status")
        assert [each["role"] for each in status["servers"]] == was
        world.bring_back(world.a)
        world.until_normal()
        world.must_apply()
        assert world.told("status")["authority"] == "kea-b"
    finally:
        for peer, role in zip(peers, was, strict=True):
            peer["role"] = role


@pytest.mark.parametrize("policy", ["hold", "primary"])
def test_what_the_backup_alone_still_has_from_the_partner_is_held_or_said(world: Trio, policy: str) -> None:
    world.heal(policy)
    world.add(world.a)  # the only one would not go unasked
    world.until_normal()
    world.must_apply()
    world.lose(world.a)
    added = world.add(world.b)
    until(lambda: world.state(world.b) == "partner-down", "partner-down")
    assert world.apply().exit_code == 6
    world.b.kill_daemon(S)
    world.bring_back(world.a)
    until(lambda: world.state(world.a) == "partner-down", "partner-down", 60)
    world.forget()
    notes = world.told("plan")["notes"]
    done = world.apply("--format", "json")
    if policy == "hold":
        assert done.exit_code == 3, done
        blocked = world.relation(done)["blocked_by"]
        assert [(each["code"], each["object"]) for each in blocked] == [("partner-changed", "kea-c")]
        assert world.sets() == []
        assert world.has(added) == (False, True)
        world.bring_back(world.b)
        world.until_normal()
        assert world.run("promote", "hq", "--yes").exit_code == 0
        world.must_be_done()
        assert world.has(added) == (True, True, True)
    else:
        assert done.exit_code == 6, done
        assert any("kea-c has what it was given from kea-b" in note for note in notes)
        assert world.has(added) == (False, False)


def while_git_waits(world: Trio, daemon: Living) -> str:
    """Let git change something that the daemon leaves alone, and the primary get what follows all the same."""
    usual = world.document["parameters"]["max-response-delay"]
    world.document["parameters"]["max-response-delay"] = usual + 1000
    world.write()
    daemon.until("changes", is_over=False)
    added = world.add(world.a)
    until(lambda: world.has(added) == (True, True, True), "servers that follow", 60)
    for server in world.servers:
        (block,) = relationships_of(world.config(server))
        assert block["max-response-delay"] == usual
    assert daemon.events("changes", is_over=True) == []
    world.document["parameters"]["max-response-delay"] = usual
    world.write()
    daemon.until("changes", is_over=True)
    world.until_normal()
    return added


def test_each_server_that_goes_or_is_back_is_told_while_another_is_away(world: Trio, tmp_path: Path) -> None:
    with Living(world.desired, tmp_path, "--interval", "1", "--steady", "0") as daemon:

        def said() -> list[str]:
            return [each["message"] for each in daemon.events("status", is_over=False)]

        world.c.kill_daemon(S)
        assert "kea-c can't be reached" in daemon.until("status", is_over=False)["message"]
        daemon.forget()
        world.b.kill_daemon(S)
        daemon.until("status", is_over=False)
        assert "kea-b can't be reached; kea-c can't be reached" in said()[0]
        daemon.forget()
        world.bring_back(world.c)
        until(lambda: any("kea-c" not in each for each in said()), "word that the backup is back", 60)
        assert "kea-b can't be reached" in said()[-1]
        daemon.stop()


def test_the_daemon_feeds_the_backup_while_the_primary_is_away_and_while_it_proves_itself(world: Trio) -> None:
    stays = world.add(world.a)
    world.until_normal()
    world.must_apply()
    world.a.command(S, "config-write")
    usual = ("--mode", "replicate", "--interval", "1", "--steady")
    with Living(world.desired, world.lab.directory, *usual, "90") as daemon:
        world.lose(world.a)
        first = world.add(world.b)
        assert "kea-b" in daemon.until("authority")["message"]
        daemon.until("applied")
        until(lambda: world.has(first) == (True, True), "a backup that follows the partner", 60)
        world.bring_back(world.a)
        world.until_normal()
        daemon.until("unsteady", is_over=False)
        assert daemon.events("authority", is_over=True) == []

        def shown() -> dict[str, Any]:
            return dict(daemon.get("status.json").json()["relationships"][0])

        until(lambda: "back, but not for long enough" in shown()["authority_reason"], "a look at the primary", 30)
        beside = world.relation(world.run("status", "--format", "json", "--state-dir", str(daemon.state)))
        for said in (shown(), beside):
            assert said["authority"] == "kea-b"
            assert said["authority_reason"].startswith("the primary kea-a is back, but not for long enough")
        daemon.forget()
        second = world.add(world.b)
        until(lambda: world.has(second) == (False, True, True), "a backup that follows", 60)
        world.until_normal()
        told = world.told("status")
        assert (told["status"], told["authority"]) == ("ok", "kea-a")  # for a host that knows of no daemon
        assert set(world.sets()) == {"kea-c"}
        assert world.has(first) == (False, True, True)
        assert daemon.events("unsteady", is_over=True) == []
        daemon.stop()
        daemon.forget()
        daemon.start(*usual, "0")
        applied = daemon.until("applied")
        daemon.until("drift", is_over=True)
        assert (world.has(first), world.has(second)) == ((False, False, False), (False, False, False))
        back = next(line for line in applied["details"] if "rollback" in line)
        world.until_normal()
        third = while_git_waits(world, daemon)
        daemon.stop()
    number = back.partition(" --to ")[2].partition("`")[0]
    world.until_normal()
    brought = world.run(
        "rollback", "hq", "--to", number, "--server", "kea-b", "--yes", "--state-dir", str(daemon.state)
    )
    assert brought.exit_code == 0, brought
    assert [world.has(each) for each in (stays, first, second)] == [(True, True, True)] * 3
    assert world.has(third) == (False, False, False)  # it came after what was brought back


@pytest.mark.parametrize("name", ["kea-b", "kea-c"])
def test_while_another_is_away_the_rest_follows_the_primary_and_it_is_brought_level(world: Trio, name: str) -> None:
    away = world.b if name == "kea-b" else world.c
    if name == "kea-b":
        world.lose(world.b)
        added = world.add(world.a)
        until(lambda: world.state(world.a) == "partner-down", "partner-down")
    else:
        added = world.add(world.a)
        world.until_normal()
        world.c.kill_daemon(S)
    status = world.told("status")
    assert (status["status"], status["authority"]) == ("impaired", "kea-a")
    done = world.apply("--format", "json")
    assert done.exit_code == 6, done
    assert world.has(added) == (True, True)
    world.bring_back(away)
    world.until_normal()
    assert Trio.is_in(world.config(away), added) is False
    world.must_apply()
    assert world.has(added) == (True, True, True)


def test_a_primary_that_only_we_cannot_reach_stays_the_truth(world: Trio) -> None:
    """Its partner hears it: what the primary has may be newer than what the partner has."""
    world.add(world.c)
    world.forget()
    world.proxies["kea-a"].refuse()
    try:
        done = world.apply("--format", "json")
        assert done.exit_code == 1, done
        told = {each["reason"] for each in world.relation(done)["servers"]}
        assert all("kea-b still hears kea-a" in each for each in told)
        assert world.sets() == []
        assert world.told("status")["status"] == "impaired"  # it serves its clients, as kea-b hears
    finally:
        world.proxies["kea-a"].heal()
    world.must_apply()


@pytest.mark.parametrize("first", ["kea-a", "kea-b"])
def test_both_down_and_the_first_that_is_back_is_the_truth(world: Trio, first: str) -> None:
    leading, other = (world.a, world.b) if first == "kea-a" else (world.b, world.a)
    world.a.kill_daemon(S)
    world.b.kill_daemon(S)
    world.add(world.c)
    world.forget()
    down = world.told("status")
    assert (down["status"], down["authority"]) == ("service-down", None)
    assert down["authority_reason"] == "neither kea-a nor kea-b can be reached"
    assert world.apply().exit_code == 1
    assert world.run("maintenance", "start", "kea-a", "--yes").exit_code == 1
    assert world.story() == []
    world.bring_back(leading)
    until(lambda: world.state(leading) == "partner-down", "partner-down")
    status = world.told("status")
    assert (status["status"], status["authority"]) == ("impaired", first)
    assert world.apply().exit_code == 6
    assert world.config(world.c)["subnet4"][0]["reservations"] == world.config(leading)["subnet4"][0]["reservations"]
    world.bring_back(other)
    world.until_normal()
    status = world.told("status")
    assert (status["status"], status["authority"], status["in_sync"]) == ("ok", "kea-a", True)
