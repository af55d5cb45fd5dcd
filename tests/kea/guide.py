"""docs/from-two-servers.md, followed: its commands in one shell, and the page with what they print.

Run as a program (`python -m tests.kea.guide`) this writes the page anew, with what Kea 3.0 has it print.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.kea import GENERATIONS, KeaServer, base_configuration
from lab.laboratory import Laboratory
from reconciler.model import Service
from tests.cli.site import PROGRAM
from tests.docs.pages import ROOT
from tests.kea.by_hand import hook
from tests.kea.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = ROOT / "docs" / "from-two-servers.md"
SHOWN = ("http://192.0.2.10:8000/", "http://192.0.2.11:8000/")  # the addresses of the two on the page
_BLOCK = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "the command before ended with"


def edited_by_hand(lab: Laboratory) -> World:
    """A pair whose servers got different routers, and of which only one has the printer."""
    office: dict[str, Any] = {
        "id": 1,
        "subnet": "198.51.100.0/24",
        "pools": [{"pool": "198.51.100.100 - 198.51.100.199"}],
    }
    printer = {"hw-address": "02:00:00:00:00:01", "ip-address": "198.51.100.10", "hostname": "printer"}
    own = {
        "kea-a": {"option-data": [{"name": "routers", "data": "198.51.100.1"}], "reservations": [printer]},
        "kea-b": {"option-data": [{"name": "routers", "data": "198.51.100.254"}]},
    }
    world = World(
        lab,
        configurations={
            name: base_configuration(Service.DHCP4, subnets=[{**office, **more}]) for name, more in own.items()
        },
    )
    for server in world.servers:
        libraries = hook((world.a, world.b), server)
        server.set_config(Service.DHCP4, {**world.config(server), "hooks-libraries": libraries})
    world.until_normal()
    return world


def followed(page: str, servers: tuple[KeaServer, ...], home: Path) -> str:
    """Return the page with what its commands print, run one after the other in an empty folder `home`; each must end
    with 0.

    What the page calls 192.0.2.10 and 192.0.2.11 are these servers, and git.example.com is a folder. That the program
    is installed, as the page says first, is seen to otherwise.
    """
    controls = dict(zip(SHOWN, (server.control for server in servers), strict=True))
    with subprocess.Popen(
        ["bash", "--noprofile", "--norc"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=home,
        env=_surroundings(home),
    ) as shell:
        try:
            return _BLOCK.sub(lambda block: f"```text\n{''.join(_block(block[1], shell, controls))}```", page)
        finally:
            shell.kill()


def _block(text: str, shell: subprocess.Popen[str], controls: Mapping[str, str]) -> Iterator[str]:
    assert shell.stdin is not None
    assert shell.stdout is not None
    for line in (line for line in text.splitlines() if line.startswith("$ ")):
        command = line.removeprefix("$ ")
        for shown, real in controls.items():
            command = command.replace(shown, real)
        shell.stdin.write(f"{{ {command}\n}} < /dev/null; echo '{_END}' $?\n")
        shell.stdin.flush()
        printed: list[str] = []
        while not (told := shell.stdout.readline()).startswith(_END):
            assert told, f"the shell ended after {line}: {''.join(printed)}"
            printed.append(told)
        assert told == f"{_END} 0\n", f"{line} {told}{''.join(printed)}"
        yield f"{line}\n{''.join(printed)}"


def _surroundings(home: Path) -> dict[str, str]:
    """The variables of somebody who has a name, the program, and a forge."""
    source = home / "src"
    source.mkdir()
    (source / "kea-reconciler").symlink_to(ROOT)
    forge = home / "forge"
    subprocess.run(["git", "init", "--quiet", "--bare", str(forge / "network" / "dhcp.git")], check=True)
    git = {f"url.{forge}/.insteadOf": "ssh://git@git.example.com/", "user.name": "Ada", "user.email": "ada@example.com"}
    numbered = list(enumerate(git.items()))
    return {
        "PATH": f"{Path(PROGRAM).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "GIT_CONFIG_COUNT": str(len(git)),
        **{f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in numbered},
        **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in numbered},
    }


if __name__ == "__main__":
    with Laboratory(generation=GENERATIONS[-1]) as lab, tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(followed(PAGE.read_text(), edited_by_hand(lab).servers, Path(folder)))
