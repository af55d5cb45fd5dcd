"""Plan files on the command line: writing one, and holding a plan that is made now against it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.errors import FileError, FixInputError, ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.kea.access import Settings
    from reconciler.model import Desired, Plan, Problem
    from reconciler.saved.digests import Key
    from reconciler.saved.document import Made

KEY_VARIABLE = "KEA_RECONCILER_PLAN_KEY"
_OTHERWISE = "the plan of now is another one than the plan in the file:"


def made_now(settings: Settings, names: Sequence[str]) -> Made:
    """Return what a plan that is made now is called; `names` are the relationships that are asked for."""
    from reconciler.saved.document import Made

    key = plan_key(settings)
    return Made(secrets.token_hex(16), datetime.now(UTC), settings.plan_hours, names or None, key)


def plan_key(settings: Settings) -> Key:
    """Return the key for digests of secrets: from the environment, else from the file that the settings name, else one
    that nobody has afterwards. Raises UsageError for one that is too short.
    """
    from reconciler.kea.access import SHORTEST_KEY
    from reconciler.saved.digests import Key, passing_key

    text = os.environ.get(KEY_VARIABLE, "").strip()
    if text and len(text) < SHORTEST_KEY:
        reason = f"the plan key in {KEY_VARIABLE} has less than {SHORTEST_KEY} characters"
        raise UsageError(f"{reason}; `openssl rand -hex 32` makes a good one")
    text = text or settings.plan_key or ""
    return Key(text.encode()) if text else passing_key()


def value_of(plan: Plan, made: Made, run: Session, approved: Sequence[str] = ()) -> dict[str, Any]:
    """Return the value of a plan's file, without any secret that is known, by the fingerprint that this has."""
    from reconciler.saved.digests import sealed
    from reconciler.saved.document import document
    from reconciler.saved.fingerprint import fingerprint

    value: dict[str, Any] = run.scrubber.scrub_values(document(plan, made, approved))
    return sealed({**value, "fingerprint": fingerprint(value)})


def write(path: Path, value: Mapping[str, Any]) -> None:
    """Write a plan file that only its owner can change, whole or not at all. Raises FileError where that can't be, and
    UsageError where no file is named.
    """
    from reconciler.reports.json_text import json_text

    if path == Path("-"):
        raise UsageError("--out takes the name of a file; `--format json` writes the plan to stdout")
    young = path.with_name(f".{path.name}.new")
    try:
        young.write_text(json_text(value) + "\n", encoding="utf-8")
        young.replace(path)
    except OSError as error:
        reason = f"the plan can't be written to {path}: {error.strerror}"
        raise FileError(f"{reason}; name a file in a folder that is there, and that may be written") from None


@contextlib.contextmanager
def failure_kept(path: Path | None, names: Sequence[str]) -> Iterator[None]:
    """Write the file of a plan that can't be made, whatever goes wrong: no older one stays in its place. Not where no
    file is asked for, and not what the operating system says, which may be about that file.
    """
    try:
        yield
    except FixInputError as error:
        _write_failed(path, names, error.problems)
        raise
    except ReconcilerError as error:
        _write_failed(path, names, reason=str(error))
        raise
    except (click.ClickException, click.exceptions.Exit, click.Abort, OSError):
        raise
    except Exception as error:
        from reconciler.cli.session import place

        _write_failed(path, names, reason=f"internal error at {place(error)}")
        raise


def _write_failed(path: Path | None, names: Sequence[str], problems: Sequence[Problem] = (), reason: str = "") -> None:
    if path is None:
        return
    from reconciler.kea.access import Settings
    from reconciler.saved.digests import passing_key
    from reconciler.saved.document import Made, failed_document

    made = Made(secrets.token_hex(16), datetime.now(UTC), Settings().plan_hours, names or None, passing_key())
    write(path, failed_document(made, problems, "" if problems else reason))


def read_to_apply(path: Path, settings: Settings, names: Sequence[str]) -> dict[str, Any]:
    """Read a plan file that is to be carried out. Raises FixInputError for a bad one, and UsageError for one that can't
    be used in this way.
    """
    from reconciler.saved.read import read_document

    if names:
        raise UsageError("a plan file says itself which relationships it is about; leave --relationship out")
    found = read_document(path)
    if found["fingerprint"] is None:
        raise UsageError(f"{path} holds no plan, since planning failed; `kea-reconciler show {path}` says why")
    key = plan_key(settings)
    if found["key"] != key.name:
        how = (
            "without a plan key"
            if found["key"] is None
            else "with another plan key"
            if key.is_shared
            else "with a plan key"
        )
        raise UsageError(
            f"{path} was made {how}, so its fingerprint can't be compared; give this run the same key "
            f"({KEY_VARIABLE}, or key-file in the settings), or plan again"
        )
    return found


def expired(document: dict[str, Any], settings: Settings) -> str | None:
    """Return in words that a plan file is too old; None where it may be used."""
    from reconciler.saved.read import expired as found

    return found(document, datetime.now(UTC), settings.plan_hours)


def dropped(document: Mapping[str, Any], desired: Desired) -> str | None:
    """Return in words which relationships a plan file was asked for that are declared no more; None where all are."""
    from reconciler.reports.values import shown_name

    left = selection(document, desired)
    gone = [name for name in document["selection"] or () if name not in left]
    lines = [f"{shown_name(name)}: was in the plan file, and is in desired no more" for name in gone]
    return "\n".join([_OTHERWISE, *lines]) if lines else None


def selection(document: Mapping[str, Any], desired: Desired) -> list[str]:
    """Return which relationships a plan file is to be held against: those it was asked for that are still declared.
    All, for which there are no names, where it was made of all, or none of these is declared any more.
    """
    known = {each.name for each in desired.relationships}
    return [name for name in document["selection"] or () if name in known]


def difference(then: Mapping[str, Any], plan: Plan, run: Session) -> list[str]:
    """Return in lines what a plan of now does otherwise than the one in a plan file; empty where it is the same."""
    from reconciler.saved.fingerprint import difference as told

    now = value_of(plan, made_now(run.settings, ()), run)
    if now["fingerprint"] == then["fingerprint"]:
        return []
    return told(then, now) or ["what it would do differs in a way that can't be told"]


def outdated(then: Mapping[str, Any], plan: Plan, run: Session) -> str | None:
    """Return why a plan file is not carried out, now that the plan of now is known; None where it may be.

    Whether it was carried out before is known as far as the state directory is the same one.
    """
    from reconciler.model.moments import moment

    when = None if run.journal is None else run.journal.used(then["id"])
    if when:
        return f"it was applied at {moment(datetime.fromisoformat(when))}, and a plan file is good for once"
    lines = difference(then, plan, run)
    return "\n".join([_OTHERWISE, *lines]) if lines else None


def beginning(then: Mapping[str, Any] | None, run: Session) -> Callable[[], None]:
    """Return what is to be done when a plan file begins to be carried out: it is not to be once more."""

    def begins() -> None:
        if then is not None and run.journal is not None:
            run.journal.uses(then["id"], then["fingerprint"])

    return begins
