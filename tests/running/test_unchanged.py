"""Is a server still what was read of it? Decided without reading a configuration again wherever that is sure."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from reconciler.errors import NotReachedError, OutcomeUnknownError, WrongAnswererError
from reconciler.model import Endpoint, Service, Snapshot
from reconciler.running import observe
from reconciler.running.observe import at_hand, is_unchanged, refreshed, snapshot
from tests.running.fake_kea import Fault, Kea, Pair, base

OLD, YOUNG = 100.0, 0.5  # seconds since the last commit when the server is read


def seen(kea: Kea, pair: Pair, age: float = OLD) -> Snapshot:
    """The server as it is read `age` seconds after its last commit."""
    kea.committed_at = pair.clock.now - age
    return asyncio.run(snapshot(pair.open_client(endpoint(kea)), endpoint(kea)))


def endpoint(kea: Kea) -> Endpoint:
    return Endpoint(kea.name, Service.DHCP4, "http://127.0.0.1:8000/")


def is_same(kea: Kea, pair: Pair, snapshot: Snapshot) -> bool:
    pair.story.clear()
    return asyncio.run(is_unchanged(pair.open_client(endpoint(kea)), snapshot))


def was_read_whole(pair: Pair) -> bool:
    return ("kea-a", "config-get") in pair.story


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture
def kea(pair: Pair) -> Kea:
    return pair.a


@pytest.mark.parametrize("later", [0.0, 1.0, 60.0, 90_000.0])
def test_a_server_without_a_later_commit_is_not_read_whole(kea: Kea, pair: Pair, later: float) -> None:
    before = seen(kea, pair)
    pair.clock.now += later
    assert is_same(kea, pair, before)
    assert not was_read_whole(pair)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 0.75, 0.99])
def test_no_edit_is_missed_whatever_the_seconds(fraction: float) -> None:
    """Kea counts whole seconds: so old a commit, an edit so long after the reading, asked for so much later."""
    ages, afters, laters = (0.0, 0.3, 1.0, 1.7, 2.5, 3.2, 100.0), (0.0, 0.2, 0.9, 1.1, 2.0, 5.0), (0.0, 0.4, 1.0, 3.0)
    for age, after, later in itertools.product(ages, afters, laters):
        pair = Pair()
        pair.clock.now += fraction
        before = seen(pair.a, pair, age)
        pair.clock.now += after
        pair.a.edit("valid-lifetime", 1)
        pair.clock.now += later
        assert not is_same(pair.a, pair, before), (age, after, later)


def test_a_fresh_commit_is_read_whole(kea: Kea, pair: Pair) -> None:
    before = seen(kea, pair, YOUNG)
    assert is_same(kea, pair, before)
    assert was_read_whole(pair)


def test_a_later_commit_of_the_same_configuration_is_no_change(kea: Kea, pair: Pair) -> None:
    before = seen(kea, pair)
    pair.clock.now += 10
    kea.edit("valid-lifetime", kea.config["valid-lifetime"])
    assert is_same(kea, pair, before)
    assert was_read_whole(pair)


def test_a_restart_with_the_same_configuration_is_no_change(kea: Kea, pair: Pair) -> None:
    before = seen(kea, pair)
    kea.restart()
    assert is_same(kea, pair, before)
    assert was_read_whole(pair)


def test_a_restart_from_an_older_file_is_a_change(kea: Kea, pair: Pair) -> None:
    before = seen(kea, pair)
    kea.disk = base(**{"valid-lifetime": 1})
    kea.restart()
    assert not is_same(kea, pair, before)


def test_another_process_that_committed_at_the_same_time_is_read_whole(kea: Kea, pair: Pair) -> None:
    before = seen(kea, pair)
    kea.pid += 1
    kea.config = base(**{"valid-lifetime": 1})
    assert not is_same(kea, pair, before)


@pytest.mark.parametrize(
    "command", ["subnet4-add", "network4-del", "class-add", "reservation-add", "remote-subnet4-set"]
)
def test_commands_that_change_without_a_commit_are_looked_behind(kea: Kea, pair: Pair, command: str) -> None:
    kea.commands = (*kea.commands, command)
    before = seen(kea, pair)
    assert is_same(kea, pair, before)
    kea.config = base(**{"valid-lifetime": 1})
    assert not is_same(kea, pair, before)


def test_a_configuration_backend_is_looked_behind(kea: Kea, pair: Pair) -> None:
    kea.config = base(**{"config-control": {"config-databases": []}})
    before = seen(kea, pair)
    kea.config = kea.config | {"valid-lifetime": 1}
    assert not is_same(kea, pair, before)


@pytest.mark.parametrize("step", [-3600.0, -5.0, 5.0, 3600.0])
def test_a_clock_that_was_set_hides_no_edit(kea: Kea, pair: Pair, step: float) -> None:
    before = seen(kea, pair)
    pair.clock.now += 10
    kea.edit("valid-lifetime", 1)
    kea.clock_offset = step
    assert not is_same(kea, pair, before)


@pytest.mark.parametrize("version", ["2.4.0", "2.6.3", "3.0.3"])
def test_where_kea_has_a_hash_it_decides_alone(kea: Kea, pair: Pair, version: str) -> None:
    kea.version = version
    before = seen(kea, pair, YOUNG)
    assert is_same(kea, pair, before)
    assert pair.story == [("kea-a", "config-hash-get")]
    kea.config = base(**{"valid-lifetime": 1})
    assert not is_same(kea, pair, before)


def related(kea: Kea, pair: Pair, age: float = OLD) -> Snapshot:
    """As `seen`, with its commands, as they are asked of a server that is in a relationship."""
    return replace(seen(kea, pair, age), commands=frozenset(kea.commands))


def again(kea: Kea, pair: Pair, snapshot: Snapshot) -> Snapshot:
    pair.story.clear()
    return asyncio.run(refreshed(pair.open_client(endpoint(kea)), snapshot))


def test_the_clock_of_a_server_whose_answers_have_no_date_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As over a unix socket."""
    pair = Pair(is_related=True)
    before = replace(seen(pair.a, pair), clock_offset=1.0)
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    monkeypatch.setattr(pair.a, "_ha_heartbeat", lambda _: {"arguments": {"date-time": moment}})
    found = again(pair.a, pair, before)
    assert found.clock_offset == pytest.approx(90, abs=10)
    assert not was_read_whole(pair)


