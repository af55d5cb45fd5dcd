"""Connections to the pages: none is kept that says nothing, so that nobody keeps the others out."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Connections: beyond that those that wait are closed, and where all are busy, more are told to come again.
MOST_AT_ONCE = 64
_TO_ASK, _TO_TAKE = 10.0, 60.0  # seconds in which a request has to be whole, and the answer to be taken


class Connection(H11Protocol):
    """One connection. It is closed when it does not bring a whole request, or take the answer, in time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limit: asyncio.TimerHandle | None = None
        self.waits_since = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether an answer is being made, or sent."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if need be in place of the one that has waited longest without a request."""
        super().connection_made(transport)
        self.waits_since = self.loop.time()
        self._allow(_TO_ASK)
        if len(self.connections) >= MOST_AT_ONCE:
            waiting = [each for each in self.connections if isinstance(each, Connection) and not each.is_busy]
            oldest = min(waiting, key=lambda each: each.waits_since)
            if oldest is not self:
                self.connections.discard(oldest)
                oldest.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take what comes; from its first byte on, a request has to be whole in time."""
        super().data_received(data)
        if self.is_busy and self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._allow(_TO_TAKE)
        elif self._limit is None:
            self._allow(_TO_ASK)

    def on_response_complete(self) -> None:
        """Wait for the next request, and until this answer is taken."""
        self.waits_since = self.loop.time()
        self._allow(_TO_TAKE if self.transport.get_write_buffer_size() else _TO_ASK)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let it go."""
        self._forget_limit()
        super().connection_lost(exc)

    def _allow(self, seconds: float) -> None:
        self._forget_limit()
        self._limit = self.loop.call_later(seconds, self.transport.abort)

    def _forget_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
