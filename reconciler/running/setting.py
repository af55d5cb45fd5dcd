"""Setting one server: test, set, find out what became of it, persist.

An answer other than result 0, or no answer, never means "nothing happened": what a server has is read, not guessed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from reconciler.errors import AccessRefusedError, EndpointError, NotReachedError, ReconcilerError
from reconciler.kea.client import Client
from reconciler.kea.replies import Reply
from reconciler.kea.versions import config_test_is_safe
from reconciler.model import Peer, ServerPlan, Snapshot
from reconciler.planning.guard import violations
from reconciler.redaction import hide_named_secrets, visible
from reconciler.running.hands import Hands
from reconciler.running.observe import snapshot

UNSUPPORTED = 2  # Kea's result for a command that it does not know or offer: nothing was executed
_CLEANING_UP = "lease file cleanup"  # Kea 3.1.2 and later refuse a set while this goes on, before they touch anything


class StepFailedError(ReconcilerError):
    """A step did not reach its end. `state` says how the server was found afterwards."""

    def __init__(self, message: str, state: Found) -> None:
        super().__init__(message)
        self.state = state


class Found(StrEnum):
    """How a server is found after a set with an unclear outcome."""

    OLD = "has its old configuration"
    OTHER = "has neither its old nor the planned configuration"
    HARMED = "may have lost its hooks or sockets"
    FOREIGN = "was changed by somebody else meanwhile"
    SILENT = "gives no answer"


@dataclass(frozen=True, slots=True)
class Server:
    """One server at work: its plan, an open client to it, and how to tell whether a reading is what was planned."""

    plan: ServerPlan
    client: Client
    is_as_planned: Callable[[Snapshot], bool]

    @property
    def peer(self) -> Peer:
        """The peer that this server is in the relationship."""
        return self.plan.peer

    @property
    def name(self) -> str:
        """The server's name in the inventory."""
        return self.plan.peer.server

    def body(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of config-set and config-test for a configuration."""
        return {self.plan.snapshot.endpoint.service.root: config}


def excerpt(text: str) -> str:
    """Return at most a short piece of what a server said, fit to be shown."""
    return visible(hide_named_secrets(text))[:200]


async def test(server: Server) -> None:
    """Let the server try the planned configuration and, where it may refuse that, the one that it would be put back to.

    Raises StepFailedError, with nothing changed, when it refuses either: not everything that config-get shows can be
    set again (seen on 2.2.0).

    Not where config-test itself does harm (see `versions.config_test_is_safe`). It finds missing hook libraries and
    interfaces; it never looks at HA parameters (seen on 2.2.0, 2.6.3, 3.0.3).
    """
    if not config_test_is_safe(server.plan.snapshot.version):
        return
    await _try_out(server, checked(server), "the server refuses the configuration")
    if server.plan.try_standing:
        refusal = "it could not be put back: the server refuses what it has itself"
        await _try_out(server, server.plan.snapshot.config, refusal)


async def _try_out(server: Server, config: Mapping[str, Any], refusal: str) -> None:
    try:
        reply = await server.client.call("config-test", server.body(config))
    except EndpointError as error:
        raise StepFailedError(f"config-test got no answer: {error}", Found.OLD) from error
    if reply.result != 0:
        raise StepFailedError(f"{refusal}: {excerpt(reply.text)}", Found.OLD)


def checked(server: Server) -> Mapping[str, Any]:
    """The guard that every outgoing configuration passes."""
    config = server.plan.outgoing
    seen, leaves = server.plan.snapshot, server.plan.leaves
    wrong = violations(server.peer, seen.config, config or {}, place=seen.place, leaves=leaves)
    if config is None or wrong:
        raise StepFailedError(f"the configuration must not go out: {'; '.join(wrong)}", Found.OLD)
    return config


async def set_planned(server: Server, hands: Hands, when_told: Callable[[], Awaitable[object]]) -> Snapshot:
    """Set the planned configuration and return the server as it was read afterwards.

    `when_told` is called as soon as the server says that it was set, before it is read: whoever waits for the set only
    need not wait for that too.

    Raises StepFailedError with how the server was found; with Found.OTHER and Found.HARMED it has to be put back,
    with Found.FOREIGN and Found.SILENT nothing more may be sent.
    """
    config = checked(server)
    try:
        reply = await config_set(server, config, hands)
    except NotReachedError as error:
        raise StepFailedError(str(error), Found.OLD) from error
    except EndpointError as error:  # nonsense and refusals too: whatever came back, it may have been executed
        return await _settled(server, hands, _Told(str(error), is_sure=False))
    is_refused = reply.result == UNSUPPORTED or _CLEANING_UP in reply.text
    if reply.result != 0 and not is_refused:
        # Kea may have let go of its hooks and sockets although config-get shows the old configuration.
        raise StepFailedError(f"config-set failed (result {reply.result}): {excerpt(reply.text)}", Found.HARMED)
    if reply.result == 0:
        await when_told()
    what = f"it does not take config-set ({excerpt(reply.text)})" if is_refused else "config-set succeeded"
    return await _settled(server, hands, _Told(what, is_sure=True, kea_hash=_hash_in(reply)))


@dataclass(frozen=True, slots=True)
class _Told:
    """What came back from config-set: in words, whether Kea itself told that it was done, and Kea's hash of what it has
    since (2.4 and later), None where it gives none.
    """

    what: str
    is_sure: bool
    kea_hash: str | None = None


def _hash_in(reply: Reply) -> str | None:
    found = reply.arguments.get("hash") if isinstance(reply.arguments, dict) else None
    return found if isinstance(found, str) else None


async def config_set(server: Server, config: Mapping[str, Any], hands: Hands) -> Reply:
    """Send config-set; again as long as Kea refuses it only because it cleans up its lease file."""
    limit = hands.clock() + hands.patience
    while True:
        reply = await server.client.call("config-set", server.body(config))
        if reply.result == 0 or _CLEANING_UP not in reply.text or hands.clock() >= limit:
            return reply
        await hands.sleep(2.0)


async def _settled(server: Server, hands: Hands, told: _Told) -> Snapshot:
    """Read the server until it says what it has.

    A frozen daemon still carries out what was sent to it, so an old configuration is believed only when it is read
    twice. A third configuration comes from somebody else unless Kea told that it took ours, and has it still by its
    hash: a version before 2.4 tells none, and an edit right after our set is then taken for what Kea made of it.
    """
    limit, was_old = hands.clock() + hands.patience, False
    before = server.plan.snapshot
    while True:
        try:
            live = await snapshot(server.client, before.endpoint)
        except EndpointError as error:
            if isinstance(error, AccessRefusedError) or hands.clock() >= limit:
                raise StepFailedError(f"{told.what}; {server.name} {Found.SILENT}: {error}", Found.SILENT) from error
            await hands.sleep(1.0)
            continue
        if server.is_as_planned(live):
            return live
        if live.config != before.config:
            is_ours = told.is_sure and told.kea_hash in {None, live.kea_hash}
            found = Found.OTHER if is_ours else Found.FOREIGN
            raise StepFailedError(f"{told.what}; {server.name} {Found.OTHER}", found)
        if was_old:
            harm = _harm(before, live, is_sure=told.is_sure)
            raise StepFailedError(f"{told.what}; {server.name} still {Found.OLD}", harm)
        was_old = True
        await hands.sleep(2.0)


def _harm(before: Snapshot, live: Snapshot, *, is_sure: bool) -> Found:
    """Say whether a server with its old configuration may have been harmed by a failed set whose answer was lost.

    Where HA was in force, Kea 2.2 to 3.0 tell: it no longer is. Where it was not, a failed set leaves no trace that
    can be read, and before 2.3.6 the server has stopped to listen (seen on 2.2.0).
    """
    if before.ha is None:
        return Found.OLD if is_sure else Found.HARMED
    return Found.OLD if live.ha is not None else Found.HARMED


async def persist(server: Server, live: Snapshot, hands: Hands) -> str | None:
    """Write the running configuration to the server's disk (config-write, never with a file name).

    Returns None when it is there, else why not and what that means. Where the disk is full, Kea still
    reports success and leaves a file that is empty or cut (seen on 2.2.0: size -1). So the size that it reports is held
    against the configuration, which Kea writes indented and thus longer than we do.
    """
    least = len(orjson.dumps(live.config))
    reason = ""
    for attempt in range(3):
        if attempt:
            await hands.sleep(1.0)
        try:
            reply = await server.client.call("config-write")
        except EndpointError as error:
            reason = f"{error}; a restart may bring its old configuration back"
            continue
        size = reply.arguments.get("size") if isinstance(reply.arguments, dict) else None
        if reply.result == 0 and isinstance(size, int) and size >= least:
            hands.journal.persisted(server.plan.snapshot.endpoint)
            return None
        reason = f"{excerpt(reply.text)}; a restart would bring its old configuration back"
        if reply.result == 0:  # Kea writes in place: the file that it had is gone
            reason = (
                f"config-write wrote {size} bytes where at least {least} are due (is the disk full?); "
                "its file is cut, and Kea would not start from it again"
            )
    return reason
