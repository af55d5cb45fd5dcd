"""What is written and read again: config-write, config-reload, and a new start."""

from __future__ import annotations

import json

from reconciler.model import Service
from reconciler.simulator import Release
from tests.contract.loading import differences
from tests.contract.sides import Side, placed


def test_config_write_writes_what_config_get_shows(side: Side, service: Service) -> None:
    assert side.set(service, {"valid-lifetime": 4321})["result"] == 0
    answer = side.ask(service, "config-write")
    path, size = answer["arguments"]["filename"], answer["arguments"]["size"]
    assert answer == {
        "result": 0,
        "text": f"Configuration written to {path} successful",
        "arguments": {"filename": path, "size": size},
    }
    content = side.read_file(path)
    assert len(content) == size
    assert differences(json.loads(content)[service.root], side.shown(service)) == []


def test_config_write_to_where_it_cannot(side: Side, service: Service) -> None:
    own = side.ask(service, "config-write")["arguments"]["filename"]
    path = "/no-such-folder/file"
    text = f"Error during write-config:Unable to open file {path} for writing"
    if side.release >= Release.KEA_2_6:
        where = f"file {path} must be in the same directory as the config file ({own})"
        text = f"not allowed to write config into {path}: {where}"
    assert side.ask(service, "config-write", {"filename": path}) == {"result": 1, "text": text}
    wrong = side.ask(service, "config-write", {"filename": 5})
    assert wrong == {"result": 1, "text": "passed parameter 'filename' is not a string"}


def test_a_new_start_brings_back_what_was_written_and_not_what_was_only_set(side: Side, service: Service) -> None:
    assert side.set(service, {"valid-lifetime": 1111})["result"] == 0
    side.ask(service, "config-write")
    assert side.set(service, {"valid-lifetime": 2222})["result"] == 0
    pid = side.status(service)["pid"]
    side.stop(service)
    side.start(service)
    assert side.shown(service)["valid-lifetime"] == 1111
    assert side.status(service)["pid"] != pid


def test_config_reload_reads_the_file_again(side: Side, service: Service) -> None:
    assert side.set(service, {"valid-lifetime": 1111})["result"] == 0
    side.ask(service, "config-write")
    assert side.set(service, {"valid-lifetime": 2222})["result"] == 0
    answer = side.ask(service, "config-reload")
    assert (answer["result"], answer["text"]) == (0, "Configuration successful.")
    assert side.shown(service)["valid-lifetime"] == 1111


def test_config_reload_of_a_broken_file_leaves_what_is_in_force(side: Side, service: Service) -> None:
    assert side.set(service, {"valid-lifetime": 1111})["result"] == 0
    path = side.ask(service, "config-write")["arguments"]["filename"]
    whole = side.read_file(path)
    before = side.shown(service)
    start = f"Config reload failed: configuration error using file '{path}': "
    try:
        side.write_file(path, whole[: len(whole) // 2])
        cut = side.ask(service, "config-reload")
        assert (cut["result"], cut["text"].startswith(start + path)) == (1, True)
        config = json.loads(whole)[service.root] | {service.subnets: [{"subnet": "x"}]}
        side.write_file(path, json.dumps({service.root: config}).encode())
        bad = side.ask(service, "config-reload")
        reason = "subnet configuration failed: Invalid subnet syntax (prefix/len expected):x"
        assert placed(bad["text"]).startswith(start + reason)
        assert side.shown(service) == before
    finally:
        side.write_file(path, whole)
