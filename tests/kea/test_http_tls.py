"""TLS against real certificates: whom we trust, as whom we come, and that nothing is sent to the wrong one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import trustme

from reconciler.errors import (
    AccessRefusedError,
    EndpointError,
    NotReachedError,
    OutcomeUnknownError,
    WrongAnswererError,
)
from reconciler.kea.access import Credentials, Login, Settings, TlsFiles, tls_context
from reconciler.kea.client import open_client
from reconciler.model import Endpoint, Service
from tests.fakes.server import FakeServer, answer, cut, kea

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = Settings(connect_seconds=5.0, answer_seconds=5.0)
NAME = "kea.example.net"


@dataclass(frozen=True)
class Authority:
    """An authority of the test's, with its certificate in a file."""

    ca: trustme.CA
    folder: Path

    @property
    def file(self) -> str:
        path = self.folder / f"ca-{id(self)}.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return str(path)

    def server(self, *names: str, wants_certificate: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        if wants_certificate:
            self.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self) -> TlsFiles:
        certificate = self.ca.issue_cert("reconciler.example.net")
        cert, key = self.folder / f"cert-{id(self)}.pem", self.folder / f"key-{id(self)}.pem"
        certificate.cert_chain_pems[0].write_to_path(str(cert))
        certificate.private_key_pem.write_to_path(str(key))
        return TlsFiles(self.file, str(cert), str(key))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(trustme.CA(), tmp_path)


def call(server: FakeServer, tls: TlsFiles, *, host: str = NAME, scheme: str = "https") -> str:
    async def resolve(_: str) -> list[str]:
        return ["127.0.0.1"]

    async def run() -> str:
        async with server:
            origin = f"{scheme}://{host}:{server.port}"
            credentials = Credentials({origin: Login("kea", "kanarienvogel", tls)})
            endpoint = Endpoint("kea-a", Service.DHCP4, f"{origin}/")
            async with open_client(endpoint, SETTINGS, credentials, resolve=resolve) as client:
                first = await client.call("version-get")
                second = await client.call("version-get")
                assert (await client.call("config-set")).text == first.text == second.text
                return first.text

    return asyncio.run(run())


def failure(server: FakeServer, tls: TlsFiles, *, host: str = NAME) -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        call(server, tls, host=host)
    assert "kanarienvogel" not in str(caught.value)
    return caught.value


def fake(context: ssl.SSLContext | None) -> FakeServer:
    return FakeServer(answer(kea(text="encrypted")), tls=context)


def test_a_name_is_checked_against_the_certificate_though_the_connection_goes_to_an_address(
    authority: Authority,
) -> None:
    server = fake(authority.server(NAME))
    assert call(server, TlsFiles(authority.file)) == "encrypted"
    assert server.connections == 2  # the reads share one


def test_an_address_is_checked_against_the_certificate(authority: Authority) -> None:
    assert call(fake(authority.server("127.0.0.1")), TlsFiles(authority.file), host="127.0.0.1") == "encrypted"


@pytest.mark.parametrize("host", [NAME, "127.0.0.1"])
def test_a_certificate_for_another_name_is_the_wrong_answerer(authority: Authority, host: str) -> None:
    server = fake(authority.server("other.example.net"))
    error = failure(server, TlsFiles(authority.file), host=host)
    assert isinstance(error, WrongAnswererError)
    assert "can't be trusted" in str(error)
    assert server.requests == []


def test_a_certificate_of_another_authority_is_the_wrong_answerer(authority: Authority, tmp_path: Path) -> None:
    server = fake(Authority(trustme.CA(), tmp_path).server(NAME))
    for trusted in (TlsFiles(authority.file), TlsFiles()):
        assert isinstance(failure(server, trusted), WrongAnswererError)
    assert server.requests == []


def test_our_certificate_is_shown_where_it_is_wanted(authority: Authority) -> None:
    assert call(fake(authority.server(NAME, wants_certificate=True)), authority.client()) == "encrypted"


