"""How much of a server a plan may take away or change at once, and that the operator decides it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import Cause, Objection, Service, Snapshot, Thresholds
from reconciler.planning.plan import plan
from reconciler.planning.proportion import CHANGED, SHRUNK, Toll
from tests.planning.cases import World, read_case

CASE = read_case("nothing-to-do")
FOUR = Service.DHCP4


def subnet(number: int, pools: int = 1, reservations: int = 0, **parts: Any) -> dict[str, Any]:
    return {
        "id": number,
        "subnet": f"10.0.{number}.0/24",
        "pools": [{"pool": f"10.0.{number}.{1 + 10 * each}-10.0.{number}.{9 + 10 * each}"} for each in range(pools)],
        "reservations": [{"hw-address": f"02:00:00:00:{number:02x}:{each:02x}"} for each in range(reservations)],
        **parts,
    }


def found(
    primary: Sequence[Any], standby: Sequence[Any], uptime: int = 90_000, reload: int = 60, **thresholds: Any
) -> tuple[Objection, ...]:
    """What is objected to where the two have these subnets, so many seconds after they started and were set."""
    world: World = {}
    for key, live in CASE.live.items():
        assert isinstance(live, Snapshot)
        subnets = list(primary if key[0] == "kea-a" else standby)
        config = {**live.config, "subnet4": subnets, "shared-networks": [], "reservations": []}
        world[key] = replace(live, config=config, uptime=uptime, reload=reload)
    allowed = Thresholds(**thresholds)
    relationships = tuple(replace(each, thresholds=allowed) for each in CASE.desired.relationships)
    (made,) = plan(replace(CASE.desired, relationships=relationships), world).relationships
    return made.objections


def codes(primary: Sequence[Any], standby: Sequence[Any], **options: Any) -> list[str]:
    return [each.code for each in found(primary, standby, **options)]


TWENTY = [subnet(number) for number in range(1, 21)]


@pytest.mark.parametrize(("left", "raised"), [(14, []), (13, [SHRUNK, SHRUNK]), (1, [SHRUNK, SHRUNK])])
def test_a_share_of_the_subnets_and_of_their_pools(left: int, raised: list[str]) -> None:
    assert codes(TWENTY[:left], TWENTY) == raised
    assert codes(TWENTY[:left], TWENTY, deleted_share=0.95) == []


def test_other_subnets_in_the_place_of_all_ask_for_an_approval() -> None:
    other = [subnet(number) for number in range(31, 34)]
    (told, *_) = found(other, TWENTY[:3])
    assert told.code == SHRUNK
    assert told.message == "all 3 subnets on kea-b would be deleted, and 3 others would take over"
    assert codes([*other, TWENTY[0]], TWENTY[:3]) == []


def test_an_authority_that_was_started_with_few_is_asked_about_by_the_share_of_however_few() -> None:
    """A wrong file, such as the sample of a package: it has one subnet, and one in common at best."""
    for had, left, is_asked in ((9, 1, True), (9, 6, True), (9, 7, False), (3, 1, True), (3, 2, False), (2, 1, False)):
        assert codes(TWENTY[:left], TWENTY[:had]) == []
        assert codes(TWENTY[:left], TWENTY[:had], uptime=30, reload=30) == ([SHRUNK] if is_asked else [])
    assert codes(TWENTY[:1], TWENTY[:9], uptime=30, reload=30, deleted_share=0.95) == []


def made_over(subnets: Sequence[Any], leases: dict[int, int] | None, primary: Sequence[Any]) -> list[tuple[str, str]]:
    """What is objected to where a relationship is made over a standby with these subnets and leases in use."""
    case = read_case("create")
    world: World = {}
    for key, live in case.live.items():
        assert isinstance(live, Snapshot)
        own = list(primary if key[0] == "kea-a" else subnets)
        config = {**live.config, "subnet4": own, "shared-networks": [], "reservations": []}
        world[key] = replace(live, config=config, uptime=30, reload=30, active_leases=leases)
    (made,) = plan(case.desired, world).relationships
    return [(each.code, each.message) for each in made.objections]


def test_a_relationship_that_is_made_is_measured_by_the_thresholds_alone_where_nobody_has_a_lease() -> None:
    assert made_over(TWENTY[:5], {}, TWENTY[:3]) == []
    assert made_over([], None, TWENTY[:3]) == []
    assert made_over(TWENTY[:3], {1: 5}, TWENTY[:3]) == []
    assert made_over(TWENTY[:2], {1: 5}, TWENTY[:3]) == []


@pytest.mark.parametrize("leases", [{5: 1}, None], ids=["leases", "leases that can't be counted"])
def test_a_relationship_that_is_made_takes_no_subnet_in_use_away_unasked(leases: dict[int, int] | None) -> None:
    which = (
        "1 of the 5 subnets on kea-b, with leases in use"
        if leases
        else ("2 of the 5 subnets on kea-b, whose leases could not be counted")
    )
    told = f"{which}, are not on kea-a and would be deleted"
    assert made_over(TWENTY[:5], leases, TWENTY[:3]) == [(SHRUNK, told)]


def test_a_relationship_that_is_made_takes_no_pool_in_use_away_unasked() -> None:
    had = [subnet(1, pools=2), subnet(2)]
    told = "1 of the 3 pools on kea-b, with leases in use, are not on kea-a and would be deleted"
    assert made_over(had, {1: 7}, TWENTY[:3]) == [(SHRUNK, told)]
    assert made_over(had, {2: 7}, TWENTY[:3]) == []
    larger = [{**TWENTY[0], "pools": [{"pool": "10.0.1.1-10.0.1.99"}]}, TWENTY[1]]
    assert made_over(had, {1: 7}, larger) == []


def test_a_relationship_that_is_made_asks_where_all_subnets_of_a_server_go_though_nobody_has_a_lease() -> None:
    told = "all 2 subnets on kea-b would be deleted, and 3 others would take over"
    assert made_over(TWENTY[7:9], {}, TWENTY[:3]) == [(SHRUNK, told)]


def test_an_id_of_leases_in_use_that_comes_to_mean_another_prefix_asks_whenever_that_is() -> None:
    had, new = [*TWENTY[:2], subnet(3)], [*TWENTY[:2], subnet(3, subnet="10.9.9.0/24", pools=0)]
    told = "subnet ids on kea-b that leases in use have would be those of other prefixes "
    told += "(3 is 10.0.3.0/24, not 10.9.9.0/24)"
    assert ("subnet-id-conflict", told) in made_over(had, {3: 1}, new)
    assert "subnet-id-conflict" not in [code for code, _ in made_over(had, {1: 1}, new)]
    grown = [*TWENTY[:2], subnet(3, subnet="10.0.2.0/23", pools=0)]
    assert "subnet-id-conflict" not in [code for code, _ in made_over([*TWENTY[:1], subnet(3)], {3: 1}, grown)]


def test_two_subnets_that_swap_their_ids_are_one_objection_that_says_both() -> None:
    swapped = [subnet(2, subnet="10.0.1.0/24", pools=0), subnet(1, subnet="10.0.2.0/24", pools=0)]
    found = made_over(TWENTY[:2], {1: 1, 2: 1}, swapped)
    told = "subnet ids on kea-b differ for the same prefix (10.0.1.0/24 is 1, not 2; 10.0.2.0/24 is 2, not 1), "
    told += "and ids that leases in use have would be those of other prefixes "
    told += "(2 is 10.0.2.0/24, not 10.0.1.0/24; 1 is 10.0.1.0/24, not 10.0.2.0/24)"
    assert [message for code, message in found if code == "subnet-id-conflict"] == [told]


def test_an_id_that_nobody_gets_is_said_beside_one_that_another_prefix_gets() -> None:
    had = [subnet(number, subnet=f"10.0.{number}.0/24", pools=0) for number in (1, 2)]
    new = [subnet(2, subnet="10.0.1.0/24", pools=0), subnet(9, subnet="10.0.2.0/24", pools=0)]
    (told,) = [message for code, message in made_over(had, {1: 1, 2: 1}, new) if code == "subnet-id-conflict"]
    assert told.endswith("(2 is 10.0.2.0/24, not 10.0.1.0/24); leases with the other old ids match no subnet then")


def test_a_number_counts_whatever_the_share_is() -> None:
    assert codes(TWENTY[:18], TWENTY, deleted=1) == [SHRUNK, SHRUNK]
    assert codes(TWENTY[:18], TWENTY, deleted=2) == []
    assert codes(TWENTY[:3], TWENTY[:4], deleted=0) == [SHRUNK, SHRUNK]


def test_few_are_not_measured_by_share() -> None:
    assert codes(TWENTY[:1], TWENTY[:9]) == []
    assert codes(TWENTY[:1], TWENTY[:9], least=9) == [SHRUNK, SHRUNK]


def test_never_the_last_one() -> None:
    kept = subnet(1, pools=0)
    assert codes([kept], [subnet(1, pools=2)], deleted_share=1.0) == [SHRUNK]
    (objection,) = found([kept], [subnet(1, pools=2)])
    assert objection.message == "all 2 pools on kea-b would be deleted, and none would be left"
    assert codes([subnet(1)], [subnet(1, reservations=2)]) == [SHRUNK]
    assert codes([subnet(1)], [subnet(1, reservations=1)]) == [SHRUNK]
    (objection,) = found([kept], [subnet(1, pools=1)])
    assert objection.message == "the only one of the pools on kea-b would be deleted, and none would be left"


def test_pools_of_prefixes_are_a_kind_of_their_own() -> None:
    """One kind does not stand in for the other: clients that ask for an address get none of a pool of prefixes."""
    pools: dict[str, Any] = {"pd-pools": [{"prefix": "2001:db8::", "prefix-len": 48, "delegated-len": 64}]}
    (objection,) = found([subnet(1, pools=0, **pools)], [subnet(1, **pools)])
    assert (objection.code, objection.object) == (SHRUNK, "kea-b: pools")
    (objection,) = found([subnet(1)], [subnet(1, **pools)])
    assert (objection.code, objection.object) == (SHRUNK, "kea-b: pd-pools")
    assert codes([subnet(1)], [subnet(1)]) == []


def test_one_that_was_added_here_alone_excuses_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are lost: two by the authority, and one that somebody added to the server."""
    had = [subnet(1, reservations=2), subnet(2, reservations=1)]
    for causes, is_excused in (((Cause.PEER,), True), ((Cause.PRIMARY, Cause.PRIMARY, Cause.PEER), False)):
        toll = Toll(had=len(causes), deleted=len(causes), undone=causes.count(Cause.PEER))
        monkeypatch.setattr("reconciler.planning.proportion.tolls", lambda *_, toll=toll: {"reservations": toll})
        assert codes([subnet(1)], had) == ([] if is_excused else [SHRUNK])


