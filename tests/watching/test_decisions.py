"""What the daemon decides: pure, each with values and a clock of the test's own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.model import (
    Action,
    Authority,
    Cause,
    Change,
    Desired,
    Endpoint,
    Event,
    EventKind,
    FieldChange,
    Gravity,
    HaView,
    Health,
    Leftover,
    Mend,
    Mode,
    Objection,
    Peer,
    Procedure,
    Relationship,
    RelationshipPlan,
    Remedy,
    Role,
    RunRecord,
    ServerPlan,
    ServerStatus,
    Service,
    Snapshot,
    Suspension,
    Unreachable,
    Watched,
    WatchMode,
)
from reconciler.planning.guard import describe_skew
from reconciler.planning.status import HEARD
from reconciler.watching.fights import TIMES, contested, disputes, kept
from reconciler.watching.findings import (
    Finding,
    Findings,
    Glimpse,
    Remarks,
    Subject,
    events,
    glimpsed,
    is_of_a_partner,
    lasting,
    of_watched,
)
from reconciler.watching.grouping import groups
from reconciler.watching.records import Look, seen
from reconciler.watching.ruling import Rules, ruling
from reconciler.watching.steadiness import Presence, presence, still_to_prove
from reconciler.watching.timing import LONGEST, pause, spread
from tests.page.boards import away, pair, server, watched
from tests.planning.cases import read_case

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ENDPOINT = Endpoint("kea-b", Service.DHCP4, "http://192.0.2.11:8000/")
PEERS = (
    Peer("kea-a", "kea-a", Role.PRIMARY, "http://192.0.2.10:8001/"),
    Peer("kea-b", "kea-b", Role.STANDBY, "http://192.0.2.11:8001/"),
)
RELATIONSHIP = Relationship("hq", Service.DHCP4, Mode.HOT_STANDBY, PEERS)
SNAPSHOT = Snapshot(ENDPOINT, "3.0.3", {}, None, 1, 100, 100, 0.0, None)
PASSING = Objection("partner-not-normal", "kea-a is waiting", "wait")
LASTING = Objection("authority-empty", "it is empty", "look")


def change(cause: Cause = Cause.PEER, after: object = 2, before: object = 1) -> Change:
    field = FieldChange("valid-lifetime", before, after)
    return Change(Action.CHANGE, (("global", "valid-lifetime"),), (field,), cause=cause)


def plan(*changes: Change, **parts: object) -> RelationshipPlan:
    made = RelationshipPlan(
        RELATIONSHIP,
        Authority("kea-a", ""),
        Procedure.MODIFY if changes else Procedure.NOTHING,
        servers=(ServerPlan(PEERS[1], SNAPSHOT, changes),),
    )
    return replace(made, **parts)  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------- what may be done


@pytest.mark.parametrize(
    ("mode", "cause", "may"),
    [
        (WatchMode.REPORT, Cause.PEER, False),
        (WatchMode.REPORT, Cause.GIT, False),
        (WatchMode.REPLICATE, Cause.PEER, True),
        (WatchMode.REPLICATE, Cause.PRIMARY, True),
        (WatchMode.REPLICATE, Cause.VERSION, True),
        (WatchMode.REPLICATE, Cause.GIT, False),
        (WatchMode.ENFORCE, Cause.PEER, True),
        (WatchMode.ENFORCE, Cause.GIT, True),
    ],
)
def test_the_mode_says_what_may_be_done(mode: WatchMode, cause: Cause, may: bool) -> None:
    found = ruling(plan(change(cause)), Rules(mode))
    assert found.may is may
    assert bool(found.waits) is not may


@pytest.mark.parametrize("mode", WatchMode)
def test_where_nothing_is_due_nothing_waits(mode: WatchMode) -> None:
    assert ruling(plan(), Rules(mode, contested=("x",), writes=99)).waits == ()


def test_a_change_beside_one_of_git_is_not_replicated_alone() -> None:
    assert not ruling(plan(change(), change(Cause.GIT, 3)), Rules(WatchMode.REPLICATE)).may


def test_a_server_that_may_be_another_is_asked_about_although_one_is_away() -> None:
    """What may be gone when that is back is not."""
    gone = Unreachable(ENDPOINT, "refused")
    identity = Objection("identity", "kea-a may be another server", "look")
    waits = plan(unplanned="kea-b can't be reached", unreachable=(gone,), objections=(identity, PASSING))
    assert ruling(waits, Rules(WatchMode.ENFORCE)).asks == ("identity: kea-a may be another server; look",)
    assert ruling(replace(waits, objections=(PASSING,)), Rules(WatchMode.ENFORCE)).asks == ()


def test_what_differs_on_a_server_that_is_level_again_is_over_although_another_is_away() -> None:
    known = Watched("hq", Service.DHCP4, drift=("kea-b: ~ subnet", "kea-c: + subnet"), drifted_since=NOW)
    known = replace(known, drift_counts={"kea-b": 1, "kea-c": 1})
    gone = Unreachable(Endpoint("kea-c", Service.DHCP4, "http://192.0.2.12:8000/"), "refused")
    level = plan(unplanned="kea-c can't be reached", unreachable=(gone,))
    look = Look(level, None, Rules(WatchMode.REPLICATE), ruling(level, Rules(WatchMode.REPLICATE)), NOW, 0.1)
    board = seen(known, look, 0)
    assert (board.drift, board.drift_count, board.drifted_since) == (("kea-c: + subnet",), 1, NOW)
    board = seen(replace(known, drift=known.drift[:1], drift_counts={"kea-b": 1}), look, 0)
    assert (board.drift, board.drift_count, board.drifted_since) == ((), 0, None)


def looked(made: RelationshipPlan, known: Watched) -> Watched:
    rules = Rules(WatchMode.REPORT)
    return seen(known, Look(made, None, rules, ruling(made, rules), NOW, 0.1), 0)


KNOWN = Watched(
    "hq",
    Service.DHCP4,
    drift=("kea-b: ~ subnet", "kea-c: + subnet", "and 3 more; `kea-reconciler drift` says all"),
    drift_counts={"kea-b": 2, "kea-c": 3},
    drifted_since=NOW,
    changes=("kea-c: ~ relationship hq",),
    change_counts={"kea-c": 1},
)
AWAY = Unreachable(Endpoint("kea-c", Service.DHCP4, "http://192.0.2.12:8000/"), "refused")


def test_what_differs_on_one_that_is_away_lasts_while_the_others_go_on() -> None:
    board = looked(plan(change(), change(Cause.GIT), unreachable=(AWAY,)), KNOWN)
    (fresh, *known), (asked, *waiting) = board.drift, board.changes
    more = "and 2 more; `kea-reconciler drift` says all"  # those of kea-c that were not shown
    assert (fresh.partition(" (")[0], known) == ("kea-b: ~ global valid-lifetime: 1 -> 2", ["kea-c: + subnet", more])
    assert (asked, waiting) == ("kea-b: ~ global valid-lifetime: 1 -> 2", list(KNOWN.changes))
    assert (board.drift_count, board.change_count) == (4, 2)
    assert looked(plan(change()), KNOWN).change_count == 0  # all were compared


def test_what_is_more_than_can_be_shown_is_counted_once_however_often_one_is_looked_for() -> None:
    boards = [replace(KNOWN, drift=KNOWN.drift[1:2], drift_counts={"kea-c": 1})]
    for _ in range(3):
        boards.append(looked(plan(*(change(after=each) for each in range(60)), unreachable=(AWAY,)), boards[-1]))
    assert {each.drift_count for each in boards[1:]} == {61}
    assert len({each.drift for each in boards[1:]}) == 1


def test_what_was_not_shown_of_a_server_counts_on_while_it_is_away() -> None:
    """It came behind those of another, which is level by now."""
    servers = [ServerPlan(peer, SNAPSHOT, tuple(change(after=each) for each in range(60))) for peer in PEERS]
    full = looked(plan(servers=tuple(servers)), Watched("hq", Service.DHCP4))
    assert (full.drift_count, len(full.drift), full.drift[-1][:12]) == (120, 51, "and 70 more;")
    gone = Unreachable(ENDPOINT, "refused")
    board = looked(plan(servers=(ServerPlan(PEERS[0], SNAPSHOT),), unreachable=(gone,)), full)
    assert board.drift_counts == {"kea-b": 60}
    assert board.drift == ("and 60 more; `kea-reconciler drift` says all",)
    assert looked(plan(unreachable=(gone,), servers=tuple(servers[:1])), board).drift_count == 120


def test_what_is_put_off_while_one_is_away_is_still_told() -> None:
    put_off = ServerPlan(PEERS[1], SNAPSHOT, put_off=(change(Cause.GIT),))
    board = looked(plan(servers=(put_off,), unplanned="kea-c can't be reached", unreachable=(AWAY,)), KNOWN)
    assert (len(board.changes), board.change_count, board.drift[0]) == (2, 2, "kea-c: + subnet")


def test_what_differs_on_one_that_could_not_be_compared_lasts() -> None:
    hub = ServerPlan(PEERS[1], SNAPSHOT, is_compared=False)
    board = looked(plan(servers=(hub,), unplanned="kea-c can't be reached", unreachable=(AWAY,)), KNOWN)
    assert (board.drift, board.drift_count) == (KNOWN.drift, 5)


@pytest.mark.parametrize("mode", WatchMode)
def test_what_differs_where_nothing_is_replicated_is_told_and_left(mode: WatchMode) -> None:
    server = ServerPlan(PEERS[1], SNAPSHOT, apart=(change(Cause.PRIMARY),))
    relationship = replace(RELATIONSHIP, replicate=False)
    plan = RelationshipPlan(relationship, Authority("kea-a", "it answers"), servers=(server,))
    rules = Rules(mode=mode)
    decided = ruling(plan, rules)
    assert (decided.may, decided.waits, decided.asks) == (False, (), ())
    board = seen(Watched("hq", Service.DHCP4), Look(plan, None, rules, decided, NOW, 0.1), 0)
    assert (board.drift_count, board.drifted_since, board.change_count) == (1, NOW, 0)
    assert "valid-lifetime" in board.drift[0]
    assert EventKind.DRIFT in of_watched(board, Remarks())


def test_an_objection_waits_for_a_person_or_for_the_servers() -> None:
    rules = Rules(WatchMode.ENFORCE)
    lasting = ruling(plan(change(), objections=(LASTING, PASSING)), rules)
    passing = ruling(plan(change(), objections=(PASSING,)), rules)
    assert (lasting.may, bool(lasting.asks), lasting.is_passing) == (False, True, False)
    assert (passing.may, bool(passing.asks), passing.is_passing) == (False, False, True)
    assert ruling(plan(change(), objections=(LASTING,)), replace(rules, approved=("authority-empty",))).may


def test_a_server_that_is_terminated_waits_for_a_person() -> None:
    view = HaView("hot-standby", "standby", "terminated", ("kea-a",), None)
    stuck = ServerPlan(PEERS[1], replace(SNAPSHOT, ha=view), (change(),))
    found = ruling(plan(change(), objections=(PASSING,), servers=(stuck,)), Rules(WatchMode.ENFORCE))
    assert (found.may, found.asks, found.is_passing) == (False, ("partner-not-normal: kea-a is waiting; wait",), False)


def test_what_cannot_be_planned_waits() -> None:
    rules = Rules(WatchMode.ENFORCE)
    gone = Unreachable(ENDPOINT, "refused")
    assert ruling(plan(unplanned="kea-b is older"), rules).asks
    found = ruling(plan(unplanned="kea-b can't be reached", unreachable=(gone,)), rules)
    assert (found.may, bool(found.asks), found.waits) == (False, False, ("kea-b can't be reached",))


def test_mends_are_no_matter_of_git() -> None:
    mend = Mend("kea-b", Remedy.SERVE, "left off")
    assert ruling(plan(mends=(mend,)), Rules(WatchMode.REPLICATE)).may
    assert not ruling(plan(mends=(mend,)), Rules(WatchMode.REPORT)).may


def test_everything_that_holds_it_back_is_said() -> None:
    suspension = Suspension("hq", "CHG-1", "ann", NOW, NOW)
    rules = Rules(
        WatchMode.ENFORCE,
        suspension=suspension,
        unsteady=7.0,
        contested=("pool x",),
        writes=5,
        most_writes=5,
        resting=3,
    )
    found = ruling(plan(change()), rules)
    assert [word in "; ".join(found.waits) for word in ("CHG-1", "7 s", "pool x", "5 times", "3 s")] == [True] * 5
    assert not found.may
    assert "kea-a" in found.unsteady
    assert "5 times" in found.capped


def test_a_primary_that_came_back_proves_itself_too_after_a_run_that_left_nothing_to_be_put_right() -> None:
    record = RunRecord(1, "watch", "who", "here", 1, NOW, "")
    about = ("hq", ENDPOINT.service, Mode.HOT_STANDBY, PEERS, ENDPOINT.server, ENDPOINT.control, SNAPSHOT.process)
    rules = Rules(WatchMode.ENFORCE, unsteady=7.0)
    for is_silenced in (False, True):
        found = ruling(plan(change(), left=(Leftover(record, 1, *about, is_silenced=is_silenced),)), rules)
        assert (found.may, bool(found.unsteady)) == (is_silenced, not is_silenced)


def test_a_primary_that_came_back_holds_nothing_up_where_a_relationship_is_created() -> None:
    rules = Rules(WatchMode.ENFORCE, unsteady=7.0)
    assert ruling(plan(change(), procedure=Procedure.CREATE), rules).may


def test_one_that_lost_its_relationship_proves_itself_too_where_its_partner_still_has_it() -> None:
    case = read_case("nothing-to-do")
    (relationship,) = case.desired.relationships
    partner = case.live["kea-b", Service.DHCP4]
    assert isinstance(partner, Snapshot)
    servers = (ServerPlan(PEERS[1], partner, (change(),)),)
    made = plan(change(), procedure=Procedure.CREATE, relationship=relationship, servers=servers)
    assert ruling(made, Rules(WatchMode.ENFORCE, unsteady=7.0)).unsteady
    assert ruling(made, Rules(WatchMode.ENFORCE)).may


# ---------------------------------------------------------------------------------------- when to look


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 2), (2, 6), (3, 18), (4, 54), (5, 162), (6, LONGEST), (99, LONGEST)]
)
def test_each_failure_makes_the_pause_three_times_as_long(failures: int, seconds: float) -> None:
    assert pause(failures, 0.5) == pytest.approx(seconds)


def test_chance_moves_a_pause_by_a_tenth() -> None:
    assert [spread(60, 0), spread(60, 1)] == pytest.approx([54, 66])


# ------------------------------------------------------------------------------------------- contested


def words(fights: dict[str, int], made: RelationshipPlan) -> list[str]:
    return [each.words for each in contested(fights, disputes(made))]


def test_the_same_change_made_three_times_lately_is_contested() -> None:
    made = plan(change())
    marks = disputes(made)
    assert words({}, made) == []
    assert words(dict.fromkeys(marks, TIMES - 1), made) == []
    assert words(dict.fromkeys(marks, TIMES), made) == ["global valid-lifetime on kea-b"]


def test_other_values_of_the_same_object_are_somebody_s_work() -> None:
    fights = dict.fromkeys(disputes(plan(change())), TIMES)
    assert words(fights, plan(change(after=3))) == []


def test_what_somebody_sets_instead_makes_no_difference_where_a_server_gets_back_what_it_had() -> None:
    fights = dict.fromkeys(disputes(plan(change(Cause.PEER, before=1))), TIMES)
    assert words(fights, plan(change(Cause.PEER, before=7))) == ["global valid-lifetime on kea-b"]
    assert words(fights, plan(change(Cause.PEER, after=7))) == []


def test_what_git_asks_for_is_never_contested() -> None:
    assert disputes(plan(change(Cause.GIT))) == {}


def test_data_of_a_server_that_follows_can_stay_and_nothing_else() -> None:
    data, block = change(), replace(change(), path=(("relationship", "hq"),))
    made = plan(data, block)
    found = list(disputes(made).values())
    assert kept(made, found) == {"kea-b": (data.path,)}
    assert kept(replace(made, authority=Authority("kea-b", "it answers")), found) == {}


def test_what_is_left_alone_with_a_contested_object_is_told_when_it_becomes_so() -> None:
    alone = watched("hq", contested=("pool x on kea-b",))
    more = replace(alone, left_alone=("all data of kea-b are left alone: they clash",))
    before, after = (of_watched(each, Remarks()) for each in (alone, more))
    (event,) = events(before, after, Subject("git:1", "hq", Service.DHCP4), NOW)
    assert (event.kind, event.is_over) == (EventKind.CONTESTED, False)
    assert event.details == (*alone.contested, *more.left_alone)


# ------------------------------------------------------------------------------------------- steadiness


def test_a_server_that_runs_for_long_needs_no_proof() -> None:
    assert still_to_prove(presence(None, SNAPSHOT, 1000.0), None, 60, 1000.0) == 0


def test_one_that_started_lately_needs_it_even_if_nothing_is_remembered() -> None:
    assert still_to_prove(presence(None, replace(SNAPSHOT, uptime=20), 1000.0), None, 60, 1000.0) == 40


def test_one_that_was_out_of_reach_begins_anew() -> None:
    away = presence(Presence(1, 0.0), Unreachable(ENDPOINT, "refused"), 900.0)
    back = presence(away, SNAPSHOT, 1000.0)
    assert (still_to_prove(away, None, 60, 900.0), still_to_prove(back, None, 60, 1010.0)) == (0, 50)
    assert presence(back, SNAPSHOT, 1020.0) is back


@pytest.mark.parametrize(("uptime", "seconds"), [(3600, 40), (20, 40), (19, 40), (18, 0)])
def test_the_first_of_two_that_were_away_needs_no_proof_before_the_second(uptime: int, seconds: int) -> None:
    primary = presence(None, replace(SNAPSHOT, uptime=20), 1000.0)
    assert still_to_prove(primary, replace(SNAPSHOT, uptime=uptime), 60, 1000.0) == seconds


def test_another_process_begins_anew() -> None:
    found = presence(Presence(1, 0.0), replace(SNAPSHOT, pid=2, uptime=5), 1000.0)
    assert (found.pid, found.since) == (2, 995.0)


def test_another_process_with_the_same_id_has_to_prove_itself_too() -> None:
    """In a container each has the same."""
    before = presence(None, replace(SNAPSHOT, uptime=500, read_at=1000.0), 1000.0)
    for seconds in (0, 1, 60):  # servers tell whole seconds, and an answer may take a while
        late = replace(SNAPSHOT, uptime=498 + seconds, read_at=1000.0 + seconds)
        assert presence(before, late, 1001.0 + seconds) is before
    anew = replace(SNAPSHOT, uptime=10, read_at=1060.0)
    assert still_to_prove(presence(before, anew, 1060.0), None, 600, 1060.0) == 590


# ---------------------------------------------------------------------------------------------- groups


def related(name: str, *servers: str, is_absent: bool = False) -> Relationship:
    peers = tuple(Peer(each, each, role, "") for each, role in zip(servers, (Role.PRIMARY, Role.STANDBY), strict=True))
    return Relationship(name, Service.DHCP4, Mode.HOT_STANDBY, peers, is_absent=is_absent)


def test_relationships_that_share_a_server_are_one_group() -> None:
    names = ("a", "b", "c", "d", "e", "free", "gone")
    endpoints = {(name, Service.DHCP4): Endpoint(name, Service.DHCP4, f"http://{name}/") for name in names}
    relationships = (
        related("ab", "a", "b"),
        related("cd", "c", "d"),
        related("ea", "e", "a"),
        related("was", "gone", "d", is_absent=True),
    )
    made = groups(Desired(endpoints, relationships, "git:1"))
    assert [group.names for group in made] == [("ab", "ea"), ("cd",), ()]
    assert [[each.server for each in group.endpoints] for group in made] == [
        ["a", "b", "e"],
        ["c", "d"],
        ["free", "gone"],
    ]
    assert [each.name for each in made[-1].desired.relationships] == ["was"]
    assert made[-1].has("was")
    assert made[-1].has("forgotten by everybody")
    assert not made[-1].has("ab")


# ---------------------------------------------------------------------------------------------- events


def told(before: dict[EventKind, Finding], after: dict[EventKind, Finding]) -> list[Event]:
    return list(events(before, after, Subject("git:1", "hq", Service.DHCP4), NOW))


def test_a_finding_is_told_when_it_begins_changes_and_ends_and_not_in_between() -> None:
    drift = Finding(EventKind.DRIFT, Gravity.WARNING, "1 difference", "no drift", "x")
    begun, other = told({}, {EventKind.DRIFT: drift}), replace(drift, sign="y", summary="2 differences")
    assert [(each.summary, each.finding, each.is_over) for each in begun] == [("1 difference", "drift:hq", False)]
    assert told({EventKind.DRIFT: drift}, {EventKind.DRIFT: replace(drift, summary="as it was")}) == []
    assert [each.summary for each in told({EventKind.DRIFT: drift}, {EventKind.DRIFT: other})] == ["2 differences"]
    over = told({EventKind.DRIFT: other}, {})
    assert [(each.summary, each.severity, each.is_over) for each in over] == [("no drift", Gravity.INFO, True)]


def test_another_truth_than_the_primary_lasts_until_it_is_that_again() -> None:
    def found(authority: str | None) -> dict[EventKind, Finding]:
        status = pair("hq", authority=authority, authority_reason="hq-a can't be reached")
        return of_watched(watched("hq", status), Remarks())

    assert found("hq-a") == {}
    (begun,), anew = told(found("hq-a"), found("hq-b")), told({}, found("hq-b"))
    assert begun.summary == "hq: the authority is hq-b now: hq-a can't be reached"
    assert [begun] == anew  # a daemon that starts anew tells the same finding, and so nobody twice
    assert begun.finding == "authority:hq"
    assert is_of_a_partner(begun)
    assert not any(map(is_of_a_partner, told({}, found(None))))
    assert [each.summary for each in told(found("hq-b"), found(None))] == [
        "hq: the authority is nobody now: hq-a can't be reached"
    ]
    (over,) = told(found("hq-b"), found("hq-a"))
    assert (over.summary, over.is_over) == ("hq: the authority is hq-a again", True)


def impaired(*servers: ServerStatus, reasons: tuple[str, ...] = (), health: Health = Health.IMPAIRED) -> Findings:
    status = pair("hq", *servers, status=health, reasons=reasons, authority=servers[0].server)
    return of_watched(watched("hq", status), Remarks())


class Looks:
    """Looks one after another, of each of which the status that is told is returned, None where none is."""

    def __init__(self) -> None:
        self.told: Findings = {}
        self.glimpse: Glimpse | None = None
        self.now = 0.0

    def find(self, found: Findings, after: float = 60.0) -> Event | None:
        """Look so many seconds after the last look; a heartbeat comes each 10 s."""
        self.now += after
        self.glimpse = glimpsed(self.glimpse, found, self.now)
        shown = lasting(self.told, found, self.now - self.glimpse.since if self.glimpse else 0.0, 10.0)
        heard = list(events(self.told, shown, Subject("git:1", "hq", Service.DHCP4), NOW))
        self.told = shown
        return next(iter(heard), None)


PRIMARY = server("hq-a", Role.PRIMARY, scopes=("hq-a",))
BACKUP_AWAY = away("hq-c", Role.BACKUP)
STANDBY = server("hq-b", Role.STANDBY)


def not_normal(state: str) -> ServerStatus:
    return replace(STANDBY, ha_state=state, reason=f"hq-b is in state {state}, not hot-standby")


def test_a_server_more_that_is_away_is_told_at_once() -> None:
    looks = Looks()
    reasons = ("hq-b can't be reached: refused, 17 ms", "hq-c can't be reached: timed out")
    begun = looks.find(impaired(PRIMARY, STANDBY, BACKUP_AWAY, reasons=reasons[1:]))
    assert begun is not None
    assert begun.summary == f"hq is Impaired: {reasons[1]}"
    assert begun.parts == {"hq-c can't be reached"}
    both = (PRIMARY, away("hq-b", Role.STANDBY), BACKUP_AWAY)
    more = looks.find(impaired(*both, reasons=reasons))
    assert more is not None
    assert more.summary == "hq is Impaired: hq-b can't be reached; hq-c can't be reached"
    assert more.parts == {"hq-b can't be reached", "hq-c can't be reached"}
    assert more.details == reasons
    assert looks.find(impaired(*both, reasons=("hq-b can't be reached: refused, 18 ms", reasons[1]))) is None


def test_one_that_is_back_is_told_once_two_looks_in_a_row_found_it() -> None:
    looks = Looks()
    gone = "hq-c can't be reached: refused"
    looks.find(impaired(PRIMARY, away("hq-b", Role.STANDBY), BACKUP_AWAY, reasons=(gone,)))
    assert looks.find(impaired(PRIMARY, not_normal("syncing"), BACKUP_AWAY, reasons=(gone,))) is None
    assert looks.find(impaired(PRIMARY, STANDBY, BACKUP_AWAY, reasons=("hq-c can't be reached: timed out",))) is None
    told = looks.find(impaired(PRIMARY, STANDBY, BACKUP_AWAY, reasons=(gone,)))
    assert told is not None
    assert told.summary == "hq is Impaired: hq-c can't be reached: refused"
    assert told.parts == {"hq-c can't be reached"}


def test_looks_that_follow_each_other_within_moments_count_as_one() -> None:
    looks = Looks()
    looks.find(impaired(PRIMARY, away("hq-b", Role.STANDBY), BACKUP_AWAY))
    back = impaired(PRIMARY, STANDBY, BACKUP_AWAY)
    assert [looks.find(back, seconds) for seconds in (60.0, 0.003, 0.2, 9.0)] == [None] * 4  # as around an apply
    assert looks.find(back, 1.0) is not None
    other = impaired(PRIMARY, not_normal("partner-down"), BACKUP_AWAY)
    assert [looks.find(each, 6.0) for each in (other, back, other, back)] == [None] * 4  # without a break, that is


def test_the_states_that_a_server_passes_through_on_its_way_back_are_told_as_one() -> None:
    looks = Looks()
    looks.find(impaired(PRIMARY, away("hq-b", Role.STANDBY), BACKUP_AWAY))
    found = [
        looks.find(impaired(PRIMARY, not_normal(state), BACKUP_AWAY, reasons=(not_normal(state).reason,)))
        for state in ("waiting", "syncing", "ready")
    ]
    assert [None if each is None else each.summary for each in found] == [
        None,
        "hq is Impaired: hq-b is in state syncing, not hot-standby",
        None,
    ]


@pytest.mark.parametrize(
    "reason",
    [
        "hq-a and hq-b serve the scope hq-a at the same time",
        describe_skew(64),
        "hq-b has its DHCP service switched off by dhcp-disable",
    ],
)
def test_what_is_wrong_besides_is_told_once_two_looks_in_a_row_found_it(reason: str) -> None:
    looks, gone = Looks(), "hq-c can't be reached: refused"
    looks.find(impaired(PRIMARY, STANDBY, BACKUP_AWAY, reasons=(gone,)))
    assert looks.find(impaired(PRIMARY, STANDBY, BACKUP_AWAY, reasons=(gone, reason))) is None
    told = looks.find(impaired(PRIMARY, STANDBY, BACKUP_AWAY, reasons=(gone, reason)))
    assert told is not None
    assert told.details == (gone, reason)
    assert looks.find(impaired(PRIMARY, STANDBY, BACKUP_AWAY, reasons=(gone, reason))) is None


def test_what_follows_from_a_server_that_is_away_or_on_its_way_back_is_no_part() -> None:
    """Else each server that dies would be told three times, as its partner notices."""
    alone = replace(PRIMARY, ha_state="partner-down", reason="hq-a is in state partner-down, not hot-standby")
    gone = "hq-b can't be reached: refused"
    for state, reasons in (("", (gone, alone.reason)), ("waiting", (alone.reason, not_normal("waiting").reason))):
        standby = not_normal(state) if state else away("hq-b", Role.STANDBY)
        found = impaired(alone, standby, server("hq-c", Role.BACKUP), reasons=reasons)
        assert found[EventKind.STATUS].parts == ({"hq-b can't be reached"} if not state else set())
    both = impaired(alone, not_normal("partner-down"), reasons=(alone.reason, not_normal("partner-down").reason))
    assert both[EventKind.STATUS].parts == {alone.reason, not_normal("partner-down").reason}  # nobody is away


def test_that_nobody_serves_is_a_part_and_that_a_partner_is_heard_is_none() -> None:
    reasons = ("hq-a can't be reached: refused", f"hq-b {HEARD}")
    found = impaired(away("hq-a", Role.PRIMARY), STANDBY, reasons=reasons, health=Health.SERVICE_DOWN)
    assert found[EventKind.STATUS].parts == {"hq is Service down", "hq-a can't be reached"}


def test_a_skew_that_grows_is_no_other_reason() -> None:
    looks = Looks()
    assert looks.find(impaired(PRIMARY, STANDBY, reasons=(describe_skew(64),))) is not None
    assert [looks.find(impaired(PRIMARY, STANDBY, reasons=(describe_skew(85),))) for _ in range(3)] == [None] * 3


def test_another_health_is_told_at_once() -> None:
    looks = Looks()
    looks.find(impaired(PRIMARY, STANDBY, BACKUP_AWAY))
    down = looks.find(impaired(PRIMARY, not_normal("waiting"), BACKUP_AWAY, health=Health.SERVICE_DOWN))
    assert down is not None
    assert (down.severity, down.summary) == (Gravity.ERROR, "hq is Service down: no reason known")


def test_of_many_reasons_the_first_are_told() -> None:
    told = Looks().find(impaired(PRIMARY, reasons=("a: 1", "b: 2", "c", "d", "e")))
    assert told is not None
    assert told.summary == "hq is Impaired: a; b; c; and 2 more"
