"""Recorded HA states: what every server says of itself about ten times a second while something is done to it.

`with Trace(servers, service) as trace: ...` records; `trace.faults()` says where it broke what must hold:

- **Both**: two servers serve the same clients although HA doesn't keep them in step, which it does where each is in
  its normal state and hears the other.
- **Nobody**: nobody serves some of the clients although a server could: one that was in a state in which Kea serves, or
  had no HA, from before on, and was not set itself meanwhile, or that has been so for a while since. One that we
  switched off counts as well: it could serve, were it on. That a server serves nobody from its own config-set until it
  has met its partner again is Kea's doing, and nothing that sends configurations can avoid it. Nor does one count that
  is in communication-recovery: there Kea keeps lease updates back, so another's clients must not be given to it.

The servers are asked one after the other, and states change in between: what one sample alone shows is not counted.
Between the two commands that hand clients over nobody serves them, since otherwise both servers would: that moment is
not counted either, nor, up to a second, that of a set in which both are off so that no lease update fails (see
`planning.method`).
`switched` gives what was sent to switch services off and on: it tells that we did it, and, before Kea 2.6.2, that one
is off at all.
Of a hub the relationship at `places[name]` of its list is recorded, the first where that says nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lab.kea import LabError
from tests.kea.safety import must_not_be

if TYPE_CHECKING:
    from lab.faults import Exchange
    from lab.kea import KeaServer
    from reconciler.model import Service

_PAUSE = 0.1
_LAST = 4  # samples that are taken after the end, however busy the machine is
_FEWEST = 2  # samples that a fault has to last
_UP = 3  # samples on end in which a server that was set is in a state in which it could serve more
_MOMENT = 0.5  # seconds for which nobody may serve: on a busy machine two commands that hand clients over take as long
_SET = 1.0  # the same with a set in between, while which the other is off
_AGAIN = " again"  # said of a server that could serve since it is up after its own set
_OFF = ", were it on"  # said of a server that we switched off
_WHILE = " around a set"  # said of one that was off then
_HARM = 2.0  # seconds for which nobody may serve on any machine
_LONG = 10.0  # the same around a set: who is off then is on again after several commands
_ALL = frozenset({"lower half", "upper half"})  # of the clients, as load-balancing divides them
_NORMAL = frozenset({"load-balancing", "hot-standby", "passive-backup"})
_SERVING = _NORMAL | {"communication-recovery", "partner-down", "partner-in-maintenance", "terminated"}
_ABLE = _NORMAL | {"partner-down"}


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one server said at one moment. `state` is "no HA" without the hook, "busy" where it gave no answer."""

    state: str
    scopes: tuple[str, ...] = ()
    serves: frozenset[str] = frozenset()  # of _ALL
    hears: bool = False
    is_off: bool = False
    committed_at: float = 0.0
    is_off_by_us: bool = False
    is_free: bool = False  # whether there is neither HA nor a guard, so that it answers everybody unless it is off

    @property
    def could(self) -> bool:
        """Whether it could answer all clients: it is on, or off by us and nobody else."""
        return (self.state in _ABLE or self.is_free) and (not self.is_off or self.is_off_by_us)

    def __str__(self) -> str:
        scopes = f" [{', '.join(self.scopes)}]" if self.state in _SERVING else ""
        return f"{self.state}{scopes}{' off' if self.is_off else ''}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What was seen that must not be, from when to when, in seconds since the first sample."""

    what: str
    began: float
    ended: float

    def __str__(self) -> str:
        return f"{self.what} ({self.began:.1f} s to {self.ended:.1f} s)"

    @property
    def lasts(self) -> float:
        """For how many seconds it was seen."""
        return self.ended - self.began

    @property
    def is_of_two(self) -> bool:
        """Whether two servers served the same clients."""
        return ": both " in self.what

    @property
    def is_off(self) -> bool:
        """Whether the one that could serve was off by us."""
        return _OFF in self.what

    @property
    def is_harm(self) -> bool:
        """Whether it is no matter of how long a busy machine takes from one command to the next."""
        limit = _LONG if _WHILE in self.what else _HARM
        return self.is_of_two or (self.lasts >= limit and _AGAIN not in self.what)


Sample = tuple[float, dict[str, Sighting]]


