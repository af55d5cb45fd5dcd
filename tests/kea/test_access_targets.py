from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import AccessRefusedError, NotReachedError
from reconciler.kea.access import HttpTarget, Settings, UnixTarget, parse_control, parse_origin, refusal
from reconciler.kea.access_resolve import allowed_addresses, resolve_name


@pytest.mark.parametrize(
    ("control", "target"),
    [
        ("http://192.0.2.10:8000/", HttpTarget("http", "192.0.2.10", 8000)),
        ("http://192.0.2.10", HttpTarget("http", "192.0.2.10", 80)),
        ("HTTPS://Kea-A.Example.NET./kea", HttpTarget("https", "kea-a.example.net", 443, "/kea")),
        ("http://[2001:DB8::0:1]:8000/", HttpTarget("http", "2001:db8::1", 8000)),
        ("unix:/run/kea/kea4-ctrl-socket", UnixTarget("/run/kea/kea4-ctrl-socket")),
    ],
)
def test_control_addresses_are_taken_apart_and_normalised(control: str, target: HttpTarget | UnixTarget) -> None:
    assert parse_control(control) == target


def test_origin_and_url_of_a_target() -> None:
    target = HttpTarget("http", "2001:db8::1", 8000, "/kea")
    assert (target.origin, target.url) == ("http://[2001:db8::1]:8000", "http://[2001:db8::1]:8000/kea")
    assert parse_origin("https://[2001:DB8:0::1]/") == "https://[2001:db8::1]:443"


@pytest.mark.parametrize(
    "control",
    [
        "",
        "ftp://192.0.2.1/",
        "192.0.2.1:8000",
        "http://",
        "http:///path",
        "http://192.0.2.1:0/",
        "http://192.0.2.1:65536/",
        "http://192.0.2.1:x/",
        "http://[::1/",
        "http://kea:hunter2@192.0.2.1/",
        "http://192.0.2.1/?hunter2",
        "http://192.0.2.1/#hunter2",
        "http://192.0.2.1\\@evil/",
        "http://192.0.2.1/a b",
        "http://192.0.2.1/\n",
        "http://ke\u0430.example.net/",
        "unix:run/kea.sock",
        "unix:",
        "unix:/run/\0kea",
        "unix:/run/\u202ekea",
    ],
)
def test_what_is_no_control_address_is_refused_without_being_repeated(control: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_control(control)
    assert "hunter2" not in str(caught.value)


@given(st.text() | st.text().map("http://".__add__) | st.text("0123456789.:[]/@%", max_size=30).map("http://".__add__))
def test_any_text_is_a_target_or_a_value_error(text: str) -> None:
    try:
        target = parse_control(text)
    except ValueError:
        return
    if isinstance(target, HttpTarget):
        assert parse_control(target.url) == target


# --------------------------------------------------------------------------------------------- policy

ALWAYS_REFUSED = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "224.0.0.1",
    "239.1.2.3",
    "ff02::1",
    "0.0.0.0",  # noqa: S104 - no address to bind to
    "::",
    "255.255.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]


@pytest.mark.parametrize("address", ALWAYS_REFUSED)
def test_some_addresses_are_refused_whatever_is_allowed(address: str) -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert refusal(ip_address(address), None)
    assert refusal(ip_address(address), everything)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.0.2.1", "2001:db8::1", "fd00::1", "8.8.8.8"])
def test_everything_else_is_allowed_where_nothing_is_said(address: str) -> None:
    assert refusal(ip_address(address), None) is None


def test_the_list_of_networks_is_the_limit() -> None:
    allow = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    inside = ("192.0.2.255", "2001:db8:1::1", "::ffff:192.0.2.1")
    outside = ("192.0.3.0", "2001:db9::1", "127.0.0.1", "::ffff:192.0.3.1")
    assert [refusal(ip_address(address), allow) for address in inside] == [None, None, None]
    assert all(refusal(ip_address(address), allow) for address in outside)
    assert refusal(ip_address("192.0.2.1"), ())


def addresses(
    host: str, *found: str, settings: Settings | None = None, sends_password: bool = False
) -> tuple[str, ...]:
    asked: list[str] = []

    async def resolve(name: str) -> list[str]:
        asked.append(name)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return list(found)

    target = parse_control(host)
    assert isinstance(target, HttpTarget)
    try:
        return asyncio.run(
            allowed_addresses("kea-a", target, settings or Settings(), sends_password=sends_password, resolve=resolve)
        )
    finally:
        assert asked == ([] if target.literal else [target.host])


def test_a_name_stands_for_all_its_addresses() -> None:
    assert addresses("http://kea.example.net/", "192.0.2.1", "2001:db8::1") == ("192.0.2.1", "2001:db8::1")
    assert addresses("http://192.0.2.7/") == ("192.0.2.7",)


def test_one_forbidden_address_of_a_name_is_enough_to_refuse_it() -> None:
    with pytest.raises(AccessRefusedError, match=r"link-local.*169\.254\.169\.254.*nothing was sent"):
        addresses("http://kea.example.net/", "192.0.2.1", "169.254.169.254")
    with pytest.raises(AccessRefusedError, match="none of the networks"):
        addresses("http://kea.example.net/", "192.0.2.1", settings=Settings(allow=(ip_network("10.0.0.0/8"),)))


def test_an_unknown_name_is_not_reached() -> None:
    with pytest.raises(NotReachedError, match=r"could not be resolved .*Name or service not known"):
        addresses("http://kea.example.net/")


def test_a_lookup_that_takes_too_long_is_not_reached() -> None:
    async def never(_: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    target = HttpTarget("http", "kea.example.net", 80)
    with pytest.raises(NotReachedError, match="too long"):
        asyncio.run(allowed_addresses("a", target, Settings(connect_seconds=0.05), sends_password=False, resolve=never))


def test_a_password_goes_over_plain_http_to_this_machine_only() -> None:
    assert addresses("http://127.0.0.1/", sends_password=True) == ("127.0.0.1",)
    assert addresses("http://kea/", "127.0.0.1", "::1", sends_password=True) == ("127.0.0.1", "::1")
    assert addresses("https://192.0.2.1/", sends_password=True) == ("192.0.2.1",)
    with pytest.raises(AccessRefusedError, match="unencrypted; nothing was sent"):
        addresses("http://192.0.2.1/", sends_password=True)
    with pytest.raises(AccessRefusedError, match="unencrypted"):
        addresses("http://kea/", "127.0.0.1", "192.0.2.1", sends_password=True)


def test_an_explicit_setting_lets_a_password_go_over_plain_http() -> None:
    settings = Settings(allow_basic_auth_over_plain_http=True)
    assert addresses("http://192.0.2.1/", sends_password=True, settings=settings) == ("192.0.2.1",)


def test_the_systems_lookup() -> None:
    assert set(asyncio.run(resolve_name("localhost"))) <= {"127.0.0.1", "::1"}
    with pytest.raises(socket.gaierror):
        asyncio.run(resolve_name("a..b"))
