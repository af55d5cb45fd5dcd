"""A database for Kea's Configuration Backend: a PostgreSQL of the test's own, in a folder, on a unix socket alone."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
SCHEMA = Path("/usr/share/kea/scripts/pgsql/dhcpdb_create.pgsql")
_NAME = "kea"  # of the database and of who owns it
_SUBNET = """
SELECT createAuditRevisionDHCP4(now(), 'all', 'a subnet', false);
INSERT INTO dhcp4_subnet (subnet_id, subnet_prefix, modification_ts) VALUES (:id, :'prefix', now());
INSERT INTO dhcp4_subnet_server (subnet_id, server_id, modification_ts)
    SELECT :id, id, now() FROM dhcp4_server WHERE tag = 'all';
"""


class Backend:
    """The database, with Kea's own schema in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def control(self) -> dict[str, Any]:
        """What a server's `config-control` says about it; the server looks for changes each second."""
        place = {"type": "postgresql", "host": str(self.folder), "name": _NAME, "user": _NAME, "password": "any"}
        return {"config-databases": [place], "config-fetch-wait-time": 1}

    def run(self, *arguments: str, database: str = _NAME) -> None:
        """Have `psql` do something in it."""
        command = ["psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--host={self.folder}", f"--username={_NAME}"]
        done = subprocess.run([*command, database, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def add_subnet(self, number: int, prefix: str) -> None:
        """Give all servers a subnet, as Kea's own commands for the database do."""
        statements = self.folder / "subnet.sql"
        statements.write_text(_SUBNET)
        self.run("--single-transaction", f"--set=id={number}", f"--set=prefix={prefix}", f"--file={statements}")


@contextmanager
def backend() -> Iterator[Backend]:
    """Have a database as long as the context lasts. PostgreSQL refuses to be run by root: `nobody` does it then."""
    assert PROGRAMS is not None
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    folder = Path(tempfile.mkdtemp(prefix="kea-db-"))  # a short path: that of a socket has 107 characters at most
    try:
        folder.chmod(0o755)
        os.chown(folder, user, -1)
        data = folder / "data"
        make = [str(PROGRAMS / "initdb"), "--auth=trust", "--no-sync", f"--username={_NAME}", str(data)]
        subprocess.run(make, check=True, cwd=folder, user=user, capture_output=True)
        where = ["-D", str(data), "-k", str(folder)]
        serve = [str(PROGRAMS / "postgres"), *where, "-c", "listen_addresses=", "-c", "fsync=off"]
        with subprocess.Popen(serve, cwd=folder, user=user, stderr=subprocess.DEVNULL) as daemon:
            try:
                made = Backend(folder)
                assert wait_until(lambda: _is_ready(made), 60)
                made.run(f"--file={SCHEMA}")
                yield made
            finally:
                daemon.send_signal(signal.SIGINT)
    finally:
        shutil.rmtree(folder)


def _is_ready(made: Backend) -> bool:
    try:
        made.run(f"--command=CREATE DATABASE {_NAME}", database="postgres")
    except AssertionError:
        return False
    return True
