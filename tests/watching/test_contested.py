"""An object that somebody sets again and again, on simulated servers: it alone is left, and only for an hour."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reconciler.cli import session
from reconciler.cli.watch import _approved, edges_of
from reconciler.desired.load import load
from reconciler.kea.access import Credentials, Settings
from reconciler.kea.hooks import relationships_of
from reconciler.kea.single_commands import LIBRARIES
from reconciler.model import Mode, Service, Watched, WatchMode
from reconciler.simulator import Release, World
from reconciler.simulator.faults import Kind
from reconciler.simulator.libraries import DIRECTORY
from reconciler.state.runs import open_store
from reconciler.watching.daemon import Daemon
from reconciler.watching.rounds import Habits
from reconciler.watching.source import Source
from tests.cli.site import Site, subnet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

S = Service.DHCP4
MAC = "02:00:00:00:00:0"
KEY = f"hw-address {MAC}1"
HOST = {"hw-address": f"{MAC}1", "ip-address": "10.0.1.5", "hostname": "printer"}
PATIENCE = 60.0


async def until(holds: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < limit, f"no {what}"
        await asyncio.sleep(0.02)


class Watching:
    """A daemon that enforces a relationship, of which one server's reservation somebody else sets, too."""

    def __init__(self, site: Site, daemon: Daemon) -> None:
        self.site, self.daemon = site, daemon

    @property
    def seen(self) -> Watched:
        """What the daemon knows."""
        (found,) = self.daemon.board().relationships
        return found

    def config(self, server: str) -> dict[str, Any]:
        """What a server has."""
        return self.site.endpoint(server).config

    def hosts(self, server: str) -> dict[str, str]:
        """The names that a server has for reserved addresses."""
        return {each["ip-address"]: each["hostname"] for each in self.config(server)["subnet4"][0]["reservations"]}

    def edit(self, server: str, hosts: list[dict[str, str]]) -> None:
        """Give a server other reservations in its first subnet."""
        self.site.endpoint(server).edit(lambda config: config["subnet4"][0].update({"reservations": hosts}))

    async def fight(self, server: str, hosts: list[dict[str, str]]) -> None:
        """Set the reservations of a server until that is contested."""
        await self.fight_over(lambda: self.hosts(server), lambda: self.edit(server, hosts))

    async def fight_over(self, found: Callable[[], object], edit: Callable[[], object]) -> None:
        """Edit what is `found` somewhere until that is contested."""
        right = found()
        for _ in range(3):
            edit()
            await until(lambda: found() == right, "edit that is put right")
            await until(lambda: not self.seen.drift, "end of the drift")
        edit()
        await until(lambda: bool(self.seen.contested), "word that it is contested")

    async def fight_over_the_entry(self, server: str) -> None:
        """Set a timer in the entry of a server's HA hook until that is contested."""
        await self.fight_over(lambda: self.timer(server), lambda: self.site.endpoint(server).edit(patient))

    def timer(self, server: str) -> object:
        """What a server has for that timer."""
        return relationships_of(self.config(server))[0].get("max-ack-delay")


@asynccontextmanager
async def watched(
    site: Site, folder: Path, ahead: list[timedelta], mode: WatchMode = WatchMode.ENFORCE, *approved: str
) -> AsyncIterator[Watching]:
    """A daemon whose clock is `ahead` of ours by the last of these; all plans are `approved` beside what files say."""
    run = session.Session(Settings(), Credentials())
    edges = replace(edges_of(run), wall=lambda: datetime.now(UTC) + ahead[-1])
    with closing(open_store(folder)) as store:
        habits = Habits(mode, interval=0.3, steady=0.0, writes_per_hour=100)
        source = Source(site.desired, load(site.desired))
        daemon = Daemon(source, edges, habits, store, approved=lambda plan: {*_approved(run, plan), *approved})
        running = asyncio.create_task(daemon.run())
        try:
            yield Watching(site, daemon)
        finally:
            daemon.stop()
            await running


def patient(config: dict[str, Any]) -> None:
    block: Any = relationships_of(config)[0]
    block["max-ack-delay"] = 4321


