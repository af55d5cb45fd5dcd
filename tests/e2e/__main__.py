"""`python -m tests.e2e [WORD ...]`: tries every case, or those that have all the words in their names.

Where every case was tried, the table between its marks in the README is written. Takes half an hour, root, and
a machine that does nothing else meanwhile.
"""

from __future__ import annotations

import sys

from tests.e2e.cases import EVERY
from tests.e2e.table import README, text, written
from tests.e2e.trial import tried


def main(words: list[str]) -> int:
    """Return 1 where anything was not as required, else 0."""
    chosen = [case for case in EVERY if all(word in str(case) for word in words)]
    trials, is_well = [], True
    for case in chosen:
        trial = tried(case)
        trials.append(trial)
        complaints = list(trial.complaints())
        is_well = is_well and not complaints
        counts = f"{trial.ours.lost} of {trial.ours.report.begun}, naively {trial.naive.lost}"
        print("; ".join([f"{case}: {counts}", *complaints]), flush=True)
    table = text(trials)
    if len(chosen) == len(EVERY):
        README.write_text(written(README.read_text(encoding="utf-8"), table), encoding="utf-8")
    print(table)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
