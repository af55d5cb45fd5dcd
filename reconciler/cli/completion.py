"""`kea-reconciler completion`."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print what a shell needs to complete our commands.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes commands, options, and the names of relationships and servers.

    \b
    bash   in ~/.bashrc:  eval "$(kea-reconciler completion bash)"
    zsh    in ~/.zshrc, below compinit:  eval "$(kea-reconciler completion zsh)"
    fish   in ~/.config/fish/config.fish:  kea-reconciler completion fish | source

    Names are those of the files below --desired, as far as it stands on the line already, or in the variable.
    """  # noqa: D301 - click reads the backspace
    from click.shell_completion import get_completion_class

    program = "kea-reconciler"
    kind = get_completion_class(shell)
    if kind is None:  # click knows all of SHELLS
        raise click.ClickException(f"click can't complete for {shell}; is it older than 8.1?")
    script = kind(context.find_root().command, {}, program, "_KEA_RECONCILER_COMPLETE").source()
    click.echo(script)
