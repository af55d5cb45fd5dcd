"""A plan file between people and real servers: what was reviewed is carried out, or nothing is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from reconciler.model import Service
from tests.kea.world import World, run, subnet
from tests.reports.schemas import validator

pytestmark = pytest.mark.kea

FOUR = Service.DHCP4


def add(*more: dict[str, Any]) -> Any:
    return lambda config: config.update({"subnet4": [*config["subnet4"], *more]})


def without(config: dict[str, Any], number: int) -> list[Any]:
    return [each for each in config["subnet4"] if each["id"] != number]


def test_a_hand_edit_after_the_review_stops_the_apply(lab: Laboratory, tmp_path: Path) -> None:
    start = base_configuration(FOUR, subnets=[subnet(FOUR, number) for number in (1, *range(4, 12))])
    world = World(lab, FOUR, configurations={"kea-a": start, "kea-b": start}, is_logged=True)
    world.must_apply()
    secret = subnet(FOUR, 2, user_context={"password": "canary-of-the-subnet"})
    world.change(world.a, lambda config: config.update({"subnet4": [*without(config, 4), secret]}))
    file = tmp_path / "plan.json"

    assert world.run("plan", "--out", str(file)).exit_code == 0
    value = json.loads(file.read_text())
    validator("plan").validate(value)
    (relationship,) = value["relationships"]
    standby = next(each for each in relationship["servers"] if each["server"] == "kea-b")
    assert standby["state"]["ha_state"] == "hot-standby"
    assert standby["cost"]
    risks = {change["path"][0][1]: change["risk"] for change in standby["changes"]}
    what = {"code": "delete-subnet", "object": "subnet 10.0.4.0/24"}
    assert risks["10.0.4.0/24"] == {"destructive": True, **what, "active_leases": 0}
    assert risks["10.0.2.0/24"]["destructive"] is False
    assert "canary" not in file.read_text()
    assert run("show", str(file)).stdout.startswith(world.run("plan").stdout)

    world.change(world.b, add(subnet(FOUR, 3)))
    world.forget()
    refused = world.run("apply", str(file), "--yes")
    assert refused.exit_code == 4, refused
    assert "due now as well:\n" in refused.stdout
    assert "- subnet 10.0.3.0/24" in refused.stdout
    assert "subnet 10.0.2.0/24" not in refused.stdout  # what both have is no difference
    assert world.story() == []
    assert [each["id"] for each in world.config(world.b)["subnet4"]] == [1, *range(3, 12)]

    assert world.run("plan", "--out", str(file)).exit_code == 0
    done = world.run("apply", str(file), "--yes")
    assert done.exit_code == 0, done
    world.must_be_done()
    assert world.shared_part(world.a) == world.shared_part(world.b)


def test_a_blocked_plan_is_applied_once_its_approval_is_merged(lab: Laboratory, tmp_path: Path) -> None:
    start = base_configuration(FOUR, subnets=[subnet(FOUR, 1)])
    world = World(lab, FOUR, configurations={"kea-a": start, "kea-b": start}, is_logged=True)
    world.must_apply()
    world.change(world.a, lambda config: config.update({"subnet4": []}))
    world.forget()
    file = tmp_path / "plan.json"
    assert world.run("plan", "--out", str(file)).exit_code == 3
    mark = json.loads(file.read_text())["fingerprint"]
    assert world.run("apply", str(file), "--yes").exit_code == 3
    approvals = world.desired / "approvals"
    approvals.mkdir()
    merged = approvals / f"{mark}.yaml"
    merged.write_text("approve:\n  - {code: authority-empty, reason: the site is closed}\n")

    world.change(world.b, add(subnet(FOUR, 3)))
    assert world.run("apply", "--yes").exit_code == 3  # another plan than the one that was approved
    assert world.story() == []

    world.change(world.b, lambda config: config.update({"subnet4": [config["subnet4"][0]]}))
    done = world.run("apply", str(file), "--yes")
    assert done.exit_code == 0, done
    world.must_be_done()
    assert world.config(world.b)["subnet4"] == []
