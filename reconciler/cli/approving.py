"""Which objections a person approved: by code for one run, by code for one plan, or in a file for one plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.model import Plan


@dataclass(frozen=True, slots=True)
class Approvals:
    """The codes that are approved for a plan, and its fingerprint, empty where nothing depends on it."""

    codes: tuple[str, ...]
    fingerprint: str = ""


def approvals_of(run: Session, plan: Plan, given: Sequence[str], *, is_said: bool = True) -> Approvals:
    """Return what is approved of a plan. `given` are CODE or CODE@FINGERPRINT; the files of desired come on top.

    What is for another plan counts for nothing, which is said on stderr, as is, if `is_said`, what a file approves and
    why.
    """
    from reconciler.planning.verdict import unapproved

    plain = tuple(each for each in given if "@" not in each)
    if not any(unapproved(each, plain) for each in plan.relationships):
        return Approvals(plain)
    from reconciler.cli.plan_files import made_now, value_of

    mark = str(value_of(plan, made_now(run.settings, ()), run)["fingerprint"])
    bound = [each.partition("@")[::2] for each in given if "@" in each]
    for code, other in bound:
        if other != mark:
            text = f"--approve {code}@{other} is for another plan, and counts for nothing here: this one is {mark}"
            click.echo(text, err=True)
    merged = plan.approvals.get(mark, ())
    for each in merged if is_said else ():
        run.echo(f"{each.position}: approved: {each.code}: {each.reason}", err=True)
    codes = {*plain, *(code for code, other in bound if other == mark), *(each.code for each in merged)}
    return Approvals(tuple(sorted(codes)), mark)
