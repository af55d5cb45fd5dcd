"""What stands before every answer: who may be asked by which name, and what a browser may do with what it gets."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
_REFUSED: Final = "kea-reconciler does not answer to this name. `watch --host NAME` allows another one.\n"


def name_of(host: str) -> str:
    """Return the name in a Host header, without port, brackets and case; empty where it is none."""
    name = host.strip().lower()
    if name.startswith("["):
        name, bracket, rest = name[1:].partition("]")
        return name if bracket and (rest == "" or rest.startswith(":")) else ""
    return name.partition(":")[0].removesuffix(".")


def may_be_asked_as(host: str, allowed: Collection[str], own_address: str) -> bool:
    """Whether a Host header is one that we answer to: a loopback name, our own address, or one that is allowed.

    A page of somebody else's, whose name leads to our address (DNS rebinding), is told nothing so.
    """
    name = name_of(host)
    if name == "localhost" or name in allowed:
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or str(address) == own_address


class Safeguards:
    """Wraps the application: refuses other names with 421, and puts `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp, allowed: Collection[str] = ()) -> None:
        self._app, self._allowed = app, frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        own = (scope.get("server") or ("", 0))[0]
        if len(hosts) == 1 and may_be_asked_as(hosts[0], self._allowed, own):
            await self._app(scope, receive, guarded)
        else:
            await PlainTextResponse(_REFUSED, 421)(scope, receive, guarded)
