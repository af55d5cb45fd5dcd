from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired.load import load
from reconciler.errors import FixInputError
from reconciler.model import (
    Endpoint,
    Mode,
    OnPrimaryReturn,
    OnRemove,
    Peer,
    Pools,
    Position,
    Problem,
    Relationship,
    Role,
    Service,
)

BASE = Path(__file__).parent / "base"
REPOSITORY = Path(__file__).parents[2]

FULL = """\
name: branch
service: dhcp6
mode: load-balancing
peers:
  - server: kea-b
    name: "server 2"
    role: secondary
    url: "https://[2001:db8::11]:8443/"
    auto-failover: false
    basic-auth-user: ha
    basic-auth-password-file: /etc/kea/password
    key-file: /etc/kea/other.pem
  - {server: kea-a, role: primary, url: "https://[2001:db8::10]:8443/"}
parameters:
  heartbeat-delay: 1000
  max-response-delay: 2500
  delayed-updates-limit: 50
  trust-anchor: /etc/kea/ca.pem
  cert-file: /etc/kea/cert.pem
  key-file: /etc/kea/key.pem
  multi-threading: {enable-multi-threading: true, http-dedicated-listener: true, http-client-threads: 2}
  state-machine:
    states: [{state: ready, pause: once}]
replicate: false
local: ["/subnet6/*/interface", /option-data]
pools: split
on-primary-return: hold
on-remove: keep
state: absent
"""


@pytest.fixture
def desired(tmp_path: Path) -> Path:
    """A good desired state, with one relationship that says everything and one that says the least."""
    shutil.copytree(BASE, tmp_path / "desired")
    (tmp_path / "desired" / "relationships" / "full.yml").write_text(FULL)
    return tmp_path / "desired"


def test_everything_that_can_be_said(desired: Path) -> None:
    branch, good = load(desired).relationships
    assert branch == Relationship(
        name="branch",
        service=Service.DHCP6,
        mode=Mode.LOAD_BALANCING,
        peers=(
            Peer(
                "kea-b",
                "server 2",
                Role.SECONDARY,
                "https://[2001:db8::11]:8443/",
                {
                    "auto-failover": False,
                    "basic-auth-user": "ha",
                    "basic-auth-password-file": "/etc/kea/password",
                    "key-file": "/etc/kea/other.pem",
                },
            ),
            Peer("kea-a", "kea-a", Role.PRIMARY, "https://[2001:db8::10]:8443/"),
        ),
        parameters={
            "heartbeat-delay": 1000,
            "max-response-delay": 2500,
            "delayed-updates-limit": 50,
            "trust-anchor": "/etc/kea/ca.pem",
            "cert-file": "/etc/kea/cert.pem",
            "key-file": "/etc/kea/key.pem",
            "multi-threading": {
                "enable-multi-threading": True,
                "http-dedicated-listener": True,
                "http-client-threads": 2,
            },
            "state-machine": {"states": [{"state": "ready", "pause": "once"}]},
        },
        replicate=False,
        local=("/subnet6/*/interface", "/option-data"),
        pools=Pools.SPLIT,
        on_remove=OnRemove.KEEP,
        is_absent=True,
        on_primary_return=OnPrimaryReturn.HOLD,
    )
    assert (branch.primary.server, branch.partner and branch.partner.name) == ("kea-a", "server 2")
    assert (good.name, good.service, good.replicate, good.local, good.parameters) == (
        "good",
        Service.DHCP4,
        True,
        (),
        {},
    )
    assert (good.pools, good.on_remove, good.is_absent) == (Pools.SHARED, OnRemove.DISABLE, False)
    assert good.on_primary_return is OnPrimaryReturn.PRIMARY


PEER = '  - {{server: {0}, role: {1}, url: "http://192.0.2.{2}:8001/"}}\n'


@pytest.mark.parametrize(
    ("mode", "roles"),
    [
        ("passive-backup", ["primary"]),
        ("passive-backup", ["backup", "primary"]),
        ("passive-backup", ["primary", "backup", "backup"]),
        ("hot-standby", ["standby", "backup", "primary"]),
        ("load-balancing", ["primary", "secondary", "backup"]),
    ],
)
def test_any_number_of_backups_beside_what_the_mode_needs(desired: Path, mode: str, roles: list[str]) -> None:
    (desired / "relationships" / "full.yml").unlink()
    peers = "".join(PEER.format(f"kea-{'abc'[place]}", role, place + 10) for place, role in enumerate(roles))
    (desired / "relationships" / "good.yaml").write_text(f"name: good\nmode: {mode}\npeers:\n{peers}")
    (good,) = load(desired).relationships
    assert [str(peer.role) for peer in good.peers] == roles
    assert good.primary.role is Role.PRIMARY
    assert len(good.backups) == roles.count("backup")
    assert (good.partner is None) == (mode == "passive-backup")


