"""What stands in a table on a page stands in the program too, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest

import docs.coverage
import docs.generate
from reconciler.cli import EPILOG
from reconciler.desired.schema import schema
from reconciler.kea import ha
from reconciler.model import Cause
from reconciler.planning.guard import CODES
from reconciler.planning.verdict import ExitCode
from tests.docs.pages import ROOT, rows
from tests.pairs import PAIR_MODES

PARAMETERS: dict[str, Any] = schema("relationship")["$defs"]["parameters"]["properties"]
PEER: dict[str, Any] = schema("relationship")["$defs"]["peer"]["properties"]
KEA = "2.2.0"


def test_the_committed_reference_is_the_generated_one() -> None:
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == docs.generate.text(), "run `make docs`"


@pytest.mark.long
def test_the_committed_coverage_is_what_the_tests_show() -> None:
    assert (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8") == docs.coverage.text(), "run `make docs`"


def test_the_reference_has_every_field() -> None:
    text = docs.generate.text()
    for name in ("servers", "relationship"):
        for properties in _all_properties(schema(name)):
            for field in properties:
                assert f"| `{field}` |" in text


def _all_properties(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [each for item in node for each in _all_properties(item)]
    if not isinstance(node, dict):
        return []
    own = [node["properties"]] if isinstance(node.get("properties"), dict) else []
    return own + [each for item in node.values() for each in _all_properties(item)]


def test_objections_are_those_that_the_guard_has() -> None:
    listed = [row[0].strip("`") for row in rows(ROOT / "docs" / "safety.md", "code")]
    assert sorted(listed) == sorted(CODES)


def test_exit_codes_are_those_of_the_program_and_of_its_help() -> None:
    listed = [int(row[0]) for row in rows(ROOT / "docs" / "exit-codes.md", "code")]
    assert listed == [code.value for code in ExitCode]
    assert [int(code) for code in re.findall(r"^  (\d+) ", EPILOG, re.MULTILINE)] == listed


def test_causes_are_those_of_plans() -> None:
    listed = [row[0].strip("`") for row in rows(ROOT / "docs" / "replication.md", "cause")]
    assert listed == [cause.value for cause in Cause]


# -------------------------------------------------------------------------- the schema's defaults are Kea's


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_default_in_the_schema_is_the_one_that_plans_go_by(name: str) -> None:
    """A default that depends on the mode or on the version of Kea can't stand in the schema, except in words."""
    usual = (
        {ha.defaults(mode.value, version)[name] for mode in PAIR_MODES for version in (KEA, "2.6.0", "3.0.0")}
        if name not in {"multi-threading", "state-machine"}
        else {None}
    )
    stated = PARAMETERS[name].get("default")
    if len(usual) == 1 and "default" in PARAMETERS[name]:
        assert usual == {stated}
    else:
        assert stated is None
        assert len(usual) > 1 or usual <= {"", None}


@pytest.mark.parametrize("name", [name for name in PEER if "default" in PEER[name]])
def test_a_peer_s_default_in_the_schema_is_the_one_that_plans_go_by(name: str) -> None:
    assert PEER[name]["default"] == ha.PEER_DEFAULTS[name]


def test_every_parameter_has_a_default_and_no_other_has() -> None:
    for mode in PAIR_MODES:
        assert ha.defaults(mode.value, KEA).keys() == PARAMETERS.keys()
    assert ha.PEER_DEFAULTS.keys() == PEER.keys() - {"server", "name", "role", "url"}


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name in ha.SINCE])
def test_the_schema_names_the_version_that_first_knew_a_parameter(name: str) -> None:
    since = ha.SINCE[name]
    assert f"Since Kea {since}" in PARAMETERS[name]["description"]
