"""The databases of a configuration: lease-database, hosts-databases, config-databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.configuration import keywords
from reconciler.simulator.configuration.refusal import at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading, Shown

_DATABASES = ("memfile", "mysql", "postgresql")
_FLAGS = ("persist", "readonly")
_FLAGS_SINCE_2_6 = (*_FLAGS, "retry-on-startup")
_NUMBERS = [
    "lfc-interval",
    "connect-timeout",
    "read-timeout",
    "write-timeout",
    "tcp-user-timeout",
    "reconnect-wait-time",
    "request-timeout",
    "max-reconnect-tries",
    "port",
    "max-row-errors",
]
_TEXTS = [
    "type",
    "user",
    "password",
    "host",
    "name",
    "on-fail",
    "trust-anchor",
    "cert-file",
    "key-file",
    "cipher-list",
    "contact-points",
    "keyspace",
    "consistency",
    "serial-consistency",
]


def database(reading: Reading, value: Json) -> Shown:
    """lease-database, or one of hosts-databases and config-databases."""
    flags = _FLAGS if reading.release < Release.KEA_2_6 else _FLAGS_SINCE_2_6
    for key, item in keywords.as_map(value).items():
        kind = "boolean" if key in flags else "integer" if key in _NUMBERS else "string"
        if not keywords.is_a(kind, item):
            raise at(f"invalid value type specified for parameter '{key}'")
    if "type" not in value:
        reason = "must include the keyword 'type' to determine type of database to be accessed"
        raise at(f"database access parameters {reason}")
    if value["type"] not in _DATABASES:
        raise at(f"unknown backend database type: {value['type']}")
    interval = value.get("lfc-interval", 0)
    if not 0 <= interval < 2**32:
        raise at(f"lfc-interval value: {interval} is out of range, expected value: 0..4294967295")
    return {key: item for key, item in value.items() if key in (*flags, *_NUMBERS, *_TEXTS)}
