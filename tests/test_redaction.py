from __future__ import annotations

import base64
import json
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.redaction import (
    HIDDEN,
    Scrubber,
    hide_named_secrets,
    is_secret_key,
    redact,
    secret_values,
    visible,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "kanarienvogel-7f3a"
SECRET_KEYS = ["password", "basic-auth-password", "secret", "token", "apiKey", "api_key", "key", "PASSWORD", "tokens"]
HARMLESS_KEYS = [
    "password-file",
    "key-file",
    "basic-auth-password-file",
    "trust-anchor",
    "user",
    "hostname",
    "keyboard",
]

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
harmless_keys = st.text(max_size=8).filter(lambda key: not is_secret_key(key))
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(harmless_keys, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_keys_of_secrets_are_known(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize("key", HARMLESS_KEYS)
def test_keys_of_paths_and_names_are_no_secrets(key: str) -> None:
    assert not is_secret_key(key)


# ------------------------------------------------------------------------------------------ structure


def planted(tree: Any, key: str, value: Any) -> Any:
    """The tree with a secret in each of its dictionaries (and at least one)."""
    if isinstance(tree, dict):
        return {name: planted(child, key, value) for name, child in tree.items()} | {key: value}
    if isinstance(tree, list):
        return [*(planted(child, key, value) for child in tree), {key: value}]
    return {"plain": tree, key: value}


@given(trees, st.sampled_from(SECRET_KEYS), st.sampled_from([CANARY, [CANARY], {"x": {"y": CANARY}}]))
def test_no_canary_survives_redaction_and_nothing_else_changes(tree: Any, key: str, value: Any) -> None:
    config = planted(tree, key, value)
    before = json.dumps(config)
    redacted = redact(config)
    assert CANARY not in json.dumps(redacted)
    assert redacted == planted(tree, key, HIDDEN)
    assert json.dumps(config) == before
    assert CANARY in secret_values(config)


@given(trees)
def test_what_has_no_secrets_is_not_copied(tree: Any) -> None:
    assert redact(tree) is tree


def test_parts_without_secrets_are_shared_with_the_original() -> None:
    config = {"subnet4": [{"id": 1}], "hosts-database": {"password": CANARY}}
    redacted = redact(config)
    assert redacted["subnet4"] is config["subnet4"]
    assert redacted["hosts-database"] == {"password": HIDDEN}


def test_login_blocks_hide_users_too_but_users_are_not_scrubbed_from_text() -> None:
    config = {
        "lease-database": {"type": "mysql", "user": "keauser", "password": CANARY, "host": "db"},
        "config-control": {"config-databases": [{"type": "mysql", "user": "keauser", "password": "another-one"}]},
        "control-sockets": [
            {"authentication": {"realm": "kea", "clients": [{"user": "adm", "password": "third-one"}]}}
        ],
        "user-context": {"user": "shown", "password": "fourth-one", "key-file": "/etc/k.pem"},
    }
    assert redact(config) == {
        "lease-database": {"type": "mysql", "user": HIDDEN, "password": HIDDEN, "host": "db"},
        "config-control": {"config-databases": [{"type": "mysql", "user": HIDDEN, "password": HIDDEN}]},
        "control-sockets": [{"authentication": {"realm": "kea", "clients": [{"user": HIDDEN, "password": HIDDEN}]}}],
        "user-context": {"user": "shown", "password": HIDDEN, "key-file": "/etc/k.pem"},
    }
    assert secret_values(config) == {CANARY, "another-one", "third-one", "fourth-one"}


def test_empty_and_boolean_values_give_nothing_away() -> None:
    config: dict[str, Any] = {"password": "", "token": None, "require-password": True, "keys": [], "secret": 12345}
    assert redact(config) == {**config, "secret": HIDDEN}


def test_short_values_are_redacted_but_not_searched_for() -> None:
    assert redact({"password": "abc"}) == {"password": HIDDEN}
    assert secret_values({"password": "abc"}) == frozenset()


def test_depth_is_no_limit() -> None:
    deep: Any = {"password": CANARY}
    for _ in range(5000):
        deep = {"a": [deep]}
    redacted = redact(deep)
    for _ in range(5000):
        redacted = redacted["a"][0]
    assert redacted == {"password": HIDDEN}
    assert secret_values(deep) == {CANARY}


# ----------------------------------------------------------------------------------------------- text

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "json": json.dumps,
    "json-unicode": lambda secret: json.dumps(secret, ensure_ascii=False),
    "json-in-json": lambda secret: json.dumps(json.dumps({"a": secret})),
    "url": lambda secret: urllib.parse.quote(secret, safe=""),
    "url-path": urllib.parse.quote,
    "form": lambda secret: urllib.parse.urlencode({"a": secret}),
    "python": repr,
    "visible": visible,
    "hex": lambda secret: secret.encode().hex(),
}
secrets = st.text(st.characters(codec="utf-8"), min_size=4, max_size=40)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(secret=secrets, before=st.text(max_size=10), after=st.text(max_size=10))
@example(secret='it\'s "so" \\', before="", after="")
def test_no_form_of_a_secret_survives_scrubbing(encoding: str, secret: str, before: str, after: str) -> None:
    encoded = ENCODINGS[encoding](secret)
    scrubbed = Scrubber([secret]).scrub(f"{before}|{encoded}|{after}")
    assert encoded not in scrubbed.replace(HIDDEN, "\0")
    assert HIDDEN in scrubbed


@given(secret=secrets, before=st.binary(max_size=5), after=st.binary(max_size=5), is_url=st.booleans())
def test_base64_gives_away_no_more_than_the_edges(secret: str, before: bytes, after: bytes, is_url: bool) -> None:
    encode = base64.urlsafe_b64encode if is_url else base64.b64encode
    encoded = encode(before + secret.encode() + after).decode()
    scrubbed = Scrubber([secret]).scrub(f"Basic {encoded}")
    assert HIDDEN in scrubbed
    decided = len(secret.encode()) * 8 // 6 - 2  # digits that the secret alone decides, at the least
    assert len(scrubbed) - len(HIDDEN) <= len(f"Basic {encoded}") - decided


def test_a_login_is_hidden_as_the_token_of_basic_authentication() -> None:
    scrubber = Scrubber()
    scrubber.learn_login("kea", "pw1")  # the password alone would be too short to look for
    token = base64.b64encode(b"kea:pw1").decode()
    assert token[:-2] not in scrubber.scrub(f"Authorization: Basic {token}")


def test_overlapping_secrets_leave_no_rest() -> None:
    assert Scrubber(["abcdef", "defghi"]).scrub("xx abcdefghi yy") == f"xx {HIDDEN} yy"
    assert Scrubber(["abcabc"]).scrub("abcabcabc") == HIDDEN
    assert Scrubber(["abcd", "efgh"]).scrub("abcdefgh") == HIDDEN


def test_a_secret_inside_another_one_goes_with_it() -> None:
    assert Scrubber(["pass", "passport"]).scrub("my passport, my pass") == f"my {HIDDEN}, my {HIDDEN}"
    assert Scrubber(["sspo", "passport"]).scrub("my passport.") == f"my {HIDDEN}."


@given(st.lists(st.text("ab", min_size=4, max_size=6), min_size=1, max_size=4), st.text("abc", max_size=30))
def test_a_long_text_is_searched_like_a_short_one(known: list[str], text: str) -> None:
    """Which forms are looked for is found in another way there."""
    filling = " " * 100_000
    assert Scrubber(known).scrub(text + filling) == Scrubber(known).scrub(text) + filling


@given(st.lists(st.text("ghijkl-", min_size=4), max_size=5), st.text("äöü .,", max_size=60))
def test_text_without_secrets_stays_as_it_is(known: list[str], text: str) -> None:
    assert Scrubber(known).scrub(text) == text


def test_a_scrubber_shows_nothing_of_itself() -> None:
    assert CANARY not in repr(Scrubber([CANARY]))


@pytest.mark.parametrize(
    "text",
    [
        f"Unable to open database: password={CANARY} user=kea",
        f"host=db password='{CANARY}'",
        f'{{"basic-auth-password": "{CANARY}"}}',
        f'{{"password" : "a\\"{CANARY}"}}',
        f'"password": "{CANARY}',  # cut off
        f"Authorization: Basic {base64.b64encode(CANARY.encode()).decode()}",
        f"mysql://kea:{CANARY}@db/kea",
        f"token: {CANARY}",
    ],
)
def test_what_is_named_a_secret_is_hidden_though_nobody_told_its_value(text: str) -> None:
    hidden = hide_named_secrets(text)
    assert CANARY not in hidden
    assert base64.b64encode(CANARY.encode()).decode() not in hidden
    assert HIDDEN in hidden


def test_ordinary_texts_of_kea_pass() -> None:
    for text in (
        "unable to forward command to the dhcp4 service: Connection refused. The server is likely to be offline",
        "Configuration successful.",
        "missing parameter 'password' in peer 's2'",
        "bad password file in peer 's2': Expected a file at path '/nope'",
    ):
        assert hide_named_secrets(text) == text


# -------------------------------------------------------------------------------------------- visible


@given(st.text())
def test_nothing_that_moves_or_turns_is_left(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert visible(shown) == shown


@given(st.text())
def test_printable_text_stays_as_it_is(text: str) -> None:
    printable = "".join(character for character in text if character.isprintable())
    assert visible(printable) == printable


def test_escapes() -> None:
    assert (
        visible("a\x1b[31mb\r\n\t\u202ec\u200bd\U000e0041é中") == "a\\x1b[31mb\\r\\n\\t\\u202ec\\u200bd\\U000e0041é中"
    )


def test_more_secrets_may_be_learnt_while_a_text_is_scrubbed_in_another_thread() -> None:
    scrubber = Scrubber(f"known-{number:05}" for number in range(200))
    text = f"{'-' * 400_000}known-00007"  # so long that one is learnt before it is done
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(scrubber.scrub(text)[-20:] for _ in range(3)))
    thread.start()
    number = 0
    while thread.is_alive():
        scrubber.learn([f"another-{number:07}"])
        number += 1
    thread.join()
    assert number > 0
    assert found == [f"{'-' * 400_000}{HIDDEN}"[-20:]] * 3