@contextlib.contextmanager
def handshakes_only(context: ssl.SSLContext) -> Iterator[int]:
    """A server on the port it yields that does handshakes, and sends its alert where one fails: asyncio's doesn't."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    inner = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                    with inner:
                        with contextlib.suppress(ssl.SSLError):
                            inner.do_handshake()
                        while socket.socket.recv(inner, 65536):  # unread data would turn the end into a reset,
                            pass  # which overtakes the alert

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_without_the_certificate_that_is_wanted_we_are_refused(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = authority.server("127.0.0.1", wants_certificate=True)
    context.maximum_version = version
    stranger = Authority(trustme.CA(), tmp_path).client()

    async def talk(port: int, tls: TlsFiles) -> None:
        credentials = Credentials({f"https://127.0.0.1:{port}": Login(tls=tls)})
        endpoint = Endpoint("kea-a", Service.DHCP4, f"https://127.0.0.1:{port}/")
        async with open_client(endpoint, SETTINGS, credentials) as client:
            await client.call("config-set")

    with handshakes_only(context) as port:
        with pytest.raises(AccessRefusedError, match="does not accept our TLS certificate"):
            asyncio.run(talk(port, TlsFiles(authority.file, stranger.cert, stranger.key)))
        # Where TLS 1.2 misses a certificate, it says no more than that the handshake failed.
        says_why = version is ssl.TLSVersion.TLSv1_3
        with pytest.raises(AccessRefusedError if says_why else NotReachedError):
            asyncio.run(talk(port, TlsFiles(authority.file)))


def test_a_server_that_ends_the_connection_instead_of_an_alert_has_executed_nothing_we_can_be_sure_of(
    authority: Authority,
) -> None:
    server = fake(authority.server(NAME, wants_certificate=True))
    assert isinstance(failure(server, TlsFiles(authority.file)), OutcomeUnknownError)
    assert server.requests == []


def test_tls_1_1_is_not_spoken(authority: Authority) -> None:
    context = authority.server(NAME)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    server = fake(context)
    assert isinstance(failure(server, TlsFiles(authority.file)), NotReachedError)
    assert server.requests == []


def test_a_server_without_tls_is_the_wrong_answerer(authority: Authority) -> None:
    async def talk() -> None:
        banner = FakeServer(cut(b"220 ready\r\n"), reads=False)
        async with banner:
            login = Login(tls=TlsFiles(authority.file))
            credentials = Credentials({f"https://127.0.0.1:{banner.port}": login})
            endpoint = Endpoint("kea-a", Service.DHCP4, f"https://127.0.0.1:{banner.port}/")
            async with open_client(endpoint, SETTINGS, credentials) as client:
                await client.call("version-get")

    with pytest.raises(WrongAnswererError, match="does not speak TLS"):
        asyncio.run(talk())


def test_plain_http_to_a_server_with_tls_is_an_error_without_an_answer(authority: Authority) -> None:
    async def talk() -> None:
        async with fake(authority.server(NAME)) as server:
            endpoint = Endpoint("kea-a", Service.DHCP4, f"http://127.0.0.1:{server.port}/")
            async with open_client(endpoint, SETTINGS, Credentials()) as client:
                await client.call("version-get")

    with pytest.raises((OutcomeUnknownError, WrongAnswererError)):
        asyncio.run(talk())


def test_contexts_are_shared_until_a_file_changes(authority: Authority) -> None:
    files = TlsFiles(authority.file)
    first = tls_context(files)
    assert tls_context(TlsFiles(files.ca)) is first
    assert first.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (first.verify_mode, first.check_hostname) == (ssl.CERT_REQUIRED, True)
    trustme.CA().cert_pem.write_to_path(str(files.ca), append=True)
    assert tls_context(files) is not first


def test_tls_files_that_vanished_are_an_error_of_the_endpoint(tmp_path: Path) -> None:
    credentials = Credentials({"https://192.0.2.1:443": Login(tls=TlsFiles(str(tmp_path / "none.pem")))})
    with pytest.raises(AccessRefusedError, match="TLS files can't be used"):
        open_client(Endpoint("kea-a", Service.DHCP4, "https://192.0.2.1/"), SETTINGS, credentials)
