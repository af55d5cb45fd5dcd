"""The client for one endpoint: a command in, Kea's reply out, and everything else an error that says what to do."""

from __future__ import annotations

import functools
import logging
import time
from typing import TYPE_CHECKING, Protocol, Self

import orjson

from reconciler.errors import (
    AccessRefusedError,
    EndpointError,
    NotReachedError,
    OutcomeUnknownError,
    WrongAnswererError,
)
from reconciler.kea.access_targets import HttpTarget, UnixTarget, parse_control
from reconciler.kea.access_tls import tls_context
from reconciler.kea.channel import Patience
from reconciler.kea.channel_text import to_kea
from reconciler.kea.replies import Reply, excerpt, read_reply
from reconciler.redaction import Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.kea.access_credentials import Credentials
    from reconciler.kea.access_resolve import Resolve
    from reconciler.kea.access_settings import Settings
    from reconciler.kea.channel import Channel
    from reconciler.model import Endpoint, Json

_log = logging.getLogger(__name__)

_CONFIGURATION = frozenset({"config-get", "config-set", "config-test", "config-write", "config-reload"})
# Commands that change nothing: these alone may use a connection again, and be repeated. Everything that is not in
# here, known or not, is taken for one that must be executed at most once. (config-test is not harmless: see
# versions 2.7.3 to 3.1.2.)
_READ_ONLY = frozenset(
    {
        "build-report",
        "config-get",
        "config-hash-get",
        "ha-heartbeat",
        "lease4-get",
        "lease4-get-page",
        "lease6-get",
        "lease6-get-page",
        "list-commands",
        "server-tag-get",
        "statistic-get",
        "statistic-get-all",
        "status-get",
        "version-get",
    }
)


class Witness(Protocol):
    """Is told of every command that is not known to change nothing, before it goes out and when it has ended."""

    def sends(self, endpoint: Endpoint, command: str, arguments: Json) -> int | None:
        """Take note that a command goes out, and return by which number; an EndpointError keeps it from going out."""

    def hears(self, number: int | None, result: int | None) -> None:
        """Take note how it ended: Kea's result, None where nobody knows."""

    def misses(self, number: int | None) -> None:
        """Take note that it certainly was not executed."""


class Gauge(Protocol):
    """Is told of a request when it has ended."""

    def __call__(self, endpoint: Endpoint, seconds: float, *, is_answered: bool) -> None:
        """Take note of it."""


class Client:
    """Talks to one endpoint through a channel. Close it, or use it as an async context manager.

    `clock` is monotonic, in seconds. `scrubber` knows what must not be quoted in errors. `gauge` is told of every
    request how long it took, and whether it was answered. Several calls may be under way at once; Kea answers them one
    after the other.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        channel: Channel,
        settings: Settings,
        *,
        scrubber: Scrubber | None = None,
        clock: Callable[[], float] = time.monotonic,
        witness: Witness | None = None,
        gauge: Gauge | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._channel = channel
        self._settings = settings
        self._scrubber = scrubber or Scrubber()
        self._clock = clock
        self._witness = witness
        self._gauge = gauge

    def __repr__(self) -> str:
        return f"Client({self._channel.label})"

    async def call(self, command: str, arguments: Json = None, *, answer_within: float | None = None) -> Reply:
        """Send one command and return Kea's reply, whatever its result code is.

        `arguments` may be, or hold, an `orjson.Fragment` of JSON that is ready. `answer_within` is the longest
        silence in seconds, else that of the settings for this command. Raises the errors under EndpointError.
        """
        if self._witness is None or command in _READ_ONLY:
            return await self._called(command, arguments, answer_within)
        number = self._witness.sends(self.endpoint, command, arguments)
        try:
            reply = await self._called(command, arguments, answer_within)
        except NotReachedError:
            self._witness.misses(number)
            raise
        except EndpointError:
            self._witness.hears(number, None)
            raise
        self._witness.hears(number, reply.result)
        return reply

    async def _called(self, command: str, arguments: Json, answer_within: float | None) -> Reply:
        patience = Patience(self._settings.connect_seconds, answer_within or self._silence(command))
        request = self._request(command, arguments)
        asked_at = self._clock()
        try:
            answer = await self._channel.exchange(request, patience, is_repeatable=command in _READ_ONLY)
            answered_at = self._clock()
            reply = read_reply(answer, self._channel.label, self._scrubber, asked_at=asked_at, answered_at=answered_at)
            if command == "config-get":
                self._check_identity(reply)
        except EndpointError as failure:
            error = _of_reading(failure) if command in _READ_ONLY else failure
            _log.debug("%s: %s failed: %s", self.endpoint, command, error)
            if self._gauge is not None:
                self._gauge(self.endpoint, self._clock() - asked_at, is_answered=False)
            raise error from None
        if self._gauge is not None:
            self._gauge(self.endpoint, answered_at - asked_at, is_answered=True)
        told = (len(request), reply.result, reply.size, answered_at - asked_at)
        _log.debug("%s: %s (%d bytes) answered result %d (%d bytes) in %.3f s", self.endpoint, command, *told)
        return reply

    def quote(self, text: str) -> str:
        """Return at most 200 characters of a reply's text as it may be shown: nothing secret, nothing that moves."""
        return excerpt(text, self._scrubber)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # ---------------------------------------------------------------------------------------- inside

    def _silence(self, command: str) -> float:
        is_long = command in _CONFIGURATION
        return self._settings.configuration_seconds if is_long else self._settings.answer_seconds

    def _request(self, command: str, arguments: Json) -> bytes:
        request: dict[str, Json] = {"command": command}
        if self._channel.names_service:
            request["service"] = [self.endpoint.service.value]
        if arguments is not None:
            request["arguments"] = arguments
        return to_kea(orjson.dumps(request))

    def _check_identity(self, reply: Reply) -> None:
        """Raise where another service, or the agent itself, has answered.

        Direct HTTP sockets ignore `service` before Kea 3.1.9, and execute the command.
        """
        root = self.endpoint.service.root
        if reply.result == 0 and not (isinstance(reply.arguments, dict) and root in reply.arguments):
            raise WrongAnswererError(f"{self._channel.label}: another service answers there: no {root} in config-get")


