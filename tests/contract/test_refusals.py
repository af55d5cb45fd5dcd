"""Configurations that Kea refuses: the result, its words, and what is left afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model import Service
from tests.contract.loading import refused
from tests.contract.sides import Side, placed

CHUNK = 20
REFUSED = [
    pytest.param(service, start, id=f"{service}-{start}")
    for service in Service
    for start in range(0, len(refused(service)), CHUNK)
]


def refusal(answer: dict[str, Any]) -> str | None:
    """What an answer says is wrong; None where nothing is."""
    assert answer["result"] in (0, 1)
    return placed(answer["text"]) if answer["result"] else None


@pytest.mark.parametrize(("service", "start"), REFUSED)
def test_a_bad_configuration_is_refused_in_keas_words(side: Side, service: Service, start: int) -> None:
    for case in refused(service)[start : start + CHUNK]:
        config, text = case.config(side.release), case.text(side.release)
        tested, answer = side.test(service, config), side.set(service, config)
        assert (case.row["config"], refusal(answer)) == (case.row["config"], text)
        assert refusal(tested) == (text if case.is_found_by_test else None)


def test_a_refused_configuration_changes_nothing_that_shows(side: Side, service: Service) -> None:
    assert side.set(service, {"valid-lifetime": 1234})["result"] == 0
    before, status = side.shown(service), side.status(service)
    assert side.set(service, {service.subnets: [{"subnet": "nonsense"}]})["result"] == 1
    after = side.status(service)
    assert side.shown(service) == before
    assert (after["pid"], after["sockets"]) == (status["pid"], {"status": "ready"})


ARGUMENTS: list[tuple[Any, str]] = [
    (None, "Missing mandatory 'arguments' parameter."),
    ({}, "Missing mandatory 'ROOT' parameter."),
    ({"ROOT": []}, "'ROOT' parameter expected to be a map."),
    ({"ROOT": 5}, "'ROOT' parameter expected to be a map."),
    ({"ROOT": {}, "hash": "x"}, "Unsupported 'hash' parameter."),
    ({"Dhcp": {}}, "Missing mandatory 'ROOT' parameter."),
    ([], "Error during command processing: get(string) called on a non-map Element in (<place>)"),
]


@pytest.mark.parametrize("command", ["config-set", "config-test"])
@pytest.mark.parametrize(("arguments", "text"), ARGUMENTS)
def test_the_arguments_are_looked_at_first(
    side: Side, service: Service, command: str, arguments: Any, text: str
) -> None:
    if isinstance(arguments, dict):
        arguments = {key.replace("ROOT", service.root): value for key, value in arguments.items()}
    answer = side.ask(service, command, arguments)
    wanted = {"result": 1, "text": text.replace("ROOT", service.root)}
    assert {"result": answer["result"], "text": placed(answer["text"])} == wanted
