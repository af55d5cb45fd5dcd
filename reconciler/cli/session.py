"""What every command that talks to servers needs: settings, credentials, desired, a reading, and safe output."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from reconciler.errors import FixInputError, LockedError, ReconcilerError, UsageError
from reconciler.redaction import Scrubber

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms
    from reconciler.kea.access import Credentials, Settings
    from reconciler.kea.client import Client, Gauge
    from reconciler.model import Desired, Endpoint, Leftover, Live, Plan, Probe, Problem, Service
    from reconciler.reports.report import Report
    from reconciler.running.hands import Hands
    from reconciler.state.journal import Journal

T = TypeVar("T")
SETTINGS_VARIABLE = "KEA_RECONCILER_SETTINGS"


class Failure(click.ClickException):
    """An error that ends the command, said on stderr."""

    exit_code = 1


class Locked(Failure):
    """Another run is at work on the same servers."""

    exit_code = 5


@contextlib.contextmanager
def told_errors(forms: Forms | None = None) -> Iterator[None]:
    """Turn our exceptions into what a person sees: the message on stderr and the documented exit code.

    Of `forms`, those that stay somewhere to be read (a comment, annotations) say it too. What the operating system
    says about a file or a stream goes on to `main`, which says it in the system's words.
    """
    from reconciler.reports.text_problems import text_problems

    try:
        yield
    except FixInputError as error:
        tell_problems(forms, error.problems)
        click.echo(text_problems(error.problems, colour=wants_colour(sys.stderr)), err=True)
        raise click.exceptions.Exit(1) from error
    except UsageError as error:
        tell_failure(forms, str(error))
        raise click.UsageError(str(error)) from error
    except LockedError as error:
        tell_failure(forms, str(error))
        raise Locked(str(error)) from error
    except ReconcilerError as error:
        tell_failure(forms, str(error))
        raise Failure(str(error)) from error
    except KeyboardInterrupt as error:
        raise click.Abort from error
    except (click.ClickException, click.exceptions.Exit, click.Abort, OSError):
        raise
    except Exception as error:
        # Its text may hold anything, a configuration included; the place alone is safe to show.
        tell_failure(forms, f"internal error at {place(error)}")
        raise Failure(f"internal error, please report it: {place(error)}") from error


def tell_problems(forms: Forms | None, problems: Sequence[Problem]) -> None:
    """Say what is wrong with files in the forms that stay somewhere."""
    if forms is not None:
        from reconciler.cli.forms import tell
        from reconciler.reports.report import problem_report

        tell(forms.without_results(), problem_report(problems, command_name()), Scrubber())


def tell_failure(forms: Forms | None, reason: str) -> None:
    """Say in the forms that stay somewhere why there is no result."""
    if forms is not None:
        from reconciler.cli.forms import tell
        from reconciler.reports.report import failure_report

        tell(forms.without_results(), failure_report(command_name(), reason), Scrubber())


def command_name() -> str:
    """Return what the command at hand is called."""
    return str(click.get_current_context().info_name)


def place(error: Exception) -> str:
    """Return the type of an error and where in the program it was raised, without its text."""
    import traceback

    frames = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return f"{type(error).__name__} at {' < '.join(reversed(frames[-4:]))}"


@dataclass(slots=True)
class Session:
    """One run of a command: how to reach servers, and the filter that every output passes."""

    settings: Settings
    credentials: Credentials
    scrubber: Scrubber = field(default_factory=Scrubber)
    journal: Journal | None = None  # of the run at hand, where it changes something
    aside: Callable[[], AbstractContextManager[None]] = nullcontext  # others may work while a person is asked

    def open_client(self, endpoint: Endpoint, gauge: Gauge | None = None) -> Client:
        """Return a client for one endpoint, to be used as an async context manager."""
        from reconciler.kea.client import open_client

        scrubber, witness = self.scrubber, self.journal
        return open_client(endpoint, self.settings, self.credentials, scrubber=scrubber, witness=witness, gauge=gauge)

    def observe(self, endpoints: Iterable[Endpoint], say: Callable[[str], None]) -> Mapping[tuple[str, Service], Live]:
        """Read all endpoints now, and learn the secrets they hold, so that none of them can be printed."""
        from reconciler.running.observe import observe

        found: dict[tuple[str, Service], Live] = {}

        async def work() -> None:
            # Not returned from the coroutine: asyncio.run() makes a repr of what it gets, configurations and all.
            read = observe(endpoints, self.open_client, concurrency=self.settings.concurrency, say=say)
            found.update(await read)

        run(work())
        self.learn(found.values())
        return found

    def count_leases(
        self, live: Mapping[tuple[str, Service], Live], endpoints: Iterable[tuple[str, Service]]
    ) -> Mapping[tuple[str, Service], Live]:
        """Return the live world with how many leases these endpoints have in use."""
        from reconciler.running.counting import with_leases

        found: dict[tuple[str, Service], Live] = {}

        async def work() -> None:
            found.update(await with_leases(live, endpoints, self.open_client))

        run(work())
        return found

    async def probe(self, urls: Iterable[str]) -> Mapping[str, Probe]:
        """Say what listens at each of the urls, seen from here."""
        from reconciler.kea.probing import probe

        return await probe(urls, self.settings, self.credentials)

    def learn(self, live: Iterable[Live]) -> None:
        """Learn the secrets in the servers' local parts, where Kea keeps its passwords."""
        from reconciler.model import Unreachable

        for each in live:
            if not isinstance(each, Unreachable):
                self.learn_from(each.config)

    def learn_from(self, config: Mapping[str, Any]) -> None:
        """Learn the secrets in the local part of one configuration."""
        from reconciler.kea.locality import LOCAL
        from reconciler.redaction import secret_values

        self.scrubber.learn(secret_values({key: config[key] for key in LOCAL if key in config}))

    def hands(self, say: Callable[[str], None]) -> Hands:
        """Return the edges that an apply acts through."""
        from reconciler.running.hands import NO_JOURNAL, Hands

        async def probed(url: str) -> Probe:
            return (await self.probe([url]))[url]

        hands = Hands(
            self.open_client,
            say=say,
            patience=self.settings.configuration_seconds,
            journal=self.journal or NO_JOURNAL,
            probe=probed,
        )
        if self.journal is not None:
            self.journal.failed = hands.stop.set
        return hands

    def echo(self, text: str, *, err: bool = False) -> None:
        """Print a text that may hold what a server said."""
        from reconciler.cli.forms import echo

        echo(self.scrubber.scrub(text), err=err)

    def tell(self, forms: Forms, report: Report) -> None:
        """Give a result in every form. This and `echo` are the ways out for all that may hold what a server said."""
        from reconciler.cli.forms import tell

        tell(forms, report, self.scrubber)


