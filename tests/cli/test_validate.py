"""`validate`: everything that is wrong, at once, without talking to anybody."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.site import Site

HQ = """\
name: hq
mode: hot-standby
heartbeat-delay: 1000
peers:
  - {server: kea-a, role: primary, url: "http://kea-a.example:8001/"}
  - {server: kea-z, role: secondary, url: "http://192.0.2.2:8001/"}
"""
BRANCH = """\
name: branch
mode: load-balancing
peers: []
---
name: branch
mode: passive-backup
mode: hot-standby
peers: []
"""


def test_valid_files(site: Site) -> None:
    site.write()
    ended = site.run("validate")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout == f"{site.desired} is valid: 2 servers, 1 relationship.\n"
    assert not site["kea-a"].log


def test_a_warning_is_told_and_no_failure(site: Site) -> None:
    site.documents[0]["parameters"] = {"heartbeat-delay": 10000, "max-response-delay": 20000}
    site.write()
    ended = site.run("validate")
    assert ended.exit_code == 0
    assert ": warning: " in ended.stdout
    assert ended.stdout.endswith(f"\n1 warning.\n{site.desired} is valid: 2 servers, 1 relationship.\n")


def test_every_problem_of_every_file_at_once(site: Site) -> None:
    folder = site.desired / "relationships"
    (folder / "hq.yaml").write_text(HQ)
    (folder / "branch.yaml").write_text(BRANCH)
    (site.desired / "servers.yaml").write_text("servers: {kea-a: {dhcp4: {control: 'http://u:pw@192.0.2.1:8000/'}}}\n")
    ended = site.run("validate")
    assert (ended.exit_code, ended.stderr) == (1, "")
    found = set(re.findall(r"^(\S+?):(\d+):\d+: error: .* \[([a-z-]+)\]$", ended.stdout, re.MULTILINE))
    for place in (
        (f"{folder}/hq.yaml", "3", "misplaced-key"),
        (f"{folder}/hq.yaml", "5", "literal-peer-address"),
        (f"{folder}/hq.yaml", "6", "server-known"),
        (f"{folder}/branch.yaml", "7", "duplicate-key"),
        (f"{site.desired}/servers.yaml", "1", "credentials-in-url"),
    ):
        assert place in found, found
    assert "pw" not in ended.stdout
    assert re.search(r"\n\d+ errors\.\n$", ended.stdout)
    assert "is valid" not in ended.stdout


def test_advice_stands_below_each_problem(site: Site) -> None:
    (site.desired / "servers.yaml").write_text("servers: {}\nservers: {}\n")
    lines = site.run("validate").stdout.splitlines()
    for line, below in itertools.pairwise(lines):
        assert ": error: " not in line or re.match(r"    \S", below), line