def made(world: World, folder: Path, *servers: str, release: Release = Release.KEA_2_2, subnets: int = 2) -> Site:
    site = Site(world, folder, release)
    hooks = [{"library": f"{DIRECTORY}/{name}"} for name in LIBRARIES] if release is Release.KEA_3_0 else []
    bodies: dict[str, dict[str, Any]] = {name: {"hooks-libraries": hooks} for name in servers}
    others = [subnet(S, number) for number in range(2, subnets + 1)]
    bodies[servers[0]] |= {"subnet4": [subnet(S, 1, reservations=[HOST]), *others]}
    site.add_pair(servers=servers, configurations=bodies)
    return site.made()


@pytest.mark.parametrize("release", [Release.KEA_2_2, Release.KEA_3_0], ids=["by sets", "by single commands"])
def test_it_alone_is_left_while_all_else_goes_on(tmp_path: Path, release: Release) -> None:
    async def work(site: Site) -> None:
        async with watched(site, tmp_path / "watched", [timedelta()]) as each:
            await each.fight("kea-b", [{**HOST, "hostname": "scanner"}])
            site.endpoint("kea-a").edit(lambda config: config["subnet4"][1].update({"renew-timer": 1234}))
            await until(lambda: each.config("kea-b")["subnet4"][1].get("renew-timer") == 1234, "change that follows")
            await until(lambda: each.seen.drift_count == 1, "end of all other drift")
            assert each.hosts("kea-b") == {"10.0.1.5": "scanner"}
            assert each.seen.contested == (f"reservation {KEY} in subnet 10.0.1.0/24 on kea-b",)
            assert each.seen.left_alone == ()

    with World() as world:
        site = made(world, tmp_path, "kea-a", "kea-b", release=release)
        site.forget()
        asyncio.run(work(site))
        assert ("config-set" in site.sent("kea-b")) is (release is Release.KEA_2_2)


def test_it_is_put_right_again_after_an_hour(tmp_path: Path) -> None:
    ahead = [timedelta()]

    async def work(site: Site) -> None:
        async with watched(site, tmp_path / "watched", ahead) as each:
            await each.fight("kea-b", [{**HOST, "hostname": "scanner"}])
            ahead.append(timedelta(hours=1, seconds=30))
            await until(lambda: each.hosts("kea-b") == {"10.0.1.5": "printer"}, "name that is put right again")
            await until(lambda: not (each.seen.contested or each.seen.drift), "end of it all")

    with World() as world:
        asyncio.run(work(made(world, tmp_path, "kea-a", "kea-b")))


