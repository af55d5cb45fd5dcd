"""The steps of an apply that change the servers of one relationship, and which step is done how."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from reconciler.model import Deed, Fact, Mode, Result, Role, Step
from reconciler.planning import standing
from reconciler.planning.silence import longest
from reconciler.planning.witness import marking
from reconciler.running import commanding, restoring, setting, waiting
from reconciler.running.looks import Looks
from reconciler.running.setting import Found, Server, StepFailedError
from reconciler.running.switch import ServiceSwitch, end_hold

T = TypeVar("T")


class Deeds(Looks):
    """The servers of a relationship at work. `do` carries out a step and says whether it reached its end."""

    async def do(self, step: Step) -> bool:
        """Carry out one step; returns whether it reached its end. Where not, it is told why."""
        if step.elsewhere:
            return await self._stand_ins.do(step)
        return await _BY_DEED[step.deed](self, self.named(step.server), step)

    # ---------------------------------------------------------------------------------- who serves whom

    async def widen(self, server: Server, step: Step) -> bool:
        """Let a server answer the clients of another that is set next, or put back."""
        covered = self.named(step.covered) if step.covered and step.covered not in self._switches else None
        failure = await self._cover.widen(server, until_back=covered)
        if failure and not step.is_final:
            reason = f"{server.name} can't answer for it meanwhile: {failure}; nothing was changed"
            self._tale.tell(self.named(step.covered), Result.FAILED, reason)
        return failure is None

    async def rest(self, server: Server, step: Step) -> bool:
        """Let a server that can't be switched off serve nobody in this relationship before another does."""
        failure = await self._cover.rest(server)
        if failure and not step.is_final:
            self._tale.tell(server, Result.FAILED, f"it can't hand its clients over: {failure}; nothing was changed")
        return failure is None

    async def widen_when_normal(self, server: Server, _: Step) -> bool:
        """Let a server that was set serve everybody as soon as it is normal."""
        self._cover.hold(server)
        return True

    async def give_back(self, server: Server, step: Step) -> bool:
        """Let a server serve its own clients only, unless it is to go on for one that stays off, or of which nothing is
        known: it gave no answer when it was put back.
        """
        served = {each.server for each in step.before if each.fact is Fact.ON}
        if any(switch.is_holding for name, switch in self._switches.items() if name in served):
            return True
        if any(self.named(name).peer.role is not Role.BACKUP for name in self.unsure - {server.name}):
            return True
        if self._is_left_to_one():
            ours = [each for each in self.servers if each.name not in self.foreign]
            is_answered_for = server not in ours and any(map(self._cover.is_wide, ours))
            return self._is_fine(server, await self._cover.rest(server) if is_answered_for else None)
        others = [each for each in self.servers if each is not server and each.peer.role is not Role.BACKUP]
        return self._is_fine(server, await self._cover.give_back(server, others))

    def _is_left_to_one(self) -> bool:
        """Whether some clients would have no answer if each server served its own: of two that exchange their roles one
        is left as somebody else made it, and both have the same role now. Who was put back goes on with all then.
        """
        pair = [each for each in self.servers if each.peer.role is not Role.BACKUP]
        found = [standing.standing(self._relationship, each.peer, each.plan.snapshot) for each in pair]
        is_shared = any(mode is Mode.LOAD_BALANCING for mode, _ in found)
        needed = {Role.PRIMARY} | ({Role.SECONDARY} if is_shared else set())
        return bool(self.foreign) and not needed <= {role for _, role in found}

    async def silence(self, server: Server, step: Step) -> bool:
        """Switch the DHCP service of a server off."""
        switch = self._switches.setdefault(server.name, ServiceSwitch(server, self._hands))
        failure = None if switch.is_holding else await switch.off(seconds=longest(self._plan, self._stage, server.name))
        if failure and not step.is_final:
            self._tale.tell(server, Result.FAILED, failure)
        return failure is None

    async def leave_off(self, server: Server, _: Step) -> bool:
        """Have a server that is off for a time stay off until it is set, and then for good."""
        failure = await self._switches[server.name].leave_off()
        if failure:
            self._tale.tell(server, Result.FAILED, f"{failure}; nothing was changed")
        return failure is None

    async def serve(self, server: Server, step: Step) -> bool:
        """Switch the DHCP service of a server on again that was silenced; one that is put back, if it is for sure."""
        if step.before and server.name in self.unsure | self.foreign:
            once = " once it answers" if server.name in self.unsure else ""
            failure: str | None = (
                "its DHCP service was switched off and stays off, since with the new configuration it would serve "
                f"beside the other server; apply again{once}, or run dhcp-enable on it"
            )
        else:
            switch = self._switches.get(server.name) or ServiceSwitch(server, self._hands, is_off_already=True)
            failure = await switch.on()
        return self._is_fine(server, failure)

    async def serve_if_met(self, server: Server, _: Step) -> bool:
        """Let a silenced server serve again as soon as all have met."""
        if self._have_met:
            await self._switches[server.name].on()
        return True

    async def serve_again(self, server: Server, _: Step) -> bool:
        """Switch on what an earlier run may have left off."""
        return self._is_fine(server, await ServiceSwitch(server, self._hands, is_off_already=True).on())

    async def end_hold(self, server: Server, _: Step) -> bool:
        """Let a server serve that its partner forgot to release."""
        return self._is_fine(server, await end_hold(server.client))

    # ------------------------------------------------------------------------------------------- setting

    async def set(self, server: Server, _: Step) -> bool:
        """Set one server, and find out what became of it."""
        self._tale.say(server, "setting the configuration")
        self._before[server.name] = self._untouched.get(server.name, server)
        try:
            planned = setting.set_planned(server, self._hands, when_told=partial(self._is_set, server))
            live = await self._keeping(server, planned)
        except StepFailedError as error:
            self._after_failed_set(server, error)
            return False
        self._tale.tell(server, Result.APPLIED, "running, not yet persisted", persisted=False)
        self._cover.forget(server)
        self._stand_ins.note_set(server.name, live)
        self._set[server.name] = live
        self._replace(self._as_read(server, live))
        return True

    async def _is_set(self, server: Server) -> None:
        """Let who answers for a server, and was off for the moment of its set, serve again; where that fails, a step of
        its own tries again and tells. The server itself is off by us for a time that Kea has just forgotten.
        """
        for name in self._pausing_for(server):
            await self._switches[name].on(tries=1)  # one that has died must not keep the others waiting
        await self._stay_off(server)

    async def _stay_off(self, server: Server) -> None:
        """Have a server that was set just now serve by itself again should we be gone, if it is off for a time."""
        if server.name in self._switches:
            await self._switches[server.name].keep()

    async def _keeping(self, server: Server, work: Awaitable[T]) -> T:
        """Set a server, and keep meanwhile who answers for it, and itself off for a time, which Kea forgets."""
        switch = self._switches.get(server.name)
        setting_it = work if switch is None else switch.keep_through(work)
        done = await self._cover.keep_during(self._stand_ins.keep_during(setting_it, server), server)
        await self._stay_off(server)
        return done

    def _pausing_for(self, server: Server) -> list[str]:
        stage = self._stage
        return [by for name, by in stage.covered_by if name == server.name] if stage and stage.pauses else []

    async def send(self, server: Server, _: Step) -> bool:
        """Change one server by commands; where they leave it short of what is planned, it is to be set."""
        number = len(server.plan.commands)
        self._tale.say(server, f"sending {number} command{'' if number == 1 else 's'}")
        try:
            live = await commanding.send_planned(server, self._hands)
        except commanding.FellShortError as error:
            self._tale.tell(server, Result.FAILED, f"{error}; apply again")
            self._tale.say(server, f"{error}; setting the whole configuration instead")
            self._untouched[server.name] = server
            self.is_short_of_plan = True
            self._replace(self._as_read(server, error.live))
            return False
        except StepFailedError as error:
            self._after_failed_set(server, error)
            return False
        self._tale.tell(server, Result.APPLIED, "running, not yet persisted", persisted=False)
        self._set[server.name] = live
        self._replace(self._as_read(server, live))
        return True

    def tell_what_commands_left(self, name: str) -> None:
        """Say so where commands left a server short of the plan that could be neither set then nor put back."""
        server = self.named(name)
        if name not in self._set and server is not self._untouched[name]:
            self._tale.add_failure(server, "commands for single objects had changed part of it before that")

    def _after_failed_set(self, server: Server, error: StepFailedError) -> None:
        match error.state:
            case Found.OLD:
                self._tale.tell(server, Result.FAILED, f"{error}; nothing was changed")
            case Found.OTHER | Found.HARMED:
                self._tale.tell(server, Result.FAILED, str(error))
                self.harmed.append(server.name)
            case Found.FOREIGN:
                text = f"{error}: somebody else changed or restarted it; nothing more was sent, look with `plan`"
                self._tale.tell(server, Result.FAILED, text)
            case Found.SILENT:
                self.unsure.add(server.name)
                text = f"{error}; it may still carry out the change, look with `plan`, and send config-write if it did"
                self._tale.tell(server, Result.FAILED, text)

    async def write(self, server: Server, step: Step) -> bool:
        """Write what a server runs to its disk."""
        self._tale.say(server, "writing the configuration to its disk")
        self._written.add(server.name)
        reason = await setting.persist(server, self._set[server.name], self._hands)
        if reason is None:
            self._tale.tell(server, Result.APPLIED, "has the planned configuration", persisted=True)
            self._is_fine(server, await waiting.closed_listener(self._relationship, server, self._hands))
        elif step.is_final:
            self._tale.tell(server, Result.APPLIED, f"running, NOT persisted: {reason}", persisted=False)
        else:
            self._tale.add_failure(server, f"what was planned could not be written to its disk: {reason}")
        return reason is None

    async def mark(self, server: Server, _: Step) -> bool:
        """Mark the authority with what was replicated from it. Where that can't be, a question may be asked later."""
        followers = (each.plan.snapshot for each in self.servers if each is not server)
        command = marking(self._relationship, server.plan.snapshot, followers)
        if command is None:
            return True
        self._tale.say(server, "marking that it saw this replicated")
        failure = await commanding.send_if_unchanged(server, command)
        if failure:
            self._tale.tell(server, Result.NOTHING_TO_DO, f"as desired, but not marked: {failure}")
        return True

    async def put_back(self, server: Server, _: Step) -> bool:
        """Give a server back what it had before its set; one that was set whole only if nobody changed it since."""
        was, live = self._before[server.name], self._set.get(server.name)
        earlier = self._tale.of(server)
        why = earlier.reason if earlier and earlier.result is Result.FAILED else "the relationship was not completed"
        self._tale.say(server, "putting back what it had")
        try:
            if live is not None and not await restoring.still_has(was, live, self._hands):
                self.foreign.add(server.name)
                text = f"{why}; {server.name} {Found.FOREIGN}, so it was not put back"
                self._tale.tell(server, Result.FAILED, text)
                return False
            self._cover.forget(server)
            old = restoring.put_back(was, self._hands, when_told=partial(self._is_set, server))
            await self._keeping(server, old)
        except StepFailedError as error:
            self.unsure.add(server.name)
            text = f"{why}; {error}; a person has to look, a restart of Kea may be needed"
            self._tale.tell(server, Result.FAILED, text)
            return False
        self._stand_ins.note_set(server.name, was.plan.snapshot)
        self._replace(was)
        self._tale.tell(server, Result.RESTORED, f"{why}; it has its old configuration again")
        if server.name in self._written:
            reason = await setting.persist(server, was.plan.snapshot, self._hands)
            return self._is_fine(server, reason and f"it could not be written to its disk again: {reason}")
        return True


