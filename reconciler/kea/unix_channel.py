"""The channel over a daemon's unix socket: a connection for each command, and Kea closes it after its answer."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import NotReachedError, WrongAnswererError
from reconciler.kea.channel import Answer
from reconciler.kea.channel_faults import TooLargeError, broken_off, unconnected
from reconciler.kea.channel_wire import Wire

if TYPE_CHECKING:
    from reconciler.kea.access_targets import UnixTarget
    from reconciler.kea.channel import Patience


class UntilEnd:
    """Everything up to the end of the stream, at most `limit` bytes.

    A reader that Kea finds too slow gets less, and no sign of it (measured on 2.2: 229,376 of 311,287 bytes);
    only the JSON tells that, so it is left to who reads it.
    """

    def __init__(self, limit: int) -> None:
        self.body = bytearray()
        self._limit = limit

    @property
    def received(self) -> int:
        """How many bytes came so far."""
        return len(self.body)

    def feed(self, data: bytes) -> bool:
        """Take the next piece; it never is known to be the last. TooLargeError."""
        if len(self.body) + len(data) > self._limit:
            raise TooLargeError(f"the answer is larger than {self._limit} bytes ([limits] reply-bytes)")
        self.body += data
        return False

    def end(self) -> bool:
        """The stream has ended; True where anything came at all."""
        return bool(self.body)


class UnixChannel:
    """One unix socket. `limit` caps an answer, in bytes."""

    names_service = False

    def __init__(self, label: str, target: UnixTarget, limit: int) -> None:
        self.label = label
        self._path = target.path
        self._limit = limit

    async def exchange(self, request: bytes, patience: Patience, *, is_repeatable: bool) -> Answer:  # noqa: ARG002
        """See Channel; every connection is a new one here."""
        wire = await self._connect(patience)
        answer = UntilEnd(self._limit)
        try:
            await wire.exchange([request], answer, patience.silence)
        except (OSError, EOFError, ValueError) as error:
            raise broken_off(self.label, error) from error
        finally:
            wire.abort()
        return Answer(body=answer.body)

    async def close(self) -> None:
        """Do nothing: no connection outlives its command."""

    async def _connect(self, patience: Patience) -> Wire:
        loop = asyncio.get_running_loop()
        try:
            if not _is_socket(self._path):
                raise WrongAnswererError(f"{self.label}: the path is not a socket; nothing was sent")
            async with asyncio.timeout(patience.connect):
                _, wire = await loop.create_unix_connection(Wire, self._path)
        except FileNotFoundError as error:
            raise NotReachedError(f"{self.label}: there is no such socket; nothing was sent") from error
        except OSError as error:  # TimeoutError is one
            raise unconnected(self.label, error) from error
        return wire


def _is_socket(path: str) -> bool:
    return stat.S_ISSOCK(Path(path).stat().st_mode)
