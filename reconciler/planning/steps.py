"""The steps of an apply, and of taking one back, as values. Pure; `running` carries them out one by one.

A plan falls into parts: the preparation, in which nothing is changed, and then its stages. Each part is whole or not at
all: a step that fails ends it, and what the steps before it did is undone. Only its final steps are all tried,
whatever becomes of one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from reconciler.kea import ha
from reconciler.kea.versions import config_test_is_safe
from reconciler.model import (
    Condition,
    Deed,
    Disruption,
    Elsewhere,
    Fact,
    Mode,
    Procedure,
    RelationshipPlan,
    Role,
    ServerPlan,
    Stage,
    Step,
)
from reconciler.planning import wanted
from reconciler.planning.silence import may_be_silenced, returning
from reconciler.planning.witness import witness

Steps = tuple[Step, ...]


def parts(plan: RelationshipPlan) -> tuple[Steps, ...]:
    """Return the steps of a relationship's plan, part by part; none where nothing changes."""
    if not plan.stages:
        return ()
    return (tuple(_preparation(plan)), *(of_stage(plan, stage) for stage in plan.stages))


def _preparation(plan: RelationshipPlan) -> Iterator[Step]:
    """Before the first server is set, every one that changes was looked at, and has tried what is planned for it."""
    changing = [server for server in plan.servers if server.outgoing is not None]
    gently = {name for stage in plan.stages if stage.otherwise for name in stage.servers}
    for server in changing:
        yield from _trial(server, is_set=server.peer.server not in gently)
    if plan.procedure is Procedure.CREATE:
        yield Step(Deed.TELL_APART, plan.servers[0].peer.server)


def _trial(server: ServerPlan, *, is_set: bool) -> Iterator[Step]:
    name = server.peer.server
    yield Step(Deed.LOOK, name, after=_all(Fact.AS_SEEN, name))
    if is_set and config_test_is_safe(server.snapshot.version):
        yield Step(Deed.TEST, name, before=_all(Fact.AS_SEEN, name))


def of_stage(plan: RelationshipPlan, stage: Stage) -> Steps:
    """Return the steps of one stage.

    A server that is silenced has its DHCP service off from before the first set until all know of each other, so that
    at no time two servers hand out the same addresses without knowing of each other (Kea fact: a server with HA whose
    partner has none, or does not hear it, becomes partner-down after max-response-delay and serves everything).
    """
    marking = _marking(plan, stage)
    if stage.otherwise is not None:
        return (*_by_commands(stage), *marking)
    return (*_opening(plan, stage), *_sets(plan, stage), *_meeting(plan, stage), *_closing(plan, stage), *marking)


def _marking(plan: RelationshipPlan, stage: Stage) -> Iterator[Step]:
    """When all followers have their stamps, mark whose data they have; what comes of it is in no way due."""
    last, name = plan.stages[-1], witness(plan)
    if name is not None and stage in (last, last.otherwise):
        yield Step(Deed.MARK, name, before=_all(Fact.SET, *stage.servers), is_final=True)


def _by_commands(stage: Stage) -> Iterator[Step]:
    """Change servers by commands: nobody has to wait for anybody, since no HA begins anew."""
    for name in stage.servers:
        yield Step(Deed.LOOK, name, after=_all(Fact.AS_SEEN, name))
        yield Step(Deed.SEND, name, before=_all(Fact.AS_SEEN, name), after=_all(Fact.SET, name))
        yield Step(Deed.WRITE, name, before=_all(Fact.SET, name), after=_all(Fact.WRITTEN, name), is_final=True)


def instead_of_commands(plan: RelationshipPlan, stage: Stage) -> Steps:
    """Return the steps of the stage that sets the server which the commands of `stage` left short of the plan; it has
    not tried that yet.
    """
    if stage.otherwise is None:
        return ()
    server = next(each for each in plan.servers if each.peer.server == stage.servers[0])
    return (*_trial(server, is_set=True), *of_stage(plan, stage.otherwise))


def _opening(plan: RelationshipPlan, stage: Stage) -> Iterator[Step]:
    first = stage.servers[0]
    if stage.needs_normal:
        yield Step(Deed.AWAIT_WELL, first, after=_all(Fact.NORMAL, *staying(plan)))
    for each in _elsewhere(plan, stage):
        yield from handing_over(each)
    yield from (Step(Deed.SILENCE, name, after=_all(Fact.OFF, name)) for name in _silenced(plan, stage))
    yield from _covering(plan, stage, first, off=stage.released)
    by = [other for server, other in stage.covered_by if server == first]
    for name in returning(plan, stage):
        yield Step(Deed.LEAVE_OFF, name, before=_all(Fact.WIDE, *by), after=_all(Fact.LASTING, name))


