"""Configurations that Kea refuses: the result, its words, and what is left afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model import Service
from tests.contract.loading import cases
from tests.contract.sides import Side, placed

REFUSED = [
    pytest.param(service, case, id=f"{service}-{number}")
    for service in Service
    for number, case in enumerate(cases(service, "refused"))
]


@pytest.mark.parametrize(("service", "case"), REFUSED)
def test_a_bad_configuration_is_refused_in_keas_words(side: Side, service: Service, case: dict[str, Any]) -> None:
    tested, answer = side.test(service, case["config"]), side.set(service, case["config"])
    wanted = 0 if case.get("only-by-set") else 1
    assert tested["result"] == wanted
    assert {"result": answer["result"], "text": placed(answer["text"])} == {"result": 1, "text": case["text"]}
    if wanted:
        assert placed(tested["text"]) == case["text"]


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
