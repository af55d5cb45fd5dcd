"""One connection: sends a request, feeds what comes back to whoever can tell when it is whole, and keeps the time.

A protocol class and not a stream: large answers cost one copy, and a single timer watches for silence, where a
stream would wake a task and arm a time-out for each of the 1,300 pieces of a 42 MB configuration.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from reconciler.kea.channel_faults import ClosedEarlierError

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOWEST = 16_384
"""Bytes a second: an exchange that trickles slower than this, past its grace of two silences, is given up."""


class Assembly(Protocol):
    """Puts one answer together from pieces."""

    def feed(self, data: bytes) -> bool:
        """Take a piece; True when the answer is whole. ValueError where it can't become one."""

    def end(self) -> bool:
        """The stream has ended: True when the answer is whole."""

    @property
    def received(self) -> int:
        """How many bytes of the answer came so far."""


class Wire(asyncio.Protocol):
    """One open connection. It is either idle or in one exchange."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._assembly: Assembly | None = None
        self._done: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._silence = self._began_at = self._alive_at = 0.0
        self._to_send = self._unsent = 0
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether another request may be tried: open at both ends as far as we know, and nothing stray came in."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: Sequence[bytes], assembly: Assembly, silence: float) -> None:
        """Send `request` and return once `assembly` says that the answer is whole.

        ClosedEarlierError before anything was sent. TimeoutError after `silence` seconds without progress in either
        direction, or where it all but stands still; EOFError where the stream ended too early; OSError and the
        assembly's ValueError as they come. The wire is of no use after any exception, cancellation included.
        """
        if self._transport is None or not self.is_open:
            raise ClosedEarlierError
        self._assembly, self._silence = assembly, silence
        self._done = self._loop.create_future()
        self._began_at = self._alive_at = self._loop.time()
        for piece in request:
            self._transport.write(piece)
        self._to_send = self._unsent = self._transport.get_write_buffer_size()
        self._timer = self._loop.call_later(silence, self._look)
        try:
            await self._done
            if self._transport is not None and self._transport.get_write_buffer_size():
                self.abort()  # answered before the request had arrived: the rest of it must not precede another one
        except BaseException:
            self.abort()
            raise
        finally:
            self._timer.cancel()
            self._assembly = self._done = None
            self.idle_since = self._loop.time()

    def abort(self) -> None:
        """Close at once, whatever is still under way."""
        if self._transport is not None:
            self._transport.abort()

    # ----------------------------------------------------------------------- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, which for streams, plain and encrypted, is always a Transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Pass a piece of the answer on."""
        if self._assembly is None:
            self.abort()  # nobody asked: what comes next would be taken for the answer to the next request
            return
        self._alive_at = self._loop.time()
        try:
            is_whole = self._assembly.feed(data)
        except ValueError as error:
            self._finish(error)
        else:
            if is_whole:
                self._finish(None)

    def eof_received(self) -> None:
        """Take note that the server sends no more; returning nothing lets the transport close itself."""
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the connection is gone, and why."""
        self._ended(exc)
        self._transport = None  # it holds us

    # ---------------------------------------------------------------------------------------- inside

    def _ended(self, error: Exception | None) -> None:
        if self._assembly is None or self._done is None or self._done.done():
            return
        if error is None and self._assembly.end():
            self._finish(None)
        else:
            came = f"after {self._assembly.received} bytes of its answer" if self._assembly.received else "unanswered"
            self._finish(error or EOFError(f"the server ended the connection {came}"))

    def _finish(self, error: Exception | None) -> None:
        if self._done is None or self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)

    def _look(self) -> None:
        """See whether anything moved since the last look, and when to look again."""
        if self._transport is None or self._assembly is None:
            return
        now = self._loop.time()
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent, self._alive_at = unsent, now
        if now - self._alive_at >= self._silence:
            self._finish(TimeoutError(f"silent for {self._silence:g} s"))
        elif now - self._began_at > 2 * self._silence + (self._to_send - unsent + self._assembly.received) / SLOWEST:
            self._finish(TimeoutError(f"slower than {SLOWEST} bytes a second"))
        else:
            self._timer = self._loop.call_at(self._alive_at + self._silence, self._look)
