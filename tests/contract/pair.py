"""Two servers that become a relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.sides import LEASE_COMMANDS, Side, relationship

if TYPE_CHECKING:
    from reconciler.model import Service


class Pair:
    """Peers s1 (primary) and s2 on two servers of one kind."""

    def __init__(self, primary: Side, partner: Side, service: Service) -> None:
        self.primary = primary
        self.partner = partner
        self.service = service

    @property
    def urls(self) -> tuple[str, str]:
        """The peers' urls: without a dedicated listener (2.2's default) those of the agents."""
        return self.primary.ha_url(self.service), self.partner.ha_url(self.service)

    def reset(self) -> None:
        """Both up, neither in a relationship."""
        for side in (self.primary, self.partner):
            if "unable to forward" in side.ask(self.service, "version-get").get("text", ""):
                side.start(self.service)
            assert side.set(self.service, {})["result"] == 0

    def join(self, side: Side, mode: str = "hot-standby", **parameters: Any) -> dict[str, Any]:
        """Give one server its half of the relationship; the answer to config-set."""
        name = "s1" if side is self.primary else "s2"
        hooks = [LEASE_COMMANDS, relationship(name, self.urls, mode, **parameters)]
        return side.set(self.service, {"hooks-libraries": hooks})

    def join_both(self, mode: str = "hot-standby", **parameters: Any) -> None:
        """Make the relationship and wait until both are well."""
        for side in (self.primary, self.partner):
            assert self.join(side, mode, **parameters)["result"] == 0
        self.wait_normal(mode)

    def states(self) -> tuple[str, str]:
        """The state of each, by itself."""
        return self.primary.local(self.service)["state"], self.partner.local(self.service)["state"]

    def wait_normal(self, mode: str = "hot-standby") -> None:
        """Wait until both are in their normal state and have heard so from each other."""

        def is_well() -> bool:
            views = [side.remote(self.service) for side in (self.primary, self.partner)]
            heard = all(view["last-state"] == mode and not view["communication-interrupted"] for view in views)
            return self.states() == (mode, mode) and heard

        self.primary.until(is_well, f"both in {mode}")

    def wait_state(self, side: Side, state: str) -> None:
        """Wait until one server says that it is in a state."""
        side.until(lambda: bool(side.local(self.service)["state"] == state), state)
