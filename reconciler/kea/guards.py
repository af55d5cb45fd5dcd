"""Guards: client classes that decide who is served, where Kea has no switch for it.

A subnet that asks for a class which nothing ever assigns is selected for nobody. That alone is not silence: a client
that rebinds asks all servers, and one that finds no subnet for it answers DHCPNAK (seen on 2.2.0, 2.6.3 and 3.0.3;
2.2.0 refuses those that reboot, too), in DHCPv6 that it has no addresses. So a server on which nothing is left to
serve also gets Kea's own class DROP, with everybody in it. What stood in a guard's place is kept in its mark, and put
back with it.

The guards of the HA hook's own classes are in `pools`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.kea.locality import STAMP_KEY
from reconciler.kea.versions import parse_version
from reconciler.model import Service

Object = Mapping[str, Any]

NOBODY = "kea-reconciler-disabled"  # never defined, so nobody is in it
DROP = "DROP"  # Kea drops every packet whose sender is in this class
_KEYS = ("client-class", "client-classes")


# ------------------------------------------------------------------------------------------------ disabling


def disabled(
    config: Object,
    service: Service,
    relationship: str,
    version: str,
    *,
    concerns: Callable[[Object], bool] = lambda _: True,
    may_drop: bool = True,
) -> dict[str, Any]:
    """Return a configuration (what stands under Dhcp4 or Dhcp6) that serves nobody in the subnets that are concerned.

    `concerns` is asked about each subnet, `relationship` is named in the marks. Where nothing is left to serve, every
    packet is dropped, unless `may_drop` is false: a server that has other relationships may yet get subnets of theirs.
    Subnets that are guarded already stay as they are, and nothing is altered in place.
    """

    def guard(subnet: Object) -> Object:
        if mark_of(subnet) is not None or not concerns(subnet):
            return subnet
        before = {key: subnet[key] for key in _KEYS if subnet.get(key)}
        plain = {key: value for key, value in subnet.items() if key not in _KEYS}
        classes = {"client-classes": [NOBODY]} if _takes_lists(version) else {"client-class": NOBODY}
        return _marked({**plain, **classes}, relationship, before)

    changed = _with_subnets(config, service, guard)
    return silenced(changed, relationship) if may_drop and not _serves(changed, service) else changed


def silenced(config: Object, relationship: str) -> dict[str, Any]:
    """Return a configuration that drops every packet."""
    classes = list(config.get("client-classes") or ())
    before = [each for each in classes if each.get("name") == DROP]
    if any(mark_of(each) is not None for each in before):
        return dict(config)
    others = [each for each in classes if each.get("name") != DROP]
    drop = _marked({"name": DROP, "test": "member('ALL')"}, relationship, dict(before[0]) if before else {})
    return {**config, "client-classes": [*others, drop]}


def _takes_lists(version: str) -> bool:
    """Whether this version names several classes of a subnet, under another key (Kea 2.7.5 and later)."""
    return parse_version(version) >= (2, 7, 5)


def _marked(item: Object, relationship: str, before: Object) -> dict[str, Any]:
    mark = {"disabled": relationship, "before": dict(before)}
    return {**item, "user-context": {**(item.get("user-context") or {}), STAMP_KEY: mark}}


def _serves(config: Object, service: Service) -> bool:
    return any(mark_of(subnet) is None for subnet in _subnets(config, service))


# ------------------------------------------------------------------------------------------------- enabling


def enabled(
    config: Object, service: Service, *, concerns: Callable[[Object], bool] = lambda _: True
) -> Mapping[str, Any]:
    """Return a configuration without our guards, each replaced by what stood there before it.

    The very same configuration where it has none that is concerned. `concerns` is asked about each guarded subnet; the
    class DROP goes with the first that is enabled, or where no subnet is left.
    """
    if not is_guarded(config, service):
        return config

    def unguard(subnet: Object) -> Object:
        mark = mark_of(subnet)
        if mark is None or not concerns(subnet):
            return subnet
        return {**{key: value for key, value in _unmarked(subnet).items() if key not in _KEYS}, **_before(mark)}

    changed = _with_subnets(config, service, unguard)
    subnets = list(_subnets(changed, service))
    found = _unsilenced(changed) if not subnets or _serves(changed, service) else changed
    return config if found == config else found


def _unsilenced(config: Object) -> dict[str, Any]:
    classes = []
    for each in config.get("client-classes") or ():
        mark = mark_of(each) if each.get("name") == DROP else None
        if mark is None:
            classes.append(each)
        elif _before(mark):
            classes.append(_before(mark))
    rest = {key: value for key, value in config.items() if key != "client-classes"}
    return {**rest, "client-classes": classes} if classes or "client-classes" in config else rest


def _before(mark: Object) -> dict[str, Any]:
    before = mark.get("before")
    return dict(before) if isinstance(before, Mapping) else {}


def _unmarked(item: Object) -> dict[str, Any]:
    context = {key: value for key, value in (item.get("user-context") or {}).items() if key != STAMP_KEY}
    rest = {key: value for key, value in item.items() if key != "user-context"}
    return {**rest, "user-context": context} if context else rest


# -------------------------------------------------------------------------------------------------- reading


def mark_of(item: Object) -> Object | None:
    """Return the mark of our guard on a subnet or class, None where there is none."""
    context = item.get("user-context")
    mark = context.get(STAMP_KEY) if isinstance(context, Mapping) else None
    return mark if isinstance(mark, Mapping) and isinstance(mark.get("disabled"), str) else None


def guarded_subnets(config: Object, service: Service) -> dict[str, str]:
    """Return the prefixes of the subnets that our guards keep from serving, each with the relationship it was of."""
    marks = ((subnet, mark_of(subnet)) for subnet in _subnets(config, service))
    return {str(subnet.get("subnet")): str(mark["disabled"]) for subnet, mark in marks if mark is not None}


def is_silenced(config: Object) -> bool:
    """Whether our class DROP keeps a server from answering anybody."""
    classes = config.get("client-classes")
    return any(
        isinstance(each, Mapping) and each.get("name") == DROP and mark_of(each) is not None
        for each in (classes if isinstance(classes, list) else ())
    )


def is_guarded(config: Object, service: Service) -> bool:
    """Whether a configuration has any guard of ours."""
    return is_silenced(config) or any(mark_of(subnet) is not None for subnet in _subnets(config, service))


# ------------------------------------------------------------------------------------------- every subnet


def _subnets(config: Object, service: Service) -> list[Object]:
    holders = [config, *(config.get("shared-networks") or ())]
    return [subnet for holder in holders for subnet in holder.get(service.subnets) or ()]


def _with_subnets(config: Object, service: Service, edit: Callable[[Object], Object]) -> dict[str, Any]:
    """Return the configuration with every subnet, those in shared networks too, as `edit` returns it."""
    changed = _with_own_subnets(config, service, edit)
    networks = config.get("shared-networks")
    if networks:
        changed = {**changed, "shared-networks": [_with_own_subnets(each, service, edit) for each in networks]}
    return dict(changed)


def _with_own_subnets(holder: Object, service: Service, edit: Callable[[Object], Object]) -> Object:
    subnets = holder.get(service.subnets)
    return {**holder, service.subnets: [edit(subnet) for subnet in subnets]} if subnets else holder
