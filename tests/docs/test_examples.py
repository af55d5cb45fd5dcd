"""Examples on the pages are what the program reads, and so is the repository's own desired/."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from jsonschema import Draft202012Validator

from reconciler.desired.load import load
from reconciler.kea.access import Settings, read_credentials, read_settings
from tests.docs.pages import PAGES, ROOT, Block, blocks, name

YAML = [block for page in PAGES for block in blocks(page, "yaml")]
TOML = [block for page in PAGES for block in blocks(page, "toml")]
RELATIONSHIP = json.loads((ROOT / "schemas" / "relationship.schema.json").read_text())


def is_whole(block: Block) -> bool:
    """Whether it is a file, or a few keys of one."""
    value = yaml.safe_load(block.text)
    return "servers" in value or "peers" in value


def test_nothing_is_overlooked() -> None:
    assert len(YAML) >= 4
    assert len(TOML) >= 3


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(is_whole, blocks(page, "yaml")))], ids=name)
def test_files_of_a_page_are_a_desired_state_without_any_problem(page: Path, tmp_path: Path) -> None:
    (tmp_path / "relationships").mkdir()
    for number, block in enumerate(filter(is_whole, blocks(page, "yaml"))):
        is_inventory = "servers" in yaml.safe_load(block.text)
        path = "servers.yaml" if is_inventory else f"relationships/{number}.yaml"
        (tmp_path / path).write_text(block.text)
    desired = load(tmp_path)
    assert desired.warnings == ()
    assert desired.relationships


@pytest.mark.parametrize("block", [block for block in YAML if not is_whole(block)], ids=lambda block: name(block.page))
def test_a_few_keys_are_those_of_a_relationship(block: Block) -> None:
    for key, value in yaml.safe_load(block.text).items():
        schema = {**RELATIONSHIP["properties"][key], "$defs": RELATIONSHIP["$defs"]}
        Draft202012Validator(schema).validate(value)


@pytest.mark.parametrize("block", YAML, ids=lambda block: name(block.page))
def test_a_file_that_names_its_place_has_the_layout_of_desired(block: Block) -> None:
    for comment in re.findall(r"^# (\S+\.yaml)$", block.text, re.MULTILINE):
        assert re.fullmatch(r"[a-z]+/(servers|relationships/[a-z]+)\.yaml", comment)
        assert comment.endswith("/servers.yaml") is ("servers" in yaml.safe_load(block.text))


def is_settings(block: Block) -> bool:
    return bool(re.search(r"^\[(network|limits)\]$", block.text, re.MULTILINE))


def is_webhooks(block: Block) -> bool:
    return "[webhooks." in block.text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the examples of credentials name."""
    authority = trustme.CA()
    client = authority.issue_cert("reconciler.example")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    client.private_key_pem.write_to_path(tmp_path / "client.key")
    (tmp_path / "agent.password").write_text("secret\n")
    for path in tmp_path.iterdir():
        path.chmod(0o600)
    return tmp_path


@pytest.mark.parametrize(
    "block",
    [block for block in TOML if not (is_settings(block) or is_webhooks(block))],
    ids=lambda block: name(block.page),
)
def test_credentials_are_read(block: Block, folder: Path) -> None:
    path = folder / "credentials.toml"
    path.write_text(block.text.replace("/etc/kea-reconciler/", f"{folder}/"))
    path.chmod(0o600)
    origins = set(re.findall(r'^\["(.+)"\]$', block.text, re.MULTILINE))
    assert read_credentials(path).logins.keys() == origins


@pytest.mark.parametrize("block", [block for block in TOML if is_settings(block)], ids=lambda block: name(block.page))
def test_settings_are_read_and_limits_are_the_defaults(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "kea-reconciler.toml"
    path.write_text(block.text)
    found = read_settings(path)
    assert found.allow
    shown = {key.replace("-", "_"): value for key, value in re.findall(r"^([a-z-]+) = (\d+)", block.text, re.MULTILINE)}
    usual: dict[str, Any] = {key: getattr(Settings(), key) for key in shown}
    assert {key: getattr(found, key) for key in shown} == usual


@pytest.mark.parametrize("block", [block for block in TOML if is_webhooks(block)], ids=lambda block: name(block.page))
def test_webhooks_are_read(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kea-reconciler.toml"
    path.write_text(block.text)
    for file in re.findall(r'^url-file = "(.+?)"', block.text, re.MULTILINE):
        (tmp_path / file).write_text("https://hooks.example/1")
        (tmp_path / file).chmod(0o600)
    for variable in re.findall(r'^url-variable = "(.+?)"', block.text, re.MULTILINE):
        monkeypatch.setenv(variable, "https://hooks.example/2")
    named = re.findall(r"^\[webhooks\.(.+)\]$", block.text, re.MULTILINE)
    assert [each.name for each in read_settings(path).webhooks] == named


def test_the_repository_s_own_desired_state_has_no_problem() -> None:
    desired = load(ROOT / "desired")
    assert desired.warnings == ()
    assert [relationship.name for relationship in desired.relationships] == ["hq-dhcp4"]
    assert {server for server, _ in desired.endpoints} == {"kea-a", "kea-b"}
