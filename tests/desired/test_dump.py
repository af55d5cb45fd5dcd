from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired.dump import dump_relationship, dump_servers
from reconciler.desired.load import load
from reconciler.model import Endpoint, Mode, OnPrimaryReturn, OnRemove, Peer, Pools, Relationship, Role, Service

HQ = Relationship(
    name="hq-dhcp4",
    service=Service.DHCP4,
    mode=Mode.HOT_STANDBY,
    peers=(
        Peer("kea-a", "kea-a", Role.PRIMARY, "http://192.0.2.10:8000/"),
        Peer(
            "kea-b",
            "server 2",
            Role.STANDBY,
            "http://192.0.2.11:8000/",
            {"basic-auth-password-file": "/etc/kea/pw", "basic-auth-user": "no", "auto-failover": False},
        ),
    ),
    parameters={
        "state-machine": {"states": [{"pause": "once", "state": "ready"}, {"state": "waiting"}]},
        "multi-threading": {"http-client-threads": 4, "enable-multi-threading": True},
        "max-ack-delay": 5000,
        "heartbeat-delay": 10000,
        "trust-anchor": "",
    },
    local=("/subnet4/*/interface",),
)

HQ_TEXT = """\
# yaml-language-server: $schema=../../schemas/relationship.schema.json
name: hq-dhcp4
service: dhcp4
mode: hot-standby
peers:
  - server: kea-a
    role: primary
    url: "http://192.0.2.10:8000/"
  - server: kea-b
    role: standby
    url: "http://192.0.2.11:8000/"
    name: "server 2"
    auto-failover: false
    basic-auth-user: "no"
    basic-auth-password-file: "/etc/kea/pw"
parameters:
  heartbeat-delay: 10000
  max-ack-delay: 5000
  trust-anchor: ""
  multi-threading:
    enable-multi-threading: true
    http-client-threads: 4
  state-machine:
    states:
      - state: ready
        pause: once
      - state: waiting
replicate: true
local:
  - "/subnet4/*/interface"
"""


def test_the_layout_of_a_relationship() -> None:
    assert dump_relationship(HQ) == HQ_TEXT


def test_what_is_empty_is_not_written() -> None:
    text = dump_relationship(
        Relationship("a", Service.DHCP6, Mode.LOAD_BALANCING, HQ.peers[:1], replicate=False), schema="x"
    )
    assert text == (
        "# yaml-language-server: $schema=x\n"
        "name: a\nservice: dhcp6\nmode: load-balancing\n"
        'peers:\n  - server: kea-a\n    role: primary\n    url: "http://192.0.2.10:8000/"\n'
        "replicate: false\n"
    )


def test_the_layout_of_the_inventory() -> None:
    endpoints = [
        Endpoint("kea-b", Service.DHCP4, "unix:/run/kea/kea4-ctrl-socket", "/opt/kea/hooks"),
        Endpoint("kea-a", Service.DHCP6, "http://192.0.2.10:8000/"),
        Endpoint("kea-a", Service.DHCP4, "http://192.0.2.10:8000/"),
    ]
    assert dump_servers(endpoints) == (
        "# yaml-language-server: $schema=../schemas/servers.schema.json\n"
        "servers:\n"
        '  kea-a:\n    dhcp4:\n      control: "http://192.0.2.10:8000/"\n'
        '    dhcp6:\n      control: "http://192.0.2.10:8000/"\n'
        '  kea-b:\n    dhcp4:\n      control: "unix:/run/kea/kea4-ctrl-socket"\n'
        '      hooks-directory: "/opt/kea/hooks"\n'
    )


def test_remarks_stand_at_the_values_they_speak_of() -> None:
    remarks = {
        (): "taken from two servers",
        ("parameters", "max-ack-delay"): "kea-b has\n10000",
        ("parameters", "sync-timeout"): "only kea-b has it: 1000",
        ("parameters", "multi-threading", "http-client-threads"): "kea-b has 2",
        ("peers", 1): "not in kea-a",
        ("peers", 1, "role"): "kea-b says \x1b[31mprimary",
        ("peers", 1, "server"): "new",
        ("local", 0): "why",
    }
    plain, annotated = HQ_TEXT.splitlines(), dump_relationship(HQ, remarks).splitlines()
    assert [line for line, bare in zip(annotated, plain, strict=True) if line != bare] == [
        "name: hq-dhcp4  # taken from two servers",
        "  - server: kea-b  # not in kea-a; new",
        "    role: standby  # kea-b says \\x1b[31mprimary",
        "parameters:  # only kea-b has it: 1000",
        "  max-ack-delay: 5000  # kea-b has 10000",
        "    http-client-threads: 4  # kea-b has 2",
        '  - "/subnet4/*/interface"  # why',
    ]
    assert yaml.safe_load("\n".join(annotated)) == yaml.safe_load(HQ_TEXT)


