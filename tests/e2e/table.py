"""The trials as a table for the README: counts, and of several trials of a case the one in the middle."""

from __future__ import annotations

from pathlib import Path
from statistics import median, median_low
from typing import TYPE_CHECKING

from tests.e2e.conditions import Case, Method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.e2e.scene import Measured
    from tests.e2e.trial import Trial

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- clients: written by `make clients` -->", "<!-- /clients -->"
_HEAD = """\
| Kea | relationship | what `apply` changes | how | lost by `apply` | lost by `config-set` on both | ratio | two got one address: `apply` / `config-set` / nothing done |
|---|---|---|---|---|---|---|---|"""  # noqa: E501


def text(cases: Iterable[Sequence[Trial]]) -> str:
    """The table; each case with all its trials."""
    return "\n".join([_HEAD, *(_row(trials) for trials in cases)])


def middle(trials: Sequence[Trial]) -> Trial:
    """The trial in the middle by what the apply lost, of at least one."""
    return sorted(trials, key=lambda trial: trial.ours.lost)[(len(trials) - 1) // 2]


def written(page: str, table: str) -> str:
    """The page with another table between its marks. ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no {BEGIN} with a later {END}")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def _row(trials: Sequence[Trial]) -> str:
    case = trials[0].case
    usual, naively = (median_low(count(trial).lost for trial in trials) for count in (_ours, _naive))
    cells = [
        case.pair.series,
        _pair(case),
        "; ".join(_change(trials)),
        str(case.method),
        _lost(trials, _ours),
        _lost(trials, _naive),
        f"{usual / naively:.3f}" if naively else "-",
        " / ".join(_doubled(trials)),
    ]
    return f"| {' | '.join(cells)} |"


def _ours(trial: Trial) -> Measured:
    return trial.ours


def _naive(trial: Trial) -> Measured:
    return trial.naive


def _lost(trials: Sequence[Trial], count: Callable[[Trial], Measured]) -> str:
    """The one in the middle of what was lost, with all that were."""
    found = sorted((count(trial) for trial in trials), key=lambda each: each.lost)
    middle = found[(len(found) - 1) // 2]
    among = f" ({', '.join(str(each.lost) for each in found)})" if len(found) > 1 else ""
    return f"{middle.lost} of {middle.report.begun}{among}"


def _doubled(trials: Sequence[Trial]) -> Iterator[str]:
    """How many addresses in all trials; while nothing is done, what Kea does by itself."""
    yield str(sum(len(trial.ours.doubled) for trial in trials))
    yield str(sum(len(trial.naive.doubled) for trial in trials))
    idle = [trial.idle for trial in trials if trial.idle is not None]
    yield str(sum(len(each.doubled) for each in idle)) if idle else "-"


def _pair(case: Case) -> str:
    pools = ", split pools" if case.pair.has_split_pools else ""
    beat = f", heartbeat {case.pair.heartbeat // 1000} s" if case.pair.heartbeat != 1000 else ""
    leases = f", {case.pair.leases:,} leases" if case.pair.leases else ""
    return f"{case.pair.mode}{pools}{beat}{leases}"


def _change(trials: Sequence[Trial]) -> Iterator[str]:
    case = trials[0].case
    yield str(case.change)
    if case.is_killed:
        yield "the primary is killed meanwhile"
    if case.pair.leases and case.method is not Method.SINGLE:
        pause, predicted = (
            median(each) for each in zip(*((t.ours.fetching, t.predicted) for t in trials), strict=True)
        )
        yield f"pause {pause:.1f} s, predicted {predicted:.1f} s"
