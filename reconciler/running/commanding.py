"""Changing one server by commands for single objects, which leave its HA as it is; finding out what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.errors import AccessRefusedError, EndpointError, NotReachedError, ReconcilerError
from reconciler.kea.replies import Reply
from reconciler.model import Command, Snapshot
from reconciler.planning.commands import is_between, single_commands, stamped
from reconciler.running.hands import Hands
from reconciler.running.observe import is_unchanged, snapshot
from reconciler.running.setting import Found, Server, StepFailedError, checked, excerpt

_ROUNDS = 3  # of sending what is missing after an answer was lost
_PAUSED_AFTER = 0.02  # seconds of work after which Kea gets as long for its clients
_LONGEST_PAUSE = 1.0


class FellShortError(ReconcilerError):
    """Commands left a server between what it had and what is planned; `live` is what was read of it."""

    def __init__(self, message: str, live: Snapshot) -> None:
        super().__init__(message)
        self.live = live


async def send_planned(server: Server, hands: Hands) -> Snapshot:
    """Send the planned commands, one after the other, and return the server as it was read afterwards. Its stamp is
    renewed with them where it offers that; without, a server that has all that is planned is done as well.

    What a lost answer means is found out by reading: what is missing then is sent again. Raises FellShortError where a
    command is refused, or all of them don't bring the server to what is planned; StepFailedError where it can't be read
    (Found.SILENT), was not reached at all (Found.OLD), or has what neither it had nor is planned (Found.FOREIGN).
    """
    wanted = checked(server)
    before = server.plan.snapshot
    commands = stamped(server.plan.commands, before, wanted, before.commands or ())
    for turn in range(_ROUNDS):
        failure = await _sent(server, commands, hands)
        if isinstance(failure, NotReachedError) and turn == 0:
            raise StepFailedError(str(failure), Found.OLD)
        live = await _read(server, hands, str(failure or "the commands were sent"))
        service, offered = before.endpoint.service, live.commands or ()
        is_done = server.is_as_planned(live)
        if not is_done and not is_between(before.config, live.config, wanted, service):
            raise StepFailedError(str(failure or "the commands were sent"), Found.FOREIGN)
        missing = () if is_done else single_commands(live.config, wanted, service, offered)
        commands = stamped(missing, live, wanted, offered) if is_done or missing else ()
        if not isinstance(failure, EndpointError) or not commands:
            break
    if is_done:
        return live
    raise FellShortError(f"commands did not bring it to what is planned ({failure or 'all were taken'})", live)


async def send_if_unchanged(server: Server, command: Command) -> str | None:
    """Send one command to a server that has what is known of it still, be it the same process or not; returns why it
    has not taken it, as far as that is known.
    """
    try:
        if not await is_unchanged(server.client, server.plan.snapshot):
            return "its configuration changed since the plan was made"
        reply = await server.client.call(command.name, dict(command.arguments))
    except EndpointError as error:
        return str(error)
    return None if reply.result == 0 else _refused(command, reply)


async def _sent(server: Server, commands: Sequence[Command], hands: Hands) -> EndpointError | str | None:
    """Send commands until one fails; returns how it failed: its answer was lost, or it was refused, in words.

    Kea carries them out in the thread that also takes in its clients' packets. So these get a turn in between.
    """
    for place, command in enumerate(commands):
        began_at = hands.clock()
        try:
            reply = await server.client.call(command.name, dict(command.arguments))
        except NotReachedError as error:
            return error if place == 0 else EndpointError(str(error))
        except EndpointError as error:
            return error
        if reply.result != 0:
            return _refused(command, reply)
        took = hands.clock() - began_at
        if took > _PAUSED_AFTER:
            await hands.sleep(min(took, _LONGEST_PAUSE))
    return None


def _refused(command: Command, reply: Reply) -> str:
    return f"{command.name} failed (result {reply.result}): {excerpt(reply.text)}"


async def _read(server: Server, hands: Hands, what: str) -> Snapshot:
    limit = hands.clock() + hands.patience
    while True:
        try:
            return await snapshot(server.client, server.plan.snapshot.endpoint)
        except EndpointError as error:
            if isinstance(error, AccessRefusedError) or hands.clock() >= limit:
                raise StepFailedError(f"{what}; {server.name} {Found.SILENT}: {error}", Found.SILENT) from error
        await hands.sleep(1.0)
