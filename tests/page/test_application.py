"""What is answered, to whom, and with which headers; and that nothing of a server's gets into it as it is."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from reconciler.errors import StateError
from reconciler.model import Entry
from reconciler.page.application import Pages, application
from reconciler.redaction import HIDDEN, Scrubber
from reconciler.reports.json_status import json_status
from tests.page.asking import ask
from tests.page.boards import NOW, board, day, drifted, sixty, three, watched

PATHS = (
    "/",
    "/status.json",
    "/metrics",
    "/healthz",
    "/readyz",
    "/static/page.css",
    "/static/page.js",
    "/icon-good.svg",
)
SCHEMA = Path(__file__).parents[2] / "schemas" / "status.schema.json"
CANARY = "<script>alert('c4n4ry')</script>\"><img src=x onerror=alert(2)>&\u202e\x1b[31m"


def test_the_loop_that_hangs_is_not_well() -> None:
    assert ask(three(), "/healthz").status_code == 200
    late = replace(three(), ticked_at=NOW - timedelta(seconds=31))
    assert ask(late, "/healthz").status_code == 503
    assert "has not run for 31 s" in ask(late).text


def test_it_is_ready_when_everything_was_looked_at() -> None:
    assert ask(three(), "/readyz").status_code == 200
    assert ask(replace(three(), is_ready=False), "/readyz").status_code == 503


def test_the_status_is_what_the_command_prints() -> None:
    shown = sixty()
    got = ask(shown, "/status.json")
    known = [each.status for each in shown.relationships if each.status]
    assert got.text == json_status(known, shown.unmanaged)
    assert got.headers["content-type"] == "application/json"
    jsonschema.validate(json.loads(got.text), json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("path", [*PATHS, "/nowhere", "/icon-blue.svg", "/static/../application.py"])
def test_every_answer_is_guarded(path: str) -> None:
    for host in ("127.0.0.1", "evil.example"):
        got = ask(three(), path, host=host)
        policy = got.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["x-frame-options"] == "DENY"
        assert got.headers["cache-control"] == "no-store"
        assert "server" not in got.headers
        if host == "evil.example":
            assert got.status_code == 421
            assert "evil" not in got.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(path: str, method: str) -> None:
    assert ask(three(), path, method=method).status_code == 405


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:9767", 200),
        ("127.1.2.3", 200),
        ("localhost:9767", 200),
        ("LOCALHOST.", 200),
        ("[::1]:9767", 200),
        ("kea.example.org", 200),
        ("KEA.example.org:443", 200),
        ("other.example.org", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("192.0.2.7", 421),
        ("[::1", 421),
        ("[::1]x", 421),
        ("", 421),
    ],
)
def test_it_answers_to_names_that_it_knows(host: str, code: int) -> None:
    assert ask(three(), "/healthz", hosts=["kea.example.org"], host=host).status_code == code


def test_the_page_runs_no_script_and_no_style_of_its_own() -> None:
    text = ask(sixty(), history=day).text
    assert re.findall(r"<script(?![^>]* src=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", text) == []
    assert re.findall(r"(?:src|href)=\"(?![/#])", text) == []


def test_the_page_says_everything() -> None:
    text = ask(sixty(), history=day).text
    for each in (
        "1 relationship is down, 3 more need a look.",
        "kea-b: + pool 192.0.2.100-192.0.2.199 in subnet 192.0.2.0/24",
        "2 differences that nobody asked for, for 42 min",
        "From ber-b to ber-c: in sync.",
        "From kea-a to kea-b: it differs.",
        "From ber-b to ber-a: it can&#39;t be reached.",
        "Nothing goes to lis-b: nobody is the truth.",
        "Suspended for another 1 h",
        "by ada: CHG-1234: new racks",
        "clock -14 s",
        "lab-1 (dhcp4): a relationship of lab-1, lab-2",
        "vienna is Service down: no server answers",
        "Not looked at yet",
        "git:4f583b8c2e91",
    ):
        assert each in text, each


def test_every_text_of_others_is_escaped() -> None:
    shown = with_canaries(replace(sixty(), problems=("x",)))
    happened = tuple(with_canaries(each) for each in day())
    text = ask(shown, history=lambda: happened).text
    assert text.count("c4n4ry") > 100  # it is there, and harmless
    assert "<script>alert" not in text
    assert "<img" not in text
    assert not re.search(r"[\u202e\x1b]", text)
    assert re.findall(r"<\w+[^>]*\salert", text) == []


def with_canaries(value: Any) -> Any:
    """Return a value with the canary at the end of every string in it."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return value + CANARY
    if isinstance(value, tuple):
        return tuple(map(with_canaries, value))
    if is_dataclass(value) and not isinstance(value, type):
        kept = ("kind", "severity", "requests", "results")
        changed = {
            each.name: with_canaries(getattr(value, each.name)) for each in fields(value) if each.name not in kept
        }
        return replace(value, **changed)
    return value


@pytest.mark.parametrize("path", ["/", "/status.json"])
def test_secrets_are_taken_out(path: str) -> None:
    secret = "s3cr3t&<w0rd>"
    status = drifted().status
    assert status is not None
    shown = board(replace(drifted(), status=replace(status, notes=(f"it said {secret}",)), drift=(f"x {secret}",)))
    text = ask(shown, path, scrub=Scrubber([secret]).scrub).text
    assert "s3cr3t" not in text
    assert "w0rd" not in text
    assert HIDDEN.replace("<", "&lt;").replace(">", "&gt;") in text or HIDDEN in text


def test_a_history_that_cannot_be_read_leaves_the_rest() -> None:
    def broken() -> tuple[Entry, ...]:
        raise StateError("it is locked")

    got = ask(three(), history=broken)
    assert got.status_code == 200
    assert "What happened can&#39;t be read" in got.text
    assert "2 of 3 relationships need a look." in got.text


def test_a_thousand_relationships_are_drawn_in_a_moment() -> None:
    got = ask(board(*(watched(f"branch-{number}") for number in range(1000))))
    assert "All 1000 relationships are well." in got.text
    assert got.elapsed < timedelta(seconds=5)


@pytest.mark.parametrize("path", ["/", "/status.json"])
def test_while_an_answer_is_made_the_daemons_loop_goes_on(path: str) -> None:
    is_on = threading.Event()

    def scrub(text: str) -> str:
        assert is_on.wait(20), "the loop stood still"
        return text

    async def work() -> int:
        transport = httpx.ASGITransport(application(Pages(three, day, scrub)))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9767") as client:
            asking = asyncio.create_task(client.get(path))
            await asyncio.sleep(0.05)
            is_on.set()
            return (await asking).status_code

    assert asyncio.run(work()) == 200
