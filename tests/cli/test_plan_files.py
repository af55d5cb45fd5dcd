"""`plan --out FILE`, `show FILE` and `apply FILE`: what was reviewed is what is carried out, or nothing is."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.cli import session
from reconciler.model import Service
from reconciler.running import counting
from reconciler.saved.digests import sealed
from reconciler.simulator import Kind
from tests.cli.site import Site, subnet, until
from tests.reports.schemas import OUTCOME, validator

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = validator("plan")
SECOND, THIRD = (subnet(Service.DHCP4, number) for number in (2, 3))
KEY = "a key of more than sixteen characters"


def adding(more: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda config: config.update({"subnet4": [*config["subnet4"], more]})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


@pytest.fixture
def drifted(pair: Site) -> Site:
    """The standby lacks a subnet of the primary's."""
    pair.change("kea-a", adding(SECOND))
    pair.forget()
    return pair


def planned(site: Site, file: Path, *options: str) -> dict[str, Any]:
    """Plan into the file, and return what it holds."""
    assert site.run("plan", "--out", str(file), *options).exit_code == 0
    value: dict[str, Any] = json.loads(file.read_text())
    SCHEMA.validate(value)
    return value


@pytest.mark.parametrize(
    ("name", "code", "reason"), [("nowhere/plan.json", 1, "No such file or directory"), ("-", 64, "to stdout")]
)
def test_a_file_that_can_not_be_written_is_named(
    drifted: Site, tmp_path: Path, name: str, code: int, reason: str
) -> None:
    asked = name if name == "-" else str(tmp_path / name)
    ended = drifted.run("plan", "--out", asked)
    assert (ended.exit_code, reason in ended.stderr, ".new" in ended.stderr) == (code, True, False), ended
    assert asked in ended.stderr or name == "-"


def test_a_plan_that_is_still_the_plan_is_carried_out(drifted: Site, file: Path) -> None:
    value = planned(drifted, file)
    assert (value["errored"], value["has_changes"], value["selection"]) == (False, True, None)
    assert value["expires_at"] > value["created_at"]
    ended = drifted.run("apply", str(file), "--yes")
    assert ended.exit_code == 0, ended
    assert "kea-b: applied, persisted" in ended.stdout
    assert drifted.run("plan", "--detailed-exitcode").exit_code == 0


def test_a_server_that_was_changed_since_is_not_overwritten(drifted: Site, file: Path) -> None:
    planned(drifted, file)
    drifted.change("kea-b", adding(THIRD))
    drifted.forget()
    ended = drifted.run("apply", str(file), "--yes")
    assert ended.exit_code == 4
    assert drifted.sent() == []
    assert "another one than the plan in the file" in ended.stdout
    assert "due now as well:" in ended.stdout
    assert "- subnet 10.0.3.0/24" in ended.stdout
    assert "not due any more" not in ended.stdout
    assert "Nothing was changed. Plan again." in ended.stdout
    planned(drifted, file)
    assert drifted.run("apply", str(file), "--yes").exit_code == 0


def test_a_change_that_looks_the_same_is_another_one(drifted: Site, file: Path) -> None:
    """The subnet that would be added reads the same in the plan, and holds something else."""
    planned(drifted, file)
    drifted.change("kea-a", lambda config: config["subnet4"][1].update({"user-context": {"floor": 3}}))
    assert drifted.run("apply", str(file), "--yes").exit_code == 4


def test_a_plan_file_is_good_for_once(drifted: Site, file: Path, tmp_path: Path) -> None:
    """Also where somebody undid by hand what it did, so that the plan of now is the same again."""
    planned(drifted, file)
    assert drifted.run("apply", str(file), "--yes").exit_code == 0
    drifted.change("kea-b", lambda config: config["subnet4"].pop())
    drifted.forget()
    again = planned(drifted, tmp_path / "again.json")
    assert again["fingerprint"] == json.loads(file.read_text())["fingerprint"]
    ended = drifted.run("apply", str(file), "--yes")
    assert ended.exit_code == 4
    assert "a plan file is good for once" in ended.stdout
    assert drifted.sent() == []
    assert drifted.run("apply", str(tmp_path / "again.json"), "--yes").exit_code == 0


