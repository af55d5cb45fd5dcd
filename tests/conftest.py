"""What every test can ask for: a laboratory of real Kea servers, of each generation."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from lab.kea import GENERATIONS, OLDEST, Generation, KeaServer
from lab.laboratory import Laboratory
from reconciler.state import machine
from tests.side_by_side import folder_in_memory, giving_way, in_turns, is_real

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_PLACES = itertools.count()
_LABORATORY = pytest.StashKey[Laboratory]()
_RERUNS = 2
_CALCULATED = {"desired", "docs", "planning", "reports", "saved"}  # folders of tests that no clock can fail
_UNSAFE = r"^UnsafeError\b"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--generation 3.0` runs real Kea of that generation only; once for each that is wanted;
    `--soak 3600` soaks for an hour.
    """
    names = [generation.series for generation in GENERATIONS]
    parser.addoption("--generation", action="append", choices=names, help="real Kea of this generation only")
    parser.addoption("--soak", type=float, default=150.0, metavar="SECONDS", help="how long test_soak makes trouble")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that uses a `generation`, itself or by a fixture, runs on each, or on those that its marker names.

    One that is parametrised with `generation` itself, beside something else, is left to that.
    """
    has_own = any("generation" in marker.args[0] for marker in metafunc.definition.iter_markers("parametrize"))
    if has_own or "generation" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("generations")
    wanted = [each for each in GENERATIONS if marker is None or each.series in marker.args]
    metafunc.parametrize("generation", wanted, ids=str, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end: nobody looks for garbage in it, neither now nor while tests run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Leave out what is not asked for; let a group of tests that shares its servers be one for each generation; give
    workers some of each kind of test in turns.
    """
    chosen = config.getoption("--generation")
    kept = [item for item in items if not chosen or all(each.series in chosen for each in _generations(item))]
    left_out = set(items).difference(kept)
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = kept
    for item in items:
        # Real daemons keep time by the wall, and a busy machine doesn't: a failure that repeats is one. Elsewhere it is
        # sockets that a simulated world had still open when it ended. What harms clients is a failure the first time.
        if item.get_closest_marker("flaky") is None and (reruns := _reruns(item)):
            item.add_marker(pytest.mark.flaky(reruns=reruns, reruns_delay=1, rerun_except=_UNSAFE))
        if item.get_closest_marker("xdist_group") is not None:
            for generation in _parameters(item):
                item.add_marker(pytest.mark.xdist_group(generation.series))
    yield
    if hasattr(config, "workerinput"):
        items[:] = in_turns(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test; one that no clock can fail gives way to all others."""
    is_patient = not is_real(item) and (_is_calculated(item) or item.get_closest_marker("long") is not None)
    with giving_way() if is_patient else contextlib.nullcontext():
        return (yield)


def _reruns(item: pytest.Item) -> int:
    """How often a test that failed is tried again."""
    if is_real(item):
        return _RERUNS
    return 0 if _is_calculated(item) else 1


def _is_calculated(item: pytest.Item) -> bool:
    """Whether it is a test that no clock can fail."""
    folder = item.nodeid.split("/")[1:2]
    return item.nodeid.startswith("tests/") and not _CALCULATED.isdisjoint(folder)


def pytest_configure(config: pytest.Config) -> None:
    """What is kept between runs goes to a folder of the tests, never to that of who runs them; and no example has to
    be done with in a time: the machine may be busy.
    """
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")
    memory = folder_in_memory()
    folder = tempfile.TemporaryDirectory(prefix="kea-state-", dir=memory)
    config.add_cleanup(folder.cleanup)
    if memory is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)  # where pytest has the folders of tests
    os.environ["XDG_STATE_HOME"] = folder.name
    machine.PREFIX = f"kea-reconciler-test-{os.getpid()}"  # workers have the same made-up servers
    os.environ.pop("KEA_RECONCILER_STATE_DIR", None)


@pytest.fixture(autouse=True, scope="module")
def own_state_of_a_module() -> Iterator[None]:
    """What the tests of a module share begins without history too."""
    with pytest.MonkeyPatch.context() as patch:
        _give_state_folder(patch)
        yield


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a state folder of its own, made when it is needed."""
    _give_state_folder(monkeypatch)


def _give_state_folder(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("XDG_STATE_HOME", str(Path(os.environ["XDG_STATE_HOME"]) / str(next(_PLACES))))


@pytest.fixture
def lab(request: pytest.FixtureRequest, generation: Generation) -> Iterator[Laboratory]:
    """A laboratory of the test's own, for each generation: `lab.pair()`, `lab.server(...)`, `lab.proxy(server)`.

    For tests marked kea. Several generations at once: `lab.server(..., generation=...)`.
    """
    if request.node.get_closest_marker("kea") is None:
        pytest.fail("a test that starts real Kea daemons must be marked kea", pytrace=False)
    with Laboratory(generation=generation) as laboratory:
        request.node.stash[_LABORATORY] = laboratory
        yield laboratory


@pytest.fixture
def kea_pair(lab: Laboratory) -> tuple[KeaServer, KeaServer]:
    """Two unrelated empty dhcp4 servers, kea-a and kea-b; `lab.pair(...)` for anything else."""
    return lab.pair()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without its Kea a test of the real thing is skipped with a reason, except where it must not be: in CI. So is one
    marked `root` without that, and one marked `program` without one of those that it names.
    """
    programs = [name for marker in item.iter_markers("program") for name in marker.args if shutil.which(name) is None]
    missing = [why for each in _generations(item) if (why := each.missing()) is not None]
    if missing:
        reason = f"needs the real daemons kea-dhcp4, kea-dhcp6 and kea-ctrl-agent: {missing[0]}"
    elif item.get_closest_marker("root") is not None and os.geteuid() != 0:
        reason = "needs root"
    elif programs:
        reason = f"needs {', '.join(programs)} (lab/install.sh installs the package)"
    else:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; with CI=true that is a failure", pytrace=False)
    pytest.skip(reason)


def _parameters(item: pytest.Item) -> list[Generation]:
    """The generations among the test's parameters, in tuples of them too: a pair of different ones, for instance."""
    callspec = getattr(item, "callspec", None)
    values = list(callspec.params.values()) if callspec else []
    flat = [each for value in values for each in (value if isinstance(value, tuple) else (value,))]
    return [each for each in flat if isinstance(each, Generation)]


def _generations(item: pytest.Item) -> list[Generation]:
    """The generations of real Kea that the test needs; one that does not say takes the oldest."""
    if item.get_closest_marker("kea") is None:
        return []
    return _parameters(item) or [OLDEST]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the daemons' logs under a failed test: why a hook did not load is said nowhere else."""
    report = yield
    laboratory = item.stash.get(_LABORATORY, None)
    if report.failed and laboratory is not None:
        report.sections += [(f"log of {label}", text) for label, text in laboratory.logs().items()]
    return report
