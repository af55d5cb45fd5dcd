"""The part of a plan that may be carried out while the rest of it waits.

Where objects are contested, they stay as each server has them, and all else goes on. While a primary that came back
proves itself, the others go on from its partner. While something else of a relationship waits, such as a change of git
in the mode replicate or for an approval, data alone go on, and hooks are mended. What an earlier run left is put right
whatever else waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.kea.keeping import ObjectPath
from reconciler.model import Desired, Leftover, Plan, Relationship, RelationshipPlan, Service, WatchMode
from reconciler.planning.data_alone import is_mixed, without_the_rest
from reconciler.planning.plan import LiveWorld
from reconciler.planning.recovery import mended_alone
from reconciler.planning.returned import data_changes
from reconciler.planning.risk import with_leases_at_stake
from reconciler.planning.shown import is_approved_with
from reconciler.planning.verdict import is_approved
from reconciler.reports.text_changes import object_words
from reconciler.running.planned import plan_aside
from reconciler.watching.records import Look, Part, is_quiet
from reconciler.watching.ruling import Rules, Ruling, ruling

RulesOf = Callable[[RelationshipPlan, Rules], Rules]
_NOT_APPROVED = "what was approved of the whole plan does not count for this part of it; {}"
_NOT_SHOWN = "the whole plan has no such objection; {}"
_WHOLE = "`kea-reconciler apply` does the whole"


async def with_parts(
    looks: Sequence[Look],
    desired: Desired,
    live: LiveWorld,
    made: Plan,
    rules_of: RulesOf,
    left: Sequence[Leftover] = (),
) -> list[Look]:
    """Return the looks, with what may go on of those plans that may not be carried out whole.

    `made` is the plan that they are of; `rules_of` makes the rules for a part of those for the whole; `left` is what
    earlier runs left open.
    """
    spared = await _sparing(looks, desired, live, made, rules_of, left)
    parts = await _parts(spared, desired, live, made, rules_of)
    return [_told(look, each, parts.get(look.plan.relationship.name)) for look, each in zip(looks, spared, strict=True)]


def _told(look: Look, spared: Look, part: Part | None) -> Look:
    """Return a look with its part: of the plan that spares what is contested, that plan itself where no part of it is
    due.
    """
    if part is None and spared is not look:
        found = spared.ruling
        told = [each for each in found.waits if each not in look.ruling.waits]
        asks = tuple(_asked_beside(look, found))
        part = Part(spared.plan) if found.may else Part(None, "; ".join(told), found.is_passing, asks)
    part = part or Part()
    left_alone = tuple(_left_alone(look, spared, part))
    is_level = spared is not look and is_quiet(spared.plan) and not left_alone
    due = part.plan or _mends_of(spared)
    return replace(look, part=replace(part, plan=due, left_alone=left_alone, is_level=is_level))


def _mends_of(look: Look) -> RelationshipPlan | None:
    """Return what an earlier run left and is to be put right, where nothing else of a plan may be done. What waits for
    seconds only goes with the rest.
    """
    if look.ruling.may or look.ruling.is_passing or not look.plan.mends or _is_held(look.rules):
        return None
    alone = mended_alone(look.plan)
    rules = replace(look.rules, contested=(), staying={})  # they are changes of the plan
    return alone if ruling(alone, rules).may else None


def _asked_beside(look: Look, part: Ruling) -> Iterator[str]:
    """Yield for which reasons a person has to do something about a part of a plan, and not about the whole."""
    known = {each.partition(":")[0] for each in look.ruling.asks}
    approved = {each.code for each in look.plan.objections if is_approved(each, look.rules.approved)}
    for each in part.asks:
        code = each.partition(":")[0]
        if code not in known:
            yield f"{each}; {(_NOT_APPROVED if code in approved else _NOT_SHOWN).format(_WHOLE)}"


def _left_alone(look: Look, spared: Look, part: Part) -> Iterator[str]:
    """Yield what can't go on beside the contested objects, and why."""
    if not look.rules.contested or _is_held(look.rules):
        return
    for server in spared.plan.servers:
        if server.left_alone:
            yield f"all data of {server.peer.server} are left alone: {server.left_alone}"
    if spared is not look and spared.plan.unplanned is None:
        yield from _staying_beside(look, spared)
    waiting = sum(len(server.changes) for server in spared.plan.servers) - len(spared.rules.contested)
    if part.plan is None and spared.rules.contested and waiting > 0:
        words = " and ".join(spared.rules.contested)
        yield f"all of {look.plan.relationship.name} is left alone: {words} can't be told apart from it"


