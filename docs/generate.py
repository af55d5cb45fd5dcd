"""Writes docs/reference.md from schemas/: one table for each object of the YAML, so that the two can't disagree.

    python -m docs.generate

`text()` gives the page without writing it; a test holds the committed page against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference.md"

HEAD = """\
# Reference: the YAML of desired/

<!-- Generated from schemas/ by `make docs`. Edit the schemas, not this page. -->

`desired/servers.yaml` is the inventory, and every `*.yaml` below `desired/relationships/` holds one relationship, or
several with a line of `---` between them. Unknown keys, duplicate keys and YAML tags are refused. Editors that know
the YAML language server complete and explain every field: the first line of each example names its schema, and
`kea-reconciler schema relationship` and `kea-reconciler schema servers` print them.
"""

PAGES = (
    ("servers", "servers.yaml"),
    ("relationship", "relationships/*.yaml"),
    ("approvals", "approvals/<fingerprint>.yaml"),
)


def text() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for name, file in PAGES:
        schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
        parts += [f"## `{file}`\n", f"{schema['description']}\n", *_object(schema, schema, "")]
    return "\n".join(parts)


def _object(node: Mapping[str, Any], root: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the table of one object's fields, then the tables of the objects inside it."""
    fields = node.get("properties") or {}
    inner: list[tuple[str, Mapping[str, Any]]] = []
    if fields:
        if path:
            yield f"### `{path}`\n"
        yield "| field | type | default | meaning |\n|---|---|---|---|\n" + "".join(
            _row(name, _resolved(field, root), is_required=name in node.get("required", ()))
            for name, field in fields.items()
        )
    for name, field in fields.items():
        inner.append((f"{path}.{name}".lstrip("."), _resolved(field, root)))
    members = node.get("additionalProperties")
    if isinstance(members, Mapping):
        inner.append((f"{path}.<name>".lstrip("."), _resolved(members, root)))
    items = node.get("items")
    if isinstance(items, Mapping):
        inner.append((f"{path}[]", _resolved(items, root)))
    for place, field in inner:
        yield from _object(field, root, place)


def _row(name: str, field: Mapping[str, Any], *, is_required: bool) -> str:
    default = "required" if is_required else f"`{json.dumps(field['default'])}`" if "default" in field else ""
    words = str(field.get("description") or field.get("title") or "").replace("|", "\\|").replace("\n", " ")
    return f"| `{name}` | {_type(field)} | {default} | {words} |\n"


def _type(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    kind = field.get("type", "")
    words = str(kind) if isinstance(kind, str) else " or ".join(kind)
    limits = [f"{word} {field[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in field]
    return " ".join([words, *limits])


def _resolved(field: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference inside the schema; what stands beside it comes on top."""
    reference = field.get("$ref")
    if not reference:
        return field
    target: Any = root
    for part in reference.removeprefix("#/").split("/"):
        target = target[part]
    return {**_resolved(target, root), **{key: value for key, value in field.items() if key != "$ref"}}


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
