"""The operator's credentials, kept by origin, so that a changed address in the inventory takes no password along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reconciler.kea.access_targets import origin_of, parse_origin
from reconciler.kea.access_tls import TlsFiles, tls_context
from reconciler.kea.access_toml import RefusedFileError, TomlFile, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from reconciler.model import Position
    from reconciler.redaction import Scrubber

_KEYS = ("user", "password", "password-file", "ca-file", "cert-file", "key-file")
_TLS_KEYS = ("ca-file", "cert-file", "key-file")


@dataclass(frozen=True, slots=True)
class Login:
    """What one origin wants from us: a user and a password for basic authentication, and TLS files, or neither."""

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    tls: TlsFiles = field(default_factory=TlsFiles)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The login of each origin (`scheme://host:port`, normalised, the port always there), and where that stands."""

    logins: Mapping[str, Login] = field(default_factory=dict, repr=False)
    places: Mapping[str, Position] = field(default_factory=dict, repr=False, compare=False)

    def login(self, origin: str) -> Login:
        """Return what is kept for an origin, an empty login where nothing is."""
        return self.logins.get(origin) or Login()

    def unmatched(self, addresses: Iterable[str]) -> Iterator[str]:
        """Yield in words the origins at which none of these addresses is, with their places, and what else there is at
        the same host; nothing of what is kept for them.
        """
        known = sorted(filter(None, set(map(origin_of, addresses))))
        for origin, place in self.places.items():
            if origin not in known:
                others = [each for each in known if urlsplit(each).hostname == urlsplit(origin).hostname]
                instead = f" (but at {', '.join(others)})" if others else ""
                yield f"{place.file}:{place.line}: nothing in desired is at {origin}{instead}; this entry is not used"

    def teach(self, scrubber: Scrubber) -> None:
        """Tell a scrubber every secret in here."""
        for login in self.logins.values():
            if login.password is not None:
                scrubber.learn_login(login.user or "", login.password)


def read_credentials(path: Path) -> Credentials:
    """Read the credentials file, the password files it names, and check its TLS files.

    FixInputError with every problem; the file itself and password files are refused when anybody else has any
    permission on them. Paths in it are relative to its own folder.
    """
    file = TomlFile(path, "credentials", is_private=True)
    logins: dict[str, Login] = {}
    places: dict[str, Position] = {}
    for key, table in file.content.items():
        origin = _origin(file, key, table)
        login = _login(file, key, table, path.parent) if isinstance(table, dict) else Login()
        if origin in logins:
            advice = "Keep one; a port that is left out is 80 or 443."
            file.problem((key,), "origin", f"{key!r} is the same origin as one above.", advice)
        elif origin is not None:
            logins[origin] = login
            places[origin] = file.position((key,))
            if origin.startswith("http:") and login.tls != TlsFiles():
                file.problem((key,), "tls", "TLS files for an origin without TLS.", "Write https://, or drop them.")
    file.finish()
    return Credentials(logins, places)


def _origin(file: TomlFile, key: str, table: object) -> str | None:
    advice = 'Begin a table with the origin in quotes: ["http://192.0.2.10:8000"].'
    if not isinstance(table, dict):
        file.problem((key,), "key", "A key that stands under no origin.", advice)
        return None
    try:
        return parse_origin(key)
    except ValueError as error:
        file.problem((key,), "origin", f"An origin is wrong: {error}.", advice)
        return None


def _login(file: TomlFile, key: str, table: dict[str, Any], folder: Path) -> Login:
    known = file.known_keys((key,), table, _KEYS)
    values: dict[str, str] = {}
    for name, value in known.items():
        if isinstance(value, str) and value:
            values[name] = value
        else:
            file.problem((key, name), "value", f"{name!r} must be a string, and not empty.", "Put it in quotes.")
    user = values.get("user")
    password = _password(file, key, values, folder)
    _check_pairs(file, key, known)
    if user is not None and (":" in user or not user.isprintable()):
        file.problem((key, "user"), "value", "A user must not have ':' or control characters.", "See RFC 7617.")
    return Login(user, password, _tls(file, key, values, folder))


def _check_pairs(file: TomlFile, key: str, table: dict[str, Any]) -> None:
    has_password = "password" in table or "password-file" in table
    if "password" in table and "password-file" in table:
        file.problem((key, "password"), "pair", "Both 'password' and 'password-file'.", "Keep one of them.")
    if has_password != ("user" in table):
        missing = "user" if has_password else "password-file"
        file.problem((key,), "pair", f"{missing!r} is missing.", "A user and a password go together.")
    if ("cert-file" in table) != ("key-file" in table):
        file.problem((key,), "pair", "One of 'cert-file' and 'key-file' is missing.", "They go together.")


def _password(file: TomlFile, key: str, values: dict[str, str], folder: Path) -> str | None:
    if "password-file" not in values:
        return values.get("password")
    try:
        text = read_text(folder / values["password-file"], is_private=True)
        password = text.removesuffix("\n").removesuffix("\r")
        if not password:
            raise RefusedFileError("is empty", "Put the password into it.")  # noqa: TRY301 - said like the others
    except RefusedFileError as error:
        file.problem((key, "password-file"), "file", f"The password file {error}.", error.advice)
        return None
    return password


def _tls(file: TomlFile, key: str, values: dict[str, str], folder: Path) -> TlsFiles:
    paths = {name: str(folder / values[name]) for name in _TLS_KEYS if name in values}
    is_usable = True
    for name in paths:
        try:
            read_text(folder / values[name], is_private=name == "key-file", may_group_read=True)
        except RefusedFileError as error:
            is_usable = False
            file.problem((key, name), "file", f"The {name} {error}.", error.advice)
    files = TlsFiles(paths.get("ca-file"), paths.get("cert-file"), paths.get("key-file"))
    if paths and is_usable and bool(files.cert) == bool(files.key):
        try:
            tls_context(files)
        except ValueError as error:
            told, advice = f"The TLS files can't be used: {error}.", "They must be PEM files."
            if "KEY_VALUES_MISMATCH" in str(error):
                told, advice = "The key-file is not that of the cert-file.", "Name the key that goes with it."
            file.problem((key,), "tls", told, advice)
    return files
