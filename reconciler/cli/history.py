"""`kea-reconciler history`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import completing, options

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms
    from reconciler.state.runs import Store


class _ListsByItself(click.Group):
    """A group in which what is no command is an argument of `list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, *self.get_help_option_names(ctx)}:
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListsByItself, short_help="Say what happened, and what was changed by whom.")
def history() -> None:
    """Say what is remembered on this host: changes of servers, operations, and what `watch` told.

    `history`, or `history RELATIONSHIP`, is short for `history list`. Reads the state directory alone, no server.
    """


@history.command(name="list", short_help="List what happened, newest first.")
@click.argument("relationship", required=False, shell_complete=completing.relationships)
@options.service
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="NUMBER",
    help="How many entries to show at most.",
)
@options.output_format
@options.state_dir
def list_(relationship: str | None, service: str | None, limit: int, forms: Forms, state_dir: Path | None) -> int:
    """List what happened, newest first, to RELATIONSHIP or to all of them.

    The id of an entry is what `history show` and `rollback --to` take.
    """
    from reconciler.cli import forms as out
    from reconciler.cli import session
    from reconciler.model import Service
    from reconciler.redaction import Scrubber
    from reconciler.reports.json_history import json_history
    from reconciler.reports.report import other_report
    from reconciler.reports.text_history import text_history
    from reconciler.state.history import entries

    with session.told_errors(forms):
        store = _opened(state_dir)
        chosen = Service(service) if service else None
        found = () if store is None else entries(store, relationship, chosen, limit=limit)
        report = other_report(
            "history",
            lambda colour: text_history(found, relationship, colour=colour),
            partial(json_history, found),
            is_well=True,
        )
        out.tell(forms, report, Scrubber())
        return 0


@history.command(short_help="Show one entry: who, when, and the difference.")
@click.argument("number", type=click.IntRange(min=1), metavar="ID")
@options.output_format
@options.state_dir
def show(number: int, forms: Forms, state_dir: Path | None) -> int:
    """Show all that is remembered of the entry with this ID.

    Who changed what and when, what was to change on each server, what was sent, and how it ended. Secrets are hidden.
    """
    from reconciler.cli import forms as out
    from reconciler.cli import session
    from reconciler.errors import UsageError
    from reconciler.kea.locality import LOCAL
    from reconciler.planning.past import past_changes
    from reconciler.redaction import Scrubber, secret_values
    from reconciler.reports.json_history import json_past
    from reconciler.reports.report import other_report
    from reconciler.reports.text_history import text_past
    from reconciler.state.history import past

    with session.told_errors(forms):
        store = _opened(state_dir)
        found = None if store is None else past(store, number)
        if found is None:
            raise UsageError(f"nothing is remembered with the id {number}; `kea-reconciler history` lists what is")
        scrubber = Scrubber()
        for server in found.servers:
            for config in filter(None, (server.before, server.planned)):
                scrubber.learn(secret_values({key: config[key] for key in LOCAL if key in config}))
        changes = {each.server: past_changes(each, found.entry.relationship or "") for each in found.servers}
        report = other_report(
            "history",
            lambda colour: text_past(found, changes, colour=colour),
            partial(json_past, found, changes),
            is_well=True,
        )
        out.tell(forms, report, scrubber)
        return 0


def _opened(state_dir: Path | None) -> Store | None:
    """Return the store to look into until the command ends; None where nothing was ever written down."""
    from reconciler.cli.remembering import state_directory
    from reconciler.state.history import open_history

    store = open_history(state_directory(state_dir))
    if store is not None:
        click.get_current_context().call_on_close(store.close)
    return store
