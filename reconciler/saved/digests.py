"""Digests of what must not be shown: that it changed can be seen, and with the key whether it is the same again."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.redaction import redact

_LENGTH = 32  # hexadecimal digits: two plans with one digest can't be made on purpose


@dataclass(frozen=True, slots=True)
class Key:
    """A key for digests of secrets. `is_shared` says that others have it too; any other is forgotten with its plan, and
    what it digested can be compared inside that plan alone.
    """

    secret: bytes = field(repr=False)
    is_shared: bool = True

    @property
    def name(self) -> str | None:
        """A name by which keys can be told apart, and which gives nothing away; None for one that nobody has."""
        return self._digest(b"kea-reconciler plan key")[:8] if self.is_shared else None

    def digest(self, value: Any) -> str:
        """Return the keyed digest of a JSON value (HMAC-SHA-256)."""
        return f"hmac-sha256:{self._digest(b'value:' + canonical(value))}"

    def _digest(self, data: bytes) -> str:
        return hmac.new(self.secret, data, hashlib.sha256).hexdigest()[:_LENGTH]


def passing_key() -> Key:
    """Return a key for one plan, which nobody will have afterwards."""
    return Key(secrets.token_bytes(32), is_shared=False)


def plain_digest(value: Any) -> str:
    """Return a digest of a JSON value without its secrets, which are the same to it whatever they are."""
    return hashlib.sha256(canonical(redact(value))).hexdigest()[:_LENGTH]


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of a plan file with the digest of all that it holds, by which an altered file is known."""
    return {**document, "digest": seal(document)}


def seal(document: Mapping[str, Any]) -> str:
    """Return the digest of all of a plan file but that digest itself. It is no signature: anybody can make it."""
    rest = {name: value for name, value in document.items() if name != "digest"}
    return f"sha256:{hashlib.sha256(canonical(rest)).hexdigest()}"


def holds_secrets(value: Any) -> bool:
    """Whether anything in a JSON value must not be shown."""
    return redact(value) is not value


def canonical(value: Any) -> bytes:
    """Return one text for equal JSON values, whatever the order of keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
