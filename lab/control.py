"""One command to Kea over its unix socket, synchronously: how tests look at, or change, the world themselves.

Deliberately not the reconciler's own client, so that one can't hide the other's mistakes.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_JSON = {"Content-Type": "application/json"}  # exactly this: Kea refuses a charset behind it


def ask(path: Path, command: str, arguments: Any = None, *, seconds: float = 60.0) -> dict[str, Any]:
    """Send `command` to the daemon whose control socket is `path`; its reply map {result, text, arguments}.

    OSError where there is no daemon or it does not answer in time, LabError where the reply is no JSON map.
    """
    request = {"command": command} | ({} if arguments is None else {"arguments": arguments})
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(str(path))
        connection.sendall(orjson.dumps(request))
        reply = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    try:
        answer = orjson.loads(reply)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise LabError(f"{command}: the reply of {len(reply)} bytes is not a JSON map")
    return answer


def is_answering(url: str, *, seconds: float = 1.0, host: Sequence[str] = ()) -> bool:
    """Whether any HTTP server answers at `url`, even if only to refuse us; with TLS, whether anybody listens.

    `host` is what a command is run with to be where the url can be reached.
    """
    if host:
        command = [*host, "curl", "--silent", "--insecure", "--noproxy", "*", "--output", "/dev/null", url]
        return subprocess.run([*command, "--max-time", str(seconds)], check=False).returncode == 0
    place = urlsplit(url)
    if place.scheme == "https":
        with contextlib.suppress(OSError), socket.create_connection((place.hostname or "", place.port or 443), seconds):
            return True
        return False
    request = urllib.request.Request(url, b'{"command": "list-commands"}', _JSON)  # noqa: S310 - the lab's own
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(request, timeout=seconds).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except OSError:
        return False
    return True
