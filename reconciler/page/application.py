"""The pages: health, metrics, status as JSON, and the status page for people."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from reconciler.errors import StateError
from reconciler.model import Board, Entry
from reconciler.page.metrics import exposition
from reconciler.page.safeguards import Safeguards
from reconciler.page.view import is_ticking, view
from reconciler.redaction import visible
from reconciler.reports.json_status import json_status

_log = logging.getLogger("reconciler")
_SVG: Final = "image/svg+xml"
_COLOURS: Final = {"good": "#1f9d63", "warning": "#d98a00", "bad": "#d3382c", "unknown": "#75859b"}


class Pages:
    """What is answered. All of it is made from the `board` as it is when it is asked for, in a thread beside the
    daemon's loop: for a thousand relationships it takes so long that servers would seem not to answer meanwhile.

    `history` returns what happened on the last day, and may raise StateError. `scrub` takes secrets out of a text.
    """

    def __init__(
        self,
        board: Callable[[], Board],
        history: Callable[[], Iterable[Entry]],
        scrub: Callable[[str], str] = str,
    ) -> None:
        self._board, self._history, self._scrub = board, history, scrub
        environment = Environment(
            loader=PackageLoader("reconciler.page"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=self._shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._page = environment.get_template("page.html")

    def _shown(self, value: Any) -> Any:
        """Return what may be seen of a value that goes into the page; it is escaped after this."""
        return visible(self._scrub(value)) if isinstance(value, str) and not isinstance(value, Markup) else value

    async def page(self, _: Request) -> Response:
        """Answer with the status page."""
        board, entries = self._board(), self._entries()
        return HTMLResponse(await run_in_threadpool(lambda: self._page.render(view=view(board, entries))))

    def _entries(self) -> Iterable[Entry] | None:
        try:
            return self._history()
        except StateError as error:
            _log.error("the status page can't show what happened: %s", error)
            return None

    async def status(self, _: Request) -> Response:
        """Answer with what `status --format json` prints, as of the last look."""
        board = self._board()
        known = [each.status for each in board.relationships if each.status is not None]
        text = await run_in_threadpool(lambda: self._scrub(json_status(known, board.unmanaged)))
        return Response(text, media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """Answer with the metrics, in the form that is asked for."""
        accept = request.headers.get("accept", "")
        content, content_type = await run_in_threadpool(exposition, self._board(), accept)
        return Response(content, headers={"content-type": content_type})

    async def health(self, _: Request) -> Response:
        """Answer whether the loop runs."""
        if is_ticking(self._board()):
            return PlainTextResponse("ok\n")
        return PlainTextResponse("the loop does not run\n", 503)

    async def readiness(self, _: Request) -> Response:
        """Answer whether every relationship was looked at once."""
        if self._board().is_ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not every relationship was looked at yet\n", 503)

    async def icon(self, request: Request) -> Response:
        """Answer with the page's icon, in the colour of how everything is."""
        colour = _COLOURS.get(request.path_params["tone"])
        if colour is None:
            return PlainTextResponse("there is no such icon\n", 404)
        pair = '<circle cx="4.6" cy="8" r="4.6"/><circle cx="11.4" cy="8" r="4.6" fill-opacity=".65"/>'
        text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="{colour}">{pair}</svg>'
        return Response(text, media_type=_SVG)


def application(pages: Pages, hosts: Collection[str] = ()) -> Starlette:
    """Return the application; `hosts` are names beside the loopback ones that it answers to."""
    return Starlette(
        routes=[
            Route("/", pages.page),
            Route("/status.json", pages.status),
            Route("/metrics", pages.metrics),
            Route("/healthz", pages.health),
            Route("/readyz", pages.readiness),
            Route("/icon-{tone}.svg", pages.icon),
            Mount("/static", StaticFiles(packages=[("reconciler.page", "static")])),
        ],
        middleware=[Middleware(Safeguards, allowed=hosts)],
    )