@dataclass
class Trace:
    """Samples of `servers`, taken from `with` to its end, by their own sockets, past every proxy."""

    servers: Sequence[KeaServer]
    service: Service
    title: str = ""
    switched: Callable[[], Iterable[tuple[str, Exchange]]] = lambda: ()
    places: Mapping[str, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._end = threading.Event()
        self._look()
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        enough = len(self.samples) + _LAST
        while self._thread.is_alive() and len(self.samples) < enough:
            time.sleep(_PAUSE)
        self._end.set()
        self._thread.join()
        off = list(_intervals(sorted(self.switched(), key=lambda pair: pair[1].started)))
        self.samples = [
            (moment, {n: _judged(n, s, moment, off) for n, s in seen.items()}) for moment, seen in self.samples
        ]
        print(f"{self.title}\n{self}")  # noqa: T201 - the test's output is where it is read
        folder = os.environ.get("KEA_TRACES")
        if folder and self.title:
            path = Path(folder) / f"{self.title.replace(' ', '-').replace(':', '')}.txt"
            path.write_text(f"{self}\n")

    def _record(self) -> None:
        while not self._end.wait(_PAUSE):
            self._look()

    def _look(self) -> None:
        moment = time.monotonic()
        seen = {each.name: sighting(each, self.service, self.places.get(each.name, 0)) for each in self.servers}
        self.samples.append((moment, seen))

    # ------------------------------------------------------------------------------------- what it shows

    def states(self) -> set[str]:
        """The states of all servers; that one gave no answer in time tells nothing of its state."""
        return {each.state for _, seen in self.samples for each in seen.values()} - {"busy"}

    def __str__(self) -> str:
        """The samples at which something changed, with seconds since the first."""
        lines, before = [], None
        for moment, seen in self.samples:
            shown = "   ".join(f"{name}: {each}" for name, each in seen.items())
            if shown != before:
                lines.append(f"{moment - self.samples[0][0]:6.1f} s  {shown}")
            before = shown
        return "\n".join(lines)

    def faults(self) -> list[Fault]:
        """Where the recording broke a rule."""
        assert len(self.samples) >= _LAST, "nothing was recorded"
        start = self.samples[0][0]
        twice = ((moment, _served_twice(seen)) for moment, seen in self.samples)
        alone = [self._with_set(each) for each in _runs(self._left_alone(), start, _MOMENT)]
        return [*_runs(twice, start), *(each for each in alone if each.lasts >= _SET or _WHILE not in each.what)]

    def _with_set(self, fault: Fault) -> Fault:
        """Say of one that was off whether any was set meanwhile: Kea counts whole seconds, so it may have been."""
        start = self.samples[0][0]
        before = max((at for at, _ in self.samples if at < start + fault.began), default=start)
        seen = (each for at, sample in self.samples if at <= start + fault.ended for each in sample.values())
        is_set = fault.is_off and (_AGAIN in fault.what or any(each.committed_at >= before for each in seen))
        return replace(fault, what=fault.what + _WHILE) if is_set else fault

    def must_be_safe(self) -> None:
        """There is no fault in it. What harms clients on any machine is a failure that is never tried again."""
        self._judge(self.faults())

    def must_serve_nobody_twice(self) -> None:
        """There is no fault of two servers in it."""
        self._judge(each for each in self.faults() if each.is_of_two)

    def must_be_served(self) -> None:
        """Every client is served by somebody all the time, but for moments."""
        start = self.samples[0][0]
        self._judge(_runs(((moment, _served_by_nobody(seen)) for moment, seen in self.samples), start, _MOMENT))

    def _judge(self, faults: Iterable[Fault]) -> None:
        found = list(faults)
        must_not_be((each for each in found if each.is_harm), str(self))
        assert not found, f"{'; '.join(map(str, found))}\n{self}"

    def forget_until(self, moment: float | None) -> None:
        """Leave out what was seen before a moment, such as the end of a command that was sent."""
        assert moment is not None
        self.samples = [sample for sample in self.samples if sample[0] > moment]

    def _left_alone(self) -> Iterator[tuple[float, set[str]]]:
        """Yield for each sample what of the clients nobody serves though one of the servers could."""
        since: dict[str, float] = {}  # the last moment at which anybody served it
        up: Counter[str] = Counter()  # for how many samples on end a server has been in a state in which it could
        for (before, _), (moment, seen) in pairwise(self.samples):
            able = [name for name, each in seen.items() if each.could]
            up = Counter({name: up[name] + 1 for name in able})
            served = frozenset[str]().union(*(each.serves for each in seen.values()))
            if any(each.state == "busy" for each in seen.values()):
                served = _ALL  # it may be serving
            since = {what: since.get(what, before) for what in _ALL - served}
            yield (
                moment,
                {
                    f"{what}: nobody, though {name} could{_AGAIN if seen[name].committed_at >= start else ''}"
                    f"{_OFF if seen[name].is_off else ''}"
                    for what, start in since.items()
                    for name in able
                    if seen[name].committed_at < start or up[name] > _UP
                },
            )


def _runs(samples: Iterable[tuple[float, set[str]]], start: float, longer_than: float = 0) -> Iterator[Fault]:
    """Yield what was found in more than one sample on end, for so many seconds."""
    began: dict[str, list[float]] = {}
    for moment, found in samples:
        for what in [each for each in began if each not in found]:
            yield from _told(what, began.pop(what), start, longer_than)
        for what in found:
            began.setdefault(what, []).append(moment)
    for what, moments in began.items():
        yield from _told(what, moments, start, longer_than)


def _told(what: str, moments: Sequence[float], start: float, longer_than: float) -> Iterator[Fault]:
    if len(moments) >= _FEWEST and moments[-1] - moments[0] >= longer_than:
        yield Fault(what, moments[0] - start, moments[-1] - start)


def _served_by_nobody(seen: Mapping[str, Sighting]) -> set[str]:
    if any(each.state == "busy" for each in seen.values()):
        return set()  # it may be serving
    return {f"{what}: nobody" for what in _ALL.difference(*(each.serves for each in seen.values()))}


def _served_twice(seen: Mapping[str, Sighting]) -> set[str]:
    found = set()
    for (one, first), (other, second) in combinations(seen.items(), 2):
        both = first.serves & second.serves
        in_step = all(each.state in _NORMAL and each.hears for each in (first, second))
        found |= {f"{what}: both {one} ({first.state}) and {other} ({second.state})" for what in both if not in_step}
    return found


# -------------------------------------------------------------------------------------------- reading


def sighting(server: KeaServer, service: Service, place: int = 0) -> Sighting:
    """What a server says now of the relationship at this place of its list."""
    try:
        status = server.command(service, "status-get", seconds=1.0)["arguments"]
        config = server.command(service, "config-get", seconds=1.0)["arguments"][service.root]
    except (LabError, OSError, KeyError, ValueError):
        return Sighting("busy")
    block, state = relationship(config, place), status.get("dhcp-state") or {}
    is_off = bool(state.get("disabled-by-user"))
    committed_at = time.monotonic() - status["reload"] + 1  # at the latest: Kea counts whole seconds
    views = status.get("high-availability") or []
    if len(views) <= place or block is None:
        is_silent = is_off or block is not None or views or _drops_everything(config)
        serves = frozenset[str]() if is_silent else _ALL
        is_free = block is None and not views and not _drops_everything(config)
        return Sighting("no HA", serves=serves, is_off=is_off, committed_at=committed_at, is_free=is_free)
    local, remote = views[place]["ha-servers"]["local"], views[place]["ha-servers"].get("remote") or {}
    scopes = tuple(sorted(local["scopes"]))
    serves = frozenset(part for scope in scopes for part in _part(block, scope))
    hears = bool(remote.get("in-touch")) and not remote.get("communication-interrupted")
    is_serving = local["state"] in _SERVING and not is_off
    return Sighting(local["state"], scopes, serves if is_serving else frozenset(), hears, is_off, committed_at)


def relationship(config: Mapping[str, Any], place: int = 0) -> Mapping[str, Any] | None:
    """The entry of the HA hook at this place of a configuration, None without one."""
    for entry in config.get("hooks-libraries") or ():
        if entry["library"].endswith("libdhcp_ha.so"):
            found: Sequence[Mapping[str, Any]] = entry["parameters"]["high-availability"]
            return found[place] if place < len(found) else None
    return None


def _drops_everything(config: Mapping[str, Any]) -> bool:
    """Whether every packet is dropped, by Kea's own class for that."""
    classes = config.get("client-classes") or ()
    return any(each["name"] == "DROP" and each.get("test") == "member('ALL')" for each in classes)


def _part(block: Mapping[str, Any], scope: str) -> frozenset[str]:
    """Which of the clients a scope holds, for a server with this entry."""
    if block["mode"] != "load-balancing":
        return _ALL
    roles = {peer["name"]: peer["role"] for peer in block["peers"]}
    return frozenset({"lower half" if roles.get(scope) == "primary" else "upper half"})


def _intervals(sent: Iterable[tuple[str, Exchange]]) -> Iterator[tuple[str, float, float]]:
    """Yield by whom, from when and until when a server's service was off, as the commands that were sent tell."""
    began: dict[str, float] = {}
    for name, each in sent:
        if each.command == "dhcp-disable":
            began.setdefault(name, each.ended or each.started)
        elif each.command == "dhcp-enable" and name in began:
            yield name, began.pop(name), each.ended or each.started
    yield from ((name, since, float("inf")) for name, since in began.items())


def _judged(name: str, seen: Sighting, moment: float, off: Iterable[tuple[str, float, float]]) -> Sighting:
    if not any(who == name and since <= moment <= until for who, since, until in off):
        return seen
    return replace(seen, serves=frozenset(), is_off=True, is_off_by_us=True)