TRAPS = [
    *("yes", "No", "on", "OFF", "true", "Null", "y", "N", "~", "010", "0x1F", "0o7", "1_000", "1:30", "1e3", "1.5"),
    *(".inf", "2026-01-31", "<<", "=", "-", "--", "?", ":", "#", "&", "*", "!", "|", ">", "%", "@", "`"),
    *("", " ", "a: b", "a #b", "[a]", "{a}", "'", '"', "\\", "a'b\"c\\d", "ä", "\U0001f99e", "- a", "a:", ":a"),
]


@pytest.mark.parametrize("text", TRAPS)
def test_what_a_yaml_reader_could_misread_is_quoted(text: str) -> None:
    peer = Peer("kea-a", text, Role.PRIMARY, text, {"cert-file": text})
    data: Any = yaml.safe_load(
        dump_relationship(Relationship(text, Service.DHCP4, Mode.HOT_STANDBY, (peer,), local=(text,)))
    )
    assert data["name"] == text
    assert data["local"] == [text]
    assert data["peers"] == [
        {"server": "kea-a", "role": "primary", "url": text, "name": text, "cert-file": text},
    ]


names = st.sampled_from(["on", "No", "10", "0x1F", "1e3", "null", "a", "kea-b.example", "2026-01-31"]) | st.from_regex(
    r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True
)
visible = st.text(st.characters(codec="utf-8").filter(str.isprintable), max_size=20)
trimmed = visible.filter(lambda text: text.strip() == text != "")
counts = st.integers(0, 2**32 - 1)
delays = st.integers(1, 20000)
parameters = st.fixed_dictionaries(
    {},
    optional={
        "heartbeat-delay": delays,
        "max-response-delay": st.integers(60000, 65535),
        "max-ack-delay": delays,
        "max-unacked-clients": counts,
        "send-lease-updates": st.booleans(),
        "sync-page-limit": st.integers(1, 2**32 - 1),
        "require-client-certs": st.booleans(),
        "multi-threading": st.fixed_dictionaries({}, optional={"http-listener-threads": counts}),
        "state-machine": st.fixed_dictionaries(
            {"states": st.lists(st.fixed_dictionaries({"state": st.just("ready")}), max_size=1)}
        ),
    },
)
options = st.fixed_dictionaries(
    {},
    optional={"auto-failover": st.booleans(), "basic-auth-user": visible.filter(lambda text: ":" not in text)},
)
patterns = st.lists(st.sampled_from(["/option-data", "/option-data/*/a~1b", "/client-classes/*/ä # b"]), unique=True)


@st.composite
def relationships(draw: st.DrawFn) -> Relationship:
    mode = draw(st.sampled_from(Mode))
    servers = draw(st.lists(names, min_size=2, max_size=4, unique=True))
    own_name = draw(trimmed.filter(lambda own: own not in servers))
    roles = [Role.PRIMARY, mode.partner_role or Role.BACKUP, *([Role.BACKUP] * (len(servers) - 2))]
    peers = [
        Peer(servers[0], own_name, Role.PRIMARY, "http://192.0.2.1:8001/", draw(options)),
        *(
            Peer(server, server, role, f"http://[2001:db8::{number}]:8001", draw(options))
            for number, (server, role) in enumerate(zip(servers[1:], roles[1:], strict=True))
        ),
    ]
    if mode is Mode.PASSIVE_BACKUP and draw(st.booleans()):
        del peers[1:]
    return Relationship(
        name=draw(names),
        service=draw(st.sampled_from(Service)),
        mode=mode,
        peers=tuple(draw(st.permutations(peers))),
        parameters=draw(parameters),
        replicate=draw(st.booleans()),
        local=tuple(draw(patterns)),
        pools=draw(st.sampled_from(Pools)) if mode is Mode.LOAD_BALANCING else Pools.SHARED,
        on_remove=draw(st.sampled_from(OnRemove)),
        on_primary_return=draw(st.sampled_from(OnPrimaryReturn)),
        is_absent=draw(st.booleans()),
    )


@settings(deadline=None, max_examples=150)
@given(
    relationships(), st.dictionaries(st.sampled_from([(), ("name",), ("peers", 0, "url"), ("nowhere", 1)]), st.text())
)
def test_what_is_written_reads_back_as_the_same(relationship: Relationship, remarks: dict[Any, str]) -> None:
    endpoints = {
        (peer.server, relationship.service): Endpoint(
            peer.server, relationship.service, f"http://192.0.2.{number}:8000/", f"/hooks {number}"
        )
        for number, peer in enumerate(relationship.peers)
    }
    with TemporaryDirectory() as folder:
        desired = Path(folder)
        (desired / "relationships").mkdir()
        (desired / "servers.yaml").write_text(dump_servers(endpoints.values()), encoding="utf-8")
        text = dump_relationship(relationship, remarks)
        (desired / "relationships" / "x.yaml").write_text(text, encoding="utf-8")
        loaded = load(desired)
    assert loaded.relationships == (relationship,)
    assert loaded.endpoints == endpoints
    assert dump_relationship(loaded.relationships[0], remarks) == text