def test_a_server_that_cannot_keep_it_alone_is_left_and_the_others_go_on(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async with watched(site, tmp_path / "watched", [timedelta()]) as each:
            await each.fight("kea-b", [HOST, {**HOST, "hw-address": f"{MAC}2", "ip-address": "10.0.1.6"}])
            before = each.config("kea-b")
            each.edit("kea-a", [HOST, {**HOST, "hw-address": f"{MAC}3", "ip-address": "10.0.1.6", "hostname": "other"}])
            await until(lambda: each.hosts("kea-c").get("10.0.1.6") == "other", "backup that follows")
            await until(lambda: each.seen.drift_count == 2, "end of the drift of the backup")
            assert each.config("kea-b") == before
            (told,) = each.seen.left_alone
            assert told.startswith("all data of kea-b are left alone: two reservations in 10.0.1.0/24")

    with World() as world:
        asyncio.run(work(made(world, tmp_path, "kea-a", "kea-b", "kea-c")))


def test_what_was_approved_of_the_plan_that_people_see_is_carried_out_but_for_it(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async with watched(site, tmp_path / "watched", [timedelta()]) as each:
            await each.fight("kea-b", [{**HOST, "hostname": "scanner"}])
            site.endpoint("kea-a").edit(lambda config: config["subnet4"].__delitem__(slice(6, None)))
            await until(lambda: any("authority-shrunk" in told for told in each.seen.waits), "word that it waits")
            assert len(each.config("kea-b")["subnet4"]) == 12
            await asyncio.to_thread(approve, site)
            await until(lambda: len(each.config("kea-b")["subnet4"]) == 6, "subnets that go")
            await until(lambda: each.seen.drift_count == 1, "end of all other drift")
            assert each.hosts("kea-b") == {"10.0.1.5": "scanner"}

    with World() as world:
        asyncio.run(work(made(world, tmp_path, "kea-a", "kea-b", subnets=12)))


def test_what_is_contested_on_the_authority_stays_on_all_servers_while_all_else_goes_on(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async with watched(site, tmp_path / "watched", [timedelta()], WatchMode.ENFORCE, "split-pools") as each:

            def pools(server: str) -> Any:
                return copy.deepcopy(each.config(server)["subnet4"][0]["pools"])

            def free() -> None:
                site.endpoint("kea-a").edit(lambda config: config["subnet4"][0]["pools"][0].pop("client-class"))

            divided = pools("kea-b")
            await each.fight_over(lambda: pools("kea-a"), free)
            site.endpoint("kea-a").edit(lambda config: config["subnet4"][1].update({"renew-timer": 1234}))
            await until(lambda: each.config("kea-b")["subnet4"][1].get("renew-timer") == 1234, "change that follows")
            await until(lambda: each.seen.drift_count == 1, "end of all other drift")
            assert pools("kea-b") == divided
            assert "client-class" not in pools("kea-a")[0]
            (told,) = each.seen.contested
            assert told.endswith(" on kea-a")
            assert each.seen.left_alone == ()

    with World() as world:
        site = Site(world, tmp_path, Release.KEA_2_2)
        site.add_pair(
            mode=Mode.LOAD_BALANCING, configurations={"kea-a": {"subnet4": [subnet(S, number) for number in (1, 2)]}}
        )
        site.made()
        site.documents[0]["pools"] = "split"
        site.write()
        assert site.run_process("apply", "--yes", "--approve", "split-pools").exit_code == 0
        asyncio.run(work(site))


def approve(site: Site) -> None:
    """Approve the plan that `plan` shows, by a file."""
    file = site.folder / "shown.json"
    assert site.run_process("plan", "--out", str(file)).exit_code == 3
    mark = json.loads(file.read_text())["fingerprint"]
    approval = {"approve": [{"code": "authority-shrunk", "reason": "CHG-1"}]}
    (site.desired / "approvals").mkdir()
    (site.desired / "approvals" / f"{mark}.yaml").write_text(yaml.safe_dump(approval))


def test_beside_a_contested_entry_of_the_hook_another_server_gets_its_own_back(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async with watched(site, tmp_path / "watched", [timedelta()]) as each:
            await each.fight_over_the_entry("kea-b")
            kea = site.endpoint("kea-a")
            kea.faults.add(Kind.SET_FAILS, times=1)
            assert kea.command("config-set", {"Dhcp4": kea.config})["result"] != 0
            await until(lambda: kea.ha is not None, "hook that is back")
            await until(lambda: each.seen.drift_count == 1, "end of all other drift")
            assert each.timer("kea-b") == 4321

    with World() as world:
        asyncio.run(work(made(world, tmp_path, "kea-a", "kea-b")))


def test_while_a_change_of_git_waits_no_server_is_set_with_an_entry_that_somebody_broke(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async with watched(site, tmp_path / "watched", [timedelta()], WatchMode.REPLICATE) as each:
            await until(lambda: bool(each.daemon.board().relationships), "first look")
            (document,) = site.documents
            document["parameters"] = {**document.get("parameters", {}), "max-response-delay": 54321}
            site.write()
            await until(lambda: each.seen.change_count == 2, "word that git changed")
            site.forget()
            kea = site.endpoint("kea-b")
            kea.edit(patient)
            kea.faults.add(Kind.SET_FAILS, times=1)
            assert kea.command("config-set", {"Dhcp4": kea.config})["result"] != 0
            known = "this comes first: the hook of kea-b, whose entry somebody else set"
            await until(lambda: any(known in told for told in each.seen.waits), "word that it is not mended")
            assert kea.ha is None
            assert site.sent("kea-b") == []

    with World() as world:
        asyncio.run(work(made(world, tmp_path, "kea-a", "kea-b")))


def test_beside_a_contested_entry_of_the_hook_what_a_run_left_is_put_right(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async with watched(site, tmp_path / "watched", [timedelta()]) as each:
            await each.fight_over_the_entry("kea-b")
            kea = site.endpoint("kea-b")
            await until(lambda: kea.ha is not None and kea.ha.state == "hot-standby", "normal state")
            before = each.seen.applied_at
            kea.command("ha-scopes", {"scopes": ["kea-a"]})
            await until(lambda: kea.serves == () and each.seen.applied_at != before, "its own scopes again")
            assert not each.seen.failures
            assert each.timer("kea-b") == 4321

    with World() as world:
        asyncio.run(work(made(world, tmp_path, "kea-a", "kea-b")))
