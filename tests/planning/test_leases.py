"""What counts as a difference between leases, and how bad it is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kea.leases import INFINITE, Lease, read_lease, shared_database, subnet_ids
from reconciler.model import Service
from reconciler.planning.leases import Kind, difference, worst_first
from tests.reports.operated import differing, lease, lease6

NOW = 1795681000.0  # the leases of these tests run out at 1795684000
BOTH = {"kea-a": NOW, "kea-b": NOW}


def kind(*found: Lease | None, now: Mapping[str, float] = BOTH) -> tuple[Kind, tuple[str, ...]] | None:
    names = [f"kea-{letter}" for letter in "abc"][: len(found)]
    key = next(each.key for each in found if each is not None)
    told = difference(key, dict(zip(names, found, strict=True)), {name: now.get(name, NOW) for name in names})
    return None if told is None else (told.kind, told.fields)


OLD = lease(cltt=1795670000)  # has run out
OTHER = "aa:bb:cc:dd:ee:02"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (lease(), lease(), None),
        (lease(), None, (Kind.MISSING, ())),
        (None, lease(), (Kind.MISSING, ())),
        (lease(), OLD, (Kind.MISSING, ())),
        (OLD, None, None),
        (OLD, lease(cltt=1795670000, hw_address=OTHER), None),
        (lease(state=2), None, None),
        (lease(state=3), None, None),
        (lease(state=2), lease(), (Kind.MISSING, ())),
        (lease(valid_lft=INFINITE, cltt=1), None, (Kind.MISSING, ())),
        (lease(), lease(hw_address=OTHER), (Kind.TWO_CLIENTS, ("hw-address",))),
        (lease(client_id="01"), lease(client_id="02"), (Kind.TWO_CLIENTS, ("client-id",))),
        (lease(client_id="01"), lease(client_id="01", hw_address=OTHER), (Kind.DIFFERS, ("hw-address",))),
        (lease(client_id="01"), lease(), (Kind.DIFFERS, ("client-id",))),
        (lease(client_id="01"), lease(hw_address=OTHER), (Kind.TWO_CLIENTS, ("hw-address", "client-id"))),
        (lease(), lease(subnet_id=2), (Kind.DIFFERS, ("subnet-id",))),
        (lease(), lease(cltt=1795680100), (Kind.DIFFERS, ("cltt",))),
        (lease(), lease(valid_lft=8000), (Kind.DIFFERS, ("valid-lft",))),
        (lease(state=1, hw_address=""), lease(), (Kind.DIFFERS, ("hw-address", "state"))),
        (lease6("2001:db8::1"), lease6("2001:db8::1", duid="00:09"), (Kind.TWO_CLIENTS, ("duid",))),
        (lease6("2001:db8::1"), lease6("2001:db8::1", iaid=8), (Kind.DIFFERS, ("iaid",))),
        (
            lease6("2001:db8::", type="IA_PD", prefix_len=56),
            lease6("2001:db8::", type="IA_PD", prefix_len=60),
            (Kind.DIFFERS, ("prefix-len",)),
        ),
    ],
)
def test_two_servers(one: Lease | None, other: Lease | None, expected: object) -> None:
    assert kind(one, other) == expected


def test_a_backup_counts_too() -> None:
    assert kind(lease(), lease(), lease()) is None
    assert kind(lease(), lease(), None) == (Kind.MISSING, ())
    assert kind(lease(), lease(hw_address=OTHER), None) == (Kind.TWO_CLIENTS, ("hw-address",))
    assert kind(lease(), None, lease(cltt=1795680100)) == (Kind.MISSING, ("cltt",))


def test_each_server_goes_by_its_own_clock() -> None:
    ahead = {"kea-a": NOW, "kea-b": NOW + 4000}
    assert kind(lease(), lease(), now=ahead) is None, "the same lease, whatever the clocks say"
    assert kind(lease(), lease(cltt=1795680001), now=ahead) == (Kind.MISSING, ())


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.builds(
                lease,
                hw_address=st.sampled_from(["aa", "bb"]),
                client_id=st.sampled_from(["", "01"]),
                cltt=st.sampled_from([1795670000, 1795680000]),
                state=st.integers(0, 3),
            ),
        ),
        min_size=2,
        max_size=3,
    )
)
def test_the_order_of_the_servers_does_not_matter(found: list[Lease | None]) -> None:
    if any(found):
        assert kind(*found) == kind(*reversed(found))


def test_the_worst_come_first_and_then_the_lowest_address() -> None:
    made = [
        differing(Kind.DIFFERS, lease("10.0.0.1"), lease("10.0.0.1", cltt=1)),
        differing(Kind.MISSING, lease("10.0.0.10"), None),
        differing(Kind.MISSING, lease("10.0.0.9"), None),
        differing(Kind.TWO_CLIENTS, lease("10.0.0.200"), lease("10.0.0.200", hw_address=OTHER)),
    ]
    assert [each.address for each in worst_first(made)] == ["10.0.0.200", "10.0.0.9", "10.0.0.10", "10.0.0.1"]


# ---------------------------------------------------------------------------------- what Kea's JSON says


def test_a_lease_is_read() -> None:
    four = {"ip-address": "10.0.0.20", "hw-address": "AA:BB:CC:DD:EE:01", "subnet-id": 1, "valid-lft": 4000}
    assert read_lease({**four, "cltt": 1795680000, "state": 0, "hostname": "x", "fqdn-fwd": False}) == lease()
    six = {"ip-address": "2001:DB8:0::1", "type": "IA_NA", "duid": "00:01:02:03", "iaid": 7, "subnet-id": 1}
    assert read_lease({**six, "valid-lft": 4000, "cltt": 1795680000, "state": 0}) == lease6("2001:db8::1")


@pytest.mark.parametrize("wrong", [{"ip-address": "x"}, {"ip-address": "10.0.0.1"}, {"subnet-id": 1}])
def test_what_is_no_lease_is_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_lease(wrong)


def hook(*names: str) -> list[object]:
    blocks = [{"this-server-name": name} for name in names]
    return [{"library": "libdhcp_ha.so", "parameters": {"high-availability": blocks}}]


def test_a_hub_s_leases_are_those_of_the_relationship_s_subnets() -> None:
    def owned(number: int, owner: str | None) -> dict[str, object]:
        return {"id": number, "user-context": {"ha-server-name": owner} if owner else {}}

    networks = [{"user-context": {"ha-server-name": "b1"}, "subnet4": [owned(3, None), owned(4, "c2")]}]
    config = {"subnet4": [owned(1, "b1"), owned(2, "c2")], "shared-networks": networks}
    hub = {**config, "hooks-libraries": hook("b1", "c1")}
    assert subnet_ids(hub, Service.DHCP4, {"b1", "b2"}) == frozenset({1, 3})
    assert subnet_ids(hub, Service.DHCP4, {"c1", "c2"}) == frozenset({2, 4})
    assert subnet_ids({**config, "hooks-libraries": hook("b1")}, Service.DHCP4, {"b1", "b2"}) is None


@pytest.mark.parametrize(
    ("one", "other", "is_shared"),
    [
        ({}, {}, False),
        ({"type": "memfile", "name": "/x"}, {"type": "memfile", "name": "/x"}, False),
        ({"type": "mysql", "name": "kea", "host": "db"}, {"type": "mysql", "name": "kea", "host": "db"}, True),
        ({"type": "mysql", "name": "kea", "host": "db"}, {"type": "mysql", "name": "kea", "host": "db2"}, False),
        ({"type": "mysql", "name": "kea"}, {"type": "postgresql", "name": "kea"}, False),
        ({"type": "mysql", "name": "kea"}, {"type": "memfile"}, False),
        ({"type": "mysql", "name": "kea"}, {"type": "mysql", "name": "kea"}, False),
    ],
)
def test_one_database_for_all(one: dict[str, str], other: dict[str, str], is_shared: bool) -> None:
    assert shared_database([{"lease-database": one}, {"lease-database": other}]) is is_shared
