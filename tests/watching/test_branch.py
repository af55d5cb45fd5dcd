"""A daemon that follows a branch: what is pushed is carried out and named, a rewritten history is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.kea.stamps import read_stamps
from tests.cli.site import until
from tests.cli.work_tree import git
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
    git(site.desired, "add", "-A")
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
