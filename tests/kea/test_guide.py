"""The guide from two servers to pull requests does what it says, to the letter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from reconciler.model import Service
from tests.kea.guide import PAGE, edited_by_hand, followed

if TYPE_CHECKING:
    from pathlib import Path

    from lab.laboratory import Laboratory


def of_any_time(page: str) -> str:
    """The page without what is another thing each time: how long ago a partner was heard, and Kea's version."""
    return re.sub(r"(kea-[ab] .*?)\d+ s ago( +)-?\d+ s( +)\d\.\d\.\d", r"\1N s ago\2N s\3VERSION", page)


@pytest.mark.kea
@pytest.mark.generations("2.2", "3.0")
def test_the_guide_prints_what_it_shows(lab: Laboratory, tmp_path: Path) -> None:
    world, page = edited_by_hand(lab), PAGE.read_text()
    assert of_any_time(followed(page, world.servers, tmp_path)) == of_any_time(page)
    assert world.shared_part(world.a) == world.shared_part(world.b)
    (subnet,) = world.config(world.b)[Service.DHCP4.subnets]
    assert subnet["reservations"][0]["hostname"] == "printer"
