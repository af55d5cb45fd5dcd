"""Configurations as they were, and as they were to be: each kept once, compressed, by its digest."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

_LEVEL = 1  # of compression: 40 MB in a third of a second, a tenth of the size


def packed(config: Mapping[str, Any]) -> tuple[str, bytes]:
    """Return a configuration's digest and its compressed text."""
    text = orjson.dumps(config)
    return hashlib.sha256(text).hexdigest(), zlib.compress(text, _LEVEL)


def keep(database: sqlite3.Connection, pack: tuple[str, bytes]) -> str:
    """Keep what `packed` returned, and return the digest."""
    database.execute("INSERT OR IGNORE INTO configuration (digest, body) VALUES (?, ?)", pack)
    return pack[0]


def kept(database: sqlite3.Connection, digest: str | None) -> dict[str, Any] | None:
    """Return a configuration by its digest, None where there is none; sqlite3.DatabaseError for a damaged one."""
    row = database.execute("SELECT body FROM configuration WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        return None
    try:
        text = zlib.decompress(row[0])
    except zlib.error as error:
        raise sqlite3.DatabaseError("a kept configuration can't be read") from error
    if hashlib.sha256(text).hexdigest() != digest:
        raise sqlite3.DatabaseError("a kept configuration is not the one that was kept")
    found: dict[str, Any] = orjson.loads(text)
    return found
