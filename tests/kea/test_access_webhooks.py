"""Webhooks in the settings: urls come from private files or the environment, and no problem repeats one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import FixInputError
from reconciler.kea.access import read_settings
from reconciler.model import Gravity, Webhook, WebhookForm

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://hooks.example/services/c4n4ry?key=1"


def written(folder: Path, text: str, *, url: str = URL, mode: int = 0o600) -> Path:
    (folder / "ops.url").write_text(f"{url}\n")
    (folder / "ops.url").chmod(mode)
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_without_any_nobody_is_told(tmp_path: Path) -> None:
    assert read_settings(written(tmp_path, "")).webhooks == ()


def test_one_from_a_file_and_one_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER_URL", "http://127.0.0.1:9/x")
    text = """
        [webhooks.ops]
        url-file = "ops.url"
        [webhooks.pager]
        url-variable = "PAGER_URL"
        form = "slack"
        severity = "error"
        relationships = ["hq"]
    """
    found = read_settings(written(tmp_path, text))
    assert found.webhooks == (
        Webhook("ops", URL, WebhookForm.JSON, Gravity.WARNING),
        Webhook("pager", "http://127.0.0.1:9/x", WebhookForm.SLACK, Gravity.ERROR, frozenset({"hq"})),
    )
    assert "c4n4ry" not in repr(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[webhooks]\nops = 1", "must be a table"),
        ("[webhooks.ops]", "one of 'url-file' and 'url-variable'"),
        ('[webhooks.ops]\nurl = "https://hooks.example/c4n4ry"', "Unknown key 'url'"),
        ('[webhooks.ops]\nurl-file = "ops.url"\nurl-variable = "X"', "one of"),
        ('[webhooks.ops]\nurl-file = "none"', "can't be read"),
        ('[webhooks.ops]\nurl-variable = "NOT_SET_HERE"', "no url in NOT_SET_HERE"),
        ('[webhooks.ops]\nurl-file = "ops.url"\nform = "teams"', "one of json, slack"),
        ('[webhooks.ops]\nurl-file = "ops.url"\nseverity = 3', "one of info, warning, error"),
        ('[webhooks.ops]\nurl-file = "ops.url"\nrelationships = "hq"', "must be a list"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FixInputError) as caught:
        read_settings(written(tmp_path, text))
    told = " ".join(each.message for each in caught.value.problems)
    assert words in told


@pytest.mark.parametrize(
    "url", ["ftp://hooks.example/c4n4ry", "c4n4ry", "https://hooks.example:c4n4ry/", "http://c4n4ry x/"]
)
def test_a_url_that_is_none_is_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(FixInputError) as caught:
        read_settings(written(tmp_path, '[webhooks.ops]\nurl-file = "ops.url"', url=url))
    told = " ".join(f"{each.message} {each.advice}" for each in caught.value.problems)
    assert "no http or https url" in told
    assert "c4n4ry" not in told


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FixInputError) as caught:
        read_settings(written(tmp_path, '[webhooks.ops]\nurl-file = "ops.url"', mode=0o644))
    assert "others have permissions" in caught.value.problems[0].message
