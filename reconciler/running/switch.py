"""The DHCP service of one server, switched off by us for a while."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from reconciler.errors import AccessRefusedError, EndpointError, NotReachedError
from reconciler.kea import views
from reconciler.kea.replies import Reply
from reconciler.planning.service import is_off
from reconciler.planning.silence import UNTIL_SET
from reconciler.running.hands import Hands
from reconciler.running.setting import Server, excerpt

if TYPE_CHECKING:
    from reconciler.kea.client import Client

T = TypeVar("T")
_TRIES = 5
_RENEWED = 3  # after this part of the time that Kea was told the next is asked for
_RETRIED = 1.0  # seconds after which that is tried again
_OFTEN = 1.0  # seconds at most between two commands behind a set that has not ended


async def end_hold(client: Client) -> str | None:
    """Let a server serve again that its partner held off while it fetched leases, and forgot.

    Kea 2.2 says at the end of a sync that it is done in words that 2.6 and 3.0 don't understand: they answer nobody
    until the hold runs out after sync-timeout, though both are in their normal state (measured). To be called when no
    sync is going on. Returns why that failed, None when nothing is held, or can be told.
    """
    try:
        reply = await client.call("status-get")
        for origin in views.held_by_partners(reply.arguments if isinstance(reply.arguments, dict) else {}):
            reply = await client.call("dhcp-enable", {"origin-id": origin})
            if reply.result != 0:
                return f"dhcp-enable: {excerpt(reply.text)}"
    except EndpointError as error:
        return f"its DHCP service may be held off by its partner until sync-timeout: {error}"
    return None


class ServiceSwitch:
    """Switches a server's DHCP service off and on again; one that a person had switched off stays off, not one that an
    earlier run of ours left off.

    Only Kea 2.6.2 and later tell whether it was off before. It survives a config-set, but the time after which Kea
    would have switched it on by itself does not: from then on it is off for good (seen on 2.2.0, 2.6.3 and 3.0.3). So
    whoever waits calls `keep`, and whoever sets the server does that in `keep_through`.

    But for a set nothing takes a time back while the service is off: one that is switched off once more without a time
    comes on when the first ends. Another time takes its place, a longer one too (seen on 2.2.0, 2.6.3 and 3.0.3).
    """

    def __init__(self, server: Server, hands: Hands, *, is_off_already: bool = False) -> None:
        """`is_off_already` says that it is off, or may be, by an earlier run of ours."""
        self.server = server
        self._hands = hands
        self._is_off_by_us = is_off_already
        self._seconds: int | None = None  # after which Kea switches it on by itself
        self._begun_at: float | None = None  # when that time began, None where it doesn't run
        self._tried_at = float("-inf")  # when it was to begin anew

    @property
    def is_holding(self) -> bool:
        """Whether the service is off by us."""
        return self._is_off_by_us

    @property
    def is_timed(self) -> bool:
        """Whether the service is off by us for a time, which has to be renewed."""
        return self._is_off_by_us and self._seconds is not None

    async def off(self, *, seconds: int | None = None) -> str | None:
        """Switch it off. Returns why that failed, None when it is off; after a failure it is on as it was.

        After so many `seconds` Kea switches it on by itself, should nobody be left who does; not what a person
        switched off.
        """
        self._seconds = None if self._is_off_by_person else seconds
        try:
            reply = await self._disable()
        except NotReachedError as error:
            return f"dhcp-disable: {error}"
        except EndpointError as error:  # it may be off
            self._is_off_by_us = not self._is_off_by_person
            still_off = await self.on()
            return f"dhcp-disable: {error}" + (f"; {still_off}" if still_off else "")
        if reply.result != 0:
            return f"dhcp-disable: {excerpt(reply.text)}"
        self._is_off_by_us = not self._is_off_by_person
        return None

    @property
    def _is_off_by_person(self) -> bool:
        return is_off(self.server.plan.snapshot)

    async def _disable(self) -> Reply:
        self._tried_at = self._hands.clock()
        arguments = None if self._seconds is None else {"max-period": self._seconds}
        reply = await self.server.client.call("dhcp-disable", arguments)
        if reply.result == 0:
            self._begun_at = self._tried_at
        return reply

    async def leave_off(self) -> str | None:
        """Have it off until the server is set, and then for good, where it is off for a time. Returns why that is not
        certain, None when it is.
        """
        if not self.is_timed:
            return None
        self._seconds = UNTIL_SET
        try:
            reply = await self._disable()
        except EndpointError as error:
            return f"dhcp-disable: {error}"
        if reply.result != 0:
            return f"dhcp-disable: {excerpt(reply.text)}"
        self._seconds = self._begun_at = None
        return None

    async def limit(self, seconds: int) -> None:
        """Have Kea switch it on by itself after so many seconds from now on, if it is off by us for good until now.

        Not called before nothing but good can come of that. Where it fails, it is off for good as before.
        """
        if self._is_off_by_us and self._seconds is None:
            self._seconds = seconds
            self._forget_time()
            await self.keep()

    async def keep_through(self, work: Awaitable[T]) -> T:
        """Do what sets the server, and ask for the time once more while Kea is at it.

        Kea takes up behind the set what it is sent meanwhile, though who sent it be gone by then (seen on 2.2.0, 2.6.3
        and 3.0.3, through agents, HTTP and unix sockets, with a killed process). So of an apply that is killed only the
        moments count until that is on its way. What overtakes the set is in vain: so it is sent again, and once more
        when the set is known to be done.
        """
        self._forget_time()
        task = asyncio.ensure_future(work)
        pause = self._hands.behind
        try:
            while self.is_timed and not (await asyncio.wait({task}, timeout=pause))[0]:
                with contextlib.suppress(EndpointError):
                    await self.server.client.call("dhcp-disable", {"max-period": self._seconds})
                pause = min(2 * pause, _OFTEN)
            return await task
        finally:
            task.cancel()

    async def keep(self) -> None:
        """Have the time begin anew where that is due; what fails is tried again with a later call."""
        now = self._hands.clock()
        if self.is_timed and self._is_due(now) and now - self._tried_at >= _RETRIED:
            with contextlib.suppress(EndpointError):
                await self._disable()

    def _is_due(self, now: float) -> bool:
        return self._begun_at is None or now - self._begun_at >= (self._seconds or 0) / _RENEWED

    def _forget_time(self) -> None:
        """No time runs, and one is to begin as soon as anybody calls `keep`."""
        self._begun_at, self._tried_at = None, float("-inf")

    async def on(self, *, tries: int = _TRIES) -> str | None:
        """Undo `off`, trying more than once. Returns what a person has to do where that failed, else None."""
        failure = ""
        for attempt in range(tries if self._is_off_by_us else 0):
            if attempt:
                await self._hands.sleep(1.0)
            try:
                reply = await self.server.client.call("dhcp-enable")
            except AccessRefusedError as error:
                failure = str(error)
                break
            except EndpointError as error:
                failure = str(error)
                continue
            if reply.result == 0:
                self._is_off_by_us = False
                return None
            failure = excerpt(reply.text)
        if not failure:
            return None
        if self.is_timed and self._begun_at is not None:
            by_itself = f"unless Kea switches it on by itself within {self._seconds} s"
            return f"its DHCP service may still be off, {by_itself}, run dhcp-enable on it: {failure}"
        return f"its DHCP service may still be off, run dhcp-enable on it: {failure}"
