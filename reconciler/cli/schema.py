"""`kea-reconciler schema`."""

from __future__ import annotations

import click

NAMES = (
    "relationship",
    "servers",
    "approvals",
    "plan",
    "plan-report",
    "outcome-report",
    "status",
    "operation-report",
    "lease-report",
    "history-report",
    "problem-report",
)


@click.command(short_help="Print a JSON Schema of the YAML or of a report.")
@click.argument("name", type=click.Choice(NAMES), default="relationship", metavar="[NAME]")
def schema(name: str) -> None:
    """Print one of the JSON Schemas (2020-12) that this version goes by; without NAME, relationship.

    \b
    relationship      a document of relationships/*.yaml
    servers           servers.yaml
    approvals         a file of approvals/
    plan              what plan writes with --out
    plan-report       what plan and drift print with --format json
    outcome-report    the same of apply, rollback and enable
    status            the same of status
    operation-report  the same of maintenance, continue, sync and reset
    lease-report      the same of leases
    history-report    the same of history
    problem-report    the same of validate

    The commands explain, init, import, schema, completion, publish and version have no report:
    they print text alone.
    """  # noqa: D301 - click reads the backspace
    from reconciler.desired.schema import schema_path

    click.echo(schema_path(name).read_text(encoding="utf-8"), nl=False)