def test_what_another_takes_the_place_of_is_not_lost() -> None:
    larger = [{"pool": "10.0.1.1-10.0.1.99"}]
    assert codes([subnet(1, pools=0) | {"pools": larger}], [subnet(1, pools=1)]) == []
    others = [
        subnet(number, pools=0) | {"pools": [{"pool": f"10.0.{number}.1-10.0.{number}.99"}]} for number in range(1, 21)
    ]
    assert codes(others, TWENTY) == []
    assert codes([subnet(30), subnet(2)], [subnet(1), subnet(2)]) == []  # one of them renumbered


@pytest.mark.parametrize(
    ("pools", "raised"),
    [
        ([(101, 199)], [CHANGED]),  # elsewhere
        ([(1, 5)], [CHANGED]),  # smaller
        ([(1, 4), (5, 30)], []),  # divided
        ([(1, 4), (6, 30)], [CHANGED]),  # with a gap
    ],
)
def test_a_pool_whose_addresses_do_not_all_stay_is_changed(pools: list[tuple[int, int]], raised: list[str]) -> None:
    after = [
        subnet(number) | {"pools": [{"pool": f"10.0.{number}.{first}-10.0.{number}.{last}"} for first, last in pools]}
        for number in range(1, 21)
    ]
    assert codes(after, TWENTY) == raised
    assert codes(after, TWENTY, changed_share=1.0) == []


