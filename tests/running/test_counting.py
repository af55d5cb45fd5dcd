"""How many leases does a server have in use, whatever its statistics have come to hold?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import pytest

from reconciler.errors import EndpointError
from reconciler.kea.leases import INFINITE
from reconciler.kea.replies import Reply
from reconciler.model import Service, Snapshot
from reconciler.running.counting import with_leases
from reconciler.running.leases import PAGE
from tests.reports import samples

FOUR = Service.DHCP4
PAGING = frozenset({"lease4-get-page"})


def lease(number: int, subnet: int = 1, **parts: Any) -> dict[str, Any]:
    address = f"10.0.{number // 250}.{number % 250}"
    own = {"ip-address": address, "hw-address": "aa:bb:cc:00:00:01", "subnet-id": subnet}
    return {**own, "valid-lft": INFINITE, "cltt": 0, "state": 0, **parts}


class Server:
    """Answers for a client: what it told by statistics, and its leases; `asked` are the commands."""

    def __init__(self, told: Mapping[int, int], leases: Sequence[Mapping[str, Any]], *, failing: int = 99) -> None:
        self.told, self.leases, self.failing = told, leases, failing
        self.asked: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def call(self, command: str, arguments: Mapping[str, Any] | None = None) -> Reply:
        self.asked.append(command)
        if command == "statistic-get-all":
            return self._reply({f"subnet[{n}].assigned-addresses": [[c, "now"]] for n, c in self.told.items()})
        if len(self.asked) > self.failing:
            raise EndpointError("connection lost")
        places = [each["ip-address"] for each in self.leases]
        begin = 0 if arguments["from"] == "start" else places.index(arguments["from"]) + 1  # type: ignore[index]
        page = self.leases[begin : begin + PAGE]
        return self._reply({"leases": page, "count": len(page)}) if page else replace(self._reply({}), result=3)

    def _reply(self, arguments: Any) -> Reply:
        return Reply(0, "", arguments, 0, None, 0.0, 0.0)


def counted(server: Server, commands: frozenset[str] = PAGING, *, is_exact: bool = True) -> Mapping[int, int] | None:
    seen = replace(samples.snapshot("kea-a", None, {}), commands=commands)
    key = ("kea-a", FOUR)
    live = asyncio.run(with_leases({key: seen}, [key], lambda _: server, is_exact=is_exact))[key]  # type: ignore[arg-type,return-value]
    assert isinstance(live, Snapshot)
    return live.active_leases


def test_leases_that_were_fetched_from_a_partner_and_are_in_no_statistic_count() -> None:
    found = [lease(1), lease(2), lease(3, subnet=2)]
    assert counted(Server({1: 0, 2: 0, 3: 0}, found)) == {1: 2, 2: 1, 3: 0}
    assert counted(Server({1: 0, 2: 0}, found), is_exact=False) == {1: 0, 2: 0}
    assert counted(Server({1: 0, 2: 0}, found), frozenset()) == {1: 0, 2: 0}


def test_leases_that_ran_out_do_not() -> None:
    found = [lease(1), lease(2) | {"valid-lft": 10}, lease(3, state=2)]
    assert counted(Server({1: 3}, found)) == {1: 1}


def test_they_are_read_page_by_page() -> None:
    server = Server({1: 0}, [lease(number) for number in range(2 * PAGE + 5)])
    assert counted(server) == {1: 2 * PAGE + 5}
    assert server.asked == ["statistic-get-all", *3 * ["lease4-get-page"]]


@pytest.mark.parametrize("told", [0, 1500])
def test_where_not_all_can_be_read_the_greater_count_stands(told: int) -> None:
    server = Server({1: told, 2: 7}, [lease(number) for number in range(2 * PAGE)], failing=2)
    assert counted(server) == {1: max(told, PAGE), 2: 7}


def test_very_many_are_not_read_at_all() -> None:
    server = Server({1: 10**6}, [lease(1)])
    assert counted(server) == {1: 10**6}
    assert server.asked == ["statistic-get-all"]
