"""From an HTTP target to the addresses that may be connected to: looked up once, every one of them checked."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from reconciler.errors import AccessRefusedError
from reconciler.kea.access_targets import refusal
from reconciler.kea.channel_faults import unresolved

if TYPE_CHECKING:
    from reconciler.kea.access_settings import Settings
    from reconciler.kea.access_targets import HttpTarget

Resolve = Callable[[str], Awaitable[list[str]]]
"""From a host name to its addresses as text; OSError where there are none."""


async def resolve_name(host: str) -> list[str]:
    """Look a name up as the system does.

    Each lookup has a thread of its own that nothing waits for: with a shared pool a name server that doesn't
    answer would delay every other endpoint, and the end of the program.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def tell(addresses: list[str] | OSError) -> None:
        if found.done():
            return
        if isinstance(addresses, OSError):
            found.set_exception(addresses)
        else:
            found.set_result(addresses)

    def look_up() -> None:
        result: list[str] | OSError
        try:
            entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            result = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except (OSError, UnicodeError) as error:
            result = error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, "not a host name")
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, result)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    return await found


async def allowed_addresses(
    label: str, target: HttpTarget, settings: Settings, *, sends_password: bool, resolve: Resolve = resolve_name
) -> tuple[str, ...]:
    """Return the addresses of `target`, in the resolver's order.

    AccessRefusedError where only one of them is not allowed, or where a password would go over an unencrypted
    connection to another machine; NotReachedError where there are none. Nothing is sent to the target.
    """
    if target.literal is not None:
        addresses = [str(target.literal)]
    else:
        try:
            async with asyncio.timeout(settings.connect_seconds):
                addresses = await resolve(target.host)
        except OSError as error:  # TimeoutError is one
            raise unresolved(label, error) from error
    for text in addresses:
        why = refusal(ip_address(text), settings.allow)
        if why is not None:
            named = "" if target.literal else f" (the name stands for {text})"
            raise AccessRefusedError(f"{label}: {why}{named}; nothing was sent")
    if sends_password and not (target.is_encrypted or settings.allow_basic_auth_over_plain_http):
        _require_loopback(label, addresses)
    return tuple(addresses)


def _require_loopback(label: str, addresses: list[str]) -> None:
    if not all(ip_address(text).is_loopback for text in addresses):
        raise AccessRefusedError(
            f"{label}: the password would travel unencrypted; nothing was sent. Use https, or set "
            "allow-basic-auth-over-plain-http = true under [network] in the settings"
        )
