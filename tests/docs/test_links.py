"""Every link inside the project leads somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, anchors, links, name

LINKS = [(page, link) for page in PAGES for link in links(page) if "://" not in link and not link.startswith("mailto:")]


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{name(page)}-{link}" for page, link in LINKS])
def test_a_link_leads_somewhere(page: Path, link: str) -> None:
    file, _, anchor = link.partition("#")
    there = (page.parent / file).resolve() if file else page
    assert there.exists(), f"{there} is not there"
    if anchor:
        assert anchor in anchors(there), sorted(anchors(there))


def test_every_page_is_reached_from_the_readme() -> None:
    readme = PAGES[0]
    reached = {readme} | {(readme.parent / link.partition("#")[0]).resolve() for link in links(readme)}
    assert set(PAGES) <= reached
