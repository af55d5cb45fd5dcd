"""What must not be shown, and how text from elsewhere is made safe to show.

Two ways to hide a secret: by the name of its key (`redact`, `secret_values`), where structure is at hand, and by
its value (`Scrubber`), at the place where text leaves the process. Nothing of ours is imported here.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN = "(hidden)"
"""What stands in place of a secret."""

SHORTEST_SECRET = 4
"""Shorter values are not looked for in text: hiding every "a" would hide everything else as well."""

_SECRET_ENDINGS = ("password", "passwd", "passphrase", "secret", "token", "key", "credential")
# Blocks that say how to log in somewhere: there the user's name is nobody else's business either
# (Kea manual: "Lease Database Configuration", "Hosts Storage", "Configuration Backend", "control-sockets").
_LOGIN_BLOCKS = frozenset(
    {"authentication", "lease-database", "hosts-database", "hosts-databases", "config-databases", "tsig"}
)
_LOGIN_NAMES = frozenset({"user", "username"})
_SCALARS = frozenset({str, int, float, bool, type(None)})


def is_secret_key(name: str) -> bool:
    """Say whether a value under this key is a secret: `password`, `basic-auth-password`, `apiKey`, `tokens`.

    Paths of files that hold secrets (`password-file`, `key-file`) are none; what they lead to never is in a
    configuration.
    """
    return name.strip().lower().removesuffix("s").endswith(_SECRET_ENDINGS)


# ------------------------------------------------------------------------------------------ structure


class _Level:
    """One container that is being walked: where it hangs, what is left of it, and its copy once it needs one."""

    __slots__ = ("copy", "hides_logins", "items", "key", "node")

    def __init__(self, node: Any, key: Any, *, hides_logins: bool) -> None:
        self.node = node
        self.key = key
        self.hides_logins = hides_logins
        self.copy: Any = None
        self.items: Iterator[tuple[Any, Any]] = iter(node.items() if isinstance(node, Mapping) else enumerate(node))

    def hides(self, key: Any, value: Any) -> bool:
        """Say whether this entry is a secret; what is empty, true, false or null gives nothing away."""
        if not isinstance(key, str) or isinstance(value, bool) or value in (None, "", [], {}):
            return False
        return is_secret_key(key) or (self.hides_logins and key.lower() in _LOGIN_NAMES)


def redact(value: Any) -> Any:
    """Return `value` with every secret replaced by `HIDDEN`; parts without secrets are shared, not copied.

    Takes anything that came from JSON, of any depth: it doesn't recurse.
    """
    if type(value) in _SCALARS:
        return value
    levels = [_Level(value, None, hides_logins=False)]
    while True:
        level = levels[-1]
        inner = _next_inner(levels)
        if inner is not None:
            levels.append(inner)
        elif len(levels) > 1:
            levels.pop()
        else:
            return level.node if level.copy is None else level.copy


def _next_inner(levels: list[_Level]) -> _Level | None:
    """Walk on in the innermost level, hiding secrets, up to the next container in it."""
    level = levels[-1]
    for key, child in level.items:
        if level.hides(key, child):
            _copy_down(levels)
            level.copy[key] = HIDDEN
        elif type(child) not in _SCALARS:
            logs_in = level.hides_logins or (isinstance(key, str) and key.lower() in _LOGIN_BLOCKS)
            return _Level(child, key, hides_logins=logs_in)
    return None


def _copy_down(levels: list[_Level]) -> None:
    """Give every level down to the innermost a copy of its own, each hung into the copy above it."""
    above: _Level | None = None
    for level in levels:
        if level.copy is None:
            level.copy = dict(level.node) if isinstance(level.node, Mapping) else list(level.node)
            if above is not None:
                above.copy[level.key] = level.copy
        above = level


def secret_values(config: Any) -> frozenset[str]:
    """Return every secret string of at least `SHORTEST_SECRET` characters in something that came from JSON.

    Names of users are hidden by `redact` but are not among these: a user called "kea" must not blot out the
    word wherever it stands.
    """
    found: set[str] = set()
    harmless: set[str] = set()
    waiting = [] if type(config) in _SCALARS else [config]
    while waiting:
        node = waiting.pop()
        children: Iterable[Any] = node
        if type(node) is dict or isinstance(node, Mapping):
            if not harmless.issuperset(node):  # a configuration has few different keys: this is seldom so
                _note_secrets(node, harmless, found)
            children = node.values()
        waiting += [child for child in children if type(child) not in _SCALARS]
    return frozenset(value for value in found if len(value) >= SHORTEST_SECRET)


def _note_secrets(node: Mapping[Any, Any], harmless: set[str], found: set[str]) -> None:
    """Put the secrets directly in `node` into `found`, and its other keys into `harmless`."""
    for key, value in node.items():
        if isinstance(key, str) and is_secret_key(key):
            found.update(_strings(value))
        else:
            harmless.add(key)


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in `value`, which may be one."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, Mapping):
            waiting += node.values()
        elif isinstance(node, Sequence):
            waiting += node


# ----------------------------------------------------------------------------------------------- text


_PLACES_A_FORM = 64  # of a text: to cut it up there takes as long as to look for a form in all of it (measured)


class Scrubber:
    """Knows secret values and takes them out of any text, in every form in which they may stand there."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._learnt: set[str] = set()
        self._forms: set[str] = set()
        self._starts: dict[str, list[str]] = {}  # the same forms, by the characters that they begin with
        self.learn(secrets)

    def __repr__(self) -> str:
        return f"Scrubber({len(self._learnt)} values)"

    def learn(self, secrets: Iterable[str]) -> None:
        """Add secret values; those shorter than `SHORTEST_SECRET` characters are left out."""
        new = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET} - self._learnt
        if new:
            self._learnt |= new
            self._keep(form for secret in new for form in _forms(secret))

    def learn_login(self, user: str, password: str) -> None:
        """Add a password, and the token that HTTP basic authentication makes of the two (RFC 7617)."""
        self.learn([password])
        self._keep(_base64_forms(f"{user}:{password}".encode(), alignments=1))

    def _keep(self, forms: Iterable[str]) -> None:
        """Add forms; what a `scrub` in another thread looks at meanwhile stays as it is."""
        new = {form for form in forms if len(form) >= SHORTEST_SECRET} - self._forms
        if new:
            starts = dict(self._starts)
            for form in new:
                starts[form[:SHORTEST_SECRET]] = [*starts.get(form[:SHORTEST_SECRET], ()), form]
            self._forms, self._starts = self._forms | new, starts

    def _likely(self, text: str) -> Iterable[str]:
        """Return the forms that may be in a text: those whose beginning is, or all where it takes longer to tell."""
        if len(text) > _PLACES_A_FORM * len(self._forms):
            return self._forms
        starts = {text[place : place + SHORTEST_SECRET] for place in range(len(text) - SHORTEST_SECRET + 1)}
        return [form for start in starts & self._starts.keys() for form in self._starts[start]]

    def scrub(self, text: str) -> str:
        """Return `text` with every known secret replaced by `HIDDEN`; overlapping ones go together."""
        spans = sorted(span for form in self._likely(text) if form in text for span in _occurrences(form, text))
        pieces: list[str] = []
        shown_to = 0
        hidden_to = -1
        for start, end in spans:
            if start > hidden_to:
                pieces += [text[shown_to:start], HIDDEN]
            hidden_to = max(hidden_to, end)
            shown_to = hidden_to
        return text if not spans else "".join([*pieces, text[shown_to:]])

    def scrub_values(self, value: Any) -> Any:
        """Return what came from JSON, or goes there, with every string in it scrubbed but for keys, which are ours: the
        shape stays as it is, whatever a secret looks like.
        """
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, Mapping):
            return {key: self.scrub_values(each) for key, each in value.items()}
        return [self.scrub_values(each) for each in value] if isinstance(value, Sequence) else value


