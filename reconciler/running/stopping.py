"""What is done to servers, a person who asks to stop meanwhile, and no server left with whom it could be put right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, TypeVar

from reconciler.errors import EndpointError, NotReachedError, ReconcilerError
from reconciler.running.hands import Hands

if TYPE_CHECKING:
    from reconciler.kea.client import Client

T = TypeVar("T")
_LONG_ENOUGH = 5.0  # seconds in which nobody is reached: a restart, or a network that hiccups, is mostly over by then
_PAUSE = 1.0
_ANSWER = 5.0  # seconds after which who took a question is left alone with it


class LeftError(ReconcilerError):
    """A person asked to stop, and no server could be reached: what was under way was left as it was."""


async def while_reached(work: Awaitable[T], clients: Sequence[Client], hands: Hands) -> T:
    """Do something to these servers to its end, and return what comes of it.

    It is left where it is once a person has asked to stop and none of the servers can be reached any more: it would go
    on to wait for them. Whoever takes a connection (over HTTPS: and shakes hands) is waited for, be it silent, since
    Kea answers nobody while it is being set. Nor is it left where the journal can't be written: then the next run would
    not know of it.

    Raises LeftError, and whatever the work raises.
    """
    task, stop = asyncio.ensure_future(work), asyncio.ensure_future(hands.stop.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        since: float | None = None
        while not task.done():
            asked_at = hands.clock()
            is_waited_for = hands.journal.is_failing or await _is_any_reached(clients)
            if task.done():
                break
            if is_waited_for:
                since = None
            elif since is None:
                since = asked_at
            elif asked_at - since >= _LONG_ENOUGH:
                raise LeftError("stopped on request while no server could be reached")
            pause = asyncio.ensure_future(hands.sleep(_PAUSE))
            await asyncio.wait({task, pause}, return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
        return await task
    finally:
        stop.cancel()
        task.cancel()
        await asyncio.gather(task, stop, return_exceptions=True)


async def _is_any_reached(clients: Sequence[Client]) -> bool:
    return any(await asyncio.gather(*map(_is_reached, clients)))


async def _is_reached(client: Client) -> bool:
    try:
        await client.call("status-get", answer_within=_ANSWER)
    except NotReachedError:
        return False
    except EndpointError:
        return True
    return True