def test_a_plan_file_that_nothing_came_of_can_be_used_again(drifted: Site, file: Path) -> None:
    drifted.change("kea-a", lambda config: config.update({"subnet4": []}))
    assert drifted.run("plan", "--out", str(file)).exit_code == 3
    assert drifted.run("apply", str(file), "--yes").exit_code == 3
    assert drifted.run("apply", str(file), "--yes", "--approve", "authority-empty").exit_code == 0


def test_what_git_changed_since_is_not_applied_either(drifted: Site, file: Path) -> None:
    planned(drifted, file)
    drifted.documents[0]["parameters"]["max-unacked-clients"] = 3
    drifted.write()
    ended = drifted.run("apply", str(file), "--yes")
    assert ended.exit_code == 4
    assert "max-unacked-clients" in ended.stdout
    assert drifted.sent() == []


@pytest.mark.parametrize("cut_off_at", ["kea-b", "kea-a"])
def test_after_one_that_was_killed_the_file_puts_right_what_that_left(
    pair: Site, file: Path, tmp_path: Path, cut_off_at: str
) -> None:
    """The next run of a job gets the same file: it must not leave servers as a killed one left them."""
    pair.documents[0]["parameters"]["max-unacked-clients"] = 3
    pair.write()
    planned(pair, file)
    pair[cut_off_at].faults.add(Kind.DELAY, "config-set", seconds=1.0, times=1)
    killed = subprocess.Popen(
        pair.line("apply", str(file), "--yes", "--state-dir", str(tmp_path / "state")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: "config-set" in pair.sent(cut_off_at), "the set")
    killed.kill()
    killed.wait()
    pair.until_normal()
    ended = pair.run("apply", str(file), "--yes", "--state-dir", str(tmp_path / "state"), "--format", "json")
    left = pair.run("plan", "--detailed-exitcode", "--state-dir", str(tmp_path / "state"))
    assert "put right" not in left.stdout
    assert "could not be planned" not in ended.stderr
    if cut_off_at == "kea-a":  # the last one: all of the file was carried out
        assert (ended.exit_code, left.exit_code) == (0, 0), ended
        return
    assert (ended.exit_code, left.exit_code) == (4, 2), ended
    assert "What else is due in 1 of 1 relationship would not be done." in ended.stderr
    OUTCOME.validate(ended.json)
    assert "a plan file is good for once" in ended.json["refused"][0]
    told = {each["server"]: each["reason"] for each in ended.json["relationships"][0]["servers"]}
    assert "what it runs is on its disk" in told["kea-b"]


@pytest.mark.parametrize("why", ["it is too old", "git dropped its relationship"])
def test_so_does_one_that_can_not_be_used_any_more(site: Site, file: Path, tmp_path: Path, why: str) -> None:
    site.add_pair("branch", servers=("kea-c", "kea-d"))
    site.made()
    site.documents[1]["parameters"]["max-unacked-clients"] = 3
    site.write()
    planned(site, file, "--relationship", "branch")
    site.forget()
    state = ("--state-dir", str(tmp_path / "state"))
    site["kea-d"].faults.add(Kind.DELAY, "config-set", seconds=1.0, times=1)
    line = site.line("apply", str(file), "--yes", *state)
    killed = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: "config-set" in site.sent("kea-d"), "the set")
    killed.kill()
    killed.wait()
    site.until_normal()
    if why == "it is too old":
        made = {"created_at": (datetime.now(UTC) - timedelta(hours=25)).isoformat(timespec="seconds")}
        file.write_text(json.dumps(sealed({**json.loads(file.read_text()), **made})))
    else:
        (site.desired / "relationships" / "branch.yaml").unlink()
    site.forget()
    ended = site.run("apply", str(file), "--yes", *state)
    assert ended.exit_code == 4, ended
    assert ("plans expire" if why == "it is too old" else "is in desired no more") in ended.stdout
    assert "would not be done." in ended.stdout
    assert site.sent() == ["config-write"]
    assert "put right" not in site.run("plan", *state).stdout


