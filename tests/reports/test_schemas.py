"""The JSON reports and their schemas say the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.model import Action, Cause, Health, Mode, Procedure, Result, Role, Service
from reconciler.planning.leases import Kind
from reconciler.planning.scenes import Ending, Operation
from reconciler.reports.json_leases import json_leases
from reconciler.reports.json_operations import json_operation
from reconciler.reports.json_outcomes import json_outcomes
from reconciler.reports.json_plan import json_plan
from reconciler.reports.json_status import json_status
from tests.reports import operated, samples, standings
from tests.reports.schemas import LEASES, OPERATION, OUTCOME, PLAN, STATUS

FULL = samples.plan(samples.modification(), samples.creation(), samples.unreachable(), samples.undecided())
REPORTS = [
    (PLAN, json_plan(FULL)),
    (STATUS, json_status(standings.STATUSES)),
    (STATUS, json_status([standings.HELD])),
    (OUTCOME, json_outcomes(standings.OUTCOMES)),
    (OPERATION, json_operation(operated.FAILED)),
    (OPERATION, json_operation(operated.REFUSED)),
    (LEASES, json_leases(operated.DIFFERENT)),
    (LEASES, json_leases(operated.UNREAD)),
]
NAMES = [
    "plan-report",
    "status",
    "status-held",
    "outcome-report",
    "operation-failed",
    "operation-refused",
    "leases",
    "leases-unread",
]


@pytest.mark.parametrize(("schema", "text"), REPORTS, ids=NAMES)
def test_a_report_follows_its_schema(schema: Draft202012Validator, text: str) -> None:
    schema.validate(json.loads(text))


@pytest.mark.parametrize(
    ("schema", "text"), [(PLAN, json_plan(samples.plan())), (STATUS, json_status(())), (OUTCOME, json_outcomes(()))]
)
def test_a_report_on_nothing_follows_its_schema(schema: Draft202012Validator, text: str) -> None:
    schema.validate(json.loads(text))


def maps_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from maps_in(item)


@pytest.mark.parametrize(("schema", "text"), REPORTS, ids=NAMES)
def test_every_key_is_in_the_schema_and_none_can_be_left_out(schema: Draft202012Validator, text: str) -> None:
    """`user-context` in the sample plan is a value of Kea's; before and after are the two that may be missing."""
    report = json.loads(text)
    number = len(list(maps_in(report)))
    for place in range(number):
        for key in list(list(maps_in(report))[place]):
            broken = copy.deepcopy(report)
            holder = list(maps_in(broken))[place]
            if key in {"before", "after", "a", "b"}:
                continue
            del holder[key]
            assert not schema.is_valid(broken), key
            broken = copy.deepcopy(report)
            holder = list(maps_in(broken))[place]
            holder[f"{key}x"] = holder[key]
            assert not schema.is_valid(broken), key


def test_a_field_has_a_side() -> None:
    report = json.loads(json_plan(samples.plan(samples.modification())))
    field = report["relationships"][0]["servers"][0]["changes"][0]["fields"][0]
    del field["before"]
    PLAN.validate(report)
    del field["after"]
    assert not PLAN.is_valid(report)


def schema_of(schema: Draft202012Validator) -> dict[str, Any]:
    assert isinstance(schema.schema, dict)
    return schema.schema


def whole(schema: Draft202012Validator) -> Any:
    return schema_of(schema)["properties"]


def test_every_word_of_the_model_is_in_the_schemas() -> None:
    plan, status, outcome = (schema_of(each)["$defs"] for each in (PLAN, STATUS, OUTCOME))
    operation, leases = (schema_of(each)["$defs"] for each in (OPERATION, LEASES))
    words = {
        "action": (plan["change"]["properties"]["action"]["enum"], Action),
        "cause": (plan["change"]["properties"]["cause"]["enum"], Cause),
        "procedure": (plan["relationship"]["properties"]["procedure"]["enum"], Procedure),
        "role": (plan["server"]["properties"]["role"]["enum"], Role),
        "role of status": (status["server"]["properties"]["role"]["enum"], Role),
        "mode": (plan["relationship"]["properties"]["mode"]["enum"], Mode),
        "mode of status": (status["relationship"]["properties"]["mode"]["enum"], Mode),
        "service": (plan["relationship"]["properties"]["service"]["enum"], Service),
        "service of status": (status["relationship"]["properties"]["service"]["enum"], Service),
        "status": (status["relationship"]["properties"]["status"]["enum"], Health),
        "role of an operation": (operation["standing"]["properties"]["role"]["enum"], Role),
        "role of leases": (leases["server"]["properties"]["role"]["enum"], Role),
        "mode of an operation": (whole(OPERATION)["mode"]["enum"], Mode),
        "mode of leases": (whole(LEASES)["mode"]["enum"], Mode),
        "operation": ([word.replace("-", " ", 1) for word in whole(OPERATION)["operation"]["enum"]], Operation),
        "ending": ([word.replace("-", " ") for word in whole(OPERATION)["result"]["enum"]], Ending),
        "kind": (leases["difference"]["properties"]["kind"]["enum"], Kind),
        "result": ([word.replace("-", " ") for word in outcome["server"]["properties"]["result"]["enum"]], Result),
    }
    for name, (enum, model) in words.items():
        assert set(enum) == {word.value for word in model}, name


@pytest.mark.parametrize("schema", [PLAN, STATUS, OUTCOME, OPERATION, LEASES])
def test_every_property_is_described(schema: Draft202012Validator) -> None:
    for node in maps_in(schema_of(schema)):
        for name, inner in node.get("properties", {}).items():
            assert inner.get("description"), name
