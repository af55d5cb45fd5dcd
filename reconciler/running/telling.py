"""What is told of each server while a relationship is changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.model import Result, ServerOutcome
from reconciler.running.hands import Hands
from reconciler.running.setting import Server


class Tale:
    """Where each server of a relationship stands, as far as anything was done to it; the last word counts."""

    def __init__(self, relationship: str, hands: Hands) -> None:
        self._relationship = relationship
        self._hands = hands
        self._told: dict[str, ServerOutcome] = {}
        self._failures: dict[str, list[str]] = {}

    def outcomes(self, servers: Iterable[Server]) -> tuple[ServerOutcome, ...]:
        """Return where each of these servers stands, in their order."""
        rest = {
            server.name: ServerOutcome(
                server.name, Result.NOTHING_TO_DO, "left as it is" if server.plan.is_left else "as desired"
            )
            if server.plan.outgoing is None
            else ServerOutcome(server.name, Result.NOT_ATTEMPTED, "an earlier step did not reach its end")
            for server in servers
        }
        return tuple(self._with_failures(each) for each in {**rest, **self._told, **self._only_failed()}.values())

    def _only_failed(self) -> dict[str, ServerOutcome]:
        names = (name for name in self._failures if name not in self._told)
        return {name: ServerOutcome(name, Result.FAILED, "the relationship was not completed") for name in names}

    def _with_failures(self, told: ServerOutcome) -> ServerOutcome:
        failures = self._failures.get(told.server)
        if not failures:
            return told
        return replace(told, result=Result.FAILED, reason="; ".join([told.reason, *failures]))

    def of(self, server: Server) -> ServerOutcome | None:
        """Return what was told of a server, None where nothing was."""
        return self._told.get(server.name)

    def failures(self, server: str) -> list[str]:
        """Return all that went wrong with a server, where nothing but failures is told of it."""
        told = self._told.get(server)
        return [*([told.reason] if told else []), *self._failures.get(server, ())]

    def tell(self, server: Server, result: Result, reason: str, *, persisted: bool | None = None) -> None:
        """Say where a server stands now, in place of what was said before."""
        self._told[server.name] = ServerOutcome(server.name, result, reason, persisted)

    def add_failure(self, server: Server, failure: str) -> None:
        """Say of a server that something else went wrong, whatever else is told of it before or after."""
        self._failures.setdefault(server.name, []).append(failure)

    def say(self, server: Server, what: str) -> None:
        """Say to who watches what is being done."""
        self._hands.say(f"{self._relationship}: {server.name}: {what}")
