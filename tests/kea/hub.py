"""A hub on real servers: one server in two relationships, with a branch each, and what git says about them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import yaml

from lab.kea import Generation, KeaServer, base_configuration
from lab.ports import Port
from reconciler.kea import hooks
from tests.kea.traces import Trace
from tests.kea.world import HURRIED, WRITING, Run, run, subnet, until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.laboratory import Laboratory
    from lab.proxy import Exchange
    from reconciler.model import Service
    from tests.kea.clients import Clients

BRANCHES = ("east", "west")
STANDBY_OF_BOTH = {"east": "standby", "west": "standby"}
PRIMARY_OF_WEST = {"east": "standby", "west": "primary"}
PRIMARY_OF_EAST = {"east": "primary", "west": "standby"}


class Hub:
    """The branches east and west, each with a relationship of its own with the hub; a context manager.

    - `hub`: the generation of Kea that the hub runs where it is another one.
    - `roles`: the hub's role in each; its primary has the subnets: 1 and 2 those of east, 11 that of west.
    - `parts`: what a subnet has besides, by its number, and `settings` what every server has besides.
    - `is_logged`: whether the reconciler goes through a proxy before each server.
    - `options`: those of KeaServer, by server name.
    """

    def __init__(
        self,
        lab: Laboratory,
        service: Service,
        hub: Generation | None = None,
        *,
        roles: Mapping[str, str] = STANDBY_OF_BOTH,
        parts: Mapping[int, Mapping[str, Any]] | None = None,
        settings: Mapping[str, Any] | None = None,
        is_logged: bool = False,
        options: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.lab, self.service, self.roles = lab, service, dict(roles)
        bodies: dict[str, list[dict[str, Any]]] = {"east": [], "west": [], "hub": []}
        for branch, numbers in (("east", (1, 2)), ("west", (11,))):
            is_hub = roles[branch] == "primary"
            for number in numbers:
                tag = {"user-context": {"ha-server-name": branch}} if is_hub else {}
                own = {**subnet(service, number, **(parts or {}).get(number, {})), **tag}
                bodies["hub" if is_hub else branch].append(own)
        chosen = {name: dict((options or {}).get(name, {})) for name in bodies}
        if hub:
            chosen["hub"]["generation"] = hub
        self.east, self.west, self.hub = (
            lab.server(
                name,
                {service: base_configuration(service, subnets=bodies[name], **(settings or {}))},
                **chosen[name],
            )
            for name in ("east", "west", "hub")
        )
        self.proxies = {server.name: lab.proxy(server) for server in self.servers} if is_logged else {}
        self.controls = {s.name: (self.proxies[s.name] if is_logged else s).control for s in self.servers}
        self.ports: list[Port] = []
        self.desired = lab.directory / "desired"
        self.documents = {name: self.document(name) for name in BRANCHES}

    @property
    def servers(self) -> tuple[KeaServer, ...]:
        return (self.east, self.west, self.hub)

    def server(self, name: str) -> KeaServer:
        return next(each for each in self.servers if each.name == name)

    def fresh_url(self, scheme: str = "http") -> str:
        """A url at which nothing listens yet: the hub needs one for each of its relationships."""
        self.ports.append(Port())
        return f"{scheme}://127.0.0.1:{self.ports[-1].number}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Give the ports back."""
        for port in self.ports:
            port.release()

    # -------------------------------------------------------------------------------------- desired

    def document(self, name: str) -> dict[str, Any]:
        """The relationship of one branch with the hub, which has another name in each."""
        roles = {"hub": self.roles[name], name: "standby" if self.roles[name] == "primary" else "primary"}
        branch = {"server": name, "role": roles[name], "url": self.server(name).ha_url(self.service)}
        return {
            "name": name,
            "service": self.service.value,
            "mode": "hot-standby",
            "peers": [branch, {"server": "hub", "name": f"hub-{name}", "role": roles["hub"], "url": self.fresh_url()}],
            "parameters": dict(HURRIED),
        }

    def peer(self, branch: str, server: str) -> dict[str, Any]:
        """What a branch's document says of a server."""
        found: dict[str, Any] = next(each for each in self.documents[branch]["peers"] if each["server"] == server)
        return found

    def write(self, *names: str) -> None:
        """Let desired/ have these relationships."""
        folder = self.desired / "relationships"
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        inventory = {name: {self.service.value: {"control": control}} for name, control in self.controls.items()}
        (self.desired / "servers.yaml").write_text(yaml.safe_dump({"servers": inventory}))
        for name in names:
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(self.documents[name], sort_keys=False))

    def run(self, command: str, *arguments: str) -> Run:
        return run(command, "--desired", str(self.desired), *arguments)

    def must_apply(self, *arguments: str) -> None:
        done = self.run("apply", "--yes", *arguments)
        assert done.exit_code == 0, done
        self.must_be_done()

    def must_be_done(self) -> None:
        """The plan must be empty."""
        planned = self.run("plan", "--detailed-exitcode")
        assert planned.exit_code == 0, planned

    # ------------------------------------------------------------------------------------- the servers

    def config(self, server: KeaServer) -> dict[str, Any]:
        return server.config(self.service)

    def subnets(self, server: KeaServer) -> dict[int, str | None]:
        """Each subnet's id, and the name in its user-context that says whose it is."""
        found = self.config(server)[self.service.subnets]
        return {each["id"]: each.get("user-context", {}).get("ha-server-name") for each in found}

    def states(self, server: KeaServer) -> list[str]:
        """The server's state in each of its relationships."""
        entries = server.command(self.service, "status-get")["arguments"].get("high-availability", [])
        return [entry["ha-servers"]["local"]["state"] for entry in entries]

    def is_off(self, server: KeaServer) -> bool:
        """Whether a user has switched its service off."""
        return bool(server.command(self.service, "status-get")["arguments"]["dhcp-state"]["disabled-by-user"])

    def must_be_normal(self) -> None:
        """Every server is in its normal state in each relationship that it has, and serves."""

        def normal() -> bool:
            return all(set(self.states(server)) <= {"hot-standby"} for server in self.servers)

        until(normal, "normal relationships")
        assert not any(map(self.is_off, self.servers))

    def trace(self, branch: str, title: str) -> Trace:
        """Record one of the two relationships."""
        servers = [self.server(branch), self.hub]
        return Trace(
            servers, self.service, f"{self.lab.generation} hub: {title}", self.switched, places=self.places(branch)
        )

    def places(self, branch: str) -> dict[str, int]:
        """Where the hub's list has a branch's relationship, or will have it."""
        blocks = hooks.relationships_of(self.config(self.hub))
        named = [place for place, each in enumerate(blocks) if branch in {peer["name"] for peer in each["peers"]}]
        return {"hub": named[0] if named else len(blocks)}

    def silence_of_a_set(self, clients: Clients) -> float:
        """Set the hub to what it has; how many seconds its clients go without an answer then."""
        start = len(clients.asked)
        with clients.asking():
            self.hub.set_config(self.service, self.config(self.hub))
            self.must_be_normal()
            time.sleep(1.0)
        return clients.longest_silence(start)

    def names(self, server: KeaServer) -> list[str]:
        """What the server calls itself in each of its relationships."""
        return [str(each["this-server-name"]) for each in hooks.relationships_of(self.config(server))]

    # -------------------------------------------------------------------------------- what was sent

    def story(self, *commands: str) -> list[tuple[str, Exchange]]:
        """What was sent of these commands to which server, as it happened."""
        told = [(name, each) for name, proxy in self.proxies.items() for each in proxy.seen(*(commands or WRITING))]
        return sorted(told, key=lambda pair: pair[1].started)

    def switched(self) -> list[tuple[str, Exchange]]:
        """What was sent to switch services off and on."""
        return self.story("dhcp-disable", "dhcp-enable")

    def sent(self, *commands: str) -> list[tuple[str, str]]:
        """The same, as pairs of a server and a command."""
        return [(name, each.command) for name, each in self.story(*commands)]

    def forget(self) -> None:
        """Forget what was sent."""
        for proxy in self.proxies.values():
            proxy.forget()
