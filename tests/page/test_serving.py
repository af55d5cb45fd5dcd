"""Where the pages are served, and what is said where they can't be."""

from __future__ import annotations

import socket

import pytest

from reconciler.errors import UsageError
from reconciler.page.serving import address_of, listen, url_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [("127.0.0.1:9767", ("127.0.0.1", 9767)), ("[::1]:0", ("::1", 0)), ("localhost:80", ("localhost", 80))],
)
def test_an_address_is_taken_apart(text: str, parts: tuple[str, int]) -> None:
    assert address_of(text) == parts


@pytest.mark.parametrize("text", ["9767", ":9767", "127.0.0.1", "127.0.0.1:", "::1:9767", "[::1]", "a:70000", "[a]:1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="ADDRESS:PORT"):
        address_of(text)


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError) as told:
        listen(f"127.0.0.1:{taken.getsockname()[1]}")
    assert "Address already in use" in str(told.value)
    assert "--listen none" in str(told.value)


def test_a_page_that_others_reach_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with listen("127.0.0.1:0") as quiet:
        assert url_of(quiet).startswith("http://127.0.0.1:")
    assert caplog.text == ""
    with listen("0.0.0.0:0"):
        assert "asks for no password" in caplog.text
