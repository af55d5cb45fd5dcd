"""Asking the application without a socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from reconciler.page.application import Pages, application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model import Board, Entry


def ask(
    board: Board,
    path: str = "/",
    *,
    history: Callable[[], Iterable[Entry]] = tuple,
    scrub: Callable[[str], str] = str,
    hosts: Sequence[str] = (),
    method: str = "GET",
    **headers: str,
) -> httpx.Response:
    """Return what is answered about a board."""
    app = application(Pages(lambda: board, history, scrub), hosts)

    async def work() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9767") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(work())
