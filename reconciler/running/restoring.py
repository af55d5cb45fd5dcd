"""Putting a server back: giving it the configuration again that it had before we touched it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reconciler.errors import AccessRefusedError, EndpointError, NotReachedError
from reconciler.model import Snapshot
from reconciler.running.hands import Hands
from reconciler.running.observe import is_unchanged, snapshot
from reconciler.running.setting import Found, Server, StepFailedError, config_set, excerpt


async def still_has(server: Server, live: Snapshot, hands: Hands) -> bool:
    """Whether a server still has what was read of it. Raises StepFailedError where it can't be asked."""
    limit = hands.clock() + hands.patience
    while True:
        try:
            return await is_unchanged(server.client, live)
        except EndpointError as error:
            if isinstance(error, AccessRefusedError) or hands.clock() >= limit:
                raise StepFailedError(f"{server.name} {Found.SILENT}: {error}", Found.SILENT) from error
            await hands.sleep(1.0)


async def put_back(server: Server, hands: Hands, when_told: Callable[[], Awaitable[object]] | None = None) -> Snapshot:
    """Give a server the configuration back that it had before, and return it as read afterwards.

    It is sent to the letter, so that hooks and sockets that a failed set took away come back (seen on 2.2.0, 2.6.3
    and 3.0.3), and sent again only where it did not arrive. `when_told` is called as soon as the server says that it
    has it, before it is read. Raises StepFailedError when that can't be done or can't be seen.
    """
    limit = hands.clock() + hands.patience
    while True:
        sent_at = hands.clock()
        failure = await _send_back(server, hands)
        if failure is None and when_told is not None:
            await when_told()
        if not isinstance(failure, NotReachedError):
            live = await _read_back(server, hands, limit, since=None if failure is None else sent_at)
            if live is not None:
                return live
        if failure is None:
            raise StepFailedError(f"it was put back, but {server.name} {Found.OTHER}", Found.OTHER)
        if hands.clock() >= limit:
            raise StepFailedError(f"putting it back got no clear answer: {failure}", Found.SILENT) from failure
        await hands.sleep(1.0)


async def _send_back(server: Server, hands: Hands) -> EndpointError | None:
    """Send the old configuration; returns why there was no clear answer, None where Kea took it."""
    try:
        reply = await config_set(server, server.plan.snapshot.config, hands)
    except EndpointError as error:
        return error
    if reply.result != 0:
        raise StepFailedError(f"putting it back failed: {excerpt(reply.text)}", Found.HARMED)
    return None


async def _read_back(server: Server, hands: Hands, limit: float, *, since: float | None) -> Snapshot | None:
    """Return the server where it has its old configuration, with HA in force where it was; None where it has not.

    A failed set shows the old configuration too: where Kea did not say that it took what was sent at `since`, the
    time of its last commit has to tell so. Raises StepFailedError where the server can't be read until `limit`.
    """
    before, reads = server.plan.snapshot, 0
    while reads < 3:
        try:
            live = await snapshot(server.client, before.endpoint)
        except EndpointError as error:
            if isinstance(error, AccessRefusedError) or hands.clock() >= limit:
                raise StepFailedError(f"putting it back got no clear answer: {error}", Found.SILENT) from error
        else:
            is_fresh = since is None or live.reload <= live.read_at - since + 1  # Kea counts whole seconds
            if live.config == before.config and (live.ha is not None or before.ha is None) and is_fresh:
                return live
            reads += 1
        await hands.sleep(1.0)
    return None