def _covering(plan: RelationshipPlan, stage: Stage, server: str, *, off: Collection[str]) -> Iterator[Step]:
    """Let another answer the clients of a server that is set next, where the stage says so; `off` are those that were
    switched off before.

    The server is switched off first, and on again when the other has given its clients back: two that answer the same
    clients at once give one address to two of them, each before it hears of the other's lease (seen on 2.2.0 and 3.0.3
    in every mode, with divided pools too). Between the two steps a client has to ask again.

    A hub is not (see `silence`). It gives up the scopes of this relationship instead, which its set gives it back: the
    other stops to answer its clients as soon as it is seen to answer them again.
    """
    by = dict(stage.covered_by).get(server)
    if by is None:
        return
    if stage.method is Disruption.HAND_OVER:
        is_hub = _is_hub(plan, server)
        deed, fact = (Deed.REST, Fact.RESTING) if is_hub else (Deed.SILENCE, Fact.OFF)
        yield Step(deed, server, after=_all(fact, server))
    if by in off and not _is_hub(plan, by):
        yield Step(Deed.SERVE, by, after=_all(Fact.ON, by))
    yield Step(Deed.WIDEN, by, server, before=_all(Fact.NORMAL, by, server), after=_all(Fact.WIDE, by))


def _sets(plan: RelationshipPlan, stage: Stage) -> Iterator[Step]:
    """Set one server after the other. Who leaves is on its disk before the next is set: started anew from an old one it
    would miss a partner that has no HA any more, take over, and serve beside it unawares (seen on 3.0.3).
    """
    leaving = _leaving(plan)
    for place, name in enumerate(stage.servers):
        if place and stage.in_turn:
            before = stage.servers[place - 1]
            yield Step(Deed.AWAIT_NORMAL, before, after=_all(Fact.NORMAL, *staying(plan)), is_lone=True)
        if place:
            yield from _covering(plan, stage, name, off=stage.servers[:place] if stage.in_turn else ())
        yield Step(Deed.LOOK, name, after=_all(Fact.AS_SEEN, name))
        by = [other for each, other in stage.covered_by if each == name]
        pausing = _pausing(stage, name)
        yield from (Step(Deed.SILENCE, other, after=_all(Fact.OFF, other)) for other in pausing)
        silent = (*_all(Fact.LASTING, *_silenced(plan, stage)), *_all(Fact.OFF, *pausing))
        needed = (*_all(Fact.AS_SEEN, name), *_all(Fact.WIDE, *by), *silent)
        yield Step(Deed.SET, name, before=needed, after=_all(Fact.SET, name))
        if name in leaving and name != stage.servers[-1]:
            yield Step(Deed.WRITE, name, before=_all(Fact.SET, name), after=_all(Fact.WRITTEN, name))
        # One that died just now serves again by itself when it is back, and the server that was set takes over for it.
        yield from (Step(Deed.SERVE, other, after=_all(Fact.ON, other), is_final=True) for other in pausing)


def _pausing(stage: Stage, server: str) -> list[str]:
    """Return who is off as well for the moment in which a server is set, or put back."""
    return [other for each, other in stage.covered_by if each == server] if stage.pauses else []


def _meeting(plan: RelationshipPlan, stage: Stage) -> Iterator[Step]:
    """Wait until all are normal. Where nobody answers for the silenced until then, they serve as soon as all have heard
    each other, unless the relationship is new.
    """
    if _leaving(plan).issuperset(stage.servers):
        return
    last, everybody = stage.servers[-1], staying(plan)
    silenced = _silenced(plan, stage)
    bridging = _bridging(plan, stage)
    if bridging is not None:
        # Two that begin anew become normal one after the other, up to a heartbeat apart.
        yield Step(Deed.WIDEN_WHEN_NORMAL, bridging)
    elif silenced and plan.procedure is not Procedure.CREATE:
        yield Step(Deed.AWAIT_MET, last, after=_all(Fact.MET, *everybody))
        for name in silenced:
            yield Step(Deed.SERVE_IF_MET, name, before=_all(Fact.MET, *everybody), after=_all(Fact.ON, name))
    is_lone = len(stage.servers) == 1 or stage.in_turn
    yield Step(Deed.AWAIT_NORMAL, last, after=_all(Fact.NORMAL, *everybody), is_lone=is_lone)