def test_that_is_said_in_every_form(drifted: Site, file: Path, tmp_path: Path) -> None:
    planned(drifted, file)
    drifted.change("kea-b", adding(THIRD))
    comment, report = tmp_path / "comment.md", tmp_path / "outcome.json"
    forms = ["--format", f"markdown={comment}", "--format", f"json={report}", "--format", "github"]
    ended = drifted.run("apply", str(file), "--yes", *forms)
    assert ended.exit_code == 4
    assert "::error title=the plan file was not applied::" in ended.stdout
    assert "- subnet 10.0.3.0/24" in comment.read_text()
    told = json.loads(report.read_text())
    OUTCOME.validate(told)
    assert told["relationships"] == []
    assert any("- subnet 10.0.3.0/24" in line for line in told["refused"])


def test_a_plan_is_made_of_the_same_relationships_as_then(site: Site, file: Path) -> None:
    site.add_pair("branch", servers=("kea-c", "kea-d"))
    value = planned(site, file, "--relationship", "branch")
    assert value["selection"] == ["branch"]
    assert site.run("apply", str(file), "--relationship", "hq", "--yes").exit_code == 64
    assert site.run("apply", str(file), "--yes").exit_code == 0
    assert site.sent("kea-a") == []
    assert "config-set" in site.sent("kea-c")


def test_a_relationship_that_git_dropped_since_is_a_difference(site: Site, file: Path) -> None:
    site.add_pair("branch", servers=("kea-c", "kea-d"))
    planned(site, file, "--relationship", "branch")
    (site.desired / "relationships" / "branch.yaml").unlink()
    ended = site.run("apply", str(file), "--yes", "--format", "json")
    assert (ended.exit_code, site.sent()) == (4, [])
    assert ended.json["refused"][1:] == ["branch: was in the plan file, and is in desired no more"]


def test_a_removal_is_the_same_plan_however_many_leases_come_and_go(pair: Site, file: Path) -> None:
    """On a server that has clients their number is another one at every moment."""
    pair.documents[0]["state"] = "absent"
    pair.write()
    lease = {"ip-address": "10.0.1.20", "hw-address": "aa:bb:cc:00:00:01", "subnet-id": 1, "valid-lft": 4000}
    made = {**lease, "cltt": int(pair.world.clock.wall()), "state": 0}
    assert pair.run("plan", "--out", str(file)).exit_code == 3
    told = json.loads(file.read_text())["relationships"][0]["servers"][0]["changes"]
    risks = {each["risk"]["code"]: each["risk"]["active_leases"] for each in told}
    for server in ("kea-a", "kea-b"):
        pair.endpoint(server).leases.put(made)
    approval = f"remove-relationship@{json.loads(file.read_text())['fingerprint']}"
    shown = pair.run("plan", "--approve", approval)
    assert (shown.exit_code, risks["stop-answering"]) == (0, 0)
    assert 'answered "in another\'s place" -> false (1 lease in use)' in shown.stdout
    assert pair.run("apply", str(file), "--yes", "--approve", approval).exit_code == 0


def test_the_same_plan_has_the_same_fingerprint_whenever_it_is_made(drifted: Site, tmp_path: Path) -> None:
    one, other = (planned(drifted, tmp_path / name) for name in ("one.json", "other.json"))
    assert one["fingerprint"] == other["fingerprint"]
    assert one["id"] != other["id"]


def test_a_plan_that_could_not_be_made_is_written_and_not_carried_out(drifted: Site, file: Path) -> None:
    (drifted.desired / "relationships" / "hq.yaml").write_text("name: hq\n")
    assert drifted.run("plan", "--out", str(file)).exit_code == 1
    value = json.loads(file.read_text())
    SCHEMA.validate(value)
    assert (value["errored"], value["fingerprint"]) == (True, None)
    assert {each["rule"] for each in value["problems"]} == {"missing-key"}
    shown = drifted.run_line("show", str(file))
    assert shown.exit_code == 1
    assert "hq.yaml:1:1: error:" in shown.stdout
    drifted.write()
    assert drifted.run("apply", str(file), "--yes").exit_code == 64
    assert drifted.run("plan", "--out", str(file), "--relationship", "nowhere").exit_code == 64
    assert "nowhere" in json.loads(file.read_text())["problems"][0]["message"]


