"""A pair whose data come from a database by Kea's own Configuration Backend: shared, and nothing is replicated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.kea import base_configuration
from reconciler.model import Service
from tests.kea.backend import backend
from tests.kea.world import World, subnet, until

if TYPE_CHECKING:
    from lab.laboratory import Laboratory

S = Service.DHCP4


@pytest.mark.kea
@pytest.mark.program("psql")
@pytest.mark.generations("2.2")  # the trees of the others have no database within reach
def test_what_a_database_shares_is_left_to_it(lab: Laboratory) -> None:
    with backend() as database:
        library = str(Path(lab.generation.hooks) / "libdhcp_pgsql_cb.so")
        parts = {"config_control": database.control, "hooks_libraries": [{"library": library}]}
        own = base_configuration(S, subnets=[subnet(S, 1)], **parts)
        world = World(lab, configurations={"kea-a": own, "kea-b": base_configuration(S, **parts)}, is_logged=True)

        def subnets() -> list[list[int]]:
            return [sorted(each["id"] for each in world.config(server)["subnet4"]) for server in world.servers]

        world.must_apply()
        assert subnets() == [[1], []]  # kea-b's own file has none, and kea-a's was not replicated
        database.add_subnet(7, "10.0.7.0/24")
        until(lambda: subnets() == [[1, 7], [7]], "subnet from the database")
        world.until_normal()
        world.forget()
        told = world.run("drift", "--detailed-exitcode")
        assert told.exit_code == 0, told
        assert "the Configuration Backend shares the configuration, nothing is replicated" in told.stdout
        world.must_be_done()
        assert world.apply().exit_code == 0
        assert world.story() == []

        world.document["parameters"]["max-unacked-clients"] = 3  # the relationship itself is ours as ever
        world.write()
        world.must_apply()
        until(lambda: subnets() == [[1, 7], [7]], "the same subnets")
