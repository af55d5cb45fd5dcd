"""The schemas themselves: complete for an editor, strict, and the same to us as to any other validator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.desired import schema as schemas
from reconciler.errors import UsageError

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
INPUTS: tuple[schemas.InputSchema, ...] = ("servers", "relationship")

# Kea manual, "High Availability", and the hook's own source: every parameter up to Kea 3.3.
HA_PARAMETERS = {
    "heartbeat-delay": 10000,
    "max-response-delay": 60000,
    "max-ack-delay": 10000,
    "max-unacked-clients": 10,
    "max-rejected-lease-updates": 10,
    "delayed-updates-limit": None,
    "send-lease-updates": True,
    "sync-leases": True,
    "sync-timeout": 60000,
    "sync-page-limit": 10000,
    "wait-backup-ack": False,
    "trust-anchor": None,
    "cert-file": None,
    "key-file": None,
    "require-client-certs": True,
    "restrict-commands": None,
    "multi-threading": None,
    "state-machine": None,
}


def fields(node: dict[str, Any], trail: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every field of a schema with the trail of keywords that leads there."""
    for key in ("properties", "$defs"):
        for name, inner in node.get(key, {}).items():
            yield f"{trail}/{name}", inner
            yield from fields(inner, f"{trail}/{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from fields(node[key], f"{trail}/{key}")


@pytest.mark.parametrize("name", INPUTS)
def test_a_schema_is_one(name: schemas.InputSchema) -> None:
    assert schemas.schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schemas.schema(name))


@pytest.mark.parametrize("name", INPUTS)
def test_every_field_is_explained_and_every_mapping_closed(name: schemas.InputSchema) -> None:
    everything = [("", schemas.schema(name)), *fields(schemas.schema(name))]
    assert [trail for trail, field in everything if "$ref" not in field and not field.get("title")] == []
    assert [trail for trail, field in everything if "$ref" not in field and not field.get("description")] == []
    open_mappings = [
        t for t, field in everything if field.get("type") == "object" and "additionalProperties" not in field
    ]
    assert open_mappings == []


def test_numbers_have_a_unit_and_kea_s_own_have_a_version_and_a_default() -> None:
    parameters = dict(fields(schemas.schema("relationship")["$defs"]["parameters"]))
    peers = dict(fields(schemas.schema("relationship")["$defs"]["peer"]))
    assert len(parameters) + len(peers) > 30
    for trail, field in [*parameters.items(), *peers.items()]:
        if trail != "/server":
            assert "ince Kea " in field["description"], trail
        if field["type"] == "integer":
            assert "Unit: " in field["description"], trail
            assert "Kea's default: " in field["description"], trail
        if "default" in field:
            assert str(field["default"]).lower() in field["description"], trail


def test_every_parameter_of_the_hook_is_there_with_its_default() -> None:
    properties = schemas.schema("relationship")["$defs"]["parameters"]["properties"]
    assert {name: field.get("default") for name, field in properties.items()} == HA_PARAMETERS
    assert schemas.parameter_names() == tuple(properties)
    assert set(properties["multi-threading"]["properties"]) == {
        "enable-multi-threading",
        "http-dedicated-listener",
        "http-listener-threads",
        "http-client-threads",
    }


def test_every_peer_option_of_the_hook_is_there_but_the_plain_password() -> None:
    assert set(schemas.peer_option_names()) == {
        "auto-failover",
        "basic-auth-user",
        "basic-auth-user-file",
        "basic-auth-password-file",
        "trust-anchor",
        "cert-file",
        "key-file",
    }


def test_where_the_schemas_are() -> None:
    assert schemas.schema_path("relationship") == ROOT / "schemas" / "relationship.schema.json"
    assert {"relationship", "servers"} <= set(schemas.schema_names())


def test_an_installed_package_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "_FOLDERS", (tmp_path, *schemas._FOLDERS))
    (tmp_path / "relationship.schema.json").write_text("{}")
    assert schemas.schema_path("relationship") == tmp_path / "relationship.schema.json"
    assert schemas.schema_path("servers") == ROOT / "schemas" / "servers.schema.json"


@pytest.mark.parametrize("name", ["nothing", "../schemas/servers", "Servers", ""])
def test_a_schema_that_does_not_exist(name: str) -> None:
    with pytest.raises(UsageError, match=r"there is no schema of that name; there are .*relationship.*servers"):
        schemas.schema_path(name)


def test_the_validator_is_made_once() -> None:
    assert schemas.validator("relationship") is schemas.validator("relationship")


def loadable(path: Path) -> list[Any]:
    try:
        return [data for data in yaml.safe_load_all(path.read_text(encoding="utf-8")) if data is not None]
    except (yaml.YAMLError, RecursionError):
        return []


@pytest.mark.parametrize("name", INPUTS)
def test_our_lean_validator_agrees_with_the_schema_as_it_is_published(name: schemas.InputSchema) -> None:
    published = Draft202012Validator(schemas.schema(name))
    verdicts = []
    for path in sorted(HERE.glob("**/*.yaml")):
        for data in loadable(path) if path.stem not in {"bomb-by-itself", "recursive"} else ():
            found = [(list(error.absolute_path), error.validator) for error in published.iter_errors(data)]
            ours = [(list(e.absolute_path), e.validator) for e in schemas.validator(name).iter_errors(data)]
            assert [one for one in ours if one not in found] in ([], [(["parameters", "max-unacked-clients"], "type")])
            assert [one for one in found if one not in ours] == []
            verdicts.append(not ours)
    assert True in verdicts
    assert False in verdicts


def test_a_whole_number_with_a_point_is_none_to_kea() -> None:
    data: Any = {"name": "a", "mode": "hot-standby", "peers": [], "parameters": {"heartbeat-delay": 10000.0}}
    errors = list(schemas.validator("relationship").iter_errors(data))
    assert ("type", ["parameters", "heartbeat-delay"]) in [(e.validator, list(e.absolute_path)) for e in errors]
