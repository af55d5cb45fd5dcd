"""Setting one server: test, set, find out what became of it, persist, put back.

An answer other than result 0, or no answer, never means "nothing happened": what a server has is read, not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from reconciler.errors import EndpointError, NotReachedError, OutcomeUnknownError, ReconcilerError
from reconciler.kea.client import Client
from reconciler.kea.versions import config_test_is_safe
from reconciler.model import Peer, ServerPlan, Snapshot
from reconciler.planning.guard import violations
from reconciler.redaction import hide_named_secrets, visible
from reconciler.running.hands import Hands
from reconciler.running.observe import snapshot


class StepFailedError(ReconcilerError):
    """A step did not reach its end. `state` says how the server was found afterwards."""

    def __init__(self, message: str, state: Found) -> None:
        super().__init__(message)
        self.state = state


class Found(StrEnum):
    """How a server is found after a set with an unclear outcome."""

    NEW = "has the planned configuration"
    OLD = "has its old configuration"
    OTHER = "has neither its old nor the planned configuration"
    SILENT = "gives no answer"


@dataclass(frozen=True, slots=True)
class Server:
    """One server at work: its plan, an open client to it, and how to tell whether a reading is what was planned."""

    plan: ServerPlan
    client: Client
    is_as_planned: Any  # Callable[[Snapshot], bool]

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
    """Let the server try the planned configuration. Raises StepFailedError, with nothing changed, when it refuses.

    Not where config-test itself does harm (see `versions.config_test_is_safe`). It finds missing hook libraries and
    interfaces; it never looks at HA parameters (seen on 2.2.0, 2.6.3, 3.0.3).
    """
    if not server.plan.test_first or not config_test_is_safe(server.plan.snapshot.version):
        return
    config = _checked(server)
    try:
        reply = await server.client.call("config-test", server.body(config))
    except EndpointError as error:
        raise StepFailedError(f"config-test got no answer: {error}", Found.OLD) from error
    if reply.result != 0:
        raise StepFailedError(f"the server refuses the configuration: {excerpt(reply.text)}", Found.OLD)


def _checked(server: Server) -> Mapping[str, Any]:
    """The guard that every outgoing configuration passes."""
    config = server.plan.outgoing
    wrong = violations(server.peer, server.plan.snapshot.config, config or {})
    if config is None or wrong:
        raise StepFailedError(f"the configuration must not go out: {'; '.join(wrong)}", Found.OLD)
    return config


async def set_planned(server: Server, hands: Hands) -> Snapshot:
    """Set the planned configuration and return the server as it was read afterwards.

    Raises StepFailedError with how the server was found; with anything but Found.OLD it has to be put right.
    """
    config = _checked(server)
    try:
        reply = await server.client.call("config-set", server.body(config))
    except NotReachedError as error:
        raise StepFailedError(str(error), Found.OLD) from error
    except OutcomeUnknownError as error:
        return await _settled(server, hands, str(error))
    except EndpointError as error:
        raise StepFailedError(str(error), Found.OTHER) from error
    if reply.result != 0:
        # Kea may have let go of its hooks and sockets although config-get shows the old configuration.
        raise StepFailedError(f"config-set failed (result {reply.result}): {excerpt(reply.text)}", Found.OTHER)
    return await _settled(server, hands, "config-set succeeded, but")


async def _settled(server: Server, hands: Hands, what: str) -> Snapshot:
    """Read the server until it says what it has. A frozen daemon still carries out what was sent to it, so an old
    configuration is believed only when it is read twice, and never answered by sending anything.
    """
    limit, was_old = hands.clock() + hands.patience, False
    while True:
        try:
            live = await snapshot(server.client, server.plan.snapshot.endpoint)
        except EndpointError as error:
            if hands.clock() >= limit:
                raise StepFailedError(f"{what} {server.name} gives no answer: {error}", Found.SILENT) from error
            await hands.sleep(1.0)
            continue
        if server.is_as_planned(live):
            return live
        if live.config != server.plan.snapshot.config:
            raise StepFailedError(f"{what}: {server.name} {Found.OTHER}", Found.OTHER)
        if was_old:
            raise StepFailedError(f"{what}: {server.name} still {Found.OLD}", Found.OLD)
        was_old = True
        await hands.sleep(2.0)


async def put_back(server: Server, hands: Hands) -> Snapshot:
    """Give a server the configuration back that it had before, and return it as read afterwards.

    It is sent to the letter, so that hooks and sockets that a failed set took away come back (seen on 2.2.0, 2.6.3
    and 3.0.3). Raises StepFailedError when that can't be done or can't be seen.
    """
    before = server.plan.snapshot
    try:
        reply = await server.client.call("config-set", server.body(before.config))
        if reply.result != 0:
            raise StepFailedError(f"putting it back failed: {excerpt(reply.text)}", Found.OTHER)
        for _ in range(3):
            live = await snapshot(server.client, before.endpoint)
            if live.config == before.config and (live.ha is None) == (before.ha is None):
                return live
            await hands.sleep(1.0)
    except EndpointError as error:
        raise StepFailedError(f"putting it back got no clear answer: {error}", Found.SILENT) from error
    raise StepFailedError(f"it was put back, but {server.name} {Found.OTHER}", Found.OTHER)


async def persist(server: Server, live: Snapshot, hands: Hands) -> str | None:
    """Write the running configuration to the server's disk (config-write, never with a file name).

    Returns None when it is there, else why not. Kea answers "successful" on a full disk with an empty or cut file,
    so the size is held against the configuration, which Kea writes indented and thus longer than we do.
    """
    least = len(orjson.dumps(live.config))
    reason = ""
    for attempt in range(3):
        if attempt:
            await hands.sleep(1.0)
        try:
            reply = await server.client.call("config-write")
        except EndpointError as error:
            reason = str(error)
            continue
        size = reply.arguments.get("size") if isinstance(reply.arguments, dict) else None
        if reply.result == 0 and isinstance(size, int) and size >= least:
            return None
        reason = excerpt(reply.text)
        if reply.result == 0:
            reason = f"config-write says it wrote {size} bytes where at least {least} are due; is the disk full?"
    return reason
