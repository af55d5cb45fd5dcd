"""What tests share is made anew after one that failed, and only then."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.kea.shared import FAILED, Shared

if TYPE_CHECKING:
    from collections.abc import Iterator


class Making:
    """Makes 1, 2 and so on; tells what has ended, and the state folders in which they were made."""

    def __init__(self) -> None:
        self.ended: list[int] = []
        self.homes: list[str] = []

    @contextlib.contextmanager
    def make(self) -> Iterator[int]:
        self.homes.append(os.environ["XDG_STATE_HOME"])
        number = len(self.homes)
        yield number
        self.ended.append(number)


def test_it_stays_until_a_test_fails_and_is_made_anew_for_the_next_in_the_state_folder_of_none(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    making, test = Making(), request.node
    with Shared(making.make) as shared:
        home = os.environ["XDG_STATE_HOME"]
        monkeypatch.setenv("XDG_STATE_HOME", "a test's own")
        for fails in (False, True, False):
            with shared.lent(test) as found:
                assert found == 1 + (making.ended == [1])
                test.stash[FAILED] = fails
        assert (found, making.ended) == (2, [1])
        assert os.environ["XDG_STATE_HOME"] == "a test's own"
    assert (making.ended, making.homes) == ([1, 2], [home, home])


def test_a_preparation_that_fails_spoils_it_too(request: pytest.FixtureRequest) -> None:
    making, test = Making(), request.node
    with Shared(making.make) as shared:
        with pytest.raises(ValueError, match="not well"), shared.lent(test):
            raise ValueError("not well")
        assert making.ended == []  # its logs can be shown
        with shared.lent(test) as found:
            assert (found, making.ended) == (2, [1])
