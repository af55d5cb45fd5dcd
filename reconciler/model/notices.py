"""Whom the daemon tells what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.watched import Gravity


class WebhookForm(StrEnum):
    """What is posted: our own JSON, or the one that Slack takes, and others that took it over."""

    JSON = "json"
    SLACK = "slack"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One place to post to. The `url` is a credential: whoever has it can post there.

    Told is what matters as much as `severity` or more, of `relationships`, or of all where that is empty.
    """

    name: str
    url: str = field(repr=False)
    form: WebhookForm
    severity: Gravity
    relationships: frozenset[str] = frozenset()


class Turn(StrEnum):
    """What a notice says of what lasts: it began, it matters more than before, a part of it is over, or all of it; or
    it is of a moment.
    """

    BEGUN = "begun"
    WORSE = "worse"
    BETTER = "better"
    RECOVERED = "recovered"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class Told:
    """What a webhook was told of a finding that lasts: how much it mattered at most, and which parts of it lasted when
    it was told of it last; None where an earlier version did not
    keep that.
    """

    weight: Gravity
    parts: frozenset[str] | None = frozenset()
