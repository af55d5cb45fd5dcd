"""The DHCP service of one server, switched off by us for a while."""

from __future__ import annotations

from reconciler.errors import AccessRefusedError, EndpointError, NotReachedError
from reconciler.kea import views
from reconciler.running.hands import Hands
from reconciler.running.setting import Server, excerpt

_TRIES = 5


async def end_hold(server: Server) -> str | None:
    """Let a server serve again that its partner held off while it fetched leases, and forgot.

    Kea 2.2 says at the end of a sync that it is done in words that 2.6 and 3.0 don't understand: they answer nobody
    until the hold runs out after sync-timeout, though both are in their normal state (measured). To be called when no
    sync is going on. Returns why that failed, None when nothing is held, or can be told.
    """
    try:
        reply = await server.client.call("status-get")
        for origin in views.held_by_partners(reply.arguments if isinstance(reply.arguments, dict) else {}):
            reply = await server.client.call("dhcp-enable", {"origin-id": origin})
            if reply.result != 0:
                return f"dhcp-enable: {excerpt(reply.text)}"
    except EndpointError as error:
        return f"its DHCP service may be held off by its partner until sync-timeout: {error}"
    return None


class ServiceSwitch:
    """Switches a server's DHCP service off and on again; one that a person had switched off stays off.

    Only Kea 2.6.2 and later tell whether it was off before. It survives a config-set (seen on 2.6.3 and 3.0.3).
    """

    def __init__(self, server: Server, hands: Hands, *, is_off: bool = False) -> None:
        """`is_off` says that it is off, or may be, by an earlier run of ours."""
        self.server = server
        self._hands = hands
        self._is_off_by_us = is_off

    @property
    def is_holding(self) -> bool:
        """Whether the service is off by us."""
        return self._is_off_by_us

    async def off(self, *, seconds: int | None = None) -> str | None:
        """Switch it off. Returns why that failed, None when it is off; after a failure it is on as it was.

        After so many `seconds` Kea switches it on by itself, should nobody be left who does.
        """
        try:
            reply = await self.server.client.call("dhcp-disable", {"max-period": seconds} if seconds else None)
        except NotReachedError as error:
            return f"dhcp-disable: {error}"
        except EndpointError as error:  # it may be off
            self._is_off_by_us = not self.server.plan.snapshot.disabled_by_user
            still_off = await self.on()
            return f"dhcp-disable: {error}" + (f"; {still_off}" if still_off else "")
        if reply.result != 0:
            return f"dhcp-disable: {excerpt(reply.text)}"
        self._is_off_by_us = not self.server.plan.snapshot.disabled_by_user
        return None

    async def on(self) -> str | None:
        """Undo `off`, trying more than once. Returns what a person has to do where that failed, else None."""
        failure = ""
        for attempt in range(_TRIES if self._is_off_by_us else 0):
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
        return f"its DHCP service may still be off, run dhcp-enable on it: {failure}" if failure else None