@pytest.mark.parametrize("version", ["2.2.0", "2.6.3", "3.0.3"])
def test_a_quiet_server_is_asked_once_and_all_that_moves_is_new(kea: Kea, pair: Pair, version: str) -> None:
    kea.version = version
    found = related(kea, pair)
    for _ in range(3):
        before, pair.clock.now = found, pair.clock.now + 60
        found = again(kea, pair, before)
        assert pair.story == [("kea-a", "status-get")]
        assert found.config is before.config
        assert (round(found.read_at - before.read_at), found.reload - before.reload) == (60, 60)


@pytest.mark.parametrize("version", ["2.2.0", "2.6.3"])
@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 0.75, 0.99])
def test_looking_again_shows_every_edit_whatever_the_seconds(fraction: float, version: str) -> None:
    """So old a commit, looked at so much later, an edit so long after that look, and the next look so much later."""
    ages, looks, afters, laters = (0.0, 1.0, 1.7, 2.5, 3.2, 100.0), (0.0, 1.2, 60.0), (0.0, 0.9, 2.0), (0.0, 0.4, 3.0)
    for age, look, after, later in itertools.product(ages, looks, afters, laters):
        pair = Pair()
        pair.a.version = version
        pair.clock.now += fraction
        before = related(pair.a, pair, age)
        pair.clock.now += look
        before = again(pair.a, pair, before)
        pair.clock.now += after
        pair.a.edit("valid-lifetime", 1)
        pair.clock.now += later
        assert again(pair.a, pair, before).config["valid-lifetime"] == 1, (age, look, after, later)


@pytest.mark.parametrize("version", ["2.2.0", "2.6.3"])
def test_an_edit_while_the_answer_is_on_its_way_shows_at_the_next_look(version: str) -> None:
    """So old a commit, looked at so much later, an answer that takes so long, and an edit so soon in that time."""
    ages, looks, slow, soon, laters = (
        (2.5, 3.5, 4.4, 6.0, 100.0),
        (0.0, 0.1, 1.2),
        (0.8, 2.0, 2.8),
        (0.1, 0.5),
        (0.4, 60.0),
    )
    for age, look, seconds, part, later in itertools.product(ages, looks, slow, soon, laters):
        pair = Pair()
        pair.a.version = version
        before = related(pair.a, pair, age)
        pair.clock.now += look
        edited_on_the_way(pair, seconds, part)
        before = again(pair.a, pair, before)
        pair.clock.now += later
        assert again(pair.a, pair, before).config["valid-lifetime"] == 1, (age, look, seconds, part, later)


def edited_on_the_way(pair: Pair, seconds: float, part: float) -> None:
    """Let the next answer to status-get take so many seconds, and an edit happen after that part of them."""
    kea, original = pair.a, pair.a._status_get

    def answer(arguments: Any) -> Any:
        del kea.__dict__["_status_get"]
        told = original(arguments)
        pair.clock.now += part * seconds
        kea.edit("valid-lifetime", 1)
        pair.clock.now += (1 - part) * seconds
        return told

    kea.__dict__["_status_get"] = answer


