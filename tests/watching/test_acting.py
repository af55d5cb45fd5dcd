from __future__ import annotations

import pytest

from reconciler.model import RelationshipOutcome, Result, ServerOutcome
from reconciler.planning.plan import plan
from reconciler.watching.acting import Deed
from tests.planning.cases import read_case


@pytest.mark.parametrize(
    ("backup", "has_failed"), [(Result.APPLIED, False), (Result.FAILED, True), (Result.NOT_ATTEMPTED, True)]
)
def test_a_server_that_is_away_is_no_failure_of_what_went_on_without_it(backup: Result, *, has_failed: bool) -> None:
    case = read_case("unreachable-primary-backup-behind")
    (made,) = plan(case.desired, case.live).relationships
    results = {"kea-c": backup, "kea-b": Result.NOTHING_TO_DO, "kea-a": Result.NOT_ATTEMPTED}
    servers = tuple(ServerOutcome(name, result, "") for name, result in results.items())
    deed = Deed(made, RelationshipOutcome("hq-dhcp4", servers), is_interrupted=False)
    assert deed.has_failed is has_failed
