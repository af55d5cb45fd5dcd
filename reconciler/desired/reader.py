"""YAML text into documents of plain data that know where every key and value stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.desired.composer import Composer, Node, RefusedError, too_deep, too_many
from reconciler.desired.documents import Document
from reconciler.desired.scalars import resolve
from reconciler.desired.wording import key as shown_key
from reconciler.desired.wording import label, looks_secret, shorten
from reconciler.model import Position, Problem

if TYPE_CHECKING:
    from reconciler.desired.documents import Trail
    from reconciler.desired.limits import Limits
    from reconciler.model import Json


def read_documents(text: str, file: str, limits: Limits) -> tuple[list[Document], list[Problem]]:
    """Return the documents of a YAML file as far as it can be read, and everything that is wrong with it."""
    composer = Composer(text, file, limits)
    documents: list[Document] = []
    problems = composer.problems
    try:
        expansion = _Expansion(file, limits, problems)
        is_nothing = False
        for root in composer.documents():  # what was read before a refusal is kept
            is_nothing = root.is_nothing
            documents.append(expansion.document(root))
        if is_nothing and len(documents) > 1:  # many editors and tools end a file with `---`
            documents.pop()
            problems.pop()
    except RefusedError as refused:
        return documents, [*dict.fromkeys(problems), refused.problem]
    if not documents:
        problems.append(_empty(Position(file, 1, 1), "file"))
    return documents, list(dict.fromkeys(problems))


@dataclass(slots=True)
class _Expansion:
    """Turns trees into data, aliases written out; what it counts and gathers is for a whole file."""

    file: str
    limits: Limits
    problems: list[Problem]
    count: int = 0
    values: dict[Trail, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Trail, tuple[int, int]] = field(default_factory=dict)
    faulty: set[Trail] = field(default_factory=set)

    def document(self, root: Node) -> Document:
        self.values, self.keys, self.faulty = {}, {}, set()
        data = self._value(root, ())
        if data is None:
            self.problems.append(_empty(self._position(root), "document"))
            self.faulty.add(())
        return Document(self.file, data, self.values, self.keys, frozenset(self.faulty))

    def _position(self, node: Node) -> Position:
        return Position(self.file, node.line, node.column)

    def _value(self, node: Node, trail: Trail) -> Json:
        self._grow(node)
        if len(trail) > self.limits.depth:
            raise RefusedError(too_deep(self._position(node), self.limits))
        self.values[trail] = (node.line, node.column)
        if node.pairs is not None:
            return self._mapping(node.pairs, trail)
        if node.items is not None:
            return [self._value(item, (*trail, index)) for index, item in enumerate(node.items)]
        return self._scalar(node, trail)

    def _grow(self, node: Node) -> None:
        self.count += 1
        if self.count > self.limits.nodes:
            raise RefusedError(too_many(self._position(node), self.limits))

    def _scalar(self, node: Node, trail: Trail) -> Json:
        if not node.text.isprintable():
            self._report(
                node, "unprintable-value", f"{label(trail)} holds a line break or an invisible character", trail
            )
            return node.text
        if not node.plain:
            return node.text
        scalar = resolve(node.text)
        if scalar.doubt:
            text = "this value" if looks_secret(trail) else f"'{shorten(node.text)}'"
            self._report(node, "ambiguous-value", f"{label(trail)}: {text} is {scalar.doubt}", trail)
        return scalar.value

    def _mapping(self, pairs: list[tuple[Node, Node]], trail: Trail) -> dict[str, Json]:
        mapping: dict[str, Json] = {}
        for key, value in pairs:
            self._grow(key)
            name = self._key(key)
            if name is None:
                continue
            inner = (*trail, name)
            if name in mapping:
                self._duplicate(key, inner)
                continue
            self.keys[inner] = (key.line, key.column)
            mapping[name] = self._value(value, inner)
        return mapping

    def _key(self, node: Node) -> str | None:
        """Return a key's text, None where it can't be one; keys are texts, whatever YAML makes of them."""
        if node.pairs is not None or node.items is not None:
            message = "a list or a mapping can't be a key"
            self._add(node, "yaml-key", message, "Quote a key or value that begins with a bracket or a brace.")
            return None
        if node.plain and node.text == "<<":
            message = "merge keys (<<) are not supported: YAML 1.2 does not have them"
            self._add(node, "yaml-merge", message, "Write the keys out, or use an alias (*) for a whole value.")
            return None
        if not node.text.isprintable():
            message = "a key holds a line break or an invisible character"
            self._add(node, "unprintable-value", message, "Remove it, or write the key anew.")
            return None
        scalar = resolve(node.text) if node.plain else None
        if scalar and (scalar.doubt or not isinstance(scalar.value, str)):
            text = shown_key(node.text)
            message = f"the key {text or '(empty)'} is not a text to every YAML reader"
            self._add(node, "yaml-key", message, f'Put it in quotes: "{text}".')
        return node.text

    def _duplicate(self, node: Node, trail: Trail) -> None:
        first = Position(self.file, *self.keys[trail])
        message = f"the key {label(trail)} is written twice, first at {first}"
        self._add(node, "duplicate-key", message, "Keep one of the two; YAML readers differ in which one they take.")

    def _report(self, node: Node, rule: str, message: str, trail: Trail) -> None:
        self.faulty.add(trail)
        advice = {
            "ambiguous-value": "Put it in quotes where text is meant; else write true, false or a decimal number.",
            "unprintable-value": "Write the value on one line, with visible characters only.",
        }[rule]
        self._add(node, rule, message, advice)

    def _add(self, node: Node, rule: str, message: str, advice: str) -> None:
        self.problems.append(Problem(self._position(node), rule, message, advice))


def _empty(position: Position, what: str) -> Problem:
    message = f"the {what} is empty"
    advice = "Remove it, or write what it should say; an empty desired state is never taken for 'delete everything'."
    return Problem(position, "yaml-empty", message, advice)
