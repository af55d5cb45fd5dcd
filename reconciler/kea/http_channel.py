"""The channel over HTTP: to a control agent, or to a daemon's own HTTP socket (Kea 2.7.2 and later)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx

from reconciler import __version__
from reconciler.errors import EndpointError
from reconciler.kea.channel import Answer
from reconciler.kea.channel_faults import broken_off

if TYPE_CHECKING:
    from reconciler.kea.access_credentials import Login
    from reconciler.kea.access_targets import HttpTarget
    from reconciler.kea.channel import Patience


class HttpChannel:
    """One HTTP server, with a small transport of its own, which is asked without httpx's client: that one would follow
    redirects, ask a proxy, keep cookies and read the environment, none of which is wanted here, and takes half as long
    again (measured: 0.67 against 0.45 ms of processor time for a short command). The daemon asks thousands all day.
    """

    names_service = True

    def __init__(self, label: str, target: HttpTarget, login: Login, transport: httpx.AsyncBaseTransport) -> None:
        self.label = label
        self._url = httpx.URL(target.url)
        self._headers = httpx.Headers(_headers(self._url, login))
        self._transport = transport

    async def exchange(self, request: bytes, patience: Patience, *, is_repeatable: bool) -> Answer:
        """See Channel."""
        extensions = {"patience": patience, "is_repeatable": is_repeatable}
        try:
            response = await self._transport.handle_async_request(
                httpx.Request("POST", self._url, headers=self._headers, content=request, extensions=extensions)
            )
            pieces = [piece async for piece in response.aiter_raw()]
            # The two hold each other, and would stay for good where a large reply is kept from the garbage collector.
            response.stream = httpx.ByteStream(b"")
        except EndpointError:
            raise
        except (httpx.HTTPError, OSError) as error:  # from another transport than our own
            raise broken_off(self.label, error) from error
        headers = response.headers
        return Answer(
            body=pieces[0] if len(pieces) == 1 else b"".join(pieces),
            status=response.status_code,
            content_type=headers.get("content-type", ""),
            date=read_date(headers.get("date")),
            is_logged_in="Authorization" in self._headers,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def _headers(url: httpx.URL, login: Login) -> dict[str, str]:
    """Return what every request carries. Kea takes the content type without a charset only (Kea 2.2 and later)."""
    headers = {
        "Host": url.netloc.decode("ascii"),
        "User-Agent": f"kea-reconciler/{__version__}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if login.password is not None:
        token = base64.b64encode(f"{login.user or ''}:{login.password}".encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    return headers


def read_date(value: str | None) -> datetime | None:
    """Return the server's clock from its Date header (RFC 9110, 6.6.1); None where there is none to be read."""
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):  # the parser was not made for malice
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
