"""One server is set: what every kind of answer means, and what it is found to have afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import RelationshipPlan
from reconciler.running import setting
from reconciler.running.apply import _is_as_planned
from reconciler.running.setting import Found, Server, StepFailedError
from tests.running.fake_kea import Fault, Kea, Pair, base


class Bench:
    """kea-b of a pair, planned, ready to be set: related (it lacks a subnet that kea-a has) or not (it lacks HA)."""

    def __init__(self, *, is_related: bool) -> None:
        self.pair = Pair(is_related=is_related)
        self.pair.a.edit("subnet4", [{"id": 2, "subnet": "10.0.2.0/24"}])
        self.kea: Kea = self.pair.b
        plan: RelationshipPlan = asyncio.run(self.pair.plan()).relationships[0]
        mine = next(each for each in plan.servers if each.peer.server == "kea-b")
        client = self.pair.open_client(mine.snapshot.endpoint)
        self.server = Server(mine, client, lambda live: _is_as_planned(plan, mine, live))
        self.old, self.new = dict(mine.snapshot.config), mine.outgoing
        self.pair.story.clear()
        self.known_after: list[int] = []  # how many commands had gone out when it was told that the set is done

    async def told(self) -> None:
        """The set is done."""
        self.known_after.append(len(self.pair.story))

    def set(self, **options: Any) -> str:
        """Set it; returns how it was found."""
        try:
            asyncio.run(setting.set_planned(self.server, self.pair.hands(**options), self.told))
        except StepFailedError as error:
            return error.state.name
        return "NEW"

    def replan(self, **parts: Any) -> None:
        """Put `parts` over the server's plan."""
        self.server = replace(self.server, plan=replace(self.server.plan, **parts))

    @property
    def sets(self) -> int:
        return self.pair.story.count(("kea-b", "config-set"))


@pytest.fixture(params=[True, False], ids=["related", "unrelated"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(is_related=request.param)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (None, "NEW"),
        (Fault.NOT_REACHED, "OLD"),
        (Fault.LOST_REPLY, "NEW"),
        (Fault.NONSENSE, "NEW"),
        (Fault.FAILED, "HARMED"),
        (Fault.DIES_BEFORE, "SILENT"),
        (Fault.DIES_AFTER, "SILENT"),
        (Fault.FREEZES, "SILENT"),
    ],
)
def test_what_the_answer_means(bench: Bench, fault: Fault | None, found: str) -> None:
    bench.pair.faults = {} if fault is None else {0: fault}
    assert bench.set() == found
    assert bench.sets == 1
    assert (bench.kea.config == bench.new) is (found == "NEW" or fault is Fault.DIES_AFTER)


@pytest.mark.parametrize(
    ("fault", "known_after"), [(None, [1]), (Fault.FAILED, []), (Fault.LOST_REPLY, []), (Fault.NONSENSE, [])]
)
def test_who_waits_for_the_set_goes_on_before_the_server_is_read_where_it_says_that_it_was_set(
    bench: Bench, fault: Fault | None, known_after: list[int]
) -> None:
    bench.pair.faults = {} if fault is None else {0: fault}
    bench.set()
    assert bench.known_after == known_after


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.UNAUTHORISED])
def test_without_an_answer_an_old_configuration_is_believed_where_ha_proves_it_unharmed(fault: Fault) -> None:
    """Without HA a failed set leaves no trace, and the server may have stopped to listen."""
    for is_related, found in ((True, "OLD"), (False, "HARMED")):
        bench = Bench(is_related=is_related)
        bench.pair.faults = {0: fault}
        assert bench.set() == found
        assert bench.sets == 1
        assert bench.kea.config == bench.old


def test_a_lost_answer_that_said_no_is_found_out_by_the_hook_that_is_gone() -> None:
    bench = Bench(is_related=True)
    bench.kea.accepts = lambda _: False
    bench.pair.faults = {0: Fault.LOST_REPLY}
    assert bench.set() == "HARMED"


