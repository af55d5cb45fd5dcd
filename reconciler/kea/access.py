"""Whom we may talk to, as whom, and within which limits: the door to the files named access_*."""

from __future__ import annotations

from reconciler.kea.access_credentials import Credentials, Login, read_credentials
from reconciler.kea.access_settings import SHORTEST_KEY, Settings, read_settings
from reconciler.kea.access_targets import HttpTarget, UnixTarget, parse_control, parse_origin, refusal
from reconciler.kea.access_tls import TlsFiles, tls_context

__all__ = [
    "SHORTEST_KEY",
    "Credentials",
    "HttpTarget",
    "Login",
    "Settings",
    "TlsFiles",
    "UnixTarget",
    "parse_control",
    "parse_origin",
    "read_credentials",
    "read_settings",
    "refusal",
    "tls_context",
]