def _occurrences(form: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where `form` stands in `text`, occurrences that overlap each other included."""
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it stands in plain text, JSON (also JSON in JSON), URLs, Python, and base64."""
    yield secret
    yield visible(secret)
    yield repr(secret)[1:-1]
    for is_ascii in (True, False):
        once = json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
        yield once
        yield json.dumps(once)[1:-1]
    raw = secret.encode("utf-8", "surrogatepass")
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield raw.hex()
    yield from _base64_forms(raw, alignments=3)


def _base64_forms(raw: bytes, *, alignments: int) -> Iterator[str]:
    """Yield the base64 digits that `raw` alone decides, wherever it begins in what is encoded.

    The digits at its two ends may hold bits of its neighbours; they are left out for alignments past the first.
    """
    for before in range(alignments):
        digits = base64.b64encode(bytes(before) + raw).decode()
        start = -(-before * 8 // 6)
        end = (before + len(raw)) * 8 // 6
        yield digits[start:end]
        yield digits[start:end].replace("+", "-").replace("/", "_")


# What looks like a secret in text whose values nobody told us: `password=...`, `"token": "..."`, a user and password in
# a URL, an authorization header. The value ends where the quotation does, else at white space or punctuation.
_NAMED_SECRET = re.compile(
    r"""(?ix) ( (?:password|passwd|passphrase|secret|token|[_.-]key|\bkey|apikey) s? ["']? \s* [=:] \s* )
    ( "(?:[^"\\]|\\.)*"? | '(?:[^'\\]|\\.)*'? | [^\s,;)}\]]+ )"""
)
_URL_LOGIN = re.compile(r"(?<=://)[^\s/@]+@")
_AUTHORIZATION = re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9+/_.~-]{6,}=*")


def hide_named_secrets(text: str) -> str:
    """Return `text` without what looks like a secret by what stands before it, for secrets that nobody told us."""
    text = _NAMED_SECRET.sub(rf"\1{HIDDEN}", text)
    text = _URL_LOGIN.sub(f"{HIDDEN}@", text)
    return _AUTHORIZATION.sub(rf"\1 {HIDDEN}", text)


def visible(text: str) -> str:
    """Return `text` with every character that doesn't print as itself shown as an escape.

    That takes in line ends, terminal sequences, characters that turn the direction of writing, and those of no
    width: text from a server can neither move the cursor nor look like something else. Letters of any script stay.
    A GitHub runner takes `##[` for the begin of a command wherever it stands in a line, so that is escaped too.
    """
    if not text.isprintable():
        text = "".join(character if character.isprintable() else _escape(character) for character in text)
    return text.replace("##[", "#\\x23[") if "##[" in text else text


def _escape(character: str) -> str:
    """Return the escape of one character, as Python and most languages write it."""
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if short is not None:
        return short
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
