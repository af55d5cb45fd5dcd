"""Parameters of HA in a pair of two Kea versions of which one does not know them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.laboratory import Laboratory
from reconciler.kea.hooks import relationships_of
from tests.kea.mixed import OLD, PAIRS, mixed, on

if TYPE_CHECKING:
    from lab.kea import Generation
    from reconciler.model import Service

pytestmark = pytest.mark.kea


@pytest.mark.parametrize(("service", "generations"), [on("parameters", *pair) for pair in PAIRS if OLD in pair[1]])
def test_a_parameter_that_one_does_not_know_is_refused_unless_it_is_the_default(
    service: Service, generations: tuple[Generation, Generation]
) -> None:
    """2.2 takes it, shows it, and does without (fact)."""
    with Laboratory() as lab:
        world = mixed(lab, service, generations)
        world.must_apply()
        world.document["parameters"]["max-rejected-lease-updates"] = 5
        world.write()
        world.forget()
        planned, applied = world.run("plan"), world.apply()
        (name,) = [server.name for server in world.servers if server.generation == OLD]
        told = f"{name} runs 2.2.0, which has no `max-rejected-lease-updates`"
        assert told in " ".join(planned.stdout.split()), planned
        assert (planned.exit_code, applied.exit_code, world.story()) == (1, 1, [])
        world.document["parameters"]["max-rejected-lease-updates"] = 10
        world.write()
        world.must_apply()
        for server in world.servers:
            entry = relationships_of(world.config(server))[0]
            assert entry.get("max-rejected-lease-updates") == (None if server.generation == OLD else 10)
        del world.document["parameters"]["max-rejected-lease-updates"]
        world.write()
        world.must_apply()