def _staying_beside(look: Look, spared: Look) -> Iterator[str]:
    """Yield which changes are not made since they can't be told apart from contested objects, such as other pools."""
    due = {server.peer.server: server for server in spared.plan.servers}
    for server in look.plan.servers:
        name = server.peer.server
        rest = due.get(name)
        if look.rules.staying.get(name) and rest is not None and not rest.left_alone:
            known = {change.path for change in rest.changes}
            others = (f"{object_words(each)} on {name}" for each in data_changes(server) if each.path not in known)
            yield from (f"{each} is left alone with it" for each in others if each not in look.rules.contested)


async def _sparing(
    looks: Sequence[Look],
    desired: Desired,
    live: LiveWorld,
    made: Plan,
    rules_of: RulesOf,
    left: Sequence[Leftover],
) -> list[Look]:
    """Return the looks, but where objects are contested at a plan that leaves them as each server has them."""
    staying = {
        look.plan.relationship.name: look.rules.staying
        for look in looks
        if look.rules.staying and look.plan.unplanned is None and not _is_held(look.rules)
    }
    if not staying:
        return list(looks)
    changed = replace(desired, relationships=_with_contested(desired, staying))
    planned = await plan_aside(changed, live, made.probes, left)
    plans = {each.relationship.name: each for each in with_leases_at_stake(planned).relationships}
    return [
        _judged(look, plans[name], rules_of) if (name := look.plan.relationship.name) in staying else look
        for look in looks
    ]


def _with_contested(
    desired: Desired, contested: Mapping[str, Mapping[str, tuple[ObjectPath, ...]]]
) -> tuple[Relationship, ...]:
    return tuple(
        replace(each, contested=contested[each.name]) if contested.get(each.name) else each
        for each in desired.relationships
    )


def _judged(look: Look, plan: RelationshipPlan, rules_of: RulesOf) -> Look:
    """Return a look at a part of its plan."""
    rules = rules_of(plan, replace(look.rules, approved=_approved(look, plan)))
    return replace(look, plan=plan, rules=rules, ruling=ruling(plan, rules))


def _approved(look: Look, part: RelationshipPlan) -> Collection[str]:
    """Return what is approved of a part: what is of the whole, where that showed all of it."""
    return look.rules.approved if look.rules.approved and is_approved_with(part, look.plan) else ()


async def _parts(
    looks: Sequence[Look], desired: Desired, live: LiveWorld, made: Plan, rules_of: RulesOf
) -> dict[str, Part]:
    """Return what may go on of those plans that can have a part, by the names of their relationships."""
    waiting = {look.plan.relationship.name: look for look in looks if _may_have_a_part(look)}
    if not waiting:
        return {}
    settling = {_truth(look.plan) for look in waiting.values() if look.ruling.unsteady}
    contested = {name: look.plan.relationship.contested for name, look in waiting.items()}
    told: dict[str, str] = {}
    alone: dict[str, Relationship] = {}
    for name, look in waiting.items():
        if not look.ruling.unsteady:
            found = without_the_rest(look.plan)
            if isinstance(found, str):
                told[name] = found
            else:
                alone[name] = found
    relationships = _with_contested(desired, contested)
    changed = replace(desired, relationships=tuple(alone.get(each.name, each) for each in relationships))
    planned = await plan_aside(changed, live, made.probes, settling=settling)
    parts = {each.relationship.name: each for each in planned.relationships}
    return {name: _part(look, parts.get(name), told.get(name, ""), rules_of) for name, look in waiting.items()}


def _may_have_a_part(look: Look) -> bool:
    if look.ruling.may or not look.ruling.waits or _is_held(look.rules):
        return False
    return bool(look.ruling.unsteady) or (look.plan.unplanned is None and is_mixed(look.plan))


def _is_held(rules: Rules) -> bool:
    return rules.mode is WatchMode.REPORT or rules.suspension is not None or bool(rules.unreadable)


def _truth(plan: RelationshipPlan) -> tuple[str, Service]:
    return plan.authority.server or "", plan.relationship.service


def _part(look: Look, part: RelationshipPlan | None, told: str, rules_of: RulesOf) -> Part:
    if told or part is None or not part.has_changes:
        reason = told or (part.unplanned if part is not None and part.relationship.is_data_alone else None)
        return Part(None, reason or "")
    rules = rules_of(part, replace(look.rules, approved=_approved(look, part), unsteady=0.0))
    found = ruling(part, rules)
    asks = tuple(_asked_beside(look, found))
    return Part(part if found.may else None, "; ".join(found.waits), found.is_passing, asks)
