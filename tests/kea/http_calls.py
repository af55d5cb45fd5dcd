"""Calls over HTTP of a client that holds a password, on real sockets: what tests of the channel share."""

from __future__ import annotations

import asyncio
import base64
import traceback
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    EndpointError,
)
from reconciler.kea.access import Credentials, Login, Settings, parse_origin
from reconciler.kea.client import Client, open_client
from reconciler.model import Endpoint, Service
from tests.fakes.server import FakeServer, answer, kea, message

if TYPE_CHECKING:
    from reconciler.kea.replies import Reply

CANARY = "kanarienvogel-7f3a"
FINE = answer(kea(text="2.2.0"))
WHOLE = message(kea(text="done"))
SETTINGS = Settings(connect_seconds=2.0, answer_seconds=2.0, configuration_seconds=4.0, reply_bytes=1_000_000)


def client_for(control: str, settings: Settings = SETTINGS) -> Client:
    """A client that holds a password for where it goes, so that every test also shows that it doesn't leak."""
    login = Login("kea", CANARY)
    return open_client(Endpoint("kea-a", Service.DHCP4, control), settings, Credentials({parse_origin(control): login}))


async def one_call(server: FakeServer, command: str = "config-set", **how: float) -> Reply:
    async with server, client_for(server.control) as client:
        return await client.call(command, **how)


def failure(server: FakeServer, command: str = "config-set", **how: float) -> EndpointError:
    """The error of one call, after seeing that no secret is in it or in anything that it was raised from."""
    with pytest.raises(EndpointError) as caught:
        asyncio.run(one_call(server, command, **how))
    story = "".join(traceback.format_exception(caught.value))
    assert CANARY not in story
    assert base64.b64encode(f"kea:{CANARY}".encode()).decode() not in story
    assert str(caught.value).startswith("kea-a (dhcp4) at http://127.0.0.1:")
    return caught.value