def test_a_server_that_comes_back_in_time_is_read(bench: Bench) -> None:
    bench.pair.faults = {0: Fault.FREEZES}
    bench.pair.events = {2: bench.kea.thaw}
    assert bench.set() == "NEW"
    assert bench.sets == 1


def test_a_server_that_thaws_too_late_still_carries_it_out_and_was_sent_nothing_else(bench: Bench) -> None:
    bench.pair.faults = {0: Fault.FREEZES}
    assert bench.set(patience=30.0) == "SILENT"
    bench.kea.thaw()
    assert bench.kea.config == bench.new
    assert bench.sets == 1


def test_an_old_configuration_is_read_twice_before_it_is_believed() -> None:
    bench = Bench(is_related=True)
    bench.pair.faults = {0: Fault.LOST_REQUEST}
    assert bench.new is not None
    late = dict(bench.new)
    bench.pair.events = {6: lambda: bench.kea.execute({"command": "config-set", "arguments": {"Dhcp4": late}})}
    assert bench.set() == "NEW"


def test_a_third_configuration_is_somebody_elses_unless_kea_said_that_it_took_ours(bench: Bench) -> None:
    bench.pair.faults = {0: Fault.LOST_REQUEST}
    bench.pair.events = {1: lambda: bench.kea.edit("valid-lifetime", 1)}
    assert bench.set() == "FOREIGN"
    other = Bench(is_related=True)
    other.pair.events = {1: lambda: other.kea.edit("valid-lifetime", 1)}
    assert other.set() == "OTHER"


@pytest.mark.parametrize("key", ["valid-lifetime", "ours"])
def test_from_2_4_on_keas_hash_tells_an_edit_right_after_the_set_from_what_kea_made_of_it(key: str) -> None:
    bench = Bench(is_related=True)
    bench.kea.version = "2.6.3"
    if key == "ours":
        bench.server = replace(bench.server, is_as_planned=lambda _: False)
    else:
        bench.pair.events = {1: lambda: bench.kea.edit(key, 1)}
    assert bench.set() == ("OTHER" if key == "ours" else "FOREIGN")


def test_a_restart_from_an_older_file_is_not_ours(bench: Bench) -> None:
    bench.kea.disk = base(**{"valid-lifetime": 1})
    bench.pair.faults = {0: Fault.DIES_AFTER}
    bench.pair.events = {3: bench.kea.restart}
    assert bench.set() == "FOREIGN"


def test_refused_credentials_are_not_tried_again() -> None:
    bench = Bench(is_related=True)
    bench.pair.faults = {0: Fault.LOST_REPLY, 1: Fault.UNAUTHORISED}
    assert bench.set() == "SILENT"
    assert len(bench.pair.story) == 2


BUSY = "Can not update configuration while lease file cleanup process is running."


def test_a_set_that_comes_amid_a_lease_file_cleanup_is_sent_again(bench: Bench) -> None:
    bench.kea.refusals = [BUSY, BUSY]
    assert bench.set() == "NEW"
    assert bench.sets == 3


def test_a_cleanup_without_an_end_leaves_the_server_as_it_was(bench: Bench) -> None:
    bench.kea.refusals = [BUSY] * 1000
    assert bench.set(patience=20.0) == "OLD"
    assert bench.kea.config == bench.old


def test_a_server_without_config_set_is_as_it_was(bench: Bench) -> None:
    bench.kea.__dict__["_config_set"] = lambda _: {"result": 2, "text": "'config-set' command not supported."}
    assert bench.set() == "OLD"


@pytest.mark.parametrize(
    "broken",
    [
        {"control-socket": None},
        {"control-socket": {"socket-type": "unix", "socket-name": "/elsewhere"}},
        {"hooks-libraries": []},
        {"lease-database": {"type": "mysql"}},
    ],
)
def test_nothing_goes_out_that_the_guard_objects_to(bench: Bench, broken: dict[str, Any]) -> None:
    assert bench.new is not None
    bad = {key: value for key, value in ({**bench.new} | broken).items() if value is not None}
    bench.replan(outgoing=bad, try_standing=True)
    assert bench.set() == "OLD"
    with pytest.raises(StepFailedError, match="must not go out"):
        asyncio.run(setting.test(bench.server))
    assert bench.pair.story == []


