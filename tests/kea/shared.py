"""What the tests of a module share, such as a pair of servers that stands: made anew after a test that failed, so that
the next, or the same when it is tried again, begins from what is known.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lab.kea import Generation

T = TypeVar("T")
FAILED = pytest.StashKey[bool]()  # whether a test failed so far, as conftest.py tells


def has_failed(test: pytest.Item | pytest.Collector) -> bool:
    """Whether a test has failed so far, in this try."""
    return test.stash.get(FAILED, False)


def shared_by(make: Callable[..., contextlib.AbstractContextManager[T]], params: Iterable[Any] | None = None) -> Any:
    """The fixture of a module whose tests share what `make` makes for a generation, and for each of `params`."""

    @pytest.fixture(scope="module", params=params)
    def shared(request: pytest.FixtureRequest, generation: Generation) -> Iterator[Shared[T]]:
        arguments = (generation,) if params is None else (generation, request.param)
        with Shared(lambda: make(*arguments)) as shared:
            yield shared

    return shared


class Shared(Generic[T]):
    """Made by `make` when `with` begins, and again for the first test after one that failed; `with` ends it."""

    def __init__(self, make: Callable[[], contextlib.AbstractContextManager[T]]) -> None:
        self._make = make
        self._ending = contextlib.ExitStack()
        self._is_spoilt = False

    def __enter__(self) -> Self:
        self._home = os.environ["XDG_STATE_HOME"]  # no test's own: each begins without history
        self._value = self._ending.enter_context(self._make())
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    @contextlib.contextmanager
    def lent(self, test: pytest.Item | pytest.Collector) -> Iterator[T]:
        """Lend it to a test, or to a fixture of the module. If the test fails, or what is done inside before it or
        after it, nobody else gets it; it goes on until somebody asks, so that its logs can be shown.
        """
        if self._is_spoilt:
            self._renew()
        try:
            yield self._value
        except BaseException:
            self._is_spoilt = True
            raise
        self._is_spoilt = has_failed(test)

    def _renew(self) -> None:
        self._ending.close()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_STATE_HOME", self._home)
            self._value = self._ending.enter_context(self._make())
        self._is_spoilt = False
