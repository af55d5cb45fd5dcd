"""The parameters of DNS updates that a configuration has as a whole, and each network and (since 3.0) pool may have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.simulator.configuration.refusal import RefusedError, at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Shown

_REPLACEMENTS = ("never", "always", "when-present", "when-not-present")
_TIMES = ("ddns-ttl", "ddns-ttl-min", "ddns-ttl-max")


def times(value: Mapping[str, Json]) -> Shown:
    """How long names live in DNS, as it is shown; refused where one of it makes no sense beside another."""
    shown: Shown = {key: value[key] % 2**32 for key in _TIMES if key in value}
    if "ddns-ttl-percent" in value:
        shown["ddns-ttl-percent"] = value["ddns-ttl-percent"]
    for key in ("ddns-ttl-percent", "ddns-ttl-min", "ddns-ttl-max"):
        if "ddns-ttl" in shown and key in shown:
            raise RefusedError(f"cannot specify both {key} and ddns-ttl")
    low, high = shown.get("ddns-ttl-min", 0), shown.get("ddns-ttl-max", 2**32)
    if low > high:
        raise RefusedError(f"ddns-ttl-max: {high} must be greater than ddns-ttl-min: {low}")
    return shown


def check_replacement(value: Mapping[str, Json]) -> None:
    """Refuse a way to replace client names that does not exist."""
    replace = value.get("ddns-replace-client-name", "never")
    if replace not in _REPLACEMENTS:
        name = "parameter 'ddns-replace-client-name'"
        raise at(f"invalid ReplaceClientName mode ({replace}) specified for {name}")


def check_characters(value: Mapping[str, Json]) -> None:
    """Refuse a set of characters that is no regular expression."""
    try:
        re.compile(value.get("hostname-char-set", ""))
    except re.error:
        text = f"hostname-char-set '{value['hostname-char-set']}' is not a valid regular expression"
        raise RefusedError(text) from None
