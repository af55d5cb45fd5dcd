"""The same world gives the same bytes, also in another process whose sets and maps hash otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
import sys
import orjson
from reconciler.planning.plan import plan
from reconciler.planning.status import status
from tests.planning.cases import dump, names, read_case

for name in names():
    case = read_case(name)
    made = plan(case.desired, case.live)
    sent = [server.outgoing for each in made.relationships for server in each.servers]
    states = [status(each, case.live) for each in made.relationships]
    sys.stdout.write(f"{name}\\n{dump(made)}{orjson.dumps(sent).decode()}\\n{states!r}\\n")
"""


def output(seed: str) -> bytes:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, check=True, timeout=120
    )
    return run.stdout


@pytest.mark.long
def test_plans_statuses_and_what_is_sent_do_not_depend_on_the_hash_seed() -> None:
    first = output("1")
    assert first.count(b"authority") > 50
    assert b'"kea-reconciler"' in first
    assert output("2") == first
    assert output("12345") == first
