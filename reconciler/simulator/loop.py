"""An asyncio loop in a thread of its own, for code of either kind to use."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_T = TypeVar("_T")


class LoopThread:
    """A loop that runs between `start` and `stop`; `loop` is None outside."""

    def __init__(self, name: str) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._name = name
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start, and wait until the loop runs."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._live, args=(ready,), name=self._name, daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """End the loop, and wait for its thread."""
        if self.loop is not None and self._thread is not None:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
            self.loop = self._thread = None

    def _live(self, ready: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self.loop = loop
        loop.call_soon(ready.set)
        try:
            loop.run_forever()
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def is_here(self) -> bool:
        """Whether this is called in that thread."""
        return threading.current_thread() is self._thread

    def call(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call something in that thread, and give back what it gave; at once where there is no loop or we are in it."""
        if self.loop is None or self.is_here():
            return function(*arguments)

        answer: Future[_T] = Future()

        def called() -> None:  # no task: most of what a simulated world does are such calls
            try:
                answer.set_result(function(*arguments))
            except BaseException as error:  # noqa: BLE001  # it is for the caller
                answer.set_exception(error)

        self.loop.call_soon_threadsafe(called)
        return answer.result()

    def run(self, task: Coroutine[Any, Any, _T]) -> _T:
        """Run something in the loop, and give back what it gave; RuntimeError where there is no loop."""
        if self.loop is None:
            task.close()
            raise RuntimeError("a world lives only inside its `with` block")
        return asyncio.run_coroutine_threadsafe(task, self.loop).result()
