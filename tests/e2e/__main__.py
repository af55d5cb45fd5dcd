"""`python -m tests.e2e [WORD ...]`: tries every case, or those that have all the words in their names, three times.

Where every case was tried, the table between its marks in the README is written. Takes half an hour, and root.

What is required of an apply is required of the trial in the middle, except that no address may ever be leased to two.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import sys

from lab.errors import LabError
from tests.e2e.cases import EVERY
from tests.e2e.conditions import Case
from tests.e2e.table import README, middle, text, written
from tests.e2e.trial import Trial, tried

_TIMES = 3
_SIDE_BY_SIDE = 3  # a trial mostly waits for heartbeats
_QUIET = 1  # but not all: see Case.wants_quiet


def main(words: list[str]) -> int:
    """Return 1 where anything was not as required, else 0."""
    chosen = [case for case in EVERY if all(word in str(case) for word in words)]
    trials = {case: list[Trial]() for case in chosen}
    is_well = True
    fresh = multiprocessing.get_context("spawn")
    for is_quiet, side_by_side in ((False, _SIDE_BY_SIDE), (True, _QUIET)):
        # Those that take longest begin.
        order = sorted(
            (case for case in _TIMES * chosen if case.wants_quiet is is_quiet),
            key=lambda case: -case.pair.heartbeat,
        )
        with concurrent.futures.ProcessPoolExecutor(side_by_side, mp_context=fresh) as pool:
            trying = {pool.submit(tried, case): case for case in order}
            for future in concurrent.futures.as_completed(trying):
                told, trial = _told(trying[future], future)
                trials[trying[future]] += [trial] if trial else []
                is_well = is_well and trial is not None and not trial.ours.doubled
                print(told, flush=True)
    is_well = is_well and not any(list(middle(found).complaints()) for found in trials.values() if found)
    table = text(found for found in trials.values() if found)
    if len(chosen) == len(EVERY):
        README.write_text(written(README.read_text(encoding="utf-8"), table), encoding="utf-8")
    print(table)
    return 0 if is_well else 1


def _told(case: Case, future: concurrent.futures.Future[Trial]) -> tuple[str, Trial | None]:
    """What became of a trial, and the trial if it came to its end."""
    try:
        trial = future.result()
    except (AssertionError, LabError, OSError) as error:
        return f"{case}: FAILED: {error}", None
    counts = f"{trial.ours.lost} of {trial.ours.report.begun}, naively {trial.naive.lost}"
    return "; ".join([f"{case}: {counts}", *trial.complaints()]), trial


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
