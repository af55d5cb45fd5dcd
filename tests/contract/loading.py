"""The recorded configurations: `cases/SERVICE-accepted.jsonl` and `-refused.jsonl`, one a line.

Those of the second file are refused by at least one release. Their `text` is what Kea says, or by release from which
one on it says what (null: it takes them). `only-by-set` marks what config-test does not find; in a case that is `as-is`
no subnet is given an id.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model import Service
    from reconciler.simulator import Release

_FOLDER = Path(__file__).parent / "cases"
_IDS_ARE_MANDATORY = "2.6"


@dataclass(frozen=True)
class Case:
    """A configuration that not every release takes."""

    service: Service
    row: dict[str, Any]

    @property
    def is_found_by_test(self) -> bool:
        """Whether config-test finds what is wrong."""
        return not self.row.get("only-by-set")

    def config(self, release: Release) -> dict[str, Any]:
        """The configuration, in a form that a release would take but for what is wrong with it."""
        config: dict[str, Any] = self.row["config"]
        return config if self.row.get("as-is") else suited(self.service, config, release)

    def text(self, release: Release) -> str | None:
        """What a release says; None where it takes the configuration."""
        texts = self.row["text"]
        if not isinstance(texts, dict):
            return str(texts)
        found: str | None = texts[max(since for since in texts if since <= release)]
        return found


def refused(service: Service) -> list[Case]:
    """The configurations that at least one release refuses."""
    return [Case(service, row) for row in _rows(service, "refused")]


def accepted(service: Service, release: Release) -> list[dict[str, Any]]:
    """The configurations that a release takes."""
    taken = [suited(service, config, release) for config in _rows(service, "accepted")]
    return taken + [case.config(release) for case in refused(service) if case.text(release) is None]


def suited(service: Service, config: dict[str, Any], release: Release) -> dict[str, Any]:
    """A configuration with an id for every subnet that has none, where a release wants one."""
    if release < _IDS_ARE_MANDATORY:
        return config
    config = copy.deepcopy(config)
    for number, subnet in enumerate(_without_id(service, config), 1):
        subnet["id"] = number
    return config


def _without_id(service: Service, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    networks = config.get("shared-networks", [])
    places = [*networks, config] if isinstance(networks, list) else [config]
    for place in places:
        subnets = place.get(service.subnets) if isinstance(place, dict) else None
        for subnet in subnets if isinstance(subnets, list) else []:
            if isinstance(subnet, dict) and "subnet" in subnet and subnet.get("id", 0) == 0:
                yield subnet


def _rows(service: Service, kind: str) -> list[Any]:
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
