"""Several servers and the relationships that a test gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.sides import LEASE_COMMANDS, Side, relationship

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.model import Service

Peers = dict[str, tuple[str, str]]
"""Peer name -> its url, or the name of the server that it is, and its role."""


class Group:
    """Servers of one kind and release by their names; `spare` are urls at which a second listener can be opened."""

    def __init__(self, sides: Sequence[Side], service: Service, spare: Sequence[str] = ()) -> None:
        self.sides = {f"kea-{letter}": side for letter, side in zip("abc", sides, strict=False)}
        self.service = service
        self.spare = tuple(spare)

    def __getitem__(self, name: str) -> Side:
        return self.sides[name]

    def reset(self) -> None:
        """All up, none in a relationship."""
        for side in self.sides.values():
            if "unable to forward" in side.ask(self.service, "version-get").get("text", ""):
                side.start(self.service)
            assert side.set(self.service, {})["result"] == 0

    def entry(self, name: str, peers: Peers, mode: str = "hot-standby", **parameters: Any) -> dict[str, Any]:
        """The relationship as peer `name` has it, with short times."""
        listed = [
            {"name": peer, "url": self.sides[at].ha_url(self.service) if at in self.sides else at, "role": role}
            for peer, (at, role) in peers.items()
        ]
        hook = relationship(name, ("", ""), mode, **{"peers": listed, **parameters})
        entry: dict[str, Any] = hook["parameters"]["high-availability"][0]
        return entry

    def set(self, server: str, *entries: dict[str, Any], **parts: Any) -> dict[str, Any]:
        """Give a server relationships, and whatever else; the answer to config-set."""
        hook = relationship("", ("", ""))
        hook["parameters"]["high-availability"] = list(entries)
        named = {key.replace("_", "-"): value for key, value in parts.items()}
        hooks = [LEASE_COMMANDS, *([hook] if entries else [])]
        return self[server].set(self.service, {"hooks-libraries": hooks, **named})

    def join(self, servers: Mapping[str, str], peers: Peers, mode: str = "hot-standby", **parameters: Any) -> None:
        """Make servers the peers of one relationship; `servers` says who is who."""
        for server, name in servers.items():
            assert self.set(server, self.entry(name, peers, mode, **parameters))["result"] == 0

    def views(self, server: str) -> list[dict[str, Any]]:
        """high-availability of status-get."""
        found: list[dict[str, Any]] = self[server].status(self.service)["high-availability"]
        return found

    def states(self, *servers: str) -> list[tuple[str, list[str]]]:
        """State and scopes of each relationship of these servers, one server after the other."""
        return [
            (view["ha-servers"]["local"]["state"], view["ha-servers"]["local"]["scopes"])
            for server in servers
            for view in self.views(server)
        ]

    def until(self, servers: Sequence[str], wanted: list[tuple[str, list[str]]]) -> None:
        """Wait for states and scopes; what they were is in the failure."""
        seen: list[Any] = []

        def is_so() -> bool:
            now = self.states(*servers)
            if not seen or seen[-1] != now:
                seen.append(now)
            return now == wanted

        try:
            self.wait(is_so, f"{wanted}")
        except AssertionError as failure:
            raise AssertionError(f"{failure}; was {seen[-6:]}") from None

    def end_maintenance(self, server: str, servers: Sequence[str], wanted: list[tuple[str, list[str]]]) -> None:
        """Cancel the maintenance that a server keeps its partner in, and wait for states and scopes.

        Before 2.7.5 a heartbeat that is on its way puts both back into it now and then: then it is cancelled again.
        """
        done = {"result": 0, "text": "Server maintenance successfully canceled."}
        assert self.ask(server, "ha-maintenance-cancel") == done

        def is_so() -> bool:
            now = self.states(*servers)
            if any(state == "partner-in-maintenance" for state, _ in self.states(server)):
                self.ask(server, "ha-maintenance-cancel")
            return now == wanted

        self.wait(is_so, f"{wanted}")

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something is so."""
        next(iter(self.sides.values())).until(is_so, what)

    def ask(self, server: str, command: str, arguments: Any = None) -> dict[str, Any]:
        """Send a command to a server."""
        return self[server].ask(self.service, command, arguments)

    def heard(self, server: str, number: int = 0) -> str:
        """The state of the partner, as a server heard it last."""
        state: str = self.views(server)[number]["ha-servers"]["remote"]["last-state"]
        return state
