"""What is to be done to each kind of object so that another Kea version can take it: `parameters` as rules.

A rule changes one object (a copy already) and complains of what the other version can't say. It is told what the
objects around it hand down, in the words of both versions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from reconciler.kea import parameters
from reconciler.kea.parameters import Parameter, Rename
from reconciler.kea.versions import Version
from reconciler.model import ABSENT, Service

Object = dict[str, Any]
Complain = Callable[[str], None]
Rule = Callable[[Object, Mapping[str, Any], Complain], None]

# What networks and subnets show of the levels above them, as far as a rule wants to know it.
_TIMERS = ("renew-timer", "rebind-timer")
HANDED_DOWN = (*(parameter.name for parameter in parameters.PARAMETERS if parameter.inherits), *_TIMERS)


@cache
def rules(service: Service, source: Version, target: Version, upgraded: bool) -> Mapping[str, tuple[Rule, ...]]:  # noqa: FBT001
    """Return what is to be done to the objects of each place, in order; nothing where the versions agree."""
    found: dict[str, list[Rule]] = {}
    for places, rule in _all_rules(service, source, target, upgraded=upgraded):
        for place in places:
            found.setdefault(place, []).append(rule)
    return {place: tuple(rules) for place, rules in found.items()}


def _all_rules(
    service: Service, source: Version, target: Version, *, upgraded: bool
) -> Iterator[tuple[tuple[str, ...], Rule]]:
    for rename in parameters.RENAMES:
        if source < rename.since <= target:
            yield rename.places, _renamed_up(rename)
        elif target < rename.since <= source:
            yield rename.places, _renamed_down(rename)
    for parameter in parameters.PARAMETERS:
        if service in parameter.services:
            yield from _parameter_rules(parameter, source, target, upgraded=upgraded)
    for option in parameters.STANDARD_OPTIONS:
        if service is option.service and source < option.since <= target:
            yield (parameters.OPTION,), _named(option)
            yield (parameters.DEFINITION,), _overridden(option)
        elif service is option.service and target < option.since <= source:
            yield (parameters.OPTION,), _unnamed(option)
    yield from _limits(source, target)


def _limits(source: Version, target: Version) -> Iterator[tuple[tuple[str, ...], Rule]]:
    """Yield the rules about values that the target refuses."""
    functions = {name for name, since in parameters.FUNCTIONS.items() if target < since <= source}
    if functions:
        yield (parameters.CLASS,), _without_functions(functions)
    if target < parameters.BARE_RESERVATION <= source:
        yield (parameters.RESERVATION,), _with_resources
    if target < parameters.RENEW_ABOVE_REBIND <= source:
        yield (parameters.SUBNET,), _with_timers_in_order
    limits, before = _lengths(target), _lengths(source)
    if limits != before:
        yield (parameters.RESERVATION,), _within(limits)


def _parameter_rules(
    parameter: Parameter, source: Version, target: Version, *, upgraded: bool
) -> Iterator[tuple[tuple[str, ...], Rule]]:
    if source < parameter.since <= target and parameter.default is not ABSENT:
        yield parameter.places, _filled(parameter)
    elif target < parameter.since <= source:
        quiet = parameter.default if upgraded and parameter.default is not ABSENT else parameter.neutral
        yield parameter.places, _dropped(parameter, quiet)
    later = {value for value, since in parameter.later.items() if target < since <= source}
    if later and not target < parameter.since:
        yield parameter.places, _without_values(parameter, later)


def _renamed_up(rename: Rename) -> Rule:
    def rule(item: Object, _above: Mapping[str, Any], _complain: Complain) -> None:
        if rename.old in item:
            item[rename.new] = rename.up(item.pop(rename.old))

    return rule


def _renamed_down(rename: Rename) -> Rule:
    def rule(item: Object, _above: Mapping[str, Any], complain: Complain) -> None:
        if rename.new not in item:
            return
        given = item.pop(rename.new)
        try:
            value = rename.down(given)
        except KeyError:
            complain(
                f"`{rename.new}` {given}" if isinstance(given, str) else f"`{rename.new}` with more than one class"
            )
            return
        if value is not ABSENT:
            item[rename.old] = value

    return rule


def _filled(parameter: Parameter) -> Rule:
    def rule(item: Object, above: Mapping[str, Any], _complain: Complain) -> None:
        if parameter.name not in item:
            inherited = above.get(parameter.name, parameter.neutral) if parameter.inherits else parameter.neutral
            item[parameter.name] = inherited

    return rule


def _dropped(parameter: Parameter, quiet: Any) -> Rule:
    def rule(item: Object, above: Mapping[str, Any], complain: Complain) -> None:
        if parameter.name not in item:
            return
        value, inherited = item[parameter.name], above.get(parameter.name, ABSENT)
        if not parameter.is_older:
            del item[parameter.name]
            if value != quiet and value != inherited:
                complain(f"`{parameter.name}`")
        elif value == quiet and inherited in (ABSENT, quiet):
            del item[parameter.name]
        elif value == parameter.neutral and inherited not in (ABSENT, value):
            complain(f"`{parameter.name}` {value:g} below another value")  # refused by 2.2.0 and 2.6.3

    return rule


def _without_values(parameter: Parameter, later: set[Any]) -> Rule:
    def rule(item: Object, _above: Mapping[str, Any], complain: Complain) -> None:
        if item.get(parameter.name) in later:
            complain(f"`{parameter.name}` {item[parameter.name]}")

    return rule


def _is(item: Mapping[str, Any], option: parameters.StandardOption) -> bool:
    return item.get("code") == option.code and item.get("space", option.service) == option.service


def _named(option: parameters.StandardOption) -> Rule:
    """What stood in digits gets Kea's name; what had a definition of its own falls with the definition."""

    def rule(item: Object, _above: Mapping[str, Any], complain: Complain) -> None:
        if not _is(item, option) or item.get("csv-format"):
            return
        item["name"] = option.name
        if item.get("data") and not option.has_data:
            complain(f"data for option {option.name} (code {option.code})")

    return rule


