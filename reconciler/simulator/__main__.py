"""Simulated servers as a program of their own: `python -m reconciler.simulator --server kea-a=127.0.0.1:8001 ...`."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from reconciler.model import Service
from reconciler.simulator.releases import Release
from reconciler.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model import Json

_LAST_PORT = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run servers until SIGTERM or SIGINT; a line on stdout says when all of them listen, and where."""
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # before any thread starts, so that only sigwait gets them
    try:
        options = _options(arguments)
        with World() as world:
            try:
                _add_servers(world, options)
            except (OSError, ValueError) as error:
                sys.stderr.write(f"{error}\n")
                return 1
            places = " ".join(f"{name}={server.control}" for name, server in world.servers.items())
            sys.stdout.write(f"ready {places}\n")
            sys.stdout.flush()
            signal.sigwait(signals)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    return 0


def _add_servers(world: World, options: argparse.Namespace) -> None:
    for name, (host, port) in options.server:
        services = options.service or list(Service)
        configurations = {service: _config(options.config, name, service) for service in services}
        try:
            world.add_server(name, configurations, host=host, port=port, version=options.version)
        except OSError as error:
            raise ValueError(_not_listening(name, f"{host}:{port}", error)) from error


def _not_listening(name: str, place: str, error: OSError) -> str:
    """What is wrong with a place to listen at, and what to do."""
    advice = {
        errno.EACCES: "ports below 1024 are for root; take one from 1024 on, or 0 for a free one",
        errno.EADDRINUSE: "take another port, or 0 for a free one",
        errno.EADDRNOTAVAIL: "take an address of this host, such as 127.0.0.1",
    }.get(error.errno or 0)
    reason = os.strerror(error.errno) if advice and error.errno else error.strerror
    return f"{name} can't listen at {place}: {reason}" + (f"; {advice}" if advice else "")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reconciler.simulator", description="Simulated Kea servers.")
    add = partial(parser.add_argument, action="append")
    add(
        "--server",
        required=True,
        type=_server,
        metavar="NAME=HOST:PORT",
        help="a server and where its control channel listens; port 0 takes a free one; once for each server",
    )
    add(
        "--service",
        type=Service,
        choices=list(Service),
        metavar="SERVICE",
        help=f"a service that every server runs: {' or '.join(Service)}; both where it is not given",
    )
    add(
        "--config",
        default=[],
        type=_file,
        metavar="NAME:SERVICE=FILE",
        help="the configuration file that a server's daemon starts with; it has Kea's defaults without",
    )
    parser.add_argument(
        "--version",
        type=Release,
        choices=list(Release),
        default=Release.KEA_2_2,
        metavar="VERSION",
        help=f"the version of Kea that all servers are: {', '.join(Release)}; {Release.KEA_2_2} where it is not given",
    )
    return parser.parse_args(arguments)


def _server(text: str) -> tuple[str, tuple[str, int]]:
    name, _, place = text.partition("=")
    host, _, port = place.rpartition(":")
    if not (name and host and port.isdecimal() and int(port) <= _LAST_PORT):
        raise argparse.ArgumentTypeError(f"wanted: NAME=HOST:PORT, with a port from 0 to {_LAST_PORT}")
    return name, (host.strip("[]"), int(port))


def _file(text: str) -> tuple[tuple[str, Service], Path]:
    place, _, path = text.partition("=")
    name, _, service = place.rpartition(":")
    if not name or not path:
        raise argparse.ArgumentTypeError("wanted: NAME:SERVICE=FILE")
    return (name, Service(service)), Path(path)


def _config(files: list[tuple[tuple[str, Service], Path]], name: str, service: Service) -> dict[str, Json]:
    """What stands under `Dhcp4` or `Dhcp6` in the file of a daemon; nothing where it has none."""
    path = dict(files).get((name, service))
    if path is None:
        return {}
    found = orjson.loads(path.read_bytes())
    config: dict[str, Json] = found.get(service.root, found)
    return config


if __name__ == "__main__":
    sys.exit(main())