def open_session(settings: Path | None, credentials: Path | None, log_level: str, desired: Path) -> Session:
    """Read settings and credentials, and set logging up on stderr.

    Raises FixInputError for bad files, and UsageError for one that pull requests may change: below `desired`, and in a
    job of GitHub or GitLab settings anywhere in its checkout; also where such a job means to name some, and names none.
    """
    from reconciler.kea.access import Credentials, Settings, read_credentials, read_settings

    if settings is None and _is_a_job() and os.environ.get(SETTINGS_VARIABLE) == "":
        raise UsageError(
            f"{SETTINGS_VARIABLE} is empty in this job, so that nothing would say which servers may be talked to; "
            "name the runner's own file of settings in it, or take it away"
        )
    default = Path("kea-reconciler.toml")
    if settings is None and default.exists():
        settings = default
    for path in filter(None, (settings, credentials)):
        if path.resolve().is_relative_to(desired.resolve()):
            raise UsageError(f"{path} lies below {desired}: whoever may change desired state must not change this file")
    checkout = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR")
    if settings and checkout and settings.resolve().is_relative_to(Path(checkout).resolve()):
        raise UsageError(
            f"{settings} lies in the checkout, where a pull request can change it, and with it its own limits; "
            "name a file of the runner's own (--settings, KEA_RECONCILER_SETTINGS)"
        )
    session = Session(
        read_settings(settings) if settings else Settings(),
        read_credentials(credentials) if credentials else Credentials(),
    )
    session.credentials.teach(session.scrubber)
    session.scrubber.learn(hook.url for hook in session.settings.webhooks)
    _log_to_stderr(log_level, session.scrubber)
    return session


def _is_a_job() -> bool:
    return any(os.environ.get(name) == "true" for name in ("GITHUB_ACTIONS", "GITLAB_CI"))


class _ScrubbingFormatter(logging.Formatter):
    def __init__(self, scrubber: Scrubber) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._scrubber = scrubber

    def format(self, record: logging.LogRecord) -> str:
        return self._scrubber.scrub(super().format(record))


def _log_to_stderr(level: str, scrubber: Scrubber) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ScrubbingFormatter(scrubber))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "asyncio", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def load_desired(directory: Path, names: Sequence[str]) -> Desired:
    """Read desired/, say its warnings on stderr, and keep only the named relationships, all without names.

    Raises FixInputError for wrong files and UsageError for a relationship that nobody declared.
    """
    return selected(load_all(directory), names)


def load_all(directory: Path) -> Desired:
    """Read desired/, and say its warnings on stderr. Raises FixInputError for wrong files."""
    from reconciler.desired.load import load
    from reconciler.reports.text_problems import text_problems

    found = load(directory)
    if found.warnings:
        click.echo(text_problems(found.warnings, colour=wants_colour(sys.stderr)), err=True)
    return found


def takes_relationships(command: click.Command) -> bool:
    """Whether a command can be limited to some relationships by an option; it takes their names nowhere else."""
    return any("--relationship" in parameter.opts for parameter in command.params)


