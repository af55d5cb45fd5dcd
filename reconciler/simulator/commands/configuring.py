"""The commands that read and write the configuration."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import orjson

from reconciler.simulator import replies, setting
from reconciler.simulator.configuration.refusal import PLACE
from reconciler.simulator.faults import Kind
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply

_FILE_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def _get(endpoint: SimulatedEndpoint, _: Json) -> Reply:
    return replies.success(arguments={endpoint.service.root: endpoint.config, **(endpoint.hashes() or {})})


def _hash(endpoint: SimulatedEndpoint, _: Json) -> Reply:
    return replies.success(arguments=endpoint.hashes())


def _checked(endpoint: SimulatedEndpoint, arguments: Json) -> str:
    """What is wrong with the arguments of config-set and config-test; nothing was touched then."""
    root = endpoint.service.root
    if arguments is None:
        return "Missing mandatory 'arguments' parameter."
    if not isinstance(arguments, dict):
        return f"Error during command processing: get(string) called on a non-map Element in {PLACE}"
    if root not in arguments:
        return f"Missing mandatory '{root}' parameter."
    for key in sorted(arguments):
        if key != root:
            return f"Unsupported '{key}' parameter."
    return "" if isinstance(arguments[root], dict) else f"'{root}' parameter expected to be a map."


def _set(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    problem = _checked(endpoint, arguments)
    return replies.error(problem) if problem else setting.apply(endpoint, arguments[endpoint.service.root])


def _test(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    problem = _checked(endpoint, arguments)
    return replies.error(problem) if problem else setting.test(endpoint, arguments[endpoint.service.root])


def _write(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """Says success although the disk is full, with the size that it has got (measured on a full tmpfs).

    Since 2.6.3 it writes only into the folder of the daemon's own file.
    """
    path = arguments.get("filename", endpoint.path) if isinstance(arguments, dict) else endpoint.path
    if not isinstance(path, str):
        return replies.error("passed parameter 'filename' is not a string")
    folder = PurePosixPath(endpoint.path).parent
    if endpoint.release >= Release.KEA_2_6 and PurePosixPath(path).parent not in (folder, PurePosixPath(".")):
        where = f"file {path} must be in the same directory as the config file ({endpoint.path})"
        return replies.error(f"not allowed to write config into {path}: {where}")
    if endpoint.release >= Release.KEA_2_6:
        path = str(folder / path)
    content = orjson.dumps({endpoint.service.root: endpoint.config}, option=_FILE_OPTIONS)
    full = endpoint.fault(Kind.DISK_FULL, "config-write")
    disk = endpoint.server.disk
    try:
        disk.write(path, content, None if full is None else full.room)
    except FileNotFoundError:
        return replies.error(f"Error during write-config:Unable to open file {path} for writing")
    written = {"filename": path, "size": len(disk.contents[path])}
    return replies.success(f"Configuration written to {path} successful", written)


def _reload(endpoint: SimulatedEndpoint, _: Json) -> Reply:
    return setting.load_file(endpoint)


COMMANDS: dict[str, Callable[[SimulatedEndpoint, Json], Reply]] = {
    "config-get": _get,
    "config-hash-get": _hash,
    "config-reload": _reload,
    "config-set": _set,
    "config-test": _test,
    "config-write": _write,
}