def _elsewhere(plan: RelationshipPlan, stage: Stage) -> list[Elsewhere]:
    """Return the other relationships whose clients are handed over while the servers of a stage are set."""
    return [each for each in plan.elsewhere if each.hub.peer.server in stage.servers]


def handing_over(there: Elsewhere) -> Iterator[Step]:
    """Let the partner of a hub answer the clients that the hub serves in another relationship, before the first set."""
    name, hub, by = there.relationship.name, there.hub.peer.server, there.partner.peer.server
    yield Step(Deed.AWAIT_WELL, by, hub, after=_all(Fact.NORMAL, by, hub), elsewhere=name)
    yield Step(Deed.REST, hub, after=_all(Fact.RESTING, hub), elsewhere=name)
    yield Step(Deed.WIDEN, by, hub, before=_all(Fact.NORMAL, by, hub), after=_all(Fact.WIDE, by), elsewhere=name)


def taking_back(there: Elsewhere, done: Sequence[Step]) -> Iterator[Step]:
    """Let a hub answer the clients of another relationship by itself again: where it was set as soon as it does, else
    by our word. Who answers for it goes on to where it can't.
    """
    name, hub, by = there.relationship.name, there.hub.peer.server, there.partner.peer.server
    own = [step for step in done if not step.elsewhere or step.elsewhere == name]
    if any(step.deed in {Deed.SET, Deed.PUT_BACK} and step.server == hub for step in own):
        yield Step(Deed.AWAIT_NORMAL, by, hub, after=_all(Fact.NORMAL, by, hub), elsewhere=name)
    if any(step.deed is Deed.WIDEN and step.elsewhere == name for step in own):
        yield Step(Deed.GIVE_BACK, by, hub, after=_all(Fact.OWN, by), elsewhere=name)
    if any(step.deed is Deed.REST and step.elsewhere == name for step in own):
        yield Step(Deed.GIVE_BACK, hub, hub, after=_all(Fact.OWN, hub), elsewhere=name)


def _bridging(plan: RelationshipPlan, stage: Stage) -> str | None:
    """Return who, once it is normal, answers everybody until all are and it has given the others theirs back: in
    load-balancing the one of those set together that is not silenced, the primary unless roles are swapped too.
    """
    silenced = _silenced(plan, stage)
    if len(stage.servers) < 2 or stage.in_turn or not silenced or plan.relationship.mode is not Mode.LOAD_BALANCING:
        return None
    found = (
        each.peer.server
        for each in plan.servers
        if each.peer.server in stage.servers and each.peer.server not in silenced and each.peer.role is not Role.BACKUP
    )
    return next(found, None)


def _closing(plan: RelationshipPlan, stage: Stage) -> Iterator[Step]:
    """Let each serve its own again, those that are off after who answered for them has stopped to, and write every
    server's disk.
    """
    done = [*_opening(plan, stage), *_sets(plan, stage), *_meeting(plan, stage)]
    steps = [step for each in _elsewhere(plan, stage) for step in taking_back(each, done)]
    steps += [Step(Deed.GIVE_BACK, by, after=_all(Fact.OWN, by)) for by in _widened(done)]
    idle = [each.peer.server for each in plan.servers if each.leaves or each.peer.role is Role.BACKUP]
    off = sorted({*_silenced(plan, stage), *_switched_off(done)}, key=lambda name: (name in idle, name))
    steps += [Step(Deed.SERVE, name, after=_all(Fact.ON, name)) for name in off]  # first whom clients wait for
    steps += [Step(Deed.SERVE_AGAIN, name, after=_all(Fact.ON, name)) for name in stage.released]
    steps += [Step(Deed.END_HOLD, server.peer.server) for server in plan.servers]
    steps += [Step(Deed.CHECK_SCOPES, name, after=_all(Fact.OWN, name)) for name in _handed_over(stage)]
    written = {step.server for step in done if step.deed is Deed.WRITE}
    steps += [
        Step(Deed.WRITE, name, before=_all(Fact.SET, name), after=_all(Fact.WRITTEN, name))
        for name in stage.servers
        if name not in written
    ]
    yield from (replace(step, is_final=True) for step in steps)


