"""The same configuration on both sides: config-get must show the same tree."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from reconciler.model import Service
from reconciler.simulator import Release
from tests.contract.generator import configuration
from tests.contract.loading import accepted, differences
from tests.contract.sides import Side, placed

pytestmark = pytest.mark.kea
CHUNK = 25
STARTS = [
    pytest.param(service, start, id=f"{service}-{start}")
    for service in Service
    for start in range(0, max(len(accepted(service, release)) for release in Release), CHUNK)
]


def compared(real: Side, simulated: Side, service: Service, config: dict[str, Any]) -> list[str]:
    """Where the two sides differ after the same configuration was set on both."""
    answers = [side.set(service, copy.deepcopy(config)) for side in (real, simulated)]
    if [answer["result"] for answer in answers] != [0, 0]:
        return [f"real {answers[0]} simulated {answers[1]}"]
    tree, other = (without_place(side, service) for side in (real, simulated))
    return differences(tree, other)


def without_place(side: Side, service: Service) -> Any:
    """What config-get shows, but for the control socket and the folders of the server."""
    text = json.dumps(side.shown(service))
    for folder in side.folders(service):
        text = text.replace(folder, "/folder")
    return {key: value for key, value in json.loads(text).items() if not key.startswith("control-socket")}


@pytest.mark.parametrize(("service", "start"), STARTS)
def test_config_get_shows_the_same_tree(real: Side, simulated: Side, service: Service, start: int) -> None:
    configs = accepted(service, real.release)[start : start + CHUNK]
    found = {str(config): compared(real, simulated, service, config) for config in configs}
    assert {config: lines for config, lines in found.items() if lines} == {}


@pytest.mark.parametrize("seed", range(15))
def test_generated_configurations_show_the_same_tree(real: Side, simulated: Side, service: Service, seed: int) -> None:
    config = configuration(random.Random(f"{service} {seed}"), service, real.release)
    assert compared(real, simulated, service, config) == []


@pytest.mark.parametrize(("service", "start"), STARTS)
def test_what_config_get_shows_is_set_again_alike(real: Side, simulated: Side, service: Service, start: int) -> None:
    """Unchanged and with the same answer; where Kea does not take what it shows itself, neither does the simulator."""
    for config in accepted(service, real.release)[start : start + CHUNK]:
        answers = []
        for side in (real, simulated):
            assert side.set(service, copy.deepcopy(config))["result"] == 0
            first = side.shown(service)
            answer = side.ask(service, "config-set", {service.root: first})
            answers.append((answer["result"], placed(answer["text"]), differences(first, side.shown(service))))
            assert answers[-1][2] == []
        assert answers[0] == answers[1]
