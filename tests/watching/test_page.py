"""The daemon's pages, of a daemon that runs: they say what it knows, and end with it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from tests.cli.site import run, until
from tests.watching.living import Living, lasting

if TYPE_CHECKING:
    from tests.cli.site import Site

OPTIONS = ("--interval", "0.7", "--steady", "0", "--host", "kea.example.org")


def test_they_say_what_the_daemon_knows(site: Site) -> None:
    with Living(site.desired, site.folder, *OPTIONS) as daemon:
        url = daemon.url
        until(lambda: daemon.get("readyz").status_code == 200, "first look", 60)
        assert daemon.get("healthz").text == "ok\n"
        assert lasting(daemon.get("status.json").json()) == lasting(site.run("status", "--format", "json").json)
        assert "The relationship is well." in daemon.get().text
        assert 'kea_reconciler_ha_state{relationship="hq",role="primary"' in daemon.get("metrics").text

        site.change("kea-b", lambda config: config.update({"valid-lifetime": 1234}))
        daemon.until("drift", is_over=False)
        until(lambda: "drifted: 1 difference" in daemon.get().text, "drift on the page", 60)
        text = daemon.get().text
        assert "kea-b: ~ global valid-lifetime: 1234 -&gt; 7200" in text
        assert "hq has drifted: 1 difference" in text.partition("The last day")[2]
        assert 'kea_reconciler_drift_differences{relationship="hq",service="dhcp4"} 1.0' in daemon.get("metrics").text

        assert daemon.get(host="kea.example.org").status_code == 200
        assert daemon.get(host="evil.example").status_code == 421
        place = urlsplit(url)
        with socket.create_connection((place.hostname or "", place.port or 0)):  # one that says nothing keeps nobody
            assert daemon.stop() == 0
        with pytest.raises(httpx.ConnectError):
            daemon.get()


def test_none_listens_nowhere(site: Site) -> None:
    with Living(site.desired, site.folder, *OPTIONS, "--listen", "none") as daemon:
        daemon.until("started")
        assert "the status page is at" not in daemon.log
        assert daemon.stop() == 0


def test_a_port_that_is_taken_ends_it_with_the_reason(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("watch", "--desired", str(site.desired), "--state-dir", str(site.folder / "s"), "--listen", place)
    assert ended.exit_code == 1
    assert f"--listen {place}: Address already in use" in ended.stderr
