"""Calls of a forge's interface: JSON over HTTPS, the token in a header, no redirects, errors in words."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import httpx

from reconciler.errors import ReconcilerError
from reconciler.forge.surroundings import Kind, Surroundings, may_be_asked

_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')
_MOST_PAGES = 50
_PATIENCE = 30.0  # seconds
_TRIES = 3
_LARGEST = 64 * 1024 * 1024  # bytes of a file
_ADVICE: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the token is not valid, or has expired",
    HTTPStatus.FORBIDDEN: "the token may not do this: give the job the permissions that docs/pull-requests.md names",
    HTTPStatus.NOT_FOUND: "there is no such thing, or the token may not see it: look at the job's permissions",
    HTTPStatus.UNPROCESSABLE_ENTITY: "it does not take what was sent",
}


def _named_pause(response: httpx.Response) -> float:
    """Return for how many seconds a forge that was asked too much wants to be left alone, within reason."""
    told = response.headers.get("retry-after", "")
    return min(float(told), _PATIENCE) if re.fullmatch(r"[0-9]{1,6}", told) else 1.0


class ForgeError(ReconcilerError):
    """The forge could not be asked, or did not do what it was asked for."""


class Calls:
    """A connection to a forge's interface, to be used as a context manager."""

    def __init__(self, place: Surroundings) -> None:
        headers = (
            {
                "Authorization": f"Bearer {place.token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            }
            if place.kind is Kind.GITHUB
            else {"PRIVATE-TOKEN": place.token}
        )
        self._place = place
        self._client = httpx.Client(headers={**headers, "User-Agent": "kea-reconciler"}, timeout=_PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def all(self, path: str, within: str | None = None, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the members of a list, page by page; `within` names the key that a page has its list at, where it is
        no list itself. Raises ForgeError.
        """
        url: str | None = f"{self._place.address}{path}"
        found: Mapping[str, str] | None = {**query, "per_page": "100"}
        for _ in range(_MOST_PAGES):
            if url is None:
                return
            response = self._ask("GET", url, params=found)
            for each in self._members(response, within):
                if isinstance(each, dict):
                    yield each
            following = _NEXT.search(response.headers.get("link", ""))
            url, found = (following[1] if following else None), None
            if url is not None and not url.startswith(f"{self._place.address}/"):
                raise ForgeError(
                    f"{self._place.kind} sends us elsewhere for the next page, where its token must not go"
                )

    def get(self, path: str) -> dict[str, Any]:
        """Return one thing. Raises ForgeError."""
        return self._one(self._ask("GET", f"{self._place.address}{path}"))

    def send(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        """Make or change one thing, and return it. Raises ForgeError."""
        return self._one(self._ask(method, f"{self._place.address}{path}", json=content))

    def file(self, path: str) -> bytes:
        """Return a file. What the forge keeps elsewhere is fetched there, without the token. Raises ForgeError."""
        url = f"{self._place.address}{path}"
        response = self._ask("GET", url, is_kept_elsewhere=True)
        if response.is_redirect:
            elsewhere = urljoin(url, response.headers.get("location", ""))
            if not may_be_asked(elsewhere.partition("?")[0]):
                raise ForgeError(f"{self._place.kind} keeps the file at an address that is no https:// one")
            with httpx.Client(timeout=_PATIENCE) as stranger:
                try:
                    response = stranger.get(elsewhere)
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    raise ForgeError(f"what {self._place.kind} keeps can't be had: {type(error).__name__}") from error
            if not response.is_success:
                raise ForgeError(f"what {self._place.kind} keeps can't be had: status {response.status_code}")
        if len(response.content) > _LARGEST:
            raise ForgeError(f"the file that {self._place.kind} keeps is larger than {_LARGEST} bytes")
        return response.content

    def _ask(self, method: str, url: str, *, is_kept_elsewhere: bool = False, **options: Any) -> httpx.Response:
        """Ask; again where the forge has a bad moment, unless that could make the same thing twice, or has been asked
        too much, after the time that it names.
        """
        may_repeat = method != "POST"
        for left in reversed(range(_TRIES)):
            try:
                response = self._client.request(method, url, **options)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                if left and may_repeat:
                    continue
                raise ForgeError(f"{self._place.kind} can't be asked: {type(error).__name__}") from error
            if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and left:
                time.sleep(_named_pause(response))
            elif response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR or not (left and may_repeat):
                break
        if response.is_success or (is_kept_elsewhere and response.is_redirect):
            return response
        status = response.status_code
        advice = _ADVICE.get(status, "try again later")
        path = url.removeprefix(self._place.address)
        raise ForgeError(f"{self._place.kind} refuses {method} {path} with status {status}: {advice}")

    def _members(self, response: httpx.Response, within: str | None) -> list[Any]:
        found = self._json(response)
        if within is not None:
            found = found.get(within) if isinstance(found, dict) else None
        if not isinstance(found, list):
            raise ForgeError(f"{self._place.kind} answers with something else than a list")
        return found

    def _one(self, response: httpx.Response) -> dict[str, Any]:
        found = self._json(response)
        if not isinstance(found, dict):
            raise ForgeError(f"{self._place.kind} answers with something else than was asked for")
        return found

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise ForgeError(f"{self._place.kind} answers with something that is no JSON") from error
