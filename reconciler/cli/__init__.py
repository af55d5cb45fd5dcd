"""One file a command: flags in, one call, a report and an exit code out.

Nothing here is imported at the top that a command may not need: `--help` costs little more than click itself.
"""

from __future__ import annotations

import sys

import click

from reconciler import __version__
from reconciler.cli.apply import apply
from reconciler.cli.completion import completion
from reconciler.cli.continue_ import continue_
from reconciler.cli.drift import drift
from reconciler.cli.enable import enable
from reconciler.cli.explain import explain
from reconciler.cli.history import history
from reconciler.cli.import_ import import_
from reconciler.cli.init import init
from reconciler.cli.leases import leases
from reconciler.cli.maintenance import maintenance
from reconciler.cli.plan import plan
from reconciler.cli.promote import promote
from reconciler.cli.publish import publish
from reconciler.cli.reconcile_now import reconcile_now
from reconciler.cli.reset import reset
from reconciler.cli.resume import resume
from reconciler.cli.rollback import rollback
from reconciler.cli.schema import schema
from reconciler.cli.session import takes_relationships
from reconciler.cli.show import show
from reconciler.cli.status import status
from reconciler.cli.suspend import suspend
from reconciler.cli.sync import sync
from reconciler.cli.validate import validate
from reconciler.cli.version import version
from reconciler.cli.watch import watch

EPILOG = """\b
Exit codes:
  0    fine, or nothing to change
  1    an error, an unreachable server included
  2    there are changes, drift or differences (only with --detailed-exitcode)
  3    blocked by a safety objection, or a precondition does not hold
  4    a server was changed by somebody else since the plan; plan again
  5    another run is at work on the same servers
  6    applied in part
  64   wrong usage
  130  interrupted
"""

USAGE, INTERRUPTED = 64, 130


class _InOrder(click.Group):
    """A group whose help lists the commands in the order in which a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        return list(self.commands)


@click.group(
    cls=_InOrder, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="kea-reconciler")
def cli() -> None:
    """Keep pairs of Kea DHCP servers in the failover relationships that YAML files describe, and their
    configurations alike.

    The files are kept in a folder, best in git. `plan` says what would change on the servers, `apply` does it. The
    primary's running configuration is the truth for subnets, pools, reservations, options and classes; its partner
    follows.
    """


for command in (
    validate,
    plan,
    explain,
    show,
    apply,
    drift,
    status,
    promote,
    watch,
    reconcile_now,
    suspend,
    resume,
    history,
    rollback,
    leases,
    maintenance,
    continue_,
    sync,
    reset,
    enable,
    init,
    import_,
    schema,
    completion,
    publish,
    version,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line and end the process with its exit code.

    click's own code for wrong usage is 2, which here means "there are changes"; it becomes 64.
    """
    try:
        code = cli.main(prog_name="kea-reconciler", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        is_extra = error.message.startswith("Got unexpected extra argument")
        if is_extra and error.ctx is not None and takes_relationships(error.ctx.command):
            click.echo("`--relationship NAME` limits it to one relationship.", err=True)
        code = USAGE
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except OSError as error:  # click itself deals with a reader that has gone (`| head`)
        place = f"{error.filename}: " if isinstance(error.filename, str) else ""
        click.echo(f"Error: {place}{error.strerror or type(error).__name__}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
