"""One object of a Kea configuration, which a hand can add, change and delete, and what a plan is to say of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.model import Action

if TYPE_CHECKING:
    from collections.abc import Callable

Config = dict[str, Any]
Path = list[list[str]]
Fields = list[dict[str, Any]]


class Thing(Protocol):
    """One object of one kind."""

    @property
    def label(self) -> str:
        """A short name for the test's own."""

    @property
    def path(self) -> Path:
        """What plans call it."""

    def edit(self, config: Config, action: Action) -> None:
        """Add, change or delete it in a configuration."""

    def told(self, action: Action, *, undone: bool) -> tuple[Action, Fields | None]:
        """What a plan is to say when the object was added, changed or deleted, or that is to be undone: the action,
        and the parameters before and after (None where the object comes or goes whole).
        """


_OPPOSITE = {Action.ADD: Action.DELETE, Action.CHANGE: Action.CHANGE, Action.DELETE: Action.ADD}


def _field(name: str, before: Any, after: Any) -> Fields:
    sides = {"before": before, "after": after}
    return [{"name": name, **{side: value for side, value in sides.items() if value is not None}}]


@dataclass(frozen=True)
class Member:
    """`item` in the list `key` of the object that `holder` finds; found again by its `identity`. A change gives the
    parameter `field` the value `after`; Kea shows `before` where it was not set.
    """

    label: str
    path: Path
    holder: Callable[[Config], Config]
    key: str
    identity: str
    item: Config
    field: str
    before: Any
    after: Any

    def edit(self, config: Config, action: Action) -> None:
        members = self.holder(config).setdefault(self.key, [])
        if action is Action.ADD:
            members.append(dict(self.item))
            return
        (found,) = (each for each in members if self._key(each) == self._key(self.item))
        if action is Action.CHANGE:
            found[self.field] = self.after
        else:
            members.remove(found)

    def told(self, action: Action, *, undone: bool) -> tuple[Action, Fields | None]:
        if action is Action.CHANGE:
            sides = (self.after, self.before) if undone else (self.before, self.after)
            return action, _field(self.field, *sides)
        return _OPPOSITE[action] if undone else action, None

    def _key(self, item: Config) -> str:
        return str(item.get(self.identity)).replace(" ", "").lower()


@dataclass(frozen=True)
class Parameter:
    """A value that is always there: `usual`, and `first` and `second` after an add and a change. `put` writes it.

    `shown` is how a plan shows the change from `first` to `second`, where that is not by the names and values here.
    """

    label: str
    path: Path
    field: str
    usual: Any
    first: Any
    second: Any
    put: Callable[[Config, Any], object]
    shown: tuple[str, Any, Any] | None = None

    def edit(self, config: Config, action: Action) -> None:
        self.put(config, {Action.ADD: self.first, Action.CHANGE: self.second, Action.DELETE: self.usual}[action])

    def told(self, action: Action, *, undone: bool) -> tuple[Action, Fields | None]:
        # What is undone leaves the value that it had before: only a change that stayed is what a delete finds.
        name, before, after = {
            Action.ADD: (self.field, self.usual, self.first),
            Action.CHANGE: self.shown or (self.field, self.first, self.second),
            Action.DELETE: (self.field, self.first if undone else self.second, self.usual),
        }[action]
        return Action.CHANGE, _field(name, *((after, before) if undone else (before, after)))
