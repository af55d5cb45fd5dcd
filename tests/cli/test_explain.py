"""`explain`: why a change is planned, by whom, by which line, since when, and what it is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Service
from tests.cli.site import Site, subnet
from tests.cli.work_tree import git

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.simulator import World
    from tests.cli.site import Run

WHEN = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d"


def explain(site: Site, *words: str) -> Run:
    ended = site.run("explain", *words, "--state-dir", str(site.folder / "state"))
    assert ended.exit_code == 0, ended
    return ended


@pytest.fixture
def told(site: Site) -> Site:
    """A pair whose history is in a state directory of its own."""
    assert site.run("apply", "--yes", "--state-dir", str(site.folder / "state")).exit_code == 0
    return site


def edit(site: Site, **parameters: Any) -> None:
    site.documents[0]["parameters"].update(parameters)
    site.write()


def test_nothing_to_explain(told: Site) -> None:
    assert explain(told, "hq").stdout == "No change is planned for hq.\n"


def test_what_git_asks_for(told: Site) -> None:
    git(told.folder, "init", "--quiet")
    git(told.folder, "add", "desired")
    git(told.folder, "commit", "--quiet", "-m", "What is there")
    edit(told, **{"max-unacked-clients": 7})
    git(told.folder, "commit", "--quiet", "-a", "-m", "Be patient\x0bauthor Eve\x0bauthor-time 0")
    commit = git(told.folder, "rev-parse", "HEAD")[:12]
    text = explain(told, "hq").stdout
    path = told.desired / "relationships" / "hq.yaml"
    line = next(n for n, line in enumerate(path.read_text().splitlines(), 1) if "max-unacked-clients" in line)
    for server in ("kea-a", "kea-b"):
        part = text.partition(f"  {server}:\n")[2]
        assert part.startswith("    ~ relationship hq: max-unacked-clients ")
        assert "      why: git: desired changed\n" in part
        assert re.search(
            rf"      where: {path}:{line}:\d+\n      since: {WHEN}, commit {commit} by Ada: Be patient\\x0bauthor Eve",
            part,
        )
    assert text.count("max-unacked-clients: While communication is interrupted: a server takes over when more") == 1
    assert "      by: Kea Administrator Reference Manual, libdhcp_ha: High Availability\n" in text


def test_the_removal_of_one_whose_file_is_gone(told: Site) -> None:
    told.add_pair("branch", servers=("kea-c", "kea-d"))
    (told.desired / "relationships" / "hq.yaml").unlink()
    text = explain(told, "hq").stdout
    change = "- relationship hq: hot-standby, primary kea-a, standby kea-b"
    assert f"  kea-b:\n    {change}\n      why: git: desired changed" in text
    assert "The plan is objected to (remove-relationship)" in text
    unknown = told.run("explain", "nothing")
    assert (unknown.exit_code, "no relationship nothing, in desired or on a server" in unknown.stderr) == (64, True)


def test_a_line_that_nobody_committed_is_told_by_the_history(told: Site) -> None:
    edit(told, **{"max-unacked-clients": 7})
    text = explain(told, "hq", "max-unacked-clients").stdout
    assert re.search(
        rf"since: after {WHEN}, when revision sha256:\w{{12}} of desired was applied \(history show 1\)", text
    )


def test_a_partner_that_was_changed_by_hand(told: Site) -> None:
    told.change("kea-b", lambda config: config.update({"valid-lifetime": 999}))
    text = explain(told, "hq").stdout
    assert "  authority: kea-a (" in text
    assert "why: peer: kea-b was changed behind our back\n" in text
    assert "valid-lifetime: How many seconds a lease is good for." in text
    assert "global: A parameter of the whole server" in text
    assert "by: Kea Administrator Reference Manual, chapter The DHCPv4 Server\n" in text
    assert re.search(rf"since: after {WHEN}, when revision ", text)
    line = next(
        n
        for n, line in enumerate((told.desired / "relationships" / "hq.yaml").read_text().splitlines(), 1)
        if "server: kea-b" in line
    )
    assert f"where: {told.desired}/relationships/hq.yaml:{line}:" in text


def test_without_a_history_it_says_what_it_does_not_know(told: Site) -> None:
    told.change("kea-b", lambda config: config.update({"valid-lifetime": 999}))
    ended = told.run("explain", "hq", "--state-dir", str(told.folder / "none"))
    assert "of desired was applied; this host's history does not know when" in ended.stdout


def test_servers_that_are_no_pair_yet_have_no_mark(site: Site) -> None:
    text = explain(site, "hq", "10.0.1.0/24").stdout
    assert "subnet 10.0.1.0/24" in text
    assert "since: not known: no replication has left its mark on the server" in text
    assert "relationship hq" not in text.partition("kea-b:")[2]


@pytest.mark.parametrize(
    ("words", "count"),
    [("10.0.2.0/24", 1), ("subnet", 2), ("SUBNET 10.0.3.0/24", 1), ("valid-lifetime", 1), ("global", 1), ("", 3)],
)
def test_changes_are_chosen_by_their_words(told: Site, words: str, count: int) -> None:
    def change(config: dict[str, Any]) -> None:
        config["subnet4"] = [*config["subnet4"], *(subnet(Service.DHCP4, number) for number in (2, 3))]
        config["valid-lifetime"] = 999

    told.change("kea-a", change)
    text = explain(told, "hq", *([words] if words else [])).stdout
    assert len(re.findall(r"^      why: ", text, re.MULTILINE)) == count


def test_words_that_fit_nothing(told: Site) -> None:
    told.change("kea-a", lambda config: config.update({"valid-lifetime": 999}))
    ended = told.run("explain", "hq", "10.9.9.0/24")
    assert ended.exit_code == 64
    assert (
        "no change that is planned is of '10.9.9.0/24'. Planned are changes of: global valid-lifetime" in ended.stderr
    )
    assert told.run("explain", "nowhere").exit_code == 64


def test_a_relationship_that_can_t_be_planned(told: Site) -> None:
    told["kea-a"].stop_agent()
    told["kea-b"].stop_agent()
    ended = told.run("explain", "hq")
    assert ended.exit_code == 1
    assert "nothing could be planned for hq: " in ended.stderr


def test_a_server_that_can_t_be_read_is_said(world: World, tmp_path: Path) -> None:
    site = Site(world, tmp_path)
    site.add_pair(servers=("kea-a", "kea-b", "kea-c"))
    site.made().endpoint("kea-b").edit(lambda config: config.update({"valid-lifetime": 999}))
    site["kea-c"].stop_agent()
    ended = site.run("explain", "hq")
    assert ended.exit_code == 1
    assert "why: peer: kea-b was changed behind our back\n" in ended.stdout
    assert ended.stderr.startswith("kea-c (dhcp4) can't be read, so nothing is known of it: ")
