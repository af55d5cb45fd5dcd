"""A plan file from disk: checked before anything in it is believed."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.desired.schema import schema
from reconciler.errors import FixInputError
from reconciler.model import Position, Problem
from reconciler.saved.digests import seal
from reconciler.saved.document import FORMAT
from reconciler.saved.fingerprint import fingerprint

LARGEST = 1 << 28  # bytes
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})")
_ID = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_FIRST_SEALED = 2  # minor version
_AGAIN = "Make it anew with `kea-reconciler plan --out FILE`."


def read_document(path: Path) -> dict[str, Any]:
    """Read a plan file. Raises FixInputError for one that is none, is damaged, or is of a newer major version.

    A newer minor version has only more than this one knows.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise _refused(path, f"the file is larger than {LARGEST} bytes", "This is no plan file.")
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise _refused(path, f"this can't be read: {error.strerror}", "Name a plan file.") from error
    except (ValueError, RecursionError) as error:
        raise _refused(path, "this is not JSON", _AGAIN) from error
    _check_version(path, value)
    _check_form(path, value)
    if value["fingerprint"] is not None and value["fingerprint"] != fingerprint(value):
        raise _refused(path, "its fingerprint is not that of what it holds: it was altered, or is damaged", _AGAIN)
    if _is_sealed(value) and value.get("digest") != seal(value):
        raise _refused(path, "its digest is not that of what it holds: it was altered, or is damaged", _AGAIN)
    return dict(value)


def expired(document: dict[str, Any], now: datetime, hours: float) -> str | None:
    """Return in words that a plan file is too old, or from the future; None where it may be used.

    `hours` are those of who wants to use it: what the file itself says can only make the time shorter.
    """
    made, end = (datetime.fromisoformat(document[name]) for name in ("created_at", "expires_at"))
    if now > min(end, made + timedelta(hours=hours)):
        return f"it was made at {document['created_at']}, and plans expire"
    if made > now + timedelta(minutes=5):
        return f"it says that it was made at {document['created_at']}, which is yet to come; look at the clocks"
    return None


def _check_version(path: Path, value: Any) -> None:
    told = value.get("format_version") if isinstance(value, dict) else None
    found = _VERSION.fullmatch(told) if isinstance(told, str) else None
    if found is None:
        raise _refused(path, "this is not a plan file: it has no format_version", _AGAIN)
    if int(found[1]) != FORMAT[0]:
        advice = f"This version of kea-reconciler reads {FORMAT[0]}.x: use the one that wrote it, or plan anew."
        raise _refused(path, f"it has format_version {told}", advice)


def _is_sealed(value: Any) -> bool:
    """Whether a file has the digest of all that it holds; the first two minor versions had none."""
    minor = int(value["format_version"].partition(".")[2])
    return "digest" in value or minor >= _FIRST_SEALED


def _check_form(path: Path, value: Any) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema("plan")).iter_errors(value))
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the top"
        raise _refused(path, f"what stands at {place[:200]!a} does not follow the schema of plan files", _AGAIN)
    if not _ID.fullmatch(value["id"]):
        raise _refused(path, "its id is none", _AGAIN)
    for name in ("created_at", "expires_at"):
        if not _is_time(value[name]):
            raise _refused(path, f"{name} is no time with its zone", _AGAIN)


def _is_time(text: str) -> bool:
    try:
        return bool(_TIME.fullmatch(text)) and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _refused(path: Path, message: str, advice: str) -> FixInputError:
    return FixInputError([Problem(Position(str(path)), "plan-file", message, advice)])