def _widened(done: Sequence[Step]) -> list[str]:
    """Return the servers that these steps let answer all clients of the relationship."""
    wide = (step for step in done if step.deed in {Deed.WIDEN, Deed.WIDEN_WHEN_NORMAL} and not step.elsewhere)
    return list(dict.fromkeys(step.server for step in wide))


def _switched_off(done: Sequence[Step]) -> list[str]:
    """Return the servers that these steps switched off, and not on again."""
    off: dict[str, None] = {}
    for step in done:
        if step.deed is Deed.SILENCE:
            off[step.server] = None
        elif step.deed is Deed.SERVE:
            off.pop(step.server, None)
    return list(off)


def _resting(done: Sequence[Step]) -> list[str]:
    """Return the servers that these steps let give up their scopes, and that did not begin anew since."""
    resting: dict[str, None] = {}
    for step in done:
        if step.deed is Deed.REST and not step.elsewhere:
            resting[step.server] = None
        elif step.deed in {Deed.SET, Deed.PUT_BACK}:
            resting.pop(step.server, None)
    return list(resting)


def _handed_over(stage: Stage) -> list[str]:
    return list(dict.fromkeys(name for pair in stage.covered_by for name in pair))


def _leaving(plan: RelationshipPlan) -> set[str]:
    return {server.peer.server for server in plan.servers if server.leaves}


def _silenced(plan: RelationshipPlan, stage: Stage) -> list[str]:
    return [server.peer.server for server in plan.servers if server.peer.server in stage.silenced]


def _is_hub(plan: RelationshipPlan, name: str) -> bool:
    """Whether a server is never switched off."""
    return any(each.peer.server == name and not may_be_silenced(each.peer, each.snapshot) for each in plan.servers)


def staying(plan: RelationshipPlan) -> list[str]:
    """Return who is to be well in the end; while the primary or its partner is away, the other one can't be."""
    return [
        server.peer.server
        for server in plan.servers
        if not server.leaves and not (plan.lacks_half and server.peer.role is not Role.BACKUP)
    ]


def _all(fact: Fact, *servers: str) -> tuple[Condition, ...]:
    return tuple(Condition(fact, server) for server in servers)


# ------------------------------------------------------------------------------------------------- undoing


def undoing(
    plan: RelationshipPlan, stage: Stage, done: Sequence[Step], *, harmed: Collection[str], unsure: Collection[str]
) -> Steps:
    """Return the steps that take back what the steps of a stage did, the last first; all of them are tried.

    `harmed` are servers whose set failed and left them neither as they were nor as planned; `unsure` those that may
    have, or come to have, what was not meant to stay. Kept are the sets of servers that leave while one is unsure that
    goes on without them: it would serve everything, and they too, since they don't hear it. As they are, they serve
    nobody, and the next apply goes on from there.
    """
    leaving = _leaving(plan)
    kept = leaving if leaving & set(unsure) else set()
    sets = [step.server for step in done if step.deed is Deed.SET and step.server not in kept]
    was_set = any(step.deed is Deed.SET for step in done)
    pausing = [by for _, by in stage.covered_by if stage.pauses and by in _switched_off(done)]
    undone = [
        *(Step(Deed.SERVE, by, after=_all(Fact.ON, by)) for by in pausing),
        *(_put_back(name) for name in harmed),
        *(Step(Deed.SILENCE, step.server) for step in done if was_set and step.deed is Deed.SERVE_IF_MET),
        *_putting_back(plan, stage, [*reversed(sets)], done),
        *_settling(stage, (*sets, *harmed)),
        *(Step(Deed.AWAIT_HEARD, name) for name in sets),
    ]
    undone += [step for each in _elsewhere(plan, stage) for step in taking_back(each, [*done, *undone])]
    undone += _ending(plan, stage, [*done, *undone], unsure)
    undone += _going_on(plan, (*sets, *harmed))
    return tuple(replace(step, is_final=True) for step in undone)