def _of_reading(error: EndpointError) -> EndpointError:
    """Return an error as it is for a command that changes nothing: whether it was executed is all the same then."""
    if not isinstance(error, OutcomeUnknownError):
        return error
    return OutcomeUnknownError(str(error).removesuffix("; the command may have been executed"))


def open_client(
    endpoint: Endpoint,
    settings: Settings,
    credentials: Credentials,
    *,
    scrubber: Scrubber | None = None,
    resolve: Resolve | None = None,
    clock: Callable[[], float] = time.monotonic,
    witness: Witness | None = None,
    gauge: Gauge | None = None,
) -> Client:
    """Return a client for `endpoint`. It costs little, and connects to nothing before the first call.

    `resolve` looks host names up, by default as the system does. AccessRefusedError where the control address or
    the TLS files kept for it can't be used. The caller has told `scrubber` the credentials (`Credentials.teach`);
    without one, the login of this endpoint is hidden.
    """
    label = f"{endpoint} at {endpoint.control}"
    try:
        target = parse_control(endpoint.control)
    except ValueError as error:
        raise AccessRefusedError(f"{endpoint}: its control address can't be used: {error}") from error
    if isinstance(target, UnixTarget):
        if settings.allow is not None and not settings.allow_unix_sockets:
            raise AccessRefusedError(f"{label}: the settings limit the networks; allow-unix-sockets is not among them")
        from reconciler.kea.unix_channel import UnixChannel

        channel: Channel = UnixChannel(label, target, settings.reply_bytes)
    else:
        channel = _http_channel(label, target, settings, credentials, resolve)
        scrubber = scrubber or _scrubber_for(target, credentials)
    return Client(endpoint, channel, settings, scrubber=scrubber, clock=clock, witness=witness, gauge=gauge)


def _http_channel(
    label: str, target: HttpTarget, settings: Settings, credentials: Credentials, resolve: Resolve | None
) -> Channel:
    # Imported here: httpx takes 80 ms, which --help and validate needn't pay.
    from reconciler.kea.access_resolve import allowed_addresses, resolve_name
    from reconciler.kea.http_channel import HttpChannel
    from reconciler.kea.http_transport import PinnedTransport

    login = credentials.login(target.origin)
    try:
        tls = tls_context(login.tls) if target.is_encrypted else None
    except ValueError as error:
        raise AccessRefusedError(f"{label}: its TLS files can't be used: {error}") from error
    addresses = functools.partial(
        allowed_addresses,
        label,
        target,
        settings,
        sends_password=login.password is not None,
        resolve=resolve or resolve_name,
    )
    return HttpChannel(label, target, login, PinnedTransport(label, target, addresses, tls, settings.reply_bytes))


def _scrubber_for(target: HttpTarget, credentials: Credentials) -> Scrubber:
    scrubber = Scrubber()
    login = credentials.login(target.origin)
    if login.password is not None:
        scrubber.learn_login(login.user or "", login.password)
    return scrubber
