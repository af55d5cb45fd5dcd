"""Who answers the clients of servers that leave a relationship."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import HaView, PartnerView
from reconciler.planning.removal import covered
from tests.reports import samples

HEARD = PartnerView("secondary", "load-balancing", ("kea-b",), age=0.0, in_touch=True, interrupted=False)
BALANCING = HaView("load-balancing", "primary", "load-balancing", ("kea-a",), HEARD)


@pytest.mark.parametrize(
    ("view", "is_covered"),
    [
        (BALANCING, True),
        (replace(BALANCING, partner=replace(HEARD, interrupted=True)), False),
        (replace(BALANCING, partner=replace(HEARD, in_touch=False)), False),
        (replace(BALANCING, state="communication-recovery"), False),
        (replace(BALANCING, state="partner-down"), False),
        (replace(BALANCING, mode="hot-standby", state="hot-standby"), False),
        (replace(BALANCING, mode="passive-backup", state="passive-backup", partner=None), False),
        (None, False),
    ],
)
def test_a_load_balancing_primary_answers_everybody_from_before_the_first_set(
    view: HaView | None, *, is_covered: bool
) -> None:
    snapshot = samples.snapshot("kea-a", view, {})
    assert covered(["kea-c", "kea-b"], "kea-a", snapshot) == ((("kea-c", "kea-a"),) if is_covered else ())
    assert covered([], "kea-a", snapshot) == ()
