from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kea.channel_text import from_kea, to_kea


def said_by_kea(value: bytes) -> bytes:
    """A reply with the text that is these bytes in Kea, as Kea 2.2 writes it (isc::data::StringElement::toJSON)."""
    short = {0x22: '\\"', 0x5C: "\\\\", 0x08: "\\b", 0x0C: "\\f", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
    text = "".join(short.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\u{byte:04x}") for byte in value)
    return f'[ {{ "text": "{text}" }} ]'.encode()


def heard_by_kea(request: bytes) -> bytes:
    """The bytes that Kea makes of the text in a request: it takes what isn't escaped as it comes."""
    text = request.removeprefix(b'[{"text":"').removesuffix(b'"}]')
    characters: str = orjson.loads(b'"' + text.decode("latin-1").encode() + b'"')
    return characters.encode("latin-1")


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.sampled_from(["é", "\U0010ffe9", "\\u00e9", "\\\\u00c3"]).map(str.encode)
)
def test_whatever_kea_holds_survives_reading_and_sending_back(value: bytes) -> None:
    read = orjson.loads(from_kea(said_by_kea(value)))
    assert heard_by_kea(to_kea(orjson.dumps(read))) == value


@given(st.text(st.characters(codec="utf-8", max_codepoint=0xFFFFF)))
def test_utf8_is_read_as_the_characters_that_it_is(text: str) -> None:
    assert orjson.loads(from_kea(said_by_kea(text.encode()))) == [{"text": text}]
    assert orjson.loads(from_kea(orjson.dumps([{"text": text}]))) == [{"text": text}]
    assert heard_by_kea(to_kea(orjson.dumps([{"text": text}]))) == text.encode()


def test_bytes_that_are_no_utf8_are_seen_not_to_be_text() -> None:
    (read,) = orjson.loads(from_kea(said_by_kea(b"caf\xe9 \xc3\xa9")))
    assert read == {"text": "caf\U0010ffe9 é"}
    assert not read["text"].isprintable()


@pytest.mark.parametrize("body", [b'{"a": "\\u001b\\u007f\\\\u00e9 \\"x\\""}', bytearray(b'{"a": 1}'), b"", b"\\"])
def test_ascii_is_not_even_copied(body: bytes | bytearray) -> None:
    read = from_kea(body)
    assert read is body or read == body
    assert from_kea(bytearray(b"{}" * 10)) == b"{}" * 10


@given(st.binary())
def test_any_bytes_are_taken(body: bytes) -> None:
    from_kea(body)
    from_kea(bytearray(body))