def selected(found: Desired, names: Sequence[str]) -> Desired:
    """Keep only the named relationships, all without names. Raises UsageError for one that nobody declared."""
    known = {relationship.name for relationship in found.relationships}
    unknown = sorted(set(names) - known)
    if unknown:
        told = f"no relationship {', '.join(unknown)}; declared are: {', '.join(sorted(known))}"
        if takes_relationships(click.get_current_context().command):
            told += ". One whose file was deleted is found only without --relationship"
        raise UsageError(told)
    kept = tuple(each for each in found.relationships if not names or each.name in names)
    rest = tuple(each for each in found.relationships if each not in kept)
    return replace(found, relationships=kept, others=rest, is_selection=bool(names))


def endpoints_of(desired: Desired) -> list[Endpoint]:
    """Return the endpoints to read, each once, in a fixed order.

    All of the inventory: a relationship whose file is gone is only known from the servers' stamps. Of a selection those
    of its relationships, those that no relationship names, since one of them may have been a peer of it, and those of
    the other relationships of a hub, since a set of the hub starts these anew.
    """
    from reconciler.planning.elsewhere import sharing

    concerned = (*desired.relationships, *sharing(desired.relationships, desired.others))
    named = {(peer.server, each.service) for each in concerned for peer in each.peers}
    others = {(peer.server, each.service) for each in desired.others for peer in each.peers}
    services = {each.service for each in desired.relationships}
    free = {key for key in desired.endpoints if not desired.is_selection or key[1] in services} - named - others
    return [desired.endpoints[key] for key in sorted(named | free)]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; what it returns must be small (see `Session.observe`).

    The garbage collector looks less often meanwhile: with many endpoints a third of the processor's time went into
    looking at configurations that stay to the end of the run anyway (measured).
    """
    import asyncio
    import gc

    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    return asyncio.run(work)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yield a function that says what is being done: to the log, and on a terminal's stderr as it goes."""
    log = logging.getLogger("reconciler")
    if not is_terminal(sys.stderr) or log.isEnabledFor(logging.INFO):  # where it is logged, the log shows it
        yield log.info
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True, no_color=not wants_colour(sys.stderr)).status("talking to the servers") as spinner:

        def say(text: str) -> None:
            log.info(text)
            spinner.update(escape(text))

        yield say


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sits at one of the standard streams, which is None where it was closed (`>&-`)."""
    return stream is not None and stream.isatty()


def wants_colour(stream: TextIO | None) -> bool:
    """Whether text for this stream may be coloured: only on a terminal that can, and never with NO_COLOR set.

    NO_COLOR counts when it is not empty, whatever it says (no-color.org).
    """
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def make_plan(
    session: Session, desired: Desired, left: Sequence[Leftover] = (), *, promoted: str | None = None
) -> tuple[Plan, Mapping[tuple[str, Service], Live]]:
    """Read live and plan: the one path that plan, apply, drift and status share. `left` is what earlier runs left
    open, and `promoted` the name of the relationship whose partner is to be the truth.
    """
    from reconciler.running.planned import planned, within

    desired = within(desired, session.settings.thresholds)
    found: list[tuple[Plan, Mapping[tuple[str, Service], Live]]] = []
    with progress() as say:
        read = session.observe(endpoints_of(desired), say)

        async def work() -> None:  # returns nothing: see `Session.observe`
            found.append(await planned(desired, read, session.open_client, session.probe, left, promoted=promoted))

        run(work())
    made, live = found[0]
    _tell_unread(desired, live)
    return made, live


def with_counts(session: Session, made: Plan, live: Mapping[tuple[str, Service], Live]) -> Plan:
    """Return a plan that says how long leases are fetched while it is carried out, for which they are counted."""
    from reconciler.planning.pause import fetched_from, with_counts

    concerned = fetched_from(made)
    return with_counts(made, session.count_leases(live, concerned)) if concerned else made


def tell_unmatched(session: Session, desired: Desired) -> None:
    """Say for which entries of the credentials file desired has no address: one may be misspelt, and then a server only
    says that it was given no password.
    """
    addresses = [each.control for each in desired.endpoints.values()]
    addresses += [peer.url for each in (*desired.relationships, *desired.others) for peer in each.peers]
    for text in session.credentials.unmatched(addresses):
        logging.getLogger("reconciler").warning(text)


def _tell_unread(desired: Desired, live: Mapping[tuple[str, Service], Live]) -> None:
    """Say which servers that no relationship names could not be read: what they still have can't be told."""
    from reconciler.model import Unreachable

    named = {(p.server, each.service) for each in (*desired.relationships, *desired.others) for p in each.peers}
    for key, each in sorted(live.items()):
        if isinstance(each, Unreachable) and key not in named:
            text = f"{each.endpoint}, which no relationship names, can't be read: {each.reason}"
            logging.getLogger("reconciler").warning(text)
