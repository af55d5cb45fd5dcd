"""A daemon that follows a branch: what is pushed is carried out and named, a rewritten history is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.kea.stamps import read_stamps
from tests.cli.site import until
from tests.cli.work_tree import git, sign_with_a_key
from tests.watching.living import Living

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.site import Site

QUICK = ("--mode", "enforce", "--interval", "0.7", "--steady", "0", "--git-remote", "origin")


@pytest.fixture
def clone(site: Site) -> Path:
    """The daemon's own clone of the repository that `site.desired` is."""
    git(site.desired, "init", "-q", "-b", "main")
    commit(site)
    clone = site.folder / "clone"
    git(site.folder, "clone", "-q", str(site.desired), str(clone))
    return clone


def commit(site: Site, *options: str) -> str:
    """Commit what the site's files say now; how the revision is called."""
    git(site.desired, "add", "-A", ".")
    git(site.desired, "commit", "-q", "--allow-empty", "-m", "change", *options)
    return f"git:{git(site.desired, 'rev-parse', 'HEAD')[:12]}"


def delay(site: Site, milliseconds: int, *options: str) -> str:
    """Ask for another max-ack-delay by a commit."""
    site.documents[0]["parameters"]["max-ack-delay"] = milliseconds
    site.write()
    return commit(site, *options)


def test_what_is_pushed_is_carried_out_and_a_rewritten_history_is_not(site: Site, clone: Path) -> None:
    with Living(clone, site.folder, *QUICK) as daemon:
        pushed = delay(site, 3000)
        applied = daemon.until("applied")
        daemon.until("changes", is_over=True)
        assert applied["revision"] == pushed
        assert daemon.events("desired")[-1]["message"] == f"desired is {pushed} now"
        for name in ("kea-a", "kea-b"):
            (stamp,) = read_stamps(site.endpoint(name).config)
            assert stamp.revision == pushed

        site.forget()
        before = git(site.desired, "rev-parse", "HEAD")
        delay(site, 4000, "--amend")
        assert "was rewritten" in daemon.until("git-refused", is_over=False)["message"]
        assert daemon.lines()[-1]["revision"] == pushed
        git(site.desired, "reset", "-q", "--hard", before)
        daemon.until("git-refused", is_over=True)
        assert site.sent() == []

        daemon.forget()
        following = delay(site, 5000)
        until(lambda: any(each["revision"] == following for each in daemon.events("applied")), "what came after", 90)
        assert daemon.stop() == 0
    assert git(clone, "status", "--porcelain") == ""


def lifetime(config: dict[str, Any]) -> None:
    """Somebody edits a server."""
    config["valid-lifetime"] = 1234


@pytest.mark.program("ssh-keygen")
def test_an_unsigned_commit_in_the_work_tree_is_not_carried_out_where_signatures_are_required(
    site: Site, clone: Path, tmp_path: Path
) -> None:
    sign_with_a_key(tmp_path, site.desired, clone)
    signed = commit(site, "-S")
    git(clone, "pull", "-q", "--ff-only")
    with Living(clone, site.folder, *QUICK, "--require-signed") as daemon:
        path = clone / "relationships" / "hq.yaml"
        path.write_text(path.read_text().replace("heartbeat-delay: 60", "heartbeat-delay: 61"))
        git(clone, "commit", "-q", "-a", "-m", "by hand", "--no-gpg-sign")
        unsigned = git(clone, "rev-parse", "HEAD")
        refused = daemon.until("desired-refused", is_over=False)
        assert f" is at commit {unsigned[:12]}, which is not used: " in refused["message"]
        assert refused["revision"] == signed
        site.change("kea-b", lifetime)  # what is looked at, and done, goes by the last signed one
        assert daemon.until("applied")["revision"] == signed
        daemon.until("drift", is_over=True)
        for name in ("kea-a", "kea-b"):
            (stamp,) = read_stamps(site.endpoint(name).config)
            assert stamp.revision != f"git:{unsigned[:12]}"
        git(clone, "reset", "-q", "--hard", signed.removeprefix("git:"))
        daemon.until("desired-refused", is_over=True)
        daemon.until("git-refused", is_over=True)
        pushed = delay(site, 3000, "-S")
        until(lambda: any(each["revision"] == pushed for each in daemon.events("applied")), "what came after", 90)
        assert daemon.stop() == 0


def test_a_commit_of_what_is_in_force_already_is_what_is_named_from_then_on(site: Site) -> None:
    git(site.folder, "init", "-q", "-b", "main")
    commit(site)
    with Living(site.desired, site.folder, "--mode", "enforce", "--interval", "0.7", "--steady", "0") as daemon:
        site.documents[0]["parameters"]["max-ack-delay"] = 3000
        site.write()
        daemon.until("applied")
        daemon.until("changes", is_over=True)
        site.until_normal()
        named = commit(site)
        until(lambda: daemon.lines()[-1]["message"] == f"desired is {named} now", "new revision", 60)
        site.change("kea-b", lifetime)
        until(lambda: any(each["revision"] == named for each in daemon.events("applied")), "apply", 90)
        (stamp,) = read_stamps(site.endpoint("kea-b").config)
        assert stamp.revision == named
