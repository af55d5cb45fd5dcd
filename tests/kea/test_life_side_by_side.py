"""A relationship of each service on the same two servers: neither is the other's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from lab.kea import KeaServer, base_configuration
from reconciler.model import Mode, Service
from tests.kea.world import relationship, run, subnet, until

if TYPE_CHECKING:
    from pathlib import Path

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

MODES = {Service.DHCP4: Mode.LOAD_BALANCING, Service.DHCP6: Mode.HOT_STANDBY}


def described(folder: Path, servers: tuple[KeaServer, KeaServer]) -> Path:
    """A desired/ in which dhcp4 is shared by both and dhcp6 has its primary on the other server."""
    (folder / "relationships").mkdir(parents=True)
    inventory = {each.name: {service.value: {"control": each.control} for service in Service} for each in servers}
    (folder / "servers.yaml").write_text(yaml.safe_dump({"servers": inventory}))
    for service, pair in ((Service.DHCP4, servers), (Service.DHCP6, servers[::-1])):
        document = relationship(f"hq-{service}", service, MODES[service], *pair)
        (folder / "relationships" / f"{service}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return folder


def states(service: Service, *servers: KeaServer) -> set[str]:
    views = [each.command(service, "status-get")["arguments"].get("high-availability", []) for each in servers]
    return {view[0]["ha-servers"]["local"]["state"] if view else "none" for view in views}


def seconds_since_commit(service: Service, server: KeaServer) -> int:
    return int(server.command(service, "status-get")["arguments"]["reload"])


def test_each_service_has_its_own_relationship_and_primary(lab: Laboratory) -> None:
    a, b = (
        lab.server(name, {service: base_configuration(service, subnets=[subnet(service, 1)]) for service in Service})
        for name in ("kea-a", "kea-b")
    )
    desired = described(lab.directory / "desired", (a, b))
    done = run("apply", "--desired", str(desired), "--yes")
    assert done.exit_code == 0, done
    for service, mode in MODES.items():
        until(lambda s=service, m=mode: states(s, a, b) == {m.value}, f"normal {service}")  # type: ignore[misc]
    assert run("status", "--desired", str(desired)).exit_code == 0

    config = b.config(Service.DHCP6)  # the primary of this one
    config["subnet6"].append(subnet(Service.DHCP6, 2))
    b.set_config(Service.DHCP6, config)
    until(lambda: states(Service.DHCP6, a, b) == {"hot-standby"}, "normal dhcp6")
    before = {server.name: seconds_since_commit(Service.DHCP4, server) for server in (a, b)}
    done = run("apply", "--desired", str(desired), "--yes")
    assert done.exit_code == 0, done
    assert [each["id"] for each in a.config(Service.DHCP6)["subnet6"]] == [1, 2]
    assert all(seconds_since_commit(Service.DHCP4, server) >= before[server.name] for server in (a, b))
    assert run("plan", "--desired", str(desired), "--detailed-exitcode").exit_code == 0
