"""The part of a plan that may be carried out while the rest of it waits.

While a primary that came back proves itself, the others go on from its partner. While something else of a relationship
waits, such as a change of git in the mode replicate or for an approval, data alone go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from reconciler.model import Desired, Plan, Relationship, RelationshipPlan, Service, WatchMode
from reconciler.planning.data_alone import is_mixed, without_the_rest
from reconciler.planning.plan import LiveWorld
from reconciler.running.planned import plan_aside
from reconciler.watching.records import Look, Part
from reconciler.watching.ruling import Rules, ruling


async def with_parts(
    looks: Sequence[Look],
    desired: Desired,
    live: LiveWorld,
    made: Plan,
    rules_of: Callable[[RelationshipPlan, Rules], Rules],
) -> list[Look]:
    """Return the looks, with what may go on of those plans that may not be carried out whole.

    `made` is the plan that they are of; `rules_of` makes the rules for a part of those for the whole.
    """
    waiting = [look for look in looks if _may_have_a_part(look)]
    if not waiting:
        return list(looks)
    settling = {_primary(look.plan.relationship) for look in waiting if look.ruling.unsteady}
    told: dict[str, str] = {}
    alone: dict[str, Relationship] = {}
    for look in waiting:
        name = look.plan.relationship.name
        if not look.ruling.unsteady:
            found = without_the_rest(look.plan)
            if isinstance(found, str):
                told[name] = found
            else:
                alone[name] = found
    relationships = tuple(alone.get(each.name, each) for each in desired.relationships)
    changed = replace(desired, relationships=relationships)
    planned = await plan_aside(changed, live, made.probes, settling=settling)
    parts = {each.relationship.name: each for each in planned.relationships}
    return [
        _with_part(look, parts.get(look.plan.relationship.name), told.get(look.plan.relationship.name, ""), rules_of)
        if look in waiting
        else look
        for look in looks
    ]


def _may_have_a_part(look: Look) -> bool:
    rules = look.rules
    is_held = rules.mode is WatchMode.REPORT or rules.suspension is not None or bool(rules.unreadable)
    if look.ruling.may or not look.ruling.waits or is_held:
        return False
    return bool(look.ruling.unsteady) or (look.plan.unplanned is None and is_mixed(look.plan))


def _primary(relationship: Relationship) -> tuple[str, Service]:
    return relationship.primary.server, relationship.service


def _with_part(
    look: Look, part: RelationshipPlan | None, told: str, rules_of: Callable[[RelationshipPlan, Rules], Rules]
) -> Look:
    if told or part is None or not part.has_changes:
        reason = told or (part.unplanned if part is not None and part.relationship.is_data_alone else None)
        return replace(look, part=Part(None, reason or ""))
    rules = rules_of(part, replace(look.rules, approved=(), unsteady=0.0))
    found = ruling(part, rules)
    return replace(look, part=Part(part if found.may else None, "; ".join(found.waits), found.is_passing))
