"""The operator's webhooks: in the settings by name, their urls in files or in the environment, as credentials are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from reconciler.kea.access_toml import RefusedFileError, TomlFile, read_text
from reconciler.model import Gravity, Webhook, WebhookForm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum
    from pathlib import Path

TABLE = "webhooks"
_KEYS = ("url-file", "url-variable", "form", "severity", "relationships")
Word = TypeVar("Word", bound="StrEnum")


def webhooks(file: TomlFile, folder: Path, environment: Mapping[str, str]) -> tuple[Webhook, ...]:
    """Return the webhooks of a settings file, sorted by name; what is wrong with them is noted in the file.

    Files are relative to `folder`, that of the settings, and refused where others may read them.
    """
    tables = file.content.get(TABLE, {})
    if not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
        file.problem((TABLE,), "value", "A webhook must be a table.", f"Begin it with [{TABLE}.NAME].")
        return ()
    found = (_webhook(file, name, tables[name], folder, environment) for name in sorted(tables))
    return tuple(each for each in found if each is not None)


def _webhook(
    file: TomlFile, name: str, raw: dict[str, Any], folder: Path, environment: Mapping[str, str]
) -> Webhook | None:
    path = (TABLE, name)
    table = file.known_keys(path, raw, _KEYS)
    form = _word(file, (*path, "form"), table.get("form", WebhookForm.JSON.value), WebhookForm)
    severity = _word(file, (*path, "severity"), table.get("severity", Gravity.WARNING.value), Gravity)
    names = table.get("relationships", [])
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        file.problem((*path, "relationships"), "value", "'relationships' must be a list.", 'Write it as ["hq-dhcp4"].')
        return None
    url = _url(file, path, table, folder, environment)
    if url is None or form is None or severity is None:
        return None
    return Webhook(name, url, form, severity, frozenset(names))


def _word(file: TomlFile, path: tuple[str, ...], value: object, words: type[Word]) -> Word | None:
    if isinstance(value, str) and value in set(words):
        return words(value)
    file.problem(path, "value", f"{path[-1]!r} must be one of {', '.join(words)}.", "Leave it out for the default.")
    return None


def _url(
    file: TomlFile, path: tuple[str, ...], table: Mapping[str, Any], folder: Path, environment: Mapping[str, str]
) -> str | None:
    """Return the url; a problem never repeats it."""
    keys = [key for key in ("url-file", "url-variable") if key in table]
    if len(keys) != 1 or not isinstance(table[keys[0]], str):
        advice = "It is a credential: name a file with mode 0600 that holds it, or a variable of the environment."
        file.problem(path, "url", "A webhook needs one of 'url-file' and 'url-variable'.", advice)
        return None
    (key,), value = keys, table[keys[0]]
    try:
        text = read_text(folder / value, is_private=True) if key == "url-file" else environment.get(value, "")
    except RefusedFileError as error:
        file.problem((*path, key), "file", f"The url file {error}.", error.advice)
        return None
    url = text.strip()
    if not url:
        file.problem((*path, key), "url", f"There is no url in {value}.", "Put the webhook's url there.")
        return None
    if not _is_url(url):
        file.problem((*path, key), "url", f"What {value} holds is no http or https url.", "Copy it once more.")
        return None
    return url


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    is_plain = text.isascii() and text.isprintable() and " " not in text
    return is_plain and parts.scheme in {"http", "https"} and bool(parts.hostname)