def test_what_counts_for_partners_does_not_for_passive_backup(desired: Path) -> None:
    (desired / "relationships" / "full.yml").unlink()
    parameters = "parameters: {heartbeat-delay: 0, max-response-delay: 0, wait-backup-ack: true}\n"
    text = "name: good\nmode: passive-backup\npeers:\n" + PEER.format("kea-a", "primary", 10) + parameters
    (desired / "relationships" / "good.yaml").write_text(text)
    assert load(desired).warnings == ()


def test_the_inventory(desired: Path) -> None:
    text = (desired / "servers.yaml").read_text()
    socket = '{control: "unix:/run/kea/kea4", hooks-directory: /opt/kea/hooks}'
    (desired / "servers.yaml").write_text(f"{text}  kea-0:\n    dhcp4: {socket}\n")
    endpoints = load(desired).endpoints
    assert list(endpoints.items()) == [
        ((endpoint.server, endpoint.service), endpoint)
        for endpoint in (
            Endpoint("kea-0", Service.DHCP4, "unix:/run/kea/kea4", "/opt/kea/hooks"),
            Endpoint("kea-a", Service.DHCP4, "http://192.0.2.10:8000/"),
            Endpoint("kea-a", Service.DHCP6, "http://192.0.2.10:8000/"),
            Endpoint("kea-b", Service.DHCP4, "http://192.0.2.11:8000/"),
            Endpoint("kea-b", Service.DHCP6, "http://192.0.2.11:8000/"),
            Endpoint("kea-c", Service.DHCP4, "http://192.0.2.12:8000/"),
        )
    ]
    assert endpoints["kea-b", Service.DHCP6].position == Position(str(desired / "servers.yaml"), 7, 22)


def test_where_everything_stands(desired: Path) -> None:
    branch = load(desired).relationships[0]
    file = str(desired / "relationships" / "full.yml")
    assert branch.position == Position(file, 1, 1)
    assert branch.peers[1].position == Position(file, 13, 5)
    lines = FULL.splitlines()
    for trail, position in branch.positions.items():
        if trail and isinstance(trail[-1], str) and position.line <= len(lines):
            assert trail[-1] in lines[position.line - 1] or trail[-1] in lines[position.line - 2], trail
    assert branch.positions["parameters", "max-response-delay"] == Position(file, 16, 23)
    assert branch.positions["parameters", "state-machine", "states", 0, "pause"] == Position(file, 23, 36)
    assert ("parameters", "sync-timeout") not in branch.positions
    assert len(branch.positions) == len(list(branch.positions)) == 42


def test_a_warning_alone_comes_with_the_desired_state(desired: Path) -> None:
    assert load(desired).warnings == (
        Problem(
            Position(str(desired / "relationships" / "full.yml"), 16, 23),
            "response-delay",
            "max-response-delay (2500 ms) is less than three times heartbeat-delay (1000 ms)",
            "One lost heartbeat may already count as an interruption: lengthen it, or shorten heartbeat-delay.",
            load(desired).warnings[0].severity.WARNING,
        ),
    )


def test_a_warning_is_said_together_with_errors(desired: Path) -> None:
    (desired / "relationships" / "good.yaml").write_text("name: good\n")
    with pytest.raises(FixInputError) as caught:
        load(desired)
    assert [problem.rule for problem in caught.value.problems] == ["response-delay", "missing-key", "missing-key"]


def test_one_mistake_does_not_hide_another(desired: Path) -> None:
    (desired / "servers.yaml").write_text("servers:\n  kea-a: {dhcp4: {control: 8000}}\n  kea-b:\n")
    (desired / "relationships" / "full.yml").unlink()
    (desired / "relationships" / "good.yaml").write_text(
        'name: on\nmode: hot-standby\ncolour: blue\npeers:\n  - {server: kea-a, role: primary, url: "http://a:1/"}\n'
        '  - {server: kea-z, role: primary, url: "ftp://192.0.2.1:1/"}\nparameters: {heartbeat-delay: 0}\n'
    )
    with pytest.raises(FixInputError) as caught:
        load(desired)
    assert [(problem.rule, problem.position.line) for problem in caught.value.problems] == [
        ("ambiguous-value", 1),
        ("unknown-key", 3),
        ("mode-roles", 5),
        ("literal-peer-address", 5),
        ("server-known", 6),
        ("mode-roles", 6),
        ("wrong-form", 6),
        ("heartbeat-zero", 7),
        ("wrong-type", 2),
        ("wrong-type", 3),
    ]


