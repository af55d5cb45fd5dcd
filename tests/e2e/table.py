"""The trials as a table for the README. Every figure is a count, or two counts of one run beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.conditions import Case, Method
from tests.e2e.load import RATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.e2e.trial import Trial

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- clients: written by `make clients` -->", "<!-- /clients -->"
_HEAD = """\
| Kea | relationship | what `apply` changes | how | lost by `apply` | lost by `config-set` on both | ratio | two clients got one address |
|---|---|---|---|---|---|---|---|"""  # noqa: E501


def text(trials: Iterable[Trial]) -> str:
    """The table."""
    return "\n".join([_HEAD, *(_row(trial) for trial in trials)])


def written(page: str, table: str) -> str:
    """The page with another table between its marks. ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no {BEGIN} with a later {END}")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def _row(trial: Trial) -> str:
    ours, naive = trial.ours, trial.naive
    ratio = f"{ours.lost / naive.lost:.3f}" if naive.lost else "-"
    cells = [
        trial.case.pair.series,
        _pair(trial.case),
        "; ".join(_change(trial)),
        _method(trial.case),
        f"{ours.lost} of {ours.report.begun}",
        f"{naive.lost} of {naive.report.begun}",
        ratio,
        f"{len(ours.doubled)} / {len(naive.doubled)}",
    ]
    return f"| {' | '.join(cells)} |"


def _pair(case: Case) -> str:
    pools = ", split pools" if case.pair.has_split_pools else ""
    beat = f", heartbeat {case.pair.heartbeat // 1000} s" if case.pair.heartbeat != 1000 else ""
    leases = f", {case.pair.leases:,} leases" if case.pair.leases else ""
    return f"{case.pair.mode}{pools}{beat}{leases}"


def _change(trial: Trial) -> Iterator[str]:
    yield str(trial.case.change)
    if trial.case.is_killed:
        yield "the primary is killed meanwhile"
    if trial.case.pair.leases and trial.case.method is not Method.SINGLE:
        yield f"pause {trial.ours.lost / RATE:.1f} s, predicted {trial.predicted:.1f} s"


def _method(case: Case) -> str:
    return str(case.method)
