"""What a recording of HA states finds fault with, on samples made up here."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from reconciler.model import Service
from tests.kea.safety import UnsafeError
from tests.kea.traces import Sighting, Trace

ALL = frozenset({"lower half", "upper half"})
LOWER = frozenset({"lower half"})
SECOND = 10  # samples
SERVING = Sighting("hot-standby", ("kea-a",), ALL, hears=True)
IDLE = Sighting("hot-standby", hears=True)
OFF = Sighting("waiting", is_off=True)
HALF = Sighting("load-balancing", ("kea-a",), LOWER, hears=True)
SET_AT = 2.0  # when a second was recorded


def recorded(*parts: tuple[int, Sighting, Sighting]) -> Trace:
    """A recording of kea-a and kea-b that began one second after 0, ten samples a second: how many, and what each."""
    seen = [{"kea-a": first, "kea-b": second} for number, first, second in parts for _ in range(number)]
    trace = Trace((), Service.DHCP4)
    trace.samples = [(1 + place / SECOND, each) for place, each in enumerate(seen)]
    return trace


def test_one_that_serves_beside_one_that_stands_by_is_safe() -> None:
    trace = recorded((SECOND, SERVING, IDLE))
    trace.must_be_safe()
    trace.must_be_served()


def test_two_serve_the_same_clients_without_knowing_of_each_other() -> None:
    alone = Sighting("partner-down", ("kea-b",), ALL)
    with pytest.raises(UnsafeError, match=r"lower half: both kea-a \(hot-standby\) and kea-b \(partner-down\)"):
        recorded((SECOND, SERVING, IDLE), (3, SERVING, alone)).must_serve_nobody_twice()
    recorded((SECOND, SERVING, IDLE), (1, SERVING, alone), (SECOND, IDLE, alone)).must_be_safe()


def test_nobody_serves_though_one_could_that_was_not_set() -> None:
    trace = recorded((SECOND, SERVING, IDLE), (3 * SECOND, Sighting("waiting"), IDLE))
    with pytest.raises(UnsafeError, match="nobody, though kea-b could"):
        trace.must_be_safe()
    with pytest.raises(UnsafeError, match="upper half: nobody"):
        trace.must_be_served()


@pytest.mark.parametrize(("samples", "is_fault"), [(4, False), (8, True)])
def test_a_moment_without_anybody_is_none_or_one_that_may_be_tried_again(samples: int, is_fault: bool) -> None:
    trace = recorded((SECOND, SERVING, IDLE), (samples, Sighting("waiting"), IDLE), (SECOND, SERVING, IDLE))
    assert [each.is_harm for each in trace.faults()] == 2 * is_fault * [False]  # for each half of the clients
    if is_fault:
        with pytest.raises(AssertionError) as failed:
            trace.must_be_safe()
        assert failed.type is not UnsafeError


def test_nobody_can_serve_while_the_one_is_set_and_the_other_off() -> None:
    trace = recorded(
        (SECOND, SERVING, OFF), (SECOND, Sighting("waiting", committed_at=SET_AT), OFF), (SECOND, SERVING, OFF)
    )
    trace.must_be_safe()
    with pytest.raises(AssertionError):
        trace.must_be_served()


@pytest.mark.parametrize("state", ["hot-standby", "no HA"])
def test_one_that_we_switched_off_could_serve_and_one_that_a_person_did_could_not(state: str) -> None:
    by_us = Sighting(state, is_off=True, is_off_by_us=True, is_free=state == "no HA")
    waiting = Sighting("waiting", committed_at=SET_AT)
    recorded((SECOND, SERVING, by_us), (8, waiting, by_us), (SECOND, SERVING, by_us)).must_be_safe()
    trace = recorded((SECOND, SERVING, by_us), (3 * SECOND, waiting, by_us), (SECOND, SERVING, by_us))
    with pytest.raises(AssertionError, match="upper half: nobody, though kea-b could, were it on") as failed:
        trace.must_be_safe()
    assert failed.type is not UnsafeError  # how soon it is switched on is a matter of time
    replace_all(trace, by_us, replace(by_us, is_off_by_us=False))
    trace.must_be_safe()


def replace_all(trace: Trace, old: Sighting, new: Sighting) -> None:
    trace.samples = [(at, {n: new if each == old else each for n, each in seen.items()}) for at, seen in trace.samples]


@pytest.mark.parametrize(("samples", "is_harm"), [(8, False), (3 * SECOND, True)])
def test_two_that_are_off_while_nobody_is_set_are_a_fault(samples: int, *, is_harm: bool) -> None:
    by_us = replace(IDLE, is_off=True, is_off_by_us=True)
    trace = recorded((SECOND, SERVING, by_us), (samples, Sighting("waiting"), by_us), (SECOND, SERVING, by_us))
    with pytest.raises(AssertionError, match="nobody, though kea-b could, were it on") as failed:
        trace.must_be_safe()
    assert (failed.type is UnsafeError) is is_harm


def test_who_is_never_switched_on_again_after_a_set_is_harm_on_any_machine() -> None:
    by_us = replace(IDLE, is_off=True, is_off_by_us=True)
    waiting = Sighting("waiting", committed_at=SET_AT)
    with pytest.raises(UnsafeError, match="were it on around a set"):
        recorded((SECOND, SERVING, by_us), (11 * SECOND, waiting, by_us)).must_be_safe()


def test_one_that_is_up_again_after_its_set_could_serve_the_others_half_too() -> None:
    waiting, half = (replace(each, is_off=False, committed_at=SET_AT) for each in (OFF, HALF))
    before = ((SECOND, Sighting("no HA", serves=ALL), OFF), (5, waiting, OFF))
    recorded(*before, (5, half, OFF), (SECOND, SERVING, OFF)).must_be_safe()
    with pytest.raises(AssertionError, match=re.escape("upper half: nobody, though kea-a could again")) as failed:
        recorded(*before, (2 * SECOND, half, OFF)).must_be_safe()
    assert failed.type is not UnsafeError  # how soon it is given them is a matter of time


def test_such_a_fault_is_not_tried_again(request: pytest.FixtureRequest) -> None:
    marker = request.node.get_closest_marker("flaky")
    assert re.search(marker.kwargs["rerun_except"], f"{UnsafeError.__name__}: both")
    assert not re.search(marker.kwargs["rerun_except"], "AssertionError: UnsafeError")


def test_what_was_before_a_command_is_forgotten() -> None:
    trace = recorded((SECOND, SERVING, SERVING), (SECOND, SERVING, IDLE))
    trace.samples[:SECOND] = [
        (moment, {"kea-a": SERVING, "kea-b": Sighting("no HA", serves=ALL)}) for moment, _ in trace.samples[:SECOND]
    ]
    assert trace.faults()
    trace.forget_until(trace.samples[SECOND - 1][0])
    trace.must_be_safe()