def test_the_listener_rule_leaves_kea_s_default_alone(desired: Path) -> None:
    """Up to Kea 2.3.6 there is no dedicated listener unless asked for, and the url has to be the agent's."""
    path = desired / "relationships" / "good.yaml"
    path.write_text(path.read_text().replace("8001", "8000"))
    assert [problem.rule for problem in load(desired).warnings] == ["response-delay"]


def test_the_repository_s_own_example_is_sound() -> None:
    example = load(REPOSITORY / "desired")
    assert example.warnings == ()
    assert [relationship.name for relationship in example.relationships] == ["hq-dhcp4"]
    assert {key[0] for key in example.endpoints} == {"kea-a", "kea-b"}
    relationship = example.relationships[0]
    for peer in relationship.peers:  # without a dedicated listener, the peers talk through the control agents
        assert peer.url == example.endpoints[peer.server, relationship.service].control


@pytest.mark.parametrize("path", sorted((REPOSITORY / "desired").rglob("*.yaml")), ids=lambda path: path.name)
def test_the_example_names_its_schema_for_editors(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert (path.parent / first.removeprefix("# yaml-language-server: $schema=")).is_file()


def places(value: Any, trail: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield trail
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*trail, key))


SERVERS: Any = {
    "servers": {
        name: {service: {"control": f"http://192.0.2.{number}:8000/"} for service in ("dhcp4", "dhcp6")}
        for number, name in enumerate(("kea-a", "kea-b"), 10)
    }
}
RELATIONSHIP: Any = {
    "name": "hq",
    "service": "dhcp4",
    "mode": "hot-standby",
    "peers": [
        {"server": "kea-a", "role": "primary", "url": "http://192.0.2.10:8001/", "name": "a", "basic-auth-user": "x"},
        {"server": "kea-b", "role": "standby", "url": "https://192.0.2.11:8001/", "key-file": "/k"},
    ],
    "parameters": {
        "heartbeat-delay": 1000,
        "trust-anchor": "/t",
        "cert-file": "/c",
        "multi-threading": {"enable-multi-threading": True, "http-dedicated-listener": True},
        "state-machine": {"states": [{"state": "ready", "pause": "once"}]},
    },
    "replicate": True,
    "local": ["/subnet4/*/interface"],
}
junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["kea-a", "http:"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def damaged(draw: st.DrawFn, good: Any) -> Any:
    """Return a copy with a few values, or whole branches, replaced by something else or gone."""
    root = {"": copy.deepcopy(good)}
    for _ in range(draw(st.integers(0, 3))):
        *way, last = ("", *draw(st.sampled_from(list(places(root[""])))))
        holder: Any = root
        for step in way:
            holder = holder[step]
        if draw(st.booleans()):
            holder[last] = draw(junk)
        else:
            del holder[last]
        root.setdefault("", None)
    return root[""]


@settings(deadline=None, max_examples=300)
@given(damaged(SERVERS), damaged(RELATIONSHIP))
def test_no_damage_leads_to_anything_but_problems_at_places_that_exist(servers: Any, relationship: Any) -> None:
    texts = {
        "servers.yaml": json.dumps(servers, indent=1),
        "relationships/a.yaml": json.dumps(relationship, indent=1),
    }
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "relationships").mkdir()
        for name, text in texts.items():
            (root / name).write_text(text)
        try:
            loaded = load(root)
            assert [relationship.primary is not relationship.partner for relationship in loaded.relationships] == [True]
            problems = loaded.warnings
        except FixInputError as error:
            problems = error.problems
        assert problems == tuple(sorted(problems))
        for problem in problems:
            lines = texts[str(Path(problem.position.file).relative_to(root))].splitlines()
            assert 1 <= problem.position.line <= len(lines) + 1
            assert problem.position.column >= 1
            assert all(line.isprintable() for line in str(problem).split("\n"))
