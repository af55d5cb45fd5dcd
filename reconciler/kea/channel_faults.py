"""The one seam where exceptions of sockets, TLS, asyncio and httpx become ours; the cause is kept.

What decides is *when* it happened: before the request was sent, nothing can have been executed; after, anything can.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl

from reconciler.errors import (
    AccessRefusedError,
    EndpointError,
    NotReachedError,
    OutcomeUnknownError,
    WrongAnswererError,
)
from reconciler.redaction import visible

# The TLS alerts by which a server says that it does not accept our certificate, or misses one (RFC 8446, 6.2).
_CERTIFICATE_ALERTS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")


class NotHttpError(ValueError):
    """What came back breaks the rules of HTTP; the text has no secrets in it."""


class ClosedEarlierError(ConnectionError):
    """The server had closed the connection before anything was sent on it."""


class TooLargeError(ValueError):
    """The answer is larger than the settings allow."""


def unresolved(label: str, error: OSError) -> EndpointError:
    """Say that a host name could not be looked up."""
    reason = "looking up its name took too long" if isinstance(error, TimeoutError) else _reason(error)
    return NotReachedError(f"{label}: the host name could not be resolved ({reason}); nothing was sent")


def unconnected(label: str, error: Exception) -> EndpointError:
    """Say why there is no connection. Nothing was sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate can't be trusted ({visible(error.verify_message)})"
        return WrongAnswererError(f"{label}: {why}; nothing was sent. Check ca-file and the host name")
    if isinstance(error, ssl.SSLError):
        return _no_handshake(label, error)
    if isinstance(error, PermissionError) and error.errno == errno.EACCES:
        return AccessRefusedError(f"{label}: no permission to connect; nothing was sent")
    if isinstance(error, TimeoutError):
        return NotReachedError(f"{label}: no connection in time; nothing was sent")
    return NotReachedError(f"{label}: no connection ({_reason(error)}); nothing was sent")


def broken_off(label: str, error: Exception) -> EndpointError:
    """Say what went wrong once the request was on its way."""
    if isinstance(error, ClosedEarlierError):
        return NotReachedError(f"{label}: the server closes every connection at once; nothing was sent")
    if isinstance(error, NotHttpError):
        return WrongAnswererError(f"{label}: what answers there does not speak HTTP as Kea does ({error})")
    if isinstance(error, TooLargeError):
        return WrongAnswererError(f"{label}: {error}")
    if isinstance(error, ssl.SSLError) and _is_certificate_alert(error):
        return _no_handshake(label, error)
    if isinstance(error, TimeoutError):
        return OutcomeUnknownError(f"{label}: {error or 'no answer in time'}; the command may have been executed")
    if isinstance(error, EOFError):
        return OutcomeUnknownError(f"{label}: {error}; the command may have been executed")
    return OutcomeUnknownError(f"{label}: connection lost ({_reason(error)}); the command may have been executed")


def _no_handshake(label: str, error: ssl.SSLError) -> EndpointError:
    reason = error.reason or "unknown"
    if _is_certificate_alert(error):
        return AccessRefusedError(f"{label}: the server does not accept our TLS certificate ({reason})")
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return WrongAnswererError(f"{label}: what answers there does not speak TLS ({reason}); nothing was sent")
    return NotReachedError(f"{label}: no TLS connection ({reason}); nothing was sent")


def _is_certificate_alert(error: ssl.SSLError) -> bool:
    """Say whether the server refused us. With TLS 1.3 that is told only after our own handshake was done."""
    reason = error.reason or ""
    return "ALERT" in reason and any(part in reason for part in _CERTIFICATE_ALERTS)


def _reason(error: Exception) -> str:
    """Return a short reason in the system's own words, without addresses and what else exceptions carry."""
    if isinstance(error, socket.gaierror):
        return visible(error.strerror or "unknown name")
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, str(error.errno)) + ": " + os.strerror(error.errno)
    return type(error).__name__
