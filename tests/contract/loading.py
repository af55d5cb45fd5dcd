"""The recorded configurations: `cases/SERVICE-accepted.jsonl` and `-refused.jsonl`, one a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.model import Service

_FOLDER = Path(__file__).parent / "cases"


def cases(service: Service, kind: str) -> list[Any]:
    """The configurations of one file."""
    text = (_FOLDER / f"{service}-{kind}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def differences(real: Any, simulated: Any, path: str = "") -> list[str]:
    """Every place where two trees differ, with both values; types count, so 1 is not 1.0 and not true."""
    if isinstance(real, dict) and isinstance(simulated, dict):
        found = []
        for key in sorted(real.keys() | simulated.keys()):
            found += differences(real.get(key, "(absent)"), simulated.get(key, "(absent)"), f"{path}/{key}")
        return found
    if isinstance(real, list) and isinstance(simulated, list) and len(real) == len(simulated):
        pairs = enumerate(zip(real, simulated, strict=True))
        return [line for place, (one, two) in pairs for line in differences(one, two, f"{path}/{place}")]
    same = type(real) is type(simulated) and real == simulated
    return [] if same else [f"{path}: real {json.dumps(real)} simulated {json.dumps(simulated)}"]
