"""`kea-reconciler init`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.writing import refuse_existing, write

if TYPE_CHECKING:
    from reconciler.model import Endpoint, Mode, Relationship, Service

MODES = ("hot-standby", "load-balancing", "passive-backup")
Server = tuple[str, str, str]  # its name, where it takes commands, where its peers reach it


@click.command(short_help="Write the first files, from options or from answers.")
@options.desired
@click.option("--name", metavar="NAME", help="What the relationship is to be called, such as hq-dhcp4.")
@options.service
@click.option("--ha-mode", "mode", type=click.Choice(MODES), help="How the servers share the work.")
@click.option(
    "--peer",
    "servers",
    nargs=3,
    multiple=True,
    metavar="NAME CONTROL URL",
    help="One server: its name, where it takes commands, and where its peers reach it. The first one given is the "
    "primary, the next its partner where the mode has one, and all others are backups.",
)
def init(
    desired: Path, name: str | None, service: str | None, mode: str | None, servers: Sequence[tuple[str, str, str]]
) -> int:
    """Write servers.yaml and one relationship below --desired, for servers that are no pair yet.

    What the options don't say is asked for at a terminal. Talks to no server, and overwrites no file. What is written
    is checked first as `validate` does it; nothing is written when something is wrong. For servers that are a pair
    already there is `import`.
    """
    from reconciler.cli import session
    from reconciler.desired.files import RELATIONSHIPS
    from reconciler.desired.new_files import file_name, new_files
    from reconciler.model import Mode, Service

    with session.told_errors():
        refuse_existing("init", [desired / "servers.yaml"])
        if not session.is_terminal(sys.stdin):
            _refuse_gaps(name, mode, servers)
        name = name or _ask("Name of the relationship", "hq-dhcp4", _name)
        refuse_existing("init", [desired / RELATIONSHIPS / f"{file_name(name)}.yaml"])
        service = service or ("dhcp4" if servers else _choose("Service", ("dhcp4", "dhcp6")))
        mode = mode or _choose("Mode", MODES)
        relationship, endpoints = _described(name, Service(service), Mode(mode), servers or _ask_servers(Mode(mode)))
        files = new_files(desired, endpoints, {name: (relationship, {})})
        refuse_existing("init", files)
        _check(desired, files)
        write(click.echo, desired, files)
        click.echo(f"Next: kea-reconciler plan --desired {desired}", err=True)
        return 0


def _check(desired: Path, files: Mapping[Path, str]) -> None:
    """Hold the files against all rules before any of them is written."""
    from reconciler.desired.new_files import checked
    from reconciler.errors import FixInputError

    try:
        checked(desired, files)
    except FixInputError:
        click.echo("Nothing was written, since the files would be wrong:", err=True)
        raise


def _refuse_gaps(name: str | None, mode: str | None, servers: Sequence[Server]) -> None:
    """End where something is missing and nobody is there to be asked."""
    given = {"--name": name, "--ha-mode": mode, "--peer": servers}
    missing = [option for option, value in given.items() if not value]
    if missing:
        raise click.UsageError(f"{', '.join(missing)} must be given where nobody can be asked: this is no terminal")


def _described(
    name: str, service: Service, mode: Mode, servers: Sequence[Server]
) -> tuple[Relationship, list[Endpoint]]:
    """Return the relationship and the inventory that the answers describe."""
    from reconciler.model import Endpoint, Peer, Relationship, Role

    roles = [role for role in (Role.PRIMARY, mode.partner_role) if role]
    roles += [Role.BACKUP] * (len(servers) - len(roles))
    peers = [Peer(each, each, role, url) for (each, _, url), role in zip(servers, roles, strict=False)]
    repeated = sorted({peer.server for peer in peers if [each.server for each in peers].count(peer.server) > 1})
    if repeated:
        raise click.UsageError(f"the server {', '.join(repeated)} is given twice")
    return Relationship(name, service, mode, tuple(peers)), [Endpoint(each, service, at) for each, at, _ in servers]


def _ask_servers(mode: Mode) -> list[Server]:
    """Ask for each server that the mode needs, then for backups until there is none."""
    roles = ["primary", *([mode.partner_role.value] if mode.partner_role else [])]
    found: list[Server] = []
    for role in roles:
        found.append(_ask_server(role, found))
    while click.confirm("Is there a backup server (another one)?", default=False, err=True):
        found.append(_ask_server("backup", found))
    return found


def _ask_server(role: str, others: Sequence[Server]) -> Server:
    """Ask for one server; what it may not share with the others that there are is asked for again at once."""
    names, controls, urls = ([other[place] for other in others] for place in range(3))
    server = _ask(f"Name of the {role}", _free_name(names), _unlike(names, _server_name, str))
    control = _ask(
        f"Where {server} takes commands (its control agent, or the daemon's own socket: http://ADDRESS:PORT/)",
        None,
        _unlike(controls, _control, _place),
    )
    url = _ask(
        f"Where its peers reach {server} (by IP address; on Kea 2.2 its control agent, later a port of its own)",
        _likely_url(control),
        _unlike(urls, _url, _place),
    )
    return server, control, url


def _free_name(taken: Sequence[str]) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = (f"kea-{letter}" for letter in letters[len(taken) :] + letters)
    return next((name for name in names if name not in taken), f"kea-{len(taken) + 1}")


def _unlike(taken: Sequence[str], check: Callable[[str], str], place: Callable[[str], str]) -> Callable[[str], str]:
    """Return a check that refuses besides what another server has; `place` says by what that is told."""

    def checked(text: str) -> str:
        told = place(check(text))
        return _unless_wrong(text, "another server has this already" if told in map(place, taken) else None)

    return checked


def _ask(text: str, default: str | None, check: Callable[[str], str] | None = None) -> str:
    return str(click.prompt(text, default=default, value_proc=check, err=True))


def _choose(text: str, choices: Sequence[str]) -> str:
    return str(click.prompt(text, type=click.Choice(choices), default=choices[0], err=True))


def _name(text: str) -> str:
    from reconciler.desired.schema import schema

    return _unless_wrong(text, _misfit(schema("relationship")["properties"]["name"], text))


def _server_name(text: str) -> str:
    from reconciler.desired.schema import schema

    return _unless_wrong(text, _misfit(schema("servers")["properties"]["servers"]["propertyNames"], text))


def _misfit(rule: Mapping[str, Any], text: str) -> str | None:
    """Return in words why a name is none by its rule in a schema."""
    fits = re.search(rule["pattern"], text) and len(text) <= rule.get("maxLength", len(text))
    return None if fits else str(rule["patternErrorMessage"])


def _control(text: str) -> str:
    from reconciler.desired.urls import parse_control

    return _unless_wrong(text, parse_control(text))


def _url(text: str) -> str:
    from reconciler.desired.urls import HttpUrl, parse_http

    parsed = parse_http(text)
    if isinstance(parsed, HttpUrl) and parsed.address is None:
        parsed = "Kea takes an IP address here, never a name"
    return _unless_wrong(text, parsed)


def _place(text: str) -> str:
    """Return where an address leads, however it is written."""
    from reconciler.desired.urls import HttpUrl, parse_control

    parsed = parse_control(text)
    return f"{parsed.place} {parsed.path.strip('/')}" if isinstance(parsed, HttpUrl) else text


def _unless_wrong(text: str, parsed: object) -> str:
    """Return the text as it is, or have it asked for again."""
    if isinstance(parsed, str):
        raise click.BadParameter(parsed)
    return text


def _likely_url(control: str) -> str | None:
    """Return where the HA hook of a server most likely listens: at the next port of the same address."""
    from reconciler.desired.urls import HttpUrl, parse_control

    parsed = parse_control(control)
    if not isinstance(parsed, HttpUrl) or parsed.address is None or parsed.port == 65535:
        return None
    host = f"[{parsed.host}]" if parsed.address.version == 6 else parsed.host
    return f"http://{host}:{parsed.port + 1}/"
