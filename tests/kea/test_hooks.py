from __future__ import annotations

import copy
from typing import Any

import pytest

from reconciler.kea.hooks import (
    HA_LIBRARY,
    LEASE_COMMANDS_LIBRARY,
    directory_from_build_report,
    directory_in_use,
    find,
    relationships_of,
    with_relationship,
)

HA, LEASES, OTHER = "/opt/kea/libdhcp_ha.so", "/opt/kea/libdhcp_lease_cmds.so", "/opt/site/libsite.so"
BLOCK = {"this-server-name": "kea-a"}


def libraries(*paths: str) -> dict[str, Any]:
    return {"hooks-libraries": [{"library": path} for path in paths]}


def test_a_library_is_found_by_its_base_name() -> None:
    for path in (HA, "libdhcp_ha.so", "/usr/lib/kea/hooks/libdhcp_ha.so"):
        assert find(libraries(OTHER, path), HA_LIBRARY) == {"library": path}
    assert find(libraries("/opt/notlibdhcp_ha.so", OTHER), HA_LIBRARY) is None


@pytest.mark.parametrize("value", [None, [], {}, 3, "libdhcp_ha.so", [3], [None], [{"library": None}], [{}]])
def test_what_is_no_list_of_libraries_holds_none(value: Any) -> None:
    assert find({"hooks-libraries": value}, HA_LIBRARY) is None
    assert relationships_of({"hooks-libraries": value}) == []


@pytest.mark.parametrize("value", [None, {}, 3, [], [3], "x"])
def test_what_is_no_list_of_relationships_holds_none(value: Any) -> None:
    entry = {"library": HA, "parameters": {"high-availability": value}}
    assert relationships_of({"hooks-libraries": [entry]}) == []
    assert relationships_of({"hooks-libraries": [{"library": HA, "parameters": value}]}) == []


def test_relationships_are_read_from_the_ha_hook() -> None:
    entry = {"library": HA, "parameters": {"high-availability": [BLOCK, {"this-server-name": "b"}]}}
    assert relationships_of({"hooks-libraries": [{"library": OTHER}, entry]}) == [BLOCK, {"this-server-name": "b"}]


def test_the_hooks_directory_stands_in_build_report() -> None:
    text = "Valgrind: no\nHooks directory:   /usr/lib/kea/hooks\nPrefix: /usr\n"
    assert directory_from_build_report(text) == "/usr/lib/kea/hooks"
    assert directory_from_build_report("Prefix: /usr\n") is None


def test_the_hooks_directory_is_where_loaded_libraries_are() -> None:
    assert directory_in_use(libraries(OTHER, LEASES)) == "/opt/kea"
    assert directory_in_use(libraries(OTHER)) is None
    assert directory_in_use(libraries("libdhcp_ha.so")) is None


def test_both_libraries_are_added_lease_commands_first() -> None:
    made = with_relationship(libraries(OTHER), BLOCK, None, "/usr/lib/kea/hooks")
    assert made == [
        {"library": OTHER},
        {"library": "/usr/lib/kea/hooks/libdhcp_lease_cmds.so"},
        {"library": "/usr/lib/kea/hooks/libdhcp_ha.so", "parameters": {"high-availability": [BLOCK]}},
    ]
    assert with_relationship({}, BLOCK, None, "/usr/lib/kea/hooks") == made[1:]


def test_lease_commands_are_added_before_a_standing_ha_hook() -> None:
    made = with_relationship(libraries(HA, OTHER), BLOCK, None, "/opt/kea")
    assert [entry["library"] for entry in made] == ["/opt/kea/libdhcp_lease_cmds.so", HA, OTHER]


def test_everything_else_stays_as_it_is_and_where_it_is() -> None:
    config = {
        "hooks-libraries": [
            {"library": HA, "parameters": {"high-availability": [{"old": 1}], "future": 1}, "future-key": 2},
            {"library": OTHER, "parameters": {"level": 3}},
            {"library": LEASES},
        ]
    }
    before = copy.deepcopy(config)
    assert with_relationship(config, BLOCK, 0, "/elsewhere") == [
        {"library": HA, "parameters": {"high-availability": [BLOCK], "future": 1}, "future-key": 2},
        {"library": OTHER, "parameters": {"level": 3}},
        {"library": LEASES},
    ]
    assert config == before


def test_the_names_are_keas() -> None:
    assert (HA_LIBRARY, LEASE_COMMANDS_LIBRARY) == ("libdhcp_ha.so", "libdhcp_lease_cmds.so")