@pytest.mark.parametrize(
    ("before", "after", "raised"),
    [
        (["0::/36 64"], ["0::/32 64"], []),  # larger
        (["0::/36 64"], ["0::/40 64"], [CHANGED]),  # smaller
        (["0::/36 64"], ["0::/37 64", "0:800::/37 64"], []),  # divided
        (["0::/37 64", "0:800::/37 64"], ["0::/36 64"], []),  # joined
        (["0::/36 64"], ["0::/36 60"], [CHANGED]),  # of another length
    ],
)
def test_prefixes_that_all_stay_are_counted_as_addresses_are(
    before: list[str], after: list[str], raised: list[str]
) -> None:
    def subnets(pools: list[str]) -> list[dict[str, Any]]:
        told = [each.replace("/", " ").split() for each in pools]
        return [
            subnet(number)
            | {
                "pd-pools": [
                    {"prefix": f"20{number:02}:{first}", "prefix-len": int(whole), "delegated-len": int(length)}
                    for first, whole, length in told
                ]
            }
            for number in range(1, 21)
        ]

    assert codes(subnets(after), subnets(before)) == raised


def test_a_pool_takes_the_place_of_one_of_its_own_subnet_alone() -> None:
    """Half of the subnets lease no more, however many pools the others get."""
    moved = [subnet(number, pools=2 * (number % 2)) for number in range(1, 21)]
    (objection,) = found(moved, TWENTY)
    assert "10 of the 20 pools on kea-b" in objection.message


def test_without_any_subnet_there_is_one_objection_and_not_three() -> None:
    assert codes([], [subnet(1, pools=2, reservations=2), subnet(2)]) == ["authority-empty"]


def test_changes_are_counted_by_the_object_that_they_are_of() -> None:
    changed = [{**each, "user-context": {"floor": 1}} for each in TWENTY]
    assert codes(changed[:10] + TWENTY[10:], TWENTY) == []
    assert codes(changed[:10] + TWENTY[10:], TWENTY, changed=9) == [CHANGED]
    assert codes(changed, TWENTY, changed_share=1.0) == []
    (objection,) = found(changed, TWENTY)
    assert objection.message == "20 of the 20 subnets on kea-b would be changed at once"
    inner = [{**each, "pools": [each["pools"][0] | {"user-context": {"floor": 1}}]} for each in TWENTY]
    (objection,) = found(inner, TWENTY, changed_share=0.9)
    assert "20 of the 20 pools" in objection.message
    lists = [{**each, "reservations": [{"hw-address": "02:00:00:00:00:01"}]} for each in TWENTY]
    assert codes(lists, TWENTY, changed=0) == []  # a reservation more is no change of its subnet
