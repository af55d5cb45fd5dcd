"""A relay on loopback, behind which clients of the tests' own ask servers: real packets without a network."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lab.ports import Port

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Client:
    """One client: when it asked (time.monotonic(), seconds), which servers made it an offer, which leased it what it
    asked for, and which answered that it must not use its address; and the address that each server named last.
    """

    asked: float
    offers: set[str] = field(default_factory=set)
    leases: set[str] = field(default_factory=set)
    refusals: set[str] = field(default_factory=set)
    addresses: dict[str, str] = field(default_factory=dict)


class Relay(ABC):
    """A relay with any number of clients, for servers of these names; usable as a context manager.

    Each server listens at a port of its own (-p) and answers at the relay's (-P).
    """

    family: ClassVar[socket.AddressFamily]
    address: ClassVar[str]
    daemon: ClassVar[str]

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._ports = {name: Port() for name in names}
        self._relay = socket.socket(self.family, socket.SOCK_DGRAM)
        self._relay.bind((self.address, 0))
        self._relay.settimeout(0.05)
        self._is_closing = threading.Event()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        self.asked: list[Client] = []

    def options(self) -> dict[str, dict[str, Any]]:
        """KeaServer's options, by server name, that make the servers listen to, and answer, this relay."""
        answered = str(self._relay.getsockname()[1])
        return {
            name: {"executables": {self.daemon: (f"/usr/sbin/{self.daemon}", "-p", str(port.number), "-P", answered)}}
            for name, port in self._ports.items()
        }

    def send(self, name: str, message: bytes) -> None:
        """Send a relayed message to a server."""
        self._relay.sendto(message, (self.address, self._ports[name].number))

    @abstractmethod
    def hear(self, answer: bytes) -> None:
        """Take down a server's answer."""

    def close(self) -> None:
        """End the relay."""
        self._is_closing.set()
        self._listening.join()
        self._relay.close()
        for port in self._ports.values():
            port.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        while not self._is_closing.is_set():
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                self.hear(self._relay.recv(2000))