def _overridden(option: parameters.StandardOption) -> Rule:
    def rule(item: Object, _above: Mapping[str, Any], complain: Complain) -> None:
        if _is(item, option):
            complain(f"own definition of code {option.code} (it is {option.name} there)")

    return rule


def _unnamed(option: parameters.StandardOption) -> Rule:
    def rule(item: Object, _above: Mapping[str, Any], complain: Complain) -> None:
        if not _is(item, option):
            return
        if item.get("csv-format"):
            complain(f"option {option.name}")
        item.pop("name", None)

    return rule


_LITERAL = re.compile(r"'[^']*'")


def _without_functions(names: set[str]) -> Rule:
    pattern = re.compile(rf"\b({'|'.join(sorted(names))})\s*\(")

    def rule(item: Object, _above: Mapping[str, Any], complain: Complain) -> None:
        for key in ("test", "template-test"):
            for name in dict.fromkeys(pattern.findall(_LITERAL.sub("''", str(item.get(key, ""))))):
                complain(f"function `{name}` in class tests")

    return rule


def _with_resources(item: Object, _above: Mapping[str, Any], complain: Complain) -> None:
    if not any(item.get(key) not in (None, "", [], "0.0.0.0") for key in parameters.RESOURCES):  # noqa: S104 - Kea's "none"
        complain("reservations that reserve nothing")


def _with_timers_in_order(item: Object, above: Mapping[str, Any], complain: Complain) -> None:
    renew, rebind = (item.get(name, above.get(name)) for name in _TIMERS)
    if renew is not None and rebind is not None and renew > rebind:
        complain("`renew-timer` above `rebind-timer`")


def _lengths(version: Version) -> Mapping[str, tuple[int, int]]:
    return [entry.lengths for entry in parameters.IDENTIFIER_LENGTHS if entry.since <= version][-1]


def _within(limits: Mapping[str, tuple[int, int]]) -> Rule:
    def rule(item: Object, _above: Mapping[str, Any], complain: Complain) -> None:
        for name, (least, most) in limits.items():
            digits = str(item.get(name, "")).replace(":", "")
            if digits and not least <= len(digits) / 2 <= most:
                complain(f"`{name}` of {len(digits) // 2} bytes")

    return rule
