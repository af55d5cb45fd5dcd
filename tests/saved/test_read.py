"""Reading plan files: nothing in one is believed before it was checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import FixInputError
from reconciler.saved import read
from reconciler.saved.digests import sealed
from reconciler.saved.document import document, failed_document
from reconciler.saved.read import expired, read_document
from tests.reports import samples
from tests.saved.test_document import MADE

VALUE = document(samples.plan(samples.modification(), samples.unreachable()), MADE)


def written(folder: Path, value: Any) -> Path:
    path = folder / "plan.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def why(path: Path) -> str:
    with pytest.raises(FixInputError) as raised:
        read_document(path)
    (problem,) = raised.value.problems
    assert problem.position.file == str(path)
    assert problem.advice
    return problem.message


def edited(edit: Callable[[Any], object]) -> Any:
    value = json.loads(json.dumps(VALUE))
    edit(value)
    return value


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read_document(written(tmp_path, VALUE)) == VALUE
    failed = failed_document(MADE, [], "it broke")
    assert read_document(written(tmp_path, failed)) == failed


def test_a_newer_minor_version_is_read_and_another_major_one_is_not(tmp_path: Path) -> None:
    newer = edited(lambda value: value.update({"format_version": "1.7", "more": [1]}))
    newer["relationships"][0]["servers"][0]["weather"] = "fine"
    newer = sealed(newer)
    assert read_document(written(tmp_path, newer)) == newer
    for version in ("2.0", "0.9", "10.0"):
        path = written(tmp_path, {**VALUE, "format_version": version})
        assert version in why(path)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_older_minor_version_has_no_digest(tmp_path: Path, version: str) -> None:
    older = edited(lambda value: value.update({"format_version": version}))
    assert "its digest is not" in why(written(tmp_path, older))
    del older["digest"]
    assert read_document(written(tmp_path, older)) == older


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a plan file"),
        ("{}", "not a plan file"),
        ({"format_version": 1}, "not a plan file"),
        ({"format_version": "1.0"}, "does not follow the schema"),
        (edited(lambda value: value.update({"relationships": {}})), "does not follow the schema"),
        (edited(lambda value: value.update({"id": "../../etc/passwd"})), "does not follow the schema"),
        (edited(lambda value: value.update({"id": "0" * 32 + "\n"})), "its id is none"),
        (edited(lambda value: value.update({"created_at": "2026-11-26\n12:00:00+00:00"})), "no time"),
        (edited(lambda value: value.update({"expires_at": "2026-11-26T12:00:00"})), "no time"),
        (edited(lambda value: value["relationships"][0]["servers"][0]["changes"].pop()), "was altered"),
        (edited(lambda value: value["relationships"][0].update({"objections": []})), "was altered"),
        (edited(lambda value: value.update({"fingerprint": "0" * 32})), "was altered"),
        (edited(lambda value: value.update({"id": "1" * 32})), "its digest is not"),
        (edited(lambda value: value.update({"created_at": "2026-11-27T12:00:00+00:00"})), "its digest is not"),
        (edited(lambda value: value["relationships"][0].update({"notes": ["all is well"]})), "its digest is not"),
        (edited(lambda value: value.update({"more": 1})), "its digest is not"),
        (edited(lambda value: value.pop("digest")), "its digest is not"),
    ],
)
def test_all_else_is_refused(tmp_path: Path, value: Any, reason: str) -> None:
    assert reason in why(written(tmp_path, value))


def test_a_file_that_can_not_be_read_or_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "can't be read" in why(tmp_path / "missing.json")
    monkeypatch.setattr(read, "LARGEST", 10)
    assert "larger" in why(written(tmp_path, VALUE))


def test_a_plan_expires() -> None:
    assert expired(VALUE, MADE.at + timedelta(hours=23.9), 24.0) is None
    assert "expire" in str(expired(VALUE, MADE.at + timedelta(hours=24.1), 24.0))
    assert "expire" in str(expired(VALUE, MADE.at + timedelta(hours=2), 1.0))
    assert "expire" in str(expired(VALUE, MADE.at + timedelta(hours=30), 48.0))
    assert "clocks" in str(expired(VALUE, MADE.at - timedelta(hours=1), 24.0))
