"""Carrying out an operation on a relationship: looking once more, sending, and waiting until the states are reached.

An answer that was lost says nothing about what happened, so nothing is sent twice and nothing guessed: the states that
the servers are then found in tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import AccessRefusedError, EndpointError, NotReachedError
from reconciler.kea import ha, views
from reconciler.model import (
    Authority,
    Elsewhere,
    HaView,
    Live,
    Objection,
    Peer,
    RelationshipOutcome,
    RelationshipPlan,
    Result,
    ServerOutcome,
    ServerPlan,
    Service,
    Snapshot,
    Unreachable,
)
from reconciler.planning.scenes import (
    PARTNER_DOWN,
    SYNCING,
    Answer,
    Decision,
    Ending,
    Operation,
    OperationOutcome,
    Order,
    Scene,
    refusal,
    settled,
    standings,
)
from reconciler.planning.terminated import TERMINATED
from reconciler.running import waiting
from reconciler.running.anew import set_again
from reconciler.running.beside import Beside
from reconciler.running.hand_over import HandOver
from reconciler.running.hands import WATCHING, Hands
from reconciler.running.leases import lacking
from reconciler.running.pausing import let_go_on, let_others_go_on
from reconciler.running.setting import Server
from reconciler.running.stand_ins import StandIn
from reconciler.running.switch import end_hold

if TYPE_CHECKING:
    from reconciler.kea.client import Client

Decide = Callable[[Scene], Decision]
_SPARE = 30.0  # seconds beyond its own time-out after which the answer to a lease sync is taken for lost
_TAKEN_OVER = (
    "the other server was taken for dead at the last moment: if it serves, both do now; mend the connection between "
    "them, and they become normal by themselves"
)


async def carry_out(operation: Operation, scene: Scene, decide: Decide, hands: Hands) -> OperationOutcome:
    """Carry out what `decide` says of a scene, and return what became of it.

    The scene may be as old as a person took to answer a question, so every server is looked at once more before
    anything is sent.
    """
    before = standings(scene.relationship, scene.live)
    async with AsyncExitStack() as stack:
        clients: dict[str, Client] = {}
        for name, live in scene.live.items():
            if isinstance(live, Snapshot):
                clients[name] = await stack.enter_async_context(hands.open_client(live.endpoint))
        partners = [each for each in scene.beside if isinstance(each, Elsewhere)]
        beside = [await _standing_in(each, clients, hands, stack) for each in partners]
        work = _Work(operation, scene, clients, decide, hands, beside)
        decision = await work.decided_now()
        ending, reasons = settled(decision) or await work.done(decision)
        if ending is Ending.DONE:
            reasons += await work.held()
        after = standings(scene.relationship, (await work.look()).live)
        answers, name = tuple(work.answers), scene.peer.server
        return OperationOutcome(operation, scene.relationship, name, ending, reasons, decision, before, after, answers)


async def _standing_in(there: Elsewhere, clients: Mapping[str, Client], hands: Hands, stack: AsyncExitStack) -> StandIn:
    client = await stack.enter_async_context(hands.open_client(there.partner.snapshot.endpoint))
    hub = Server(there.hub, clients[there.hub.peer.server], lambda _: False)
    return StandIn(there.relationship, hub, Server(there.partner, client, lambda _: False))


async def count_leases(client: Client, service: Service) -> int | None:
    """Return how many leases a server has by its own statistics, None where it doesn't tell."""
    kinds = ("assigned-addresses",) if service is Service.DHCP4 else ("assigned-nas", "assigned-pds")
    try:
        reply = await client.call("statistic-get-all")
        found = reply.arguments if reply.result == 0 and isinstance(reply.arguments, Mapping) else {}
        # Those of a pool, subnet[7].pool[0].assigned-addresses (2.4 and later), count again what their subnet has.
        own = [name for name in found if name.startswith("subnet[") and name.count("[") == 1 and name.endswith(kinds)]
        return sum(int(found[name][0][0]) for name in own)
    except (EndpointError, IndexError, KeyError, TypeError, ValueError):
        return None


async def _look_again(client: Client, seen: Snapshot) -> Live:
    """Return a server as it is now, as far as that can change while its configuration doesn't."""
    try:
        reply = await client.call("status-get")
        status = reply.arguments if isinstance(reply.arguments, Mapping) else {}
        with views.reading(seen.endpoint):
            found = views.ha_views(status)
            place = seen.place
            return replace(
                seen,
                views=found,
                ha=found[place] if place is not None and place < len(found) else None,
                sockets_ready=views.sockets_are_ready(status),
                disabled_by_user=views.disabled_by_user(status),
            )
    except EndpointError as error:
        return Unreachable(seen.endpoint, str(error).removeprefix(f"{seen.endpoint} at "))