@pytest.mark.parametrize("version", ["2.2.0", "2.6.3"])
def test_where_commands_change_it_without_a_commit_looking_again_looks_behind(
    kea: Kea, pair: Pair, version: str
) -> None:
    kea.version = version
    kea.commands = (*kea.commands, "subnet4-add")
    before = related(kea, pair)
    kea.config = base(**{"valid-lifetime": 1})
    assert again(kea, pair, before).config["valid-lifetime"] == 1


@pytest.mark.parametrize("version", ["2.2.0", "2.6.3"])
def test_looking_again_sees_another_process(kea: Kea, pair: Pair, version: str) -> None:
    kea.version = version
    before = related(kea, pair)
    kea.pid += 1
    kea.config = base(**{"valid-lifetime": 1})
    assert again(kea, pair, before).config["valid-lifetime"] == 1


def is_still_at_hand(kea: Kea, pair: Pair, snapshot: Snapshot) -> bool:
    return asyncio.run(at_hand(pair.open_client(endpoint(kea)), snapshot)) is snapshot


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 0.75, 0.99])
def test_a_process_is_told_from_the_next_of_the_same_id_by_how_long_it_runs(fraction: float) -> None:
    """As in a container. So long it has run, is started anew so long after that look, and is asked so much later."""
    ages, afters, laters = (3.2, 10.0, 5000.0), (0.0, 0.4, 1.0, 60.0, 90_000.0), (0.0, 0.3, 1.7, 3600.0)
    for age, after, later in itertools.product(ages, afters, laters):
        pair = Pair()
        pair.clock.now += fraction
        pair.a.started_at = pair.clock.now - age
        before = seen(pair.a, pair)
        pair.clock.now += after + later
        assert is_still_at_hand(pair.a, pair, before), (age, after, later)
        pid, pair.clock.now = pair.a.pid, pair.clock.now - later
        pair.a.restart()
        pair.a.pid, pair.clock.now = pid, pair.clock.now + later
        assert not is_still_at_hand(pair.a, pair, before), (age, after, later)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.99])
def test_a_process_began_at_one_moment_whoever_sets_a_clock(fraction: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours or the server's, by an hour, since it was read."""
    pair = Pair(is_related=True)
    pair.clock.now += fraction
    ours = 0.0

    def at(offset: float) -> datetime:
        return datetime.fromtimestamp(1.8e9 + pair.clock.now + offset, UTC)

    def heartbeat(_: object) -> dict[str, Any]:
        return {"arguments": {"date-time": format_datetime(at(pair.a.clock_offset), usegmt=True)}}

    monkeypatch.setattr(observe, "now_utc", lambda: at(ours))
    monkeypatch.setattr(pair.a, "_ha_heartbeat", heartbeat)
    before = seen(pair.a, pair)
    for later, ours, pair.a.clock_offset in itertools.product((0.3, 90_000.0), *2 * [(-3600.0, 0.0, 3600.0)]):
        pair.clock.now += later
        assert not seen(pair.a, pair).process.is_another_than(before.process), (later, ours, pair.a.clock_offset)
    ours = pair.a.clock_offset = 0.0
    pid = pair.a.pid
    pair.a.restart()
    pair.a.pid = pid
    assert seen(pair.a, pair).process.is_another_than(before.process)


def test_a_slow_answer_makes_no_process_another(kea: Kea, pair: Pair) -> None:
    before = seen(kea, pair)
    edited_on_the_way(pair, 60.0, 1.0)
    assert is_still_at_hand(kea, pair, before)
    before = again(kea, pair, before)
    assert is_still_at_hand(kea, pair, before)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.NOT_REACHED, NotReachedError),
        (Fault.LOST_REPLY, OutcomeUnknownError),
        (Fault.NONSENSE, WrongAnswererError),
    ],
)
@pytest.mark.parametrize("number", [0, 1])
def test_what_can_not_be_asked_is_not_taken_for_unchanged(
    kea: Kea, pair: Pair, fault: Fault, error: type[Exception], number: int
) -> None:
    before = seen(kea, pair)
    pair.faults = {number: fault}
    with pytest.raises(error):
        is_same(kea, pair, before)


@pytest.mark.parametrize("answer", [{"reload": "soon"}, {"reload": None}, {}, {"reload": {}}])
def test_a_status_of_another_shape_is_an_error(kea: Kea, pair: Pair, answer: dict[str, Any]) -> None:
    before = seen(kea, pair)
    kea.__dict__["_status_get"] = lambda _: {"arguments": answer}
    with pytest.raises(WrongAnswererError):
        is_same(kea, pair, before)
