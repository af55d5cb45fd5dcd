"""What is posted: pure."""

from __future__ import annotations

from typing import Any, Final

import orjson

from reconciler.model import Gravity, Turn, WebhookForm
from reconciler.notifying.news import Notice
from reconciler.redaction import visible

_LINES: Final = 10  # of details in a message for people
_SIGNS: Final = {
    Gravity.INFO: ":information_source:",
    Gravity.WARNING: ":warning:",
    Gravity.ERROR: ":red_circle:",
}
_WORDS: Final = {Turn.RECOVERED: "recovered: ", Turn.WORSE: "worse: ", Turn.BETTER: "recovered in part: "}


def body(form: WebhookForm, news: Notice, host: str) -> bytes:
    """Return the JSON to post; `host` is the name of the machine that the daemon runs on."""
    return orjson.dumps(_generic(news, host) if form is WebhookForm.JSON else _slack(news, host))


def _generic(news: Notice, host: str) -> dict[str, Any]:
    event = news.event
    return {
        "source": "kea-reconciler",
        "host": host,
        "at": event.at.isoformat(),
        "turn": news.turn.value,
        "kind": event.kind.value,
        "severity": news.weight.value,
        "relationship": event.relationship,
        "service": None if event.service is None else event.service.value,
        "summary": _sound(event.summary),
        "details": [_sound(each) for each in event.details],
        "revision": _sound(event.revision),
        "finding": event.finding,
    }


def _slack(news: Notice, host: str) -> dict[str, Any]:
    """Return a message as incoming webhooks of Slack take it; Mattermost and Rocket.Chat read the same."""
    event = news.event
    sign = ":white_check_mark:" if news.turn is Turn.RECOVERED else _SIGNS[event.severity]
    lines = [f"{sign} *{_WORDS.get(news.turn, '')}{_escaped(event.summary)}*"]
    lines += [f"> {_escaped(each)}" for each in event.details[:_LINES]]
    if len(event.details) > _LINES:
        lines.append(f"> and {len(event.details) - _LINES} more")
    lines.append(f"kea-reconciler on {_escaped(host)}, desired {_escaped(event.revision[:12] or 'unknown')}")
    return {"text": "\n".join(lines)}


def _sound(text: str) -> str:
    return visible(text.encode("utf-8", "replace").decode())


def _escaped(text: str) -> str:
    """Escape what has a meaning to Slack (api.slack.com, "Formatting text"): no text from a server makes a link, or
    calls everybody.
    """
    plain = _sound(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("*", "\u2217").replace("`", "'")
