"""YAML text into a tree of nodes, from the parser's events, within limits.

The tree is not made by PyYAML's own composer: that one recurses in C and ends the whole process on deep nesting
(measured: 500,000 opening brackets), whereas events can be counted while they come. Of the safe loader only the
parser is used; nothing is ever constructed from a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from reconciler.model import Position, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.desired.limits import Limits

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_QUOTED = re.compile(r"'([^']*)'")


@dataclass(slots=True)
class Node:
    """A scalar, list or mapping and where it begins; `plain` scalars are unquoted. Aliases share nodes."""

    line: int
    column: int
    text: str = ""
    plain: bool = False
    items: list[Node] | None = None
    pairs: list[tuple[Node, Node]] | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether nothing at all is written."""
        return self.plain and not self.text


class RefusedError(Exception):
    """Reading a file has to stop here."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class Composer:
    """Makes one tree for each document of a text. `problems` gathers what is wrong without ending the reading."""

    text: str
    file: str
    limits: Limits
    problems: list[Problem] = field(default_factory=list)
    _anchors: dict[str, Node | None] = field(default_factory=dict)
    _nodes: int = 0

    def documents(self) -> Iterator[Node]:
        """Yield the root of each document; raise RefusedError where the text is no YAML or too much of it."""
        events = self._events()
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
                yield self._node(next(events), events, 0)

    def _events(self) -> Iterator[Any]:
        loader = None
        try:
            loader = _Loader(self.text)
            while loader.check_event():
                yield loader.get_event()
        except yaml.YAMLError as error:
            raise RefusedError(self._syntax(error)) from None
        finally:
            if loader is not None:
                loader.dispose()

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        position = Position(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
        self._count(position, depth)
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(str(event.anchor), position)
        if event.tag is not None:
            self.problems.append(_tag(position))
        node = Node(position.line, position.column)
        if event.anchor is not None:
            self._anchors[event.anchor] = None  # until it is complete: an alias inside would never end
        if isinstance(event, yaml.ScalarEvent):
            node.text, node.plain = event.value, event.implicit[0]
        elif isinstance(event, yaml.SequenceStartEvent):
            node.items = list(self._members(events, depth))
        else:
            members = self._members(events, depth)
            node.pairs = [(key, next(members)) for key in members]
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _members(self, events: Iterator[Any], depth: int) -> Iterator[Node]:
        for event in events:
            if isinstance(event, yaml.CollectionEndEvent):
                return
            yield self._node(event, events, depth + 1)

    def _aliased(self, anchor: str, position: Position) -> Node:
        node = self._anchors.get(anchor)
        if node is None:
            inside = anchor in self._anchors
            raise RefusedError(
                Problem(
                    position,
                    "yaml-alias",
                    "an alias stands inside its own anchor" if inside else "an alias names no anchor before it",
                    "Write the value out. A text that begins with * must be quoted.",
                )
            )
        return node

    def _count(self, position: Position, depth: int) -> None:
        self._nodes += 1
        if self._nodes > self.limits.nodes:
            raise RefusedError(too_many(position, self.limits))
        if depth > self.limits.depth:
            raise RefusedError(too_deep(position, self.limits))

    def _syntax(self, error: yaml.YAMLError) -> Problem:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        position = Position(self.file, mark.line + 1, mark.column + 1) if mark else Position(self.file, 1, 1)
        if "nesting depth" in (getattr(error, "problem", None) or ""):  # libyaml's own limit, since PyYAML 6.0.4
            return too_deep(position, self.limits)
        found = _discreet(getattr(error, "problem", None) or "it has a character that it can't have")
        context = getattr(error, "context", None)
        message = f"this is not YAML: {found}" + (f" ({_discreet(context)})" if context else "")
        return Problem(position, "yaml-syntax", message, _advice(found))


def too_many(position: Position, limits: Limits) -> Problem:
    """Return the problem of a file that holds too much, often because aliases multiply each other."""
    message = f"the file holds more than {limits.nodes} keys and values, its aliases written out"
    return Problem(position, "yaml-size", message, "Split the file, and write aliases of aliases out.")


def too_deep(position: Position, limits: Limits) -> Problem:
    """Return the problem of lists and mappings nested in each other without end."""
    message = f"lists and mappings are nested more than {limits.depth} deep"
    return Problem(
        position, "yaml-depth", message, "Nothing in desired/ nests deeply: look for a stray bracket or dash."
    )


def _discreet(words: str) -> str:
    """Return a parser's words without what it quotes from the file, which may be a secret; one character may stay."""
    return _QUOTED.sub(lambda quoted: quoted[0] if len(quoted[1]) < 2 else "something else", words)


def _tag(position: Position) -> Problem:
    message = "a YAML tag (a word that begins with !) is not allowed here"
    advice = "Remove the tag. A text that begins with ! must be quoted."
    return Problem(position, "yaml-tag", message, advice)


def _advice(found: str) -> str:
    if "cannot start any token" in found:
        return "Indent with spaces, never with tabs; quote a value that begins with @, ` or %."
    if "mapping values are not allowed" in found:
        return "Quote a value that holds a colon and a space, and indent all keys of a mapping alike."
    if "did not find expected" in found or "expected" in found:
        return "Look for a bracket or quote that is not closed, or a line that is indented differently, just above."
    return "Correct the line; an editor with YAML support shows what it stumbles over."
