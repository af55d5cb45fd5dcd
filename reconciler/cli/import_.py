"""`kea-reconciler import`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.writing import refuse_existing, write

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.model import Endpoint, Live, Relationship, Service
    from reconciler.planning.imported import Imported, NotImported


def _addresses(_context: click.Context, _option: click.Parameter, controls: tuple[str, ...]) -> tuple[str, ...]:
    """Bring control addresses into the form that the inventory wants, each once; refuse what is none."""
    from reconciler.kea.access_targets import HttpTarget, parse_control

    found = []
    for control in controls:
        try:
            target = parse_control(control)
        except ValueError as error:  # it is not repeated: it may hold a password
            raise click.BadParameter(f"an address can't be used: {error}") from error
        found.append(target.url if isinstance(target, HttpTarget) else control)
    return tuple(dict.fromkeys(found))


@click.command("import", short_help="Write YAML for relationships that servers already have.")
@options.desired
@click.option(
    "--control",
    "controls",
    multiple=True,
    metavar="URL",
    callback=_addresses,
    help="Where one server takes commands: http://HOST:PORT/ or https://HOST:PORT/ (of its control agent), or "
    "unix:/PATH; give one for each server. Without any, the servers in servers.yaml are read.",
)
@options.detailed_exitcode
@options.access
def import_(
    desired: Path,
    controls: Sequence[str],
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    *,
    detailed_exitcode: bool,
) -> int:
    """Write YAML below --desired for the relationships that servers already have.

    Reads the servers at --control, or those that servers.yaml lists; changes nothing on them, and overwrites no file.
    Says where the two servers of a relationship disagree. What was written is planned at once, to prove that it says
    what the servers have: that plan is empty.
    """
    from reconciler.cli import session

    with session.told_errors():
        run = session.open_session(settings, credentials, log_level, desired)
        live = _read(run, desired, controls)
        found, left = _find(live)
        for other in left:
            run.echo(f"not imported, {' and '.join(other.servers)}: {other.reason}", err=True)
        if not found:
            raise session.Failure("nothing was imported" if left else _nothing_found(live))
        files = _files(desired, live, found, writes_inventory=bool(controls))
        refuse_existing("import", files)
        _refuse_described(desired, [each.relationship for each in found])
        write(run.echo, desired, files)
        for each in found:
            for text in each.disagreements:
                run.echo(f"{each.relationship.name}: the peers disagree: {text}", err=True)
        return _prove(run, desired, live, [each.relationship.name for each in found], detailed=detailed_exitcode)


def _read(run: Session, desired: Path, controls: Sequence[str]) -> Mapping[tuple[str, Service], Live]:
    """Read the servers; one that the inventory names must answer, one that is only tried need not."""
    from reconciler.cli import session
    from reconciler.desired.load import load_inventory
    from reconciler.model import Endpoint, Service, Unreachable
    from reconciler.planning.imported import named

    if controls:
        tried = [Endpoint(control, service, control) for control in controls for service in Service]
    else:
        with _asking_for_addresses():
            tried = list(load_inventory(desired).values())
    with session.progress() as say:
        live = run.observe(tried, say)
    silent = [each for each in live.values() if isinstance(each, Unreachable)]
    if controls:
        answering = {each.endpoint.control for each in live.values() if not isinstance(each, Unreachable)}
        silent = [each for each in silent if each.endpoint.control not in answering]
        live = named([each for each in live.values() if not isinstance(each, Unreachable)])
    if silent:
        raise session.Failure(
            "\n".join(
                dict.fromkeys(each.reason if controls else f"{each.endpoint.server}: {each.reason}" for each in silent)
            )
        )
    return live


@contextmanager
def _asking_for_addresses() -> Iterator[None]:
    """Where there is no inventory, say how to do without."""
    from reconciler.errors import FixInputError

    try:
        yield
    except FixInputError as error:
        missing, more = {"directory-missing", "servers-missing"}, " Or give each server's address with --control."
        told = [replace(each, advice=each.advice + more) if each.rule in missing else each for each in error.problems]
        raise FixInputError(told) from error


def _nothing_found(live: Mapping[tuple[str, Service], Live]) -> str:
    read = " and ".join(dict.fromkeys(each.endpoint.control for each in live.values()))
    return f"there is no relationship to import on {read}; `kea-reconciler init` describes a new one"


def _find(live: Mapping[tuple[str, Service], Live]) -> tuple[list[Imported], list[NotImported]]:
    from reconciler.model import Snapshot
    from reconciler.planning.imported import find

    return find([each for each in live.values() if isinstance(each, Snapshot)])


def _files(
    desired: Path, live: Mapping[tuple[str, Service], Live], found: Sequence[Imported], *, writes_inventory: bool
) -> dict[Path, str]:
    from reconciler.desired.new_files import new_files

    used = {(peer.server, each.relationship.service) for each in found for peer in each.relationship.peers}
    endpoints: list[Endpoint] = [live[key].endpoint for key in sorted(used)] if writes_inventory else []
    relationships = {each.relationship.name: (each.relationship, each.remarks) for each in found}
    return new_files(desired, endpoints, relationships)


def _refuse_described(desired: Path, found: Sequence[Relationship]) -> None:
    """End where a file, be it called otherwise, describes one of these relationships already."""
    from reconciler.cli.session import Failure
    from reconciler.desired.load import load_described

    told = [
        f"{there.name} is described in {there.position.file if there.position else 'a file'} already"
        for there in load_described(desired)
        for each in found
        if each.service is there.service
        and (each.name == there.name or {p.server for p in each.peers} == {p.server for p in there.peers})
    ]
    if told:
        raise Failure(f"{'; '.join(told)}. Nothing was written: move it away, or give another --desired")


def _prove(
    run: Session, desired: Path, live: Mapping[tuple[str, Service], Live], names: Sequence[str], *, detailed: bool
) -> int:
    """Load what was written and plan it against what was read."""
    from reconciler.cli import session
    from reconciler.planning import verdict
    from reconciler.planning.guard import CODES
    from reconciler.planning.plan import plan
    from reconciler.reports.text_plan import text_plan

    made = plan(session.load_desired(desired, names), live)
    if any(each.has_changes or each.unplanned for each in made.relationships):
        run.echo("The plan on the result is not empty:", err=True)
        run.echo(text_plan(made), err=True)
    else:
        run.echo("The plan on the result is empty: nothing would be changed.", err=True)
    # Nothing is to be carried out here, so an objection (the pair may be starting at the moment) blocks nothing.
    return int(verdict.of_plan(made, CODES, detailed=detailed))