def leaving_alone(plan: RelationshipPlan, stage: Stage, done: Sequence[Step], server: str) -> Steps:
    """Return the steps after which a server goes on alone that took over since its partner gives no answer, be it the
    one that was set last or the other.

    To put it back, to switch it off or to narrow what it answers would silence the only one that serves. It keeps what
    it was set to, which its partner understands, and the next apply goes on from there.
    """
    undone = [step for each in _elsewhere(plan, stage) for step in taking_back(each, done)]
    undone += [Step(Deed.SERVE, name, after=_all(Fact.ON, name)) for name in _switched_off(done)]
    if any(step.deed is Deed.SET and step.server == server for step in done):
        undone += [Step(Deed.WRITE, server, before=_all(Fact.SET, server), after=_all(Fact.WRITTEN, server))]
    return tuple(replace(step, is_final=True) for step in undone)


def _settling(stage: Stage, sets: Sequence[str]) -> Iterator[Step]:
    """Where another answers for a server, it goes on to until that one is normal again; not where all are set at once,
    and nobody is normal before those that are silenced serve.
    """
    if sets and stage.method is Disruption.HAND_OVER:
        yield Step(Deed.SETTLE, sets[0])


def _going_on(plan: RelationshipPlan, sets: Sequence[str]) -> Iterator[Step]:
    """Wait for servers that were put back, where what they had lets them pause on their way back: who waits lets them
    go on.
    """
    blocks = [wanted.block_of(server.snapshot) for server in plan.servers if server.peer.server in sets]
    if any(ha.pauses(block) for block in blocks if block):
        yield Step(Deed.SETTLE, sets[0])


def _ending(plan: RelationshipPlan, stage: Stage, done: Sequence[Step], unsure: Collection[str]) -> Iterator[Step]:
    """Let each serve its own again: a server after the one that answers for it has stopped to. Who answers for one that
    has to stay off, or of which nothing is known, goes on.
    """
    off, resting = _switched_off(done), _resting(done)
    wide = [name for name in _widened(done) if name not in resting]
    held = [name for name in off if name in unsure or name in _silenced(plan, stage)]
    yield from (_served_again(plan, stage, name) for name in held)
    before = _all(Fact.ON, *held)
    yield from (Step(Deed.GIVE_BACK, by, before=before, after=_all(Fact.OWN, by)) for by in wide)
    yield from (Step(Deed.GIVE_BACK, name, after=_all(Fact.OWN, name)) for name in resting)
    yield from (_served_again(plan, stage, name) for name in off if name not in held)


def _putting_back(plan: RelationshipPlan, stage: Stage, names: Sequence[str], done: Sequence[Step]) -> Iterator[Step]:
    """Put back one after the other; where they were set in turn, each from as normal as all get, with another
    answering for it if that one can: putting back is worth more.
    """
    off = _switched_off(done)
    for place, name in enumerate(names):
        if stage.in_turn:
            covering = [replace(step, before=()) for step in _covering(plan, stage, name, off=off)]
            settling = Step(Deed.SETTLE, name)
            # The last that was set may have begun to answer for another, which is all right and takes over again.
            yield from (settling, *covering) if place else (*covering, settling)
            if not place and _is_hub(plan, name):  # which serves again as soon as it is normal
                yield from (step for step in covering if step.deed is not Deed.SERVE)
            off = [name]
        yield from _handed_over_again(plan, done, name)
        pausing = _pausing(stage, name)
        yield from (Step(Deed.SILENCE, by, after=_all(Fact.OFF, by)) for by in pausing)
        yield _put_back(name)
        yield from (Step(Deed.SERVE, by, after=_all(Fact.ON, by)) for by in pausing)


def _handed_over_again(plan: RelationshipPlan, done: Sequence[Step], hub: str) -> Iterator[Step]:
    """Let others answer once more for a hub that is put back, where they did before; they may have stopped to since."""
    asked = {step.elsewhere for step in done if step.deed is Deed.WIDEN and step.elsewhere}
    for each in plan.elsewhere:
        if each.relationship.name in asked and each.hub.peer.server == hub:
            yield from (replace(step, before=()) for step in handing_over(each) if step.deed is not Deed.AWAIT_WELL)


def _put_back(name: str) -> Step:
    return Step(Deed.PUT_BACK, name, after=_all(Fact.PUT_BACK, name))


def _served_again(plan: RelationshipPlan, stage: Stage, name: str) -> Step:
    """Not one that was silenced, and may have the new configuration: it would serve the same addresses as the primary,
    which knows nothing of it.
    """
    before = _all(Fact.SURE, name) if name in _silenced(plan, stage) else ()
    return Step(Deed.SERVE, name, before=before, after=_all(Fact.ON, name))
