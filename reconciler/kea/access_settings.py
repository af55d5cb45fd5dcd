"""The operator's settings, `kea-reconciler.toml`: whom we may talk to, and how long and how much we put up with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any

from reconciler.kea.access_targets import always_refused
from reconciler.kea.access_toml import RefusedFileError, TomlFile, read_text
from reconciler.kea.access_webhooks import TABLE, webhooks
from reconciler.model import DEFAULT_THRESHOLDS, Thresholds, Webhook

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator allows and limits; the defaults hold where there is no file.

    `allow` None means every address that is not refused always, and every unix socket; with a list, unix sockets only
    where `allow_unix_sockets` says so. `connect_seconds` is for the connection and its
    TLS handshake, `answer_seconds` and `configuration_seconds` (config-get and its kin) for silence after the
    command was sent: 42 MB of configuration take Kea 2.2 up to 12 s to the first byte, 160 MB 47 s (measured).
    `reply_bytes` caps one reply, `concurrency` the endpoints that are read at once. A plan file is of use for
    `plan_hours`; `plan_key` is the key of the digests of secrets in it, None for one that is made for each plan.
    `thresholds` are how much a plan may take away or change without an approval. `webhooks` are told what the daemon
    finds.
    """

    allow: tuple[IPv4Network | IPv6Network, ...] | None = None
    allow_basic_auth_over_plain_http: bool = False
    allow_unix_sockets: bool = False
    connect_seconds: float = 5.0
    answer_seconds: float = 20.0
    configuration_seconds: float = 180.0
    reply_bytes: int = 536_870_912
    concurrency: int = 100
    plan_hours: float = 24.0
    plan_key: str | None = field(default=None, repr=False)
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    webhooks: tuple[Webhook, ...] = ()


_SECONDS = (0.1, 3600.0)
_LIMITS: dict[str, tuple[type[float] | type[int], float, float]] = {
    "connect-seconds": (float, *_SECONDS),
    "answer-seconds": (float, *_SECONDS),
    "configuration-seconds": (float, *_SECONDS),
    "reply-bytes": (int, 1 << 20, 1 << 40),
    "concurrency": (int, 1, 10_000),
    "plan-hours": (float, 0.01, 8784),
}
SHORTEST_KEY = 16  # characters; with a shorter one a weak password could be found by trying
_THRESHOLDS: dict[str, tuple[type[float] | type[int], float, float]] = {
    "least": (int, 1, 1_000_000),
    "deleted-share": (float, 0, 1),
    "deleted": (int, 0, 1_000_000),
    "changed-share": (float, 0, 1),
    "changed": (int, 0, 1_000_000),
}
_TABLES = ("network", "limits", "plans", "thresholds", TABLE)
_SWITCHES = ("allow-basic-auth-over-plain-http", "allow-unix-sockets")
_NETWORK_KEYS = ("allow", *_SWITCHES)


def read_settings(path: Path) -> Settings:
    """Read the settings file. FixInputError with every problem in it; keys that are missing have their defaults."""
    file = TomlFile(path, "settings")
    file.known_keys((), file.content, _TABLES)
    values = _network(file) | _limits(file) | _plans(file, path.parent) | _thresholds(file)
    values["webhooks"] = webhooks(file, path.parent, os.environ)
    file.finish()
    return Settings(**values)


def _network(file: TomlFile) -> dict[str, Any]:
    table = file.table("network", _NETWORK_KEYS)
    values: dict[str, Any] = {}
    if "allow" in table:
        values["allow"] = _allowed(file, table["allow"])
    for name in _SWITCHES:
        if (switch := table.get(name)) is not None:
            values[name.replace("-", "_")] = switch
            if not isinstance(switch, bool):
                file.problem(("network", name), "value", f"{name!r} must be true or false.", "Leave it out for false.")
    return values


def _plans(file: TomlFile, folder: Path) -> dict[str, Any]:
    table: dict[str, Any] = file.table("plans", ("key-file",))
    values: dict[str, Any] = {}
    if (name := table.get("key-file")) is not None:
        values["plan_key"] = _key(file, folder, name)
    return values


def _key(file: TomlFile, folder: Path, name: object) -> str | None:
    try:
        if not isinstance(name, str):
            raise RefusedFileError("is no path", "Write its path in quotes.")  # noqa: TRY301 - said like the others
        text = read_text(folder / name, is_private=True).strip()
        if len(text) < SHORTEST_KEY:
            why = f"has less than {SHORTEST_KEY} characters"
            raise RefusedFileError(why, "`openssl rand -hex 32` makes a good key.")  # noqa: TRY301
    except RefusedFileError as error:
        file.problem(("plans", "key-file"), "file", f"The key file {error}.", error.advice)
        return None
    return text


def _allowed(file: TomlFile, value: object) -> tuple[IPv4Network | IPv6Network, ...]:
    key = ("network", "allow")
    if not isinstance(value, list):
        file.problem(key, "value", "'allow' must be a list of networks.", 'Write it as ["192.0.2.0/24"].')
        return ()
    networks = []
    for text in value:
        try:
            networks.append(ip_network(text if isinstance(text, str) else ""))
        except ValueError as error:
            advice = 'Write networks as "192.0.2.0/24" or "2001:db8::/32", without bits behind the prefix.'
            reason = str(error) if isinstance(text, str) else "it is not a string"
            file.problem(key, "value", f"{text!r} is not a network: {reason}.", advice)
            continue
        if what := always_refused(networks[-1]):
            file.problem(key, "value", f"{text!r} can't be allowed: {what}.", "Take it out; it is always refused.")
    return tuple(networks)


def _thresholds(file: TomlFile) -> dict[str, Any]:
    values = _numbers(file, "thresholds", _THRESHOLDS)
    return {"thresholds": replace(DEFAULT_THRESHOLDS, **values)} if values else {}


def _limits(file: TomlFile) -> dict[str, Any]:
    return _numbers(file, "limits", _LIMITS)


def _numbers(file: TomlFile, name: str, known: Mapping[str, tuple[type, float, float]]) -> dict[str, Any]:
    """Return the numbers in a table by their names in Python; those out of their range are noted."""
    values: dict[str, Any] = {}
    for key, value in file.table(name, known).items():
        kind, low, high = known[key]
        kinds = (int,) if kind is int else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            message = f"{key!r} must be {what} from {low:g} to {high:.0f}, not {value!r}."
            file.problem((name, key), "value", message, "Leave it out for the default.")
        else:
            values[key.replace("-", "_")] = kind(value)
    return values
