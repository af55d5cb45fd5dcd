"""A YAML document as plain data, with the place in its file of every key and value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.model import Json, Position

Trail = tuple[str | int, ...]  # from the top of a document to a value: keys of mappings, indices of lists


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file. `values` and `keys` give line and column, from 1, by trail; `faulty` are the values
    that were already reported while reading, so that nobody complains about them a second time.
    """

    file: str
    data: Json
    values: Mapping[Trail, tuple[int, int]]
    keys: Mapping[Trail, tuple[int, int]] = field(default_factory=dict)
    faulty: frozenset[Trail] = frozenset()

    def at(self, trail: Trail) -> Position:
        """Return the position of a value, or, where there is none, of the nearest value around it."""
        while trail and trail not in self.values:
            trail = trail[:-1]
        line, column = self.values.get(trail, (1, 1))
        return Position(self.file, line, column)

    def at_key(self, trail: Trail) -> Position:
        """Return the position of the key that leads to a value, or of the value where no key does."""
        if trail not in self.keys:
            return self.at(trail)
        return Position(self.file, *self.keys[trail])

    def has_faulty(self, trail: Trail) -> bool:
        """Whether the value, or one around it, was already reported."""
        return any(trail[:length] in self.faulty for length in range(len(trail) + 1)) if self.faulty else False


class Positions(Mapping[Trail, Position]):
    """The positions of a document's values by trail. Made on demand: few of them are ever looked at."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def __getitem__(self, trail: Trail) -> Position:
        return Position(self._document.file, *self._document.values[trail])

    def __iter__(self) -> Iterator[Trail]:
        return iter(self._document.values)

    def __len__(self) -> int:
        return len(self._document.values)