_BY_DEED: Mapping[Deed, Callable[[Deeds, Server, Step], Awaitable[bool]]] = {
    Deed.LOOK: Deeds.look,
    Deed.TELL_APART: Deeds.tell_apart,
    Deed.TEST: Deeds.test,
    Deed.AWAIT_WELL: Deeds.await_well,
    Deed.WIDEN: Deeds.widen,
    Deed.REST: Deeds.rest,
    Deed.SILENCE: Deeds.silence,
    Deed.LEAVE_OFF: Deeds.leave_off,
    Deed.SEND: Deeds.send,
    Deed.SET: Deeds.set,
    Deed.WIDEN_WHEN_NORMAL: Deeds.widen_when_normal,
    Deed.AWAIT_MET: Deeds.await_met,
    Deed.SERVE_IF_MET: Deeds.serve_if_met,
    Deed.AWAIT_NORMAL: Deeds.await_normal,
    Deed.GIVE_BACK: Deeds.give_back,
    Deed.SERVE: Deeds.serve,
    Deed.SERVE_AGAIN: Deeds.serve_again,
    Deed.END_HOLD: Deeds.end_hold,
    Deed.CHECK_SCOPES: Deeds.check_scopes,
    Deed.WRITE: Deeds.write,
    Deed.MARK: Deeds.mark,
    Deed.PUT_BACK: Deeds.put_back,
    Deed.SETTLE: Deeds.settle,
    Deed.AWAIT_HEARD: Deeds.await_heard,
}
