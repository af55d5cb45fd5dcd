"""`kea-reconciler watch`."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.remembering import state_directory

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.model import Plan
    from reconciler.notifying.posts import Posts
    from reconciler.page.serving import Serving
    from reconciler.running.hands import Hands
    from reconciler.state.events import EventKeeper
    from reconciler.state.journal import Journal
    from reconciler.state.runs import Store
    from reconciler.watching.daemon import Daemon
    from reconciler.watching.edges import Edges
    from reconciler.watching.rounds import Habits
    from reconciler.watching.source import Source

_LAST_WORDS = 5.0  # seconds that webhooks get to take what still waits when the daemon ends


class Seconds(click.FloatRange):
    """A number of seconds in a range; click itself lets nan through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


@click.command(short_help="Watch all relationships for good; report, replicate or enforce.")
@options.desired
@click.option(
    "--mode",
    type=click.Choice(["report", "replicate", "enforce"]),
    default="report",
    show_default=True,
    help="What may be done: nothing; carry data from the authority to the others; or apply what desired asks for, too. "
    "What needs an approval is never done.",
)
@click.option(
    "--interval",
    type=Seconds(min=0.5, max=86400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How often every server is looked at; a tenth more or less is left to chance.",
)
@click.option(
    "--steady",
    type=Seconds(min=0, max=86400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a primary that was away has to answer before its data overwrite others' again.",
)
@click.option(
    "--writes-per-hour",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="NUMBER",
    help="How often a relationship may be changed within an hour.",
)
@click.option(
    "--listen",
    default="127.0.0.1:9767",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where the status page, metrics and health are, for reading only and without a password; none for nowhere.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name, beside localhost and the address itself, by which the status page may be asked for. May be given "
    "more than once.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How the log on stderr is written: as text, or one JSON value a line.",
)
@click.option(
    "--git-remote",
    metavar="REMOTE",
    help="Follow a branch of this remote (a name that git knows, or a url): the work tree of the files is moved "
    "forward. A history that was rewritten is refused.",
)
@click.option(
    "--git-branch", default="main", show_default=True, metavar="BRANCH", help="The branch to follow with --git-remote."
)
@click.option(
    "--require-signed", is_flag=True, help="With --git-remote: take over only commits whose signature git verifies."
)
@options.state_dir
@options.settings
@options.credentials
@options.daemon_log_level
def watch(
    desired: Path,
    mode: str,
    interval: float,
    steady: float,
    writes_per_hour: int,
    listen: str,
    hosts: Sequence[str],
    log_format: str,
    state_dir: Path | None,
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    git_remote: str | None,
    git_branch: str,
    *,
    require_signed: bool,
) -> int:
    """Watch all relationships of --desired until SIGTERM or Ctrl-C, and keep them as they should be as far as --mode
    allows.

    Everything is looked at when files change, at the interval, on SIGHUP, and on `kea-reconciler reconcile-now`. See
    docs/watch.md.
    """
    from reconciler.cli import session
    from reconciler.cli.logs import JsonLines, TextLines, errors_as_lines, log_with
    from reconciler.model import WatchMode
    from reconciler.state.daemon import DaemonLock
    from reconciler.state.runs import open_store
    from reconciler.watching.rounds import Habits

    habits = Habits(WatchMode(mode), interval, steady, writes_per_hour)
    is_json = log_format == "json"
    source: Source | None = None
    with errors_as_lines() if is_json else session.told_errors():
        run = session.open_session(settings, credentials, log_level, desired)
        log_with(
            (JsonLines if is_json else TextLines)(run.scrubber.scrub, lambda: source.desired.revision if source else "")
        )
        source = _source(desired, git_remote, git_branch, require_signed=require_signed)
        session.tell_unmatched(run, source.desired)
        with closing(open_store(state_directory(state_dir))) as store, _no_death_by_hup():
            lock = DaemonLock(store.directory)
            try:
                session.run(_watch(run, source, habits, store, _Listening(listen, hosts)))
            finally:
                lock.release()
    return 0


@contextmanager
def _no_death_by_hup() -> Iterator[None]:
    """Ignore SIGHUP until the daemon takes it, which is from when `reconcile-now` knows of it: it looks then anyway."""
    import signal

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _source(desired: Path, remote: str | None, branch: str, *, require_signed: bool) -> Source:
    """Return the desired state that is in force at first. Raises FixInputError, GitError and NotCommittedError."""
    from reconciler.errors import UsageError
    from reconciler.watching.following import Branch
    from reconciler.watching.source import Source, read

    if remote is None:
        if require_signed:
            raise UsageError("--require-signed goes with --git-remote")
        return Source(desired, read(desired, None))
    followed = Branch(desired, remote, branch, require_signed)
    verified = followed.verified if require_signed else None
    return Source(desired, read(desired, verified), followed.pull, stop=followed.stop, verified=verified)


@dataclass(frozen=True, slots=True)
class _Listening:
    """Where the status page is to be, `none` for nowhere, and by which names it may be asked for."""

    where: str
    hosts: Sequence[str]


async def _watch(run: Session, source: Source, habits: Habits, store: Store, listening: _Listening) -> None:
    """Have the daemon watch until a signal ends it."""
    import asyncio
    import signal

    from reconciler.notifying.posts import Posts
    from reconciler.state.events import EventKeeper
    from reconciler.state.outbox import Outbox
    from reconciler.watching.daemon import Daemon
    from reconciler.watching.systemd import Notifier

    keeper = EventKeeper(store)
    hooks = run.settings.webhooks
    posts = Posts(hooks, Outbox(store, {each.name for each in hooks}))
    daemon = Daemon(
        source,
        edges_of(run),
        habits,
        store,
        observers=(posts.tell, keeper.keep),  # in this order: what is cut off in between is told twice, not never
        notifier=Notifier(os.environ),
        thresholds=run.settings.thresholds,
        approved=partial(_approved, run),
        concurrency=run.settings.concurrency,
    )
    loop = asyncio.get_running_loop()
    for sign, act in ((signal.SIGTERM, daemon.stop), (signal.SIGINT, daemon.stop), (signal.SIGHUP, daemon.look_now)):
        loop.add_signal_handler(sign, act)
    pages = _pages(run, daemon, store, listening)
    beside = [asyncio.create_task(posts.run()), asyncio.create_task(_settled(daemon, keeper, posts))]
    served = asyncio.create_task(pages.serve()) if pages else None
    try:
        await daemon.run()
    finally:
        for task in beside:
            task.cancel()
        if pages and served:
            pages.stop()
            await asyncio.gather(served, return_exceptions=True)
        await posts.finish(_LAST_WORDS)


def _pages(run: Session, daemon: Daemon, store: Store, listening: _Listening) -> Serving | None:
    """Return what serves the status page, None for nowhere. Raises UsageError and NotListeningError where that
    can't be.
    """
    if listening.where == "none":
        return None
    from reconciler.page.application import Pages, application
    from reconciler.page.serving import Serving, listen
    from reconciler.page.timeline import DAY
    from reconciler.state.history import lately

    pages = Pages(daemon.board, lambda: lately(store, daemon.board().at - DAY), run.scrubber.scrub)
    return Serving(application(pages, listening.hosts), listen(listening.where))


async def _settled(daemon: Daemon, keeper: EventKeeper, posts: Posts) -> None:
    """Tell of what ended while no daemon watched, as soon as everything was looked at once; of what could not be seen
    then, such as drift of a relationship whose servers are away, as soon as it can.
    """
    import asyncio

    while not daemon.is_settled:  # noqa: ASYNC110 - nobody tells when it is
        await asyncio.sleep(1.0)
    while True:
        board = daemon.board()
        for event in keeper.settle(board.at, board.revision, daemon.unknown):
            posts.tell(event)
            keeper.keep(event)
        posts.settle(keeper.open)
        if keeper.is_settled:
            return
        await asyncio.sleep(1.0)


def edges_of(run: Session) -> Edges:
    """Return what the daemon acts through: the session, which has a journal of its own for each pass."""
    from dataclasses import replace

    from reconciler.watching.edges import Edges

    def hands(journal: Journal, say: object) -> Hands:
        return replace(run, journal=journal).hands(say)  # type: ignore[arg-type]

    return Edges(run.open_client, hands, run.probe, run.learn, run.scrubber.scrub)


def _approved(run: Session, plan: Plan) -> Collection[str]:
    """Return the codes that files of desired approve for this very plan: silently, since it is asked at every look."""
    from reconciler.cli.approving import approvals_of

    return approvals_of(run, plan, (), is_said=False).codes if plan.approvals else ()
