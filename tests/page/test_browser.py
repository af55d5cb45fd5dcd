"""The status page in Chromium: what people see, with and without JavaScript, on a desk and on a phone, with the
keyboard, and with a screen reader.

The screenshots stay in the folder that KEA_PAGE_SHOTS names, where it is set.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import struct
import threading
import zlib
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from reconciler.page.application import Pages, application
from reconciler.page.serving import Serving, listen, url_of
from tests.page.boards import NOW, board, day, drifted, sixty, three, watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from reconciler.model import Board

CHROMIUM = shutil.which("chromium")
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SETS = {"one": lambda: board(watched("hq")), "three": three, "sixty": sixty}

pytestmark = [pytest.mark.xdist_group("chromium"), pytest.mark.program("chromium")]


class Shown:
    """What the daemon knows while a page of it is looked at; the test may set another `board`."""

    def __init__(self) -> None:
        self.board: Board = three()
        self.url = ""


@contextmanager
def served(shown: Shown) -> Iterator[str]:
    """Serve what is shown from a thread, as the daemon does from its loop."""
    listening = listen("127.0.0.1:0")
    serving = Serving(application(Pages(lambda: shown.board, day)), listening)
    thread = threading.Thread(target=lambda: asyncio.run(serving.serve()))
    thread.start()
    try:
        yield url_of(listening)
    finally:
        serving.stop()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def shown() -> Iterator[Shown]:
    told = Shown()
    with served(told) as told.url:
        yield told


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []  # as root it has none
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


@contextmanager
def looking(browser: Browser, url: str, **options: object) -> Iterator[Page]:
    """Look at a page; nothing on it may fail or be refused."""
    context = browser.new_context(**options)  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    try:
        page.goto(url)
        yield page
    finally:
        context.close()
    assert said == []


def different_rows(png: bytes) -> int:
    """How many rows of pixels are unlike all others, as the file codes them; a blank picture has two at most.

    Chromium writes 8 bits RGB or RGBA, not interlaced.
    """
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert (depth, kind in (2, 6)) == (8, True)
    data, place = b"", 8
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            data += png[place + 8 : place + 8 + size]
        place += size + 12
    step = 3 if kind == 2 else 4
    rows, stride = zlib.decompress(data), width * step + 1
    return len({rows[row * stride + 1 : (row + 1) * stride] for row in range(height)})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", SETS)
def test_it_can_be_seen(
    browser: Browser, shown: Shown, name: str, size: dict[str, int], scheme: str, tmp_path: Path
) -> None:
    shown.board = SETS[name]()
    folder = Path(os.environ.get("KEA_PAGE_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    with looking(browser, shown.url, viewport=size, color_scheme=scheme) as page:
        picture = page.screenshot(path=folder / f"{name}-{size['width']}-{scheme}.png", full_page=name != "sixty")
        assert different_rows(picture) > 100
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.locator("article").count() == len(shown.board.relationships)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0  # nothing is cut off
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        is_dark = int(re.findall(r"\d+", background)[0]) < 100
        assert is_dark == (scheme == "dark")


def test_a_pair_is_drawn_with_the_arrow_from_the_authority(browser: Browser, shown: Shown) -> None:
    with looking(browser, shown.url, viewport=DESK) as page:
        card = page.get_by_role("article", name="berlin")
        boxes = {
            each.locator(".box-name").inner_text().split()[0]: each.bounding_box()
            for each in card.locator(".box").all()
        }
        arrow = card.locator(".branch.left .link").bounding_box()
        a, b, c = (boxes[name] for name in ("ber-a", "ber-b", "ber-c"))
        assert a is not None
        assert b is not None
        assert c is not None
        assert arrow is not None
        assert a["x"] + a["width"] <= arrow["x"] + 1
        assert arrow["x"] + arrow["width"] <= b["x"] + 1
        assert c["y"] > b["y"] + b["height"]
        expect(card.get_by_text("authority", exact=True)).to_be_visible()
        expect(card.get_by_text("Impaired", exact=True)).to_be_visible()


def test_on_a_phone_a_server_stands_whole(browser: Browser, shown: Shown) -> None:
    with looking(browser, shown.url, viewport=PHONE) as page:
        for each in page.locator(".box").all():
            assert each.evaluate("box => box.scrollWidth <= box.clientWidth + 1")
        for each in page.locator(".link-words").all():  # nor do the words of a line reach over one
            assert each.evaluate("words => words.offsetWidth <= words.parentElement.offsetWidth"), each.inner_text()


def test_without_javascript_everything_is_there_and_it_reloads(browser: Browser, shown: Shown) -> None:
    with looking(browser, shown.url, java_script_enabled=False) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("2 of 3 relationships need a look.")
        expect(page.get_by_text("pool 192.0.2.100-192.0.2.199").first).to_be_visible()
        assert 'http-equiv="refresh"' in page.content()
        page.locator("details summary").first.click()
        expect(page.locator("details ul").first).to_be_visible()


def test_with_javascript_it_comes_up_to_date_in_place(browser: Browser, shown: Shown) -> None:
    shown.board = replace(three(), interval=1.0, at=NOW)
    with looking(browser, shown.url) as page:
        page.evaluate("window.isTheSame = true")
        unfolding = page.locator("details summary").first
        unfolding.focus()
        page.keyboard.press("Enter")
        shown.board = replace(board(watched("hq")), at=NOW + timedelta(seconds=5))
        expect(page.get_by_role("heading", level=1)).to_have_text("The relationship is well.", timeout=20000)
        assert page.evaluate("window.isTheSame") is True  # it was not loaded anew
        assert page.title() == "The relationship is well - kea-reconciler"
        assert page.locator("details[open]").count() == 1
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_an_answer_that_does_not_come_is_said(browser: Browser, shown: Shown) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(shown.url)
    page.route("**/*", lambda route: route.abort())
    expect(page.get_by_role("alert")).to_be_hidden()
    page.evaluate("refresh()")
    expect(page.get_by_role("alert")).to_contain_text("what stands here is old")
    page.unroute("**/*")
    page.evaluate("refresh()")
    expect(page.get_by_role("alert")).to_be_hidden()
    context.close()


def test_the_keyboard_reaches_everything_that_does_something(browser: Browser, shown: Shown) -> None:
    many = tuple(f"kea-b: ~ line {number}" for number in range(9))
    shown.board = board(replace(drifted(), drift=many, drift_counts={"kea-b": 9}))
    with looking(browser, shown.url) as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to what is on")).to_be_focused()
        expect(page.get_by_role("link", name="Skip to what is on")).to_be_in_viewport()
        page.keyboard.press("Enter")
        assert page.evaluate("location.hash") == "#now"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "5 more"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        expect(page.get_by_text("line 8")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(page.get_by_text("line 8")).to_be_visible()


def test_a_screen_reader_is_told_what_the_drawing_says(browser: Browser, shown: Shown) -> None:
    with looking(browser, shown.url) as page:
        told = page.locator("main").aria_snapshot()
        for each in (
            'heading "2 of 3 relationships need a look." [level=1]',
            'article "berlin"',
            "From ber-b to ber-a: it can't be reached.",
            "From ber-b to ber-c: in sync.",
            'heading "The last day UTC" [level=2]',
        ):
            assert each in told
        levels = [
            int(each) for each in page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e=>e.tagName[1])")
        ]
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_told_from_its_ground(browser: Browser, shown: Shown, scheme: str) -> None:
    """A contrast of 4.5 to 1 at least, as WCAG 2 asks for (AA)."""
    shown.board = sixty()
    with looking(browser, shown.url, color_scheme=scheme) as page:
        assert page.evaluate(CONTRASTS) == []


CONTRASTS = """() => {
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const light = rgb => rgb.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const bad = [];
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.closest("svg, script, noscript")) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(`${e.className || e.tagName} ${e.textContent.slice(0, 20)}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(bad)];
}"""