@pytest.mark.parametrize(
    ("options", "environment", "told"),
    [
        (["--settings", "nowhere.toml"], {}, "nowhere.toml"),
        (["--credentials", "nowhere.toml"], {}, "nowhere.toml"),
        ([], {"KEA_RECONCILER_PLAN_KEY": "short"}, "less than 16 characters"),
    ],
)
def test_no_older_plan_stays_where_one_can_not_even_be_begun(
    drifted: Site,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    environment: dict[str, str],
    told: str,
) -> None:
    planned(drifted, file)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert drifted.run("plan", "--out", str(file), *options).exit_code != 0
    value = json.loads(file.read_text())
    SCHEMA.validate(value)
    assert (value["errored"], value["fingerprint"]) == (True, None)
    assert told in json.dumps(value["problems"])


def test_nor_after_an_error_of_our_own_whose_text_nobody_sees(
    drifted: Site, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(drifted, file)

    def fails(*_: object) -> None:
        raise ValueError("hunter22")

    monkeypatch.setattr(session, "with_counts", fails)
    assert drifted.run("plan", "--out", str(file)).exit_code == 1
    assert "internal error at ValueError" in json.loads(file.read_text())["problems"][0]["message"]
    assert "hunter22" not in file.read_text()


def test_a_report_is_the_same_with_a_file_beside_it_what_the_clients_notice_too(
    drifted: Site, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drifted.documents[0]["parameters"]["max-unacked-clients"] = 3
    drifted.write()
    monkeypatch.setattr(counting, "active_leases", lambda *_: {1: 15_000})
    shown = drifted.run("plan").stdout
    assert "fetching the leases takes about" in shown
    ended = drifted.run("plan", "--out", str(file))
    assert (ended.stdout, ended.stderr) == (shown, f"wrote {file}, for `kea-reconciler apply {file}`\n")
    assert "fetching the leases takes about" in file.read_text()


def test_how_many_leases_a_deletion_touches_is_in_every_form(
    drifted: Site, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert drifted.run("apply", "--yes").exit_code == 0
    drifted.change("kea-a", lambda config: config["subnet4"].pop())
    drifted.forget()
    monkeypatch.setattr(counting, "active_leases", lambda *_: {1: 150, 2: 77})
    monkeypatch.setattr(counting, "_can_page", lambda _: False)
    comment = tmp_path / "comment.md"
    ended = drifted.run("plan", "--out", str(file), "--format", f"markdown={comment}", "--format", "text")
    for text in (ended.stdout, comment.read_text(), drifted.run_line("show", str(file)).stdout):
        assert "subnet 10.0.2.0/24: id 2, 1 pool (77 leases in use)" in text
    assert '"active_leases": 77' in file.read_text()


@pytest.mark.parametrize("word", ["name", "true", "kea-", "null", 'e"\\x'])
def test_a_secret_that_looks_like_a_part_of_the_file_does_not_break_it(drifted: Site, file: Path, word: str) -> None:
    database = {"type": "memfile", "persist": True, "name": "/tmp/leases", "password": word}
    drifted.change("kea-b", lambda config: config.update({"lease-database": database}))
    drifted.forget()
    value = planned(drifted, file)
    assert word not in json.dumps(list(value["relationships"][0]["stages"]))
    assert drifted.run_line("show", str(file)).exit_code == 0
    assert drifted.run("plan", "--format", "json").json["has_changes"]
    assert drifted.run("apply", str(file), "--yes").exit_code == 0


def test_a_plan_without_secrets_has_one_fingerprint_with_every_key(
    drifted: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So an approval that was merged for a plan with a key is one for a run that has none."""
    drifted.documents[0]["parameters"]["max-unacked-clients"] = 3
    drifted.write()
    plain = planned(drifted, tmp_path / "plain.json")
    monkeypatch.setenv("KEA_RECONCILER_PLAN_KEY", KEY)
    keyed = planned(drifted, tmp_path / "keyed.json")
    assert (plain["key"], plain["fingerprint"]) != (keyed["key"], None)
    assert plain["fingerprint"] == keyed["fingerprint"]


def test_a_server_that_can_not_be_read_is_in_the_file(drifted: Site, file: Path) -> None:
    drifted["kea-a"].stop_agent()
    assert drifted.run("plan", "--out", str(file)).exit_code == 1
    value = json.loads(file.read_text())
    assert value["errored"]
    assert value["relationships"][0]["unreachable"][0]["server"] == "kea-a"
    shown = drifted.run_line("show", str(file))
    assert shown.exit_code == 1
    assert "unreachable: kea-a (dhcp4)" in shown.stdout


def test_show_gives_every_form_and_ends_as_the_plan_did(drifted: Site, file: Path, tmp_path: Path) -> None:
    drifted.documents[0]["parameters"]["max-unacked-clients"] = 3
    drifted.write()
    value = planned(drifted, file)
    plain = drifted.run("plan").stdout
    shown = drifted.run_line("show", str(file))
    assert shown.exit_code == 0
    assert shown.stdout.startswith(plain)
    assert f"Fingerprint {value['fingerprint']}; made at {value['created_at']}" in shown.stdout
    assert drifted.run_line("show", str(file), "--format", "json").json == value
    comment = tmp_path / "comment.md"
    told = drifted.run_line("show", str(file), "--format", f"markdown={comment}", "--format", "github")
    assert told.stdout.startswith("::notice file=")
    assert told.stdout == drifted.run("plan", "--format", "github").stdout
    assert value["fingerprint"] in comment.read_text()
    drifted.change("kea-a", lambda config: config.update({"subnet4": []}))
    assert drifted.run("plan", "--out", str(file)).exit_code == 3
    assert drifted.run_line("show", str(file)).exit_code == 3


def test_a_plan_that_is_too_old_is_not_carried_out(drifted: Site, file: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[limits]\nplan-hours = 1\n")
    made = datetime.now(UTC) - timedelta(hours=2)
    file.write_text(json.dumps(sealed({**planned(drifted, file), "created_at": made.isoformat(timespec="seconds")})))
    ended = drifted.run("apply", str(file), "--yes", "--settings", str(settings))
    assert ended.exit_code == 4
    assert "plans expire" in ended.stdout
    assert drifted.sent() == []


def test_secrets_are_digests_and_count_with_a_key(
    drifted: Site, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def secret(word: str) -> Callable[[dict[str, Any]], None]:
        return lambda config: config["subnet4"][0].update({"user-context": {"password": word}})

    drifted.change("kea-a", secret("canary-one"))
    loose = planned(drifted, file)
    assert "canary" not in file.read_text()
    assert loose["key"] is None
    monkeypatch.setenv("KEA_RECONCILER_PLAN_KEY", KEY)
    ended = drifted.run("apply", str(file), "--yes")
    assert (ended.exit_code, "made without a plan key" in " ".join(ended.stderr.split())) == (64, True)
    keyed = planned(drifted, file)
    assert keyed["key"] is not None
    assert keyed["fingerprint"] != loose["fingerprint"]
    drifted.change("kea-a", secret("canary-two"))
    ended = drifted.run("apply", str(file), "--yes")
    assert ended.exit_code == 4
    assert "canary" not in ended.stdout + ended.stderr
    drifted.change("kea-a", secret("canary-one"))
    assert drifted.run("apply", str(file), "--yes").exit_code == 0


def test_a_key_from_a_file_is_the_same_key(
    drifted: Site, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, key = tmp_path / "settings.toml", tmp_path / "plan.key"
    settings.write_text('[plans]\nkey-file = "plan.key"\n')
    key.write_text(f"{KEY}\n")
    key.chmod(0o644)
    refused = drifted.run("plan", "--settings", str(settings))
    assert (refused.exit_code, "others have permissions" in refused.stderr) == (1, True)
    key.chmod(0o600)
    from_file = planned(drifted, file, "--settings", str(settings))
    monkeypatch.setenv("KEA_RECONCILER_PLAN_KEY", KEY)
    assert planned(drifted, file)["key"] == from_file["key"]
    monkeypatch.setenv("KEA_RECONCILER_PLAN_KEY", "too short")
    ended = drifted.run("plan", "--out", str(file))
    assert (ended.exit_code, "openssl rand" in ended.stderr) == (64, True)


def test_a_file_of_another_kind_is_refused(drifted: Site, file: Path) -> None:
    file.write_text("{}")
    for line in (["show", str(file)], ["apply", "--desired", str(drifted.desired), str(file), "--yes"]):
        ended = drifted.run_line(*line)
        assert ended.exit_code == 1
        assert f"{file}: error: this is not a plan file" in ended.stderr
    assert drifted.sent() == []
