"""The loggers."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import keywords
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Machine, Shown

_SEVERITIES = ("NONE", "FATAL", "ERROR", "WARN", "INFO", "DEBUG")
_FAILED = "Error during command processing: "
_OLD, _NEW = "output_options", "output-options"


def parse(machine: Machine, value: Json) -> list[Shown]:
    """The loggers as config-get shows them; severities that do not exist count as INFO."""
    return [_one(machine, item) for item in keywords.as_list(value)]


def _one(machine: Machine, item: Json) -> Shown:
    if "name" not in item:
        raise _missing("loggers", "name")
    if "severity" not in item:
        is_old = machine.release < Release.KEA_2_6
        raise _missing("loggers", "severity") if is_old else RefusedError(f"{_FAILED}illegal severity: 0")
    severity = item["severity"].upper()
    shown: Shown = {"name": item["name"], "debuglevel": item.get("debuglevel", 0)}
    shown["severity"] = severity if severity in _SEVERITIES else "INFO"
    shown |= _outputs(machine, item)
    if "user-context" in item:
        shown["user-context"] = item["user-context"]
    return shown


def _outputs(machine: Machine, item: Json) -> Shown:
    """Renamed in 2.5.2; since then the old name is taken too, but not beside the new one."""
    if machine.release < Release.KEA_2_6:
        wanted, name = item.get(_OLD), _OLD
    elif _OLD in item and _NEW in item:
        raise RefusedError(f"{_FAILED}Only one of '{_NEW}' and '{_OLD}' may be specified.")
    else:
        wanted, name = item.get(_NEW, item.get(_OLD)), _NEW
    return {name: [_output(machine, name, output) for output in wanted]} if wanted else {}


def _output(machine: Machine, name: str, value: Json) -> Shown:
    if "output" not in value:
        raise _missing(name, "output")
    place = value["output"]
    shown: Shown = {"output": place, "flush": value.get("flush", True), "pattern": value.get("pattern", "")}
    if place not in ("stdout", "stderr") and not PurePosixPath(place).name.startswith("syslog"):
        shown |= {"maxsize": value.get("maxsize", 10240000), "maxver": value.get("maxver", 1)}
    if machine.release >= Release.KEA_2_6:
        shown["output"] = _file(machine, place)
    return shown


def _file(machine: Machine, place: str) -> str:
    """Where a logger writes: since 2.6.3 only into one folder. 2.6.3 takes `syslog:name` for a file of it."""
    is_stream = place in ("stdout", "stderr", "syslog")
    if is_stream or (place.startswith("syslog:") and machine.release >= Release.KEA_3_0):
        return place
    folder = PurePosixPath(place).parent
    if str(folder) not in (".", machine.log_folder):
        where = f"invalid path specified: '{folder}', supported path is '{machine.log_folder}'"
        raise at(f"{_FAILED}invalid path in `output`: {where}")
    return f"{machine.log_folder}/{PurePosixPath(place).name}"


def _missing(what: str, key: str) -> RefusedError:
    return at(f"{_FAILED}{what} entry does not have a mandatory '{key}' element")
