"""TLS contexts: made once for the same files, because reading a bundle of authorities takes 20 ms (measured)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLContext


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: the authorities to trust (None: the system's), our certificate and its key."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None


def tls_context(files: TlsFiles) -> SSLContext:
    """Return the context for these files, shared by all who ask for the same while they don't change on disk.

    It verifies certificate and host name and speaks TLS 1.2 or later. ValueError where a file can't be used.
    """
    stamps = tuple(_stamp(path) for path in (files.ca, files.cert, files.key) if path is not None)
    return _make_context(files, stamps)


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        status = Path(path).stat()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    return status.st_ino, status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=64)
def _make_context(files: TlsFiles, stamps: tuple[tuple[int, int, int], ...]) -> SSLContext:  # noqa: ARG001 - the key
    import ssl

    try:
        context = ssl.create_default_context(cafile=files.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if files.cert is not None:
            # Without a password of ours OpenSSL would ask for one on the terminal.
            context.load_cert_chain(files.cert, files.key, password=_refuse_password)
    except OSError as error:  # ssl.SSLError is one
        paths = ", ".join(path for path in (files.ca, files.cert, files.key) if path)
        reason = getattr(error, "reason", None) or error.strerror or "unreadable"
        raise ValueError(f"{reason} ({paths})") from error
    return context


def _refuse_password() -> str:
    raise ValueError("the key is encrypted, and there is nobody to ask for its password")