def test_a_refused_test_changes_nothing(bench: Bench) -> None:
    bench.replan(try_standing=True)
    bench.kea.tests = lambda _: False
    with pytest.raises(StepFailedError, match="it is not sane") as failure:
        asyncio.run(setting.test(bench.server))
    assert failure.value.state is Found.OLD
    assert bench.kea.config == bench.old


@pytest.mark.parametrize(("version", "asks"), [("2.2.0", True), ("2.7.3", False), ("3.0.3", False), ("3.0.4", True)])
def test_config_test_is_spared_where_it_does_harm(bench: Bench, version: str, asks: bool) -> None:
    bench.replan(try_standing=True, snapshot=replace(bench.server.plan.snapshot, version=version))
    asyncio.run(setting.test(bench.server))
    assert (("kea-b", "config-test") in bench.pair.story) is asks


def test_what_a_server_says_is_quoted_short_without_secrets_and_without_control_characters() -> None:
    said = "failed: password=hunter22 \x1b[2J" + "x" * 1000
    quoted = setting.excerpt(said)
    assert "hunter22" not in quoted
    assert "\x1b" not in quoted
    assert len(quoted) <= 200


# --------------------------------------------------------------------------------------------- persisting


def persisted(bench: Bench) -> str | None:
    live = asyncio.run(setting.set_planned(bench.server, bench.pair.hands(), bench.told))
    bench.pair.story.clear()
    return asyncio.run(setting.persist(bench.server, live, bench.pair.hands()))


def test_what_runs_is_written(bench: Bench) -> None:
    assert persisted(bench) is None
    assert bench.kea.disk == bench.new


def test_a_full_disk_is_found_by_the_size_although_kea_says_successful(bench: Bench) -> None:
    bench.kea.room = 100
    reason = persisted(bench)
    assert reason is not None
    assert "is the disk full?" in reason
    assert bench.kea.config == bench.new
    assert bench.pair.story == [("kea-b", "config-write")] * 3


def test_a_disk_that_has_room_again_is_written_to(bench: Bench) -> None:
    bench.kea.room = 100
    live = asyncio.run(setting.set_planned(bench.server, bench.pair.hands(), bench.told))
    bench.pair.story.clear()
    bench.pair.events = {2: lambda: setattr(bench.kea, "room", None)}
    assert asyncio.run(setting.persist(bench.server, live, bench.pair.hands())) is None
    assert bench.kea.disk == bench.new


@pytest.mark.parametrize("answer", [{"size": 0}, {"size": "4096"}, {"size": None}, {}, None, [], {"size": -1}])
def test_a_size_that_can_not_be_is_no_success(bench: Bench, answer: Any) -> None:
    bench.kea.__dict__["_config_write"] = lambda _: {"arguments": answer, "text": "Configuration written successful"}
    assert persisted(bench) is not None


@pytest.mark.parametrize("fault", [Fault.NOT_REACHED, Fault.LOST_REPLY, Fault.NONSENSE, Fault.FAILED])
def test_only_the_write_is_tried_again(bench: Bench, fault: Fault) -> None:
    live = asyncio.run(setting.set_planned(bench.server, bench.pair.hands(), bench.told))
    bench.pair.story.clear()
    bench.pair.faults = {0: fault, 1: fault}
    assert asyncio.run(setting.persist(bench.server, live, bench.pair.hands())) is None
    assert bench.pair.story == [("kea-b", "config-write")] * 3
    bench.pair.story.clear()
    bench.pair.faults = {0: fault, 1: fault, 2: fault}
    assert asyncio.run(setting.persist(bench.server, live, bench.pair.hands())) is not None
