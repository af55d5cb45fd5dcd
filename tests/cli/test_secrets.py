"""No secret in any output: not in results, not in logs, not in what is said of an accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.planning import plan as planning
from reconciler.simulator import Kind
from tests.cli.site import Site
from tests.cli.test_access import PASSWORD, USER, credentials

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.simulator import World

CANARY = "canary"
SECRETS = {
    "lease-database": {"type": "memfile", "user": "canary-user", "password": "canary-of-the-leases"},
    "user-context": {"api-token": "canary-of-the-context", "nested": {"secret": ["canary-in-a-list"]}},
    "client-classes": [{"name": "phones", "user-context": {"snmp-key": "canary-of-the-class"}}],
}


@pytest.fixture
def secretive(world: World, tmp_path: Path) -> Site:
    """Servers full of secrets; kea-b has others than kea-a, and is asked with a password."""
    site = Site(world, tmp_path)
    other: dict[str, Any] = {**SECRETS, "user-context": {"api-token": "canary-of-the-other"}}
    site.add_pair(users={USER: PASSWORD}, configurations={"kea-a": SECRETS, "kea-b": other})
    for peer in site.documents[0]["peers"]:
        peer["basic-auth-user"] = USER
    site.write()
    return site


def set_peer_password(site: Site, password: str) -> None:
    """What a person did who gave the peers of a standing relationship a password."""

    def edit(config: dict[str, Any]) -> None:
        for library in config["hooks-libraries"]:
            for block in library.get("parameters", {}).get("high-availability", ()):
                for peer in block["peers"]:
                    peer["basic-auth-password"] = password

    for name in ("kea-a", "kea-b"):
        site.endpoint(name).edit(edit)


def test_no_command_shows_a_secret_whatever_is_logged(secretive: Site) -> None:
    site = secretive
    login = ["--credentials", str(credentials(site.folder / "credentials.toml", site)), "--log-level", "debug"]
    before = (["plan"], ["plan", "--format", "json"], ["plan", "--verbose"], ["status"], ["apply", "--yes"])
    shown = [site.run(*command, *login) for command in before]
    set_peer_password(site, "canary-of-the-peers")
    site.endpoint("kea-b").edit(lambda config: config["user-context"].update({"api-token": "canary-again"}))
    site.endpoint("kea-b").faults.add(Kind.SET_FAILS, text="it has password canary-of-the-peers", times=1)
    fresh = str(site.folder / "fresh")
    addresses = [part for name in ("kea-a", "kea-b") for part in ("--control", site[name].control)]
    after = (["drift"], ["drift", "--format", "json"], ["apply", "--yes", "--format", "json"], ["status"])
    shown += [site.run(*command, *login) for command in after]
    shown.append(site.run_line("import", "--desired", fresh, *addresses, *login))
    for ended in shown:
        assert CANARY not in ended.stdout + ended.stderr
    everything = "".join(ended.stdout + ended.stderr for ended in shown)
    assert "(hidden)" in everything
    assert "kea-b (dhcp4): config-set" in everything
    for path in (site.folder / "fresh").rglob("*.yaml"):
        assert CANARY not in path.read_text()


def test_the_log_says_what_was_sent_and_what_came_of_it(pair: Site) -> None:
    lines = pair.run("plan", "--log-level", "debug").stderr.splitlines()
    (line,) = [line for line in lines if "kea-b (dhcp4): config-get" in line]
    assert line.startswith("DEBUG reconciler.kea.client: kea-b (dhcp4): config-get (44 bytes) answered result 0 (")
    assert line.endswith(" s")
    pair["kea-b"].faults.add(Kind.CUT, "config-get")
    failed = [line for line in pair.run("plan", "--log-level", "debug").stderr.splitlines() if " failed: " in line]
    assert any(line.startswith("DEBUG reconciler.kea.client: kea-b (dhcp4): config-get failed") for line in failed)


@pytest.mark.parametrize(("level", "names"), [("info", {"reconciler"}), ("warning", set()), ("error", set())])
def test_the_log_is_as_talkative_as_it_is_told(pair: Site, level: str, names: set[str]) -> None:
    lines = pair.run("plan", "--log-level", level).stderr.splitlines()
    assert {line.split()[1].rstrip(":") for line in lines} == names


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("canary: a configuration may stand here")


@pytest.mark.parametrize("command", ["plan", "drift", "status", "apply --yes"])
def test_an_accident_of_our_own_says_where_and_not_what(
    pair: Site, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "plan_relationship", broken)
    ended = pair.run(*command.split())
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: internal error, please report it: ZeroDivisionError at test_secrets.py:")
    assert ended.stderr.count("\n") == 1
    assert CANARY not in ended.stderr
