"""Whether anything listens at an address, seen from this machine; nothing is sent there."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from reconciler.kea.access_targets import HttpTarget, parse_control, refusal
from reconciler.model import Probe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.kea.access import Credentials, Settings


async def probe(urls: Iterable[str], settings: Settings, credentials: Credentials) -> dict[str, Probe]:
    """Try to connect to the host and port of each URL, all at once, within `settings.connect_seconds` (seconds).

    Only literal addresses that the settings allow are tried, as Kea itself takes no others for its peers. Whether one
    asks for a password is told by the credentials alone, since nothing is sent.
    """
    gate = asyncio.Semaphore(settings.concurrency)
    wanted = sorted(set(urls))

    async def one(url: str) -> Probe:
        async with gate:
            return await _probe(url, settings, credentials)

    return dict(zip(wanted, await asyncio.gather(*map(one, wanted)), strict=True))


async def _probe(url: str, settings: Settings, credentials: Credentials) -> Probe:
    try:
        target = parse_control(url)
    except ValueError:
        return Probe.NOT_TRIED
    address = target.literal if isinstance(target, HttpTarget) else None
    if not isinstance(target, HttpTarget) or address is None or refusal(address, settings.allow):
        return Probe.NOT_TRIED
    try:
        async with asyncio.timeout(settings.connect_seconds):
            _, writer = await asyncio.open_connection(str(address), target.port)
    except ConnectionRefusedError:
        return Probe.REFUSED
    except (OSError, TimeoutError):
        return Probe.NO_ANSWER
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return Probe.OPEN if credentials.login(target.origin).password is None else Probe.GUARDED
