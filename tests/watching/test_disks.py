"""Disks that are gone or full, of the files and of a server: the daemon deletes nothing, and catches up when it can."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from reconciler.kea.hooks import relationships_of
from reconciler.simulator import Kind
from tests.cli.site import run, until
from tests.watching.living import Living

if TYPE_CHECKING:
    from tests.cli.site import Site

QUICK = ("--mode", "enforce", "--interval", "0.7", "--steady", "0")


def lifetime(config: dict[str, Any]) -> None:
    config["valid-lifetime"] = 1234


def is_in_order(site: Site) -> bool:
    """Whether both servers have the relationship, and the same data."""
    configs = [site.endpoint(name).config for name in ("kea-a", "kea-b")]
    return all(map(relationships_of, configs)) and configs[0]["valid-lifetime"] == configs[1]["valid-lifetime"]


def wrong_files(daemon: Living) -> str:
    """What the daemon said last of what is wrong with the files."""
    said = daemon.events("desired-refused", is_over=False)
    return str(said[-1]["details"]) if said else ""


def test_files_that_are_gone_delete_nothing(site: Site) -> None:
    """A disk that is not mounted, a checkout gone wrong, a deletion by mistake: what was in force stays so."""
    away, site_files = site.folder / "away", site.desired
    with Living(site_files, site.folder, *QUICK) as daemon:
        site.forget()
        site_files.rename(away)
        until(lambda: "this directory does not exist" in wrong_files(daemon), "word of the missing folder", 60)
        site.change("kea-b", lifetime)
        daemon.until("applied")  # by the last good one
        until(lambda: is_in_order(site), "data of the primary on both", 60)
        (site_files / "relationships").mkdir(parents=True)
        shutil.copy(away / "servers.yaml", site_files)
        assert run("reconcile-now", "--state-dir", str(daemon.state)).exit_code == 0
        until(lambda: "no relationship file" in wrong_files(daemon), "word of the empty folder", 60)
        shutil.rmtree(site_files)
        away.rename(site_files)
        daemon.until("desired-refused", is_over=True)
        assert daemon.stop() == 0
    assert is_in_order(site)
    assert {"config-set", "dhcp-disable"}.isdisjoint(site.sent("kea-a"))


def test_a_server_whose_disk_was_full_is_written_when_it_has_room_and_not_set_again(site: Site) -> None:
    with Living(site.desired, site.folder, *QUICK) as daemon:
        full = site.endpoint("kea-b").faults.add(Kind.DISK_FULL)
        site.change("kea-b", lifetime)
        site.forget()
        told = daemon.until("failed", is_over=False)
        assert "kea-b" in told["message"]
        until(lambda: is_in_order(site), "data of the primary on both", 60)
        site.endpoint("kea-b").faults.remove(full)
        daemon.until("failed", is_over=True)
        assert daemon.stop() == 0
    assert site.endpoint("kea-b").written == site.endpoint("kea-b").config
    assert site.sent("kea-b").count("config-set") == 1
    assert site.sent("kea-b")[-1] == "config-write"
