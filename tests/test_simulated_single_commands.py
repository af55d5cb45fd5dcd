"""Single commands in simulated time, with something going wrong at each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.kea.single_commands import LIBRARIES
from reconciler.kea.stamps import OURS
from reconciler.model import Mode, Service
from reconciler.simulator import Kind, Release
from reconciler.simulator.libraries import DIRECTORY
from tests.cli.life import USUAL, Life
from tests.cli.site import subnet
from tests.mortal import Mortal, killed_after

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model import Endpoint

S = Service.DHCP4
HOOKS = [{"library": f"{DIRECTORY}/{name}"} for name in LIBRARIES]
# What the apply below sends to kea-b, in its order; the first and the last but one are for its stamp.
SENT = [
    "class-add",
    "class-add",
    "reservation-del",
    "subnet4-del",
    "network4-add",
    "network4-subnet-add",
    "subnet4-update",
    "subnet4-add",
    "reservation-update",
    "reservation-add",
    "class-update",
    "config-write",
]
KINDS = list(dict.fromkeys(SENT[:-1]))
LOST = [Kind.CUT, Kind.RESET, Kind.TRUNCATE, Kind.GARBAGE]


def body(**parts: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "hooks-libraries": HOOKS,
        S.subnets: [{**subnet(S, number), "reservations": []} for number in (1, 2, 3)],
    }
    config[S.subnets][0]["reservations"] = [host(1), host(2)]
    return config | parts


def host(number: int, **more: Any) -> dict[str, Any]:
    return {"hw-address": f"aa:bb:cc:dd:ee:{number:02d}", "hostname": f"h{number}", **more}


def edit(config: dict[str, Any]) -> None:
    """What needs one command of each kind."""
    one, two, _ = config[S.subnets]
    one["reservations"] = [host(1, hostname="changed"), host(3)]
    one["renew-timer"] = 77
    one["client-classes"] = ["new"]
    config["client-classes"] = [{"name": "new"}]
    config[S.subnets] = [one, {**subnet(S, 4), "reservations": []}]
    config["shared-networks"] = [{"name": "net", S.subnets: [two]}]


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    with Life(tmp_path, Release.KEA_3_0) as made:
        made.add_pair("hq", S, Mode.HOT_STANDBY, configurations={name: body() for name in ("kea-a", "kea-b")})
        made.documents[0]["parameters"] = dict(USUAL)
        made.write()
        assert made.run("apply", "--yes").exit_code == 0
        made.let_pass(30)
        made.change("kea-a", edit)
        made.story.clear()
        yield made


def sent(life: Life) -> list[str]:
    """What changed kea-b."""
    changing = ("config-set", "config-write", "class-", "reservation-", "subnet4-", "network4-")
    return [command for name, command in life.story if name == "kea-b" and command.startswith(changing)]


def apply(life: Life) -> dict[str, Any]:
    """Apply; what was told of kea-b."""
    servers = life.run("apply", "--yes", "--format", "json").json["relationships"][0]["servers"]
    found: dict[str, Any] = next(each for each in servers if each["server"] == "kea-b")
    return found


def is_done(life: Life) -> bool:
    """Whether kea-b has it all, on its disk too."""
    endpoint = life.endpoint("kea-b", S)
    return life.run("plan", "--detailed-exitcode").exit_code == 0 and endpoint.written == endpoint.config


def test_one_command_of_each_kind_in_its_order(life: Life) -> None:
    committed = life.endpoint("kea-b", S).committed_at
    planned = life.run("plan", "--format", "json").json["relationships"][0]["servers"]
    assert {each["server"]: (each["disruption"], each["commands"]) for each in planned} == {
        "kea-a": ("none", 0),
        "kea-b": ("none", len(SENT) - 3),
    }
    assert "  disruption: none; 9 commands for single objects; its HA goes on" in life.run("plan").stdout
    assert apply(life)["result"] == "applied"
    assert sent(life) == SENT
    assert life.endpoint("kea-b", S).committed_at == committed
    assert life.violations == []
    assert is_done(life)


@pytest.mark.parametrize("command", KINDS)
@pytest.mark.parametrize("kind", LOST)
def test_a_lost_answer_starts_no_ha_anew(life: Life, kind: Kind, command: str) -> None:
    committed = life.endpoint("kea-b", S).committed_at
    life["kea-b"].faults.add(kind, command, times=1)
    assert apply(life)["result"] == "applied"
    assert "config-set" not in sent(life)
    assert life.endpoint("kea-b", S).committed_at == committed
    assert is_done(life)


@pytest.mark.parametrize("command", KINDS[:-1])
def test_where_one_is_refused_the_whole_configuration_is_set(life: Life, command: str) -> None:
    life.endpoint("kea-b", S).faults.add(Kind.FAILS, command, times=1)
    assert apply(life)["result"] == "applied"
    assert sent(life) == [*SENT[: SENT.index(command) + 1], "config-set", "config-write"]
    assert is_done(life)
    assert life.violations == []


def test_nothing_is_set_for_the_sake_of_a_stamp(life: Life) -> None:
    life.endpoint("kea-b", S).faults.add(Kind.FAILS, "class-update", times=1)
    assert apply(life)["result"] == "applied"
    assert sent(life) == SENT
    assert is_done(life)
    life.change("kea-a", lambda config: config[S.subnets].append({**subnet(S, 7), "reservations": []}))
    assert causes(life) == {("primary", ())}  # the stamp says that it may have aged
    assert apply(life)["result"] == "applied"
    life.change("kea-a", lambda config: config[S.subnets].append({**subnet(S, 8), "reservations": []}))
    assert causes(life) == {("primary", ("kea-a",))}


@pytest.mark.parametrize("command", KINDS[:-1])
def test_where_that_fails_too_it_has_what_it_had_before_the_first(life: Life, command: str) -> None:
    before = life.endpoint("kea-b", S).config
    life.endpoint("kea-b", S).faults.add(Kind.FAILS, command, times=1)
    life.endpoint("kea-b", S).faults.add(Kind.SET_FAILS, "config-set", times=1)
    assert apply(life)["result"] == "restored"
    assert life.endpoint("kea-b", S).config == before
    life.let_pass(30)
    assert apply(life)["result"] == "applied"
    assert is_done(life)


@pytest.mark.parametrize("is_alone", [False, True], ids=["not reached", "primary gone"])
def test_where_it_can_not_be_set_at_all_what_commands_did_is_told(life: Life, *, is_alone: bool) -> None:
    original = life.begins
    life.endpoint("kea-b", S).faults.add(Kind.FAILS, "subnet4-update", times=1)
    life["kea-b"].faults.add(Kind.RESET, "config-set", times=1)

    def begins(endpoint: Endpoint, command: str) -> None:
        if is_alone and "subnet4-update" in sent(life):
            life.endpoint("kea-a", S).stop()
        original(endpoint, command)

    life.begins = begins  # type: ignore[method-assign]
    told = apply(life)
    assert told["result"] == "failed", told
    assert told["reason"].endswith("; commands for single objects had changed part of it before that")
    assert life.endpoint("kea-b", S).config["shared-networks"]
    life.begins = original  # type: ignore[method-assign]
    life["kea-b"].faults.clear()
    life.endpoint("kea-a", S).restart()
    life.let_pass(30)
    assert apply(life)["result"] == "applied"
    assert is_done(life)


@pytest.mark.parametrize("place", range(len(SENT)))
def test_what_is_cut_off_at_any_command_is_finished_by_the_next_run(life: Life, place: int) -> None:
    """kea-b ends while commands are sent to it, and starts from its file, which has nothing of them."""
    life["kea-b"].faults.add(Kind.RESET, SENT[place])
    told = apply(life)
    assert told["result"] in {"failed", "applied"}
    life["kea-b"].faults.clear()
    life.endpoint("kea-b", S).restart()
    life.let_pass(60)
    assert apply(life)["result"] in {"applied", "nothing-to-do"}
    assert is_done(life)


@pytest.mark.parametrize("libraries", [LIBRARIES, LIBRARIES[:2], LIBRARIES[:1]], ids=["class", "reservation", "none"])
def test_what_a_killed_run_did_not_write_the_next_one_does(tmp_path: Path, libraries: tuple[str, ...]) -> None:
    """It is gone after the last command for data: kea-b has all, on its disk none of that, and the stamp of before."""
    with Mortal(tmp_path, Release.KEA_3_0) as life:
        hooks = [{"library": f"{DIRECTORY}/{name}"} for name in libraries]
        configurations = {name: body(**{"hooks-libraries": hooks}) for name in ("kea-a", "kea-b")}
        life.add_pair("hq", S, Mode.HOT_STANDBY, configurations=configurations)
        life.documents[0]["parameters"] = dict(USUAL)
        life.write()
        assert life.run("apply", "--yes").exit_code == 0
        life.let_pass(30)
        life.change("kea-a", lambda config: config[S.subnets][0].update({"renew-timer": 77}))
        killed_after(life, "kea-b", "subnet4-update")
        assert not is_done(life)
        assert apply(life)["result"] == "mended"
        assert is_done(life)


@pytest.mark.parametrize("place", range(2, len(SENT) - 1))
def test_a_stranger_s_change_is_not_set_over(life: Life, place: int) -> None:
    """Somebody adds a class by hand, and the command after that is refused."""
    endpoint = life.endpoint("kea-b", S)
    endpoint.faults.add(Kind.FAILS, SENT[place], times=1)

    def meddle() -> None:
        assert endpoint.command("class-add", {"client-classes": [{"name": "theirs"}]})["result"] == 0

    life.run("plan")
    reads = len(life.story)
    life.story.clear()
    life.events = {reads + place: meddle}
    told = apply(life)
    assert "config-set" not in sent(life)
    assert told["result"] == "world-changed" or (told["result"] == "failed" and "somebody else" in told["reason"])
    assert "theirs" in [each["name"] for each in endpoint.config["client-classes"]]


@pytest.mark.parametrize("kind", [Kind.FAILS, Kind.CUT])
def test_a_stranger_s_reservation_in_a_subnet_that_changes_is_neither_set_over_nor_deleted(
    life: Life, kind: Kind
) -> None:
    """Somebody adds it by hand when the subnet itself has its new timer, and the next command gets no answer."""
    partner, original = life.endpoint("kea-b", S), life.begins
    (partner if kind is Kind.FAILS else life["kea-b"]).faults.add(kind, "subnet4-add", times=1)

    def begins(endpoint: Endpoint, command: str) -> None:
        if command == "subnet4-add" and command not in sent(life):
            theirs = {"reservation": {**host(9), "subnet-id": 1}, "operation-target": "memory"}
            assert partner.command("reservation-add", theirs)["result"] == 0
        original(endpoint, command)

    life.begins = begins  # type: ignore[method-assign]
    told = apply(life)
    assert "somebody else" in told["reason"], told
    assert sent(life) == SENT[: SENT.index("subnet4-add") + 1]
    assert "h9" in [each.get("hostname") for each in partner.config[S.subnets][0]["reservations"]]


def causes(life: Life) -> set[tuple[str, tuple[str, ...]]]:
    """Why kea-b is to be changed, and who moved."""
    servers = life.run("plan", "--format", "json").json["relationships"][0]["servers"]
    return {(each["cause"], tuple(each["moved"])) for server in servers for each in server["changes"]}


def test_after_commands_the_servers_alone_tell_who_moved(life: Life) -> None:
    assert apply(life)["result"] == "applied"
    assert "config-set" not in sent(life)
    life.change("kea-b", lambda config: config[S.subnets][0].update({"renew-timer": 78}))
    assert causes(life) == {("peer", ("kea-b",))}
    life.change("kea-a", lambda config: config[S.subnets][0].update({"renew-timer": 79}))
    assert causes(life) == {("primary", ("kea-a", "kea-b"))}


def test_what_renews_a_stamp_is_nobody_s_data(life: Life) -> None:
    """It is in no difference, goes with the next set, and whoever takes the data over does without it."""
    assert apply(life)["result"] == "applied"
    partner = life.endpoint("kea-b", S)
    assert OURS in [each["name"] for each in partner.config["client-classes"]]
    assert life.run("drift", "--detailed-exitcode").exit_code == 0
    imported = life.folder / "imported"
    controls = [f"--control={life[name].control}" for name in ("kea-b", "kea-a")]
    assert life.run_line("import", "--desired", str(imported), *controls).exit_code == 0
    assert OURS not in "".join(each.read_text() for each in imported.rglob("*.yaml"))
    life.change("kea-b", lambda config: config["client-classes"].append({"name": "mine"}))
    assert life.run("promote", "hq", "--yes").exit_code == 0
    life.let_pass(30)
    assert [each["name"] for each in life.endpoint("kea-a", S).config["client-classes"]] == ["new", "mine"]
    life.change("kea-a", lambda config: config.update({"valid-lifetime": 4444}))
    assert apply(life)["result"] == "applied"
    assert [each["name"] for each in partner.config["client-classes"]] == ["new", "mine"]
    assert is_done(life)


def test_an_older_primary_is_held_by_a_host_that_remembers_nothing(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kea-a ends before what it got in memory was written to its disk; kea-b has got that by commands."""
    assert apply(life)["result"] == "applied"
    assert "config-set" not in sent(life)
    life.endpoint("kea-a", S).restart()
    life.let_pass(60)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-host"))
    before = life.endpoint("kea-b", S).config
    held = life.run("apply", "--yes", "--format", "json")
    assert held.exit_code == 3, held
    assert "authority-older" in [each["code"] for each in held.json["relationships"][0]["blocked_by"]]
    assert life.endpoint("kea-b", S).config == before
    assert life.run("promote", "hq", "--yes").exit_code == 0
    assert life.run("plan", "--detailed-exitcode").exit_code == 0
    assert [each["name"] for each in life.endpoint("kea-a", S).config["client-classes"]] == ["new"]


def test_a_subnet_added_on_the_primary_is_drift_where_pools_are_split_too(tmp_path: Path) -> None:
    """It gets its pools divided, which desired wants; but nobody changed desired."""
    with Life(tmp_path, Release.KEA_3_0) as life:
        life.add_pair("hq", S, Mode.LOAD_BALANCING, configurations={name: body() for name in ("kea-a", "kea-b")})
        life.documents[0] |= {"parameters": dict(USUAL), "pools": "split"}
        life.write()
        assert life.run("apply", "--yes", "--approve", "split-pools").exit_code == 0
        life.let_pass(30)
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
        life.change("kea-a", lambda config: config[S.subnets].append({**subnet(S, 7), "reservations": []}))
        drift = life.run("drift", "--format", "json")
        servers = {each["server"]: each["changes"] for each in drift.json["relationships"][0]["servers"]}
        assert ["subnet", "10.0.7.0/24"] in [change["path"][0] for change in servers["kea-b"]]