def _has_heard(view: HaView | None, seconds: float) -> bool:
    """Whether a server has heard its partner within the last `seconds`; Kea counts whole ones."""
    return view is not None and view.partner is not None and view.partner.age + 1 <= seconds


def _missed(decision: Decision, scene: Scene) -> list[str]:
    """Return which servers are not in the states that are the goal of a decision."""
    states = {server: scene.state(scene.named(server)) for server in decision.goals}
    return [
        f"{server} is in state {states[server] or 'unknown'}, not {' or '.join(sorted(goal))}"
        for server, goal in decision.goals.items()
        if states[server] not in goal
    ]


class _Work:
    """One operation under way."""

    def __init__(
        self,
        operation: Operation,
        scene: Scene,
        clients: Mapping[str, Client],
        decide: Decide,
        hands: Hands,
        beside: Sequence[StandIn],
    ) -> None:
        """`beside` are those who can answer the clients of the peer's other relationships."""
        self.answers: list[Answer] = []
        self._operation = operation
        self._scene = scene
        self._clients = clients
        self._decide = decide
        self._hands = hands
        self._relationship = scene.relationship
        self._hand_over: HandOver | None = None
        self._beside = Beside(self._relationship, beside, hands, meanwhile=self._keep)
        self._told = ""  # what was said last of what is waited for
        self._set_again: set[str] = set()  # servers whose HA began anew in all of their relationships
        self._known = {name: live for name, live in scene.live.items() if isinstance(live, Snapshot)}

    # ------------------------------------------------------------------------------------------ deciding

    async def look(self) -> Scene:
        """Return the scene as it is now; a server that could not be read at first stays out of it."""
        fresh = {name: await _look_again(self._clients[name], seen) for name, seen in self._known.items()}
        return replace(self._scene, live={**self._scene.live, **fresh})

    async def decided_now(self) -> Decision:
        """Decide from what is so now, waiting while the servers are on their way to where it is possible."""
        limit = self._hands.clock() + self._patience()
        while True:
            self._scene = await self.look()
            decision = self._decide(self._scene)
            if not decision.is_passing:
                break
            if self._hands.clock() >= limit or self._hands.stop.is_set():
                about, message = self._scene.peer.server, "it did not become possible in time"
                late = refusal("state", about, message, "look with `kea-reconciler status`, and run it again")
                return replace(decision, refusals=(late,))
            await self._pause("; ".join(decision.says))
        return replace(decision, refusals=await self._deaf(decision.hearing)) if decision.hearing else decision

    async def _deaf(self, servers: Sequence[str]) -> tuple[Objection, ...]:
        """Return which of the servers do not hear their partner, from now on.

        Kea calls a connection interrupted only after max-response-delay, a minute by default. A server that has not
        heard its partner for a few seconds would take it for dead at the command, and serve beside it.
        """
        began_at, limit = self._hands.clock(), waiting.patience_before(self._relationship)
        peers = [self._scene.named(server) for server in servers]
        while True:
            scene = await self.look()
            waited = self._hands.clock() - began_at
            deaf = [each.server for each in peers if not _has_heard(scene.view(each), waited)]
            if not deaf:
                return ()
            if waited >= limit or self._hands.stop.is_set():
                about = " and ".join(deaf)
                message = f"{about} did not hear the other server for {waited:.0f} s"
                return (refusal("out-of-touch", about, message, "mend the connection between the two servers first"),)
            await self._pause("making sure that both hear each other")

    # ------------------------------------------------------------------------------------------- sending

    async def done(self, decision: Decision) -> tuple[Ending, tuple[str, ...]]:
        """Send what was decided and wait for what was to come of it, with another server in the place of the one that
        it is about where that was decided. Returns how that ended, and why so.
        """
        if decision.covered_by is None and not decision.elsewhere:
            return await self._sent(decision)
        peers = [each for each in self._scene.both if each is self._scene.peer or each.server == decision.covered_by]
        servers = [self._server(each) for each in peers]
        nobody_follows, plans = Authority(None, "an operation changes no data"), tuple(each.plan for each in servers)
        plan = RelationshipPlan(self._relationship, nobody_follows, servers=plans, elsewhere=decision.elsewhere)
        self._hands.journal.begins(plan, is_operation=True)  # what is left open should the process be killed
        try:
            failure = await self._beside.begin(decision.elsewhere)
            ending, reasons = (Ending.FAILED, (failure,)) if failure else await self._covered(servers, decision)
        finally:  # as in `_covered`
            failures = await self._beside.end(decision.elsewhere)
        told = tuple(ServerOutcome(each.name, Result.NOTHING_TO_DO, ending) for each in servers)
        self._hands.journal.ends(RelationshipOutcome(self._relationship.name, told), plan)
        return Ending.FAILED if failures else ending, (*reasons, *failures)

    def _server(self, peer: Peer) -> Server:
        seen = self._scene.snapshot(peer) or self._known[peer.server]
        return Server(ServerPlan(peer, seen), self._clients[peer.server], lambda live: live.config == seen.config)

    async def _covered(self, servers: Sequence[Server], decision: Decision) -> tuple[Ending, tuple[str, ...]]:
        """The server that it is about, and the one that answers for it, where there is one."""
        if decision.covered_by is None:
            return await self._sent(decision)
        hand_over = HandOver(self._relationship, servers[0], servers[1], self._hands)
        failure = await hand_over.begin()
        if failure:
            return Ending.FAILED, (failure,)
        self._hand_over = hand_over
        try:
            ending, reasons = await self._sent(decision)
        finally:  # whatever happens, each serves its own again, or who answers for the other goes on to
            failures = await hand_over.end(is_back=not _missed(decision, await self.look()))
        return Ending.FAILED if failures else ending, (*reasons, *failures)

    async def _sent(self, decision: Decision) -> tuple[Ending, tuple[str, ...]]:
        before = self._scene
        for order in decision.orders:
            failure = await self._send(order) or await self._started_anew(order)
            if failure:
                return Ending.FAILED, (failure,)
        if any("is not paused" in each.text for each in self.answers):
            return Ending.NOTHING_TO_DO, (f"{before.peer.server} is not paused",)
        is_lost = any(each.result is None for each in self.answers)
        if self._operation is Operation.SYNC:
            return await self._synced(decision.orders[0]) if is_lost else (Ending.DONE, ())
        missed = await self._until_reached(decision, is_doubtful=is_lost or self._operation is Operation.CONTINUE)
        was_reached = all(before.state(before.named(server)) in goal for server, goal in decision.goals.items())
        return self._ended(missed, is_lost=is_lost, was_reached=was_reached)

    async def _send(self, order: Order) -> str | None:
        """Send one order. Returns why it certainly was not carried out, None where it was or may have been."""
        self._hands.say(f"{self._relationship.name}: sending {order.command} to {order.server}")
        client, within = self._clients[order.server], None
        if order.command == "ha-sync":
            within = ha.sync_timeout(self._relationship) + _SPARE
        try:
            reply = await client.call(order.command, order.arguments, answer_within=within)
        except (NotReachedError, AccessRefusedError) as error:
            self.answers.append(Answer(order, None, str(error)))
            return f"{order.command} was not sent: {error}"
        except EndpointError as error:
            self.answers.append(Answer(order, None, str(error)))
            return None
        self.answers.append(Answer(order, reply.result, client.quote(reply.text)))
        return None if reply.result == 0 else f"{order.server} refused {order.command}: {client.quote(reply.text)}"

    async def _started_anew(self, order: Order) -> str | None:
        """After a reset: start the HA of a server anew that is in state terminated again. Returns why that failed.

        A terminated server asks its partner's clock no more, so a reset one finds the difference that it saw last, and
        is terminated at once, however well the clocks agree by then (ha_service.cc, waitingStateHandler; seen on
        2.2.0, 2.6.3 and 3.0.3).
        """
        peer = self._scene.named(order.server)
        seen = self._known[order.server]
        if order.command != "ha-reset" or (await self.look()).state(peer) != TERMINATED:
            return None
        self._hands.say(f"{self._relationship.name}: setting {order.server} to its own configuration again")
        work = set_again(peer, seen, self._clients[order.server], self._hands)
        kept = work if self._hand_over is None else self._hand_over.keep_through(work)
        failure = await self._beside.keep_through(kept, self._server(peer))
        if failure is None:
            self._set_again.add(order.server)
        return failure

    async def held(self) -> tuple[str, ...]:
        """Let servers serve that their partners held off while they fetched leases, and forgot; returns what stays so.

        Not where leases are being fetched now, nor a hub, whose other partners may be doing so.
        """
        scene = await self.look()
        if any(scene.state(peer) == SYNCING for peer in self._relationship.peers):
            return ()
        failures: list[str] = []
        for name, seen in self._known.items():
            failure = await end_hold(self._clients[name]) if len(seen.views) < 2 else None
            failures += [f"{name}: {failure}"] if failure else []
        return tuple(failures)

    async def _synced(self, order: Order) -> tuple[Ending, tuple[str, ...]]:
        """Find out from the leases whether a sync whose answer was lost was carried out."""
        taker = self._scene.peer
        giver = self._scene.called((order.arguments or {})["server-name"])
        limit = self._hands.clock() + ha.sync_timeout(self._relationship) + _SPARE
        lost = self.answers[-1].text
        while True:
            scene = await self.look()
            found = [scene.snapshot(each) for each in (taker, giver)]
            if all(found) or self._hands.clock() >= limit or self._hands.stop.is_set():
                break
            await self._pause(f"waiting until {taker.server} answers again")
        try:
            missing = await lacking(scene, taker, giver, self._hands)
        except EndpointError as error:
            return Ending.FAILED, (f"the answer was lost ({lost}), and the leases can't be read: {error}",)
        if missing:
            return Ending.FAILED, (f"the answer was lost ({lost}); {missing} leases of {giver.server} are missing",)
        return Ending.DONE, (f"the answer was lost ({lost}), but every lease of {giver.server} is there",)

    # ------------------------------------------------------------------------------------------- waiting

    async def _until_reached(self, decision: Decision, *, is_doubtful: bool) -> list[str]:
        """Wait until every server is in its goal. Returns what is not so at the end.

        Where it is doubtful that there is anything to wait for, states that don't change any more are the end.
        """
        began_at = changed_at = self._hands.clock()
        states: dict[str, str | None] = {}
        while True:
            await self._keep()
            scene = await self.look()
            now = self._hands.clock()
            found = {peer.server: scene.state(peer) for peer in self._relationship.peers}
            if found != states:
                states, changed_at = found, now
            missed = [*_missed(decision, scene), *await self._letting_go_on(decision, scene)]
            is_stuck = is_doubtful and now - changed_at >= self._stillness()
            is_stopped = self._hands.stop.is_set() and not self._is_answered_for  # nobody is left answering for another
            if not missed or is_stuck or now - began_at >= self._patience() or is_stopped:
                return missed
            if self._operation is Operation.MAINTENANCE_START and PARTNER_DOWN in states.values():
                return missed
            await self._pause(f"waiting: {'; '.join(missed)}")

    async def _letting_go_on(self, decision: Decision, scene: Scene) -> list[str]:
        """After a reset: let those go on that pause on their way back, a hub that was set in its other relationships
        too. Returns where one is still on its way in those.
        """
        if self._operation is not Operation.RESET:
            return []
        found: list[str | None] = []
        for name in decision.goals:
            server = self._server(scene.named(name))
            await let_go_on(server, scene.view(server.peer))
            if name in self._set_again:
                with suppress(EndpointError):  # that it doesn't answer shows where it is waited for
                    found.append(await let_others_go_on(server))
        return [each for each in found if each]

    @property
    def _is_answered_for(self) -> bool:
        return self._hand_over is not None or self._beside.is_on

    async def _keep(self) -> None:
        """Keep those wide who answer for others."""
        if self._hand_over is not None:
            await self._hand_over.keep()
        await self._beside.keep()

    def _ended(self, missed: Sequence[str], *, is_lost: bool, was_reached: bool) -> tuple[Ending, tuple[str, ...]]:
        lost = f"the answer was lost ({self.answers[-1].text})" if is_lost else ""
        if is_lost and was_reached and not missed:  # the states that it leads to are those that it began with
            return Ending.FAILED, (f"{lost}; the states don't tell whether it was carried out",)
        if not missed:
            return Ending.DONE, ((f"{lost}, but the states are reached",) if lost else ())
        if self._operation is Operation.CONTINUE and not is_lost:
            return Ending.DONE, tuple(missed)
        told = tuple(each for each in (lost, *missed) if each)
        if self._operation is Operation.MAINTENANCE_START:
            told += (_TAKEN_OVER,) if any(PARTNER_DOWN in each for each in missed) else ()
        return Ending.FAILED, told

    def _patience(self) -> float:
        if self._operation is Operation.MAINTENANCE_START:
            return waiting.patience_before(self._relationship) + 10
        return self._hands.normal_within or waiting.time_limit(self._relationship)

    def _stillness(self) -> float:
        return 5 + 4 * ha.heartbeat_delay(self._relationship)

    async def _pause(self, what: str) -> None:
        told, self._told = self._told, f"{self._relationship.name}: {what}"
        if self._told != told:
            self._hands.say(self._told)
        seconds = min(1.0, max(0.1, ha.heartbeat_delay(self._relationship) / 4))
        await self._hands.sleep(min(seconds, WATCHING) if self._is_answered_for else seconds)
