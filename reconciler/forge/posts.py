"""Comments and issues as GitHub and GitLab have them, in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from reconciler.forge.calls import Calls
from reconciler.forge.surroundings import Kind, Surroundings

LABEL = "kea-reconciler"


@dataclass(frozen=True, slots=True)
class Post:
    """A comment or an issue that a job wrote: its number, its text, and where a person sees it."""

    number: int
    text: str
    url: str


class Forge(Protocol):
    """What is done on either of the two. All raise ForgeError."""

    def comments(self, change: int) -> Iterator[Post]:
        """Yield the comments on a change that are a program's, not a person's."""

    def add_comment(self, change: int, text: str) -> Post:
        """Comment on a change."""

    def change_comment(self, change: int, comment: int, text: str) -> Post:
        """Give a comment another text."""

    def issues(self) -> Iterator[Post]:
        """Yield the open issues with our label that are a program's."""

    def open_issue(self, title: str, text: str) -> Post:
        """Open an issue with our label."""

    def change_issue(self, issue: int, text: str) -> Post:
        """Give an issue another text."""

    def close_issue(self, issue: int, last_words: str) -> Post:
        """Close an issue with a comment."""


def forge(place: Surroundings, calls: Calls) -> Forge:
    """Return the forge of a place."""
    return GitHub(place, calls) if place.kind is Kind.GITHUB else GitLab(place, calls)


class GitHub:
    """GitHub, by its REST interface of 2022-11-28."""

    def __init__(self, place: Surroundings, calls: Calls) -> None:
        self._calls, self._issues = calls, f"/repos/{place.project}/issues"
        self._comments = f"{self._issues}/comments"

    def comments(self, change: int) -> Iterator[Post]:
        """Yield those of bots: anybody can write a comment that begins like ours."""
        for each in self._calls.all(f"{self._issues}/{change}/comments"):
            if _is_of_bot(each):
                yield _post(each, "id", "body", "html_url")

    def add_comment(self, change: int, text: str) -> Post:
        """Comment on a pull request, which to this interface is an issue."""
        return _post(self._calls.send("POST", f"{self._issues}/{change}/comments", body=text), "id", "body", "html_url")

    def change_comment(self, change: int, comment: int, text: str) -> Post:  # noqa: ARG002 - its number is enough
        """Give a comment another text."""
        return _post(self._calls.send("PATCH", f"{self._comments}/{comment}", body=text), "id", "body", "html_url")

    def issues(self) -> Iterator[Post]:
        """Yield open issues of bots; pull requests, which are among them, left out."""
        for each in self._calls.all(self._issues, state="open", labels=LABEL):
            if "pull_request" not in each and _is_of_bot(each):
                yield _post(each, "number", "body", "html_url")

    def open_issue(self, title: str, text: str) -> Post:
        """Open an issue; GitHub makes the label where there is none."""
        made = self._calls.send("POST", self._issues, title=title, body=text, labels=[LABEL])
        return _post(made, "number", "body", "html_url")

    def change_issue(self, issue: int, text: str) -> Post:
        """Give an issue another text."""
        return _post(self._calls.send("PATCH", f"{self._issues}/{issue}", body=text), "number", "body", "html_url")

    def close_issue(self, issue: int, last_words: str) -> Post:
        """Close an issue with a comment."""
        self._calls.send("POST", f"{self._issues}/{issue}/comments", body=last_words)
        closed = self._calls.send("PATCH", f"{self._issues}/{issue}", state="closed", state_reason="completed")
        return _post(closed, "number", "body", "html_url")


class GitLab:
    """GitLab, by version 4 of its REST interface."""

    def __init__(self, place: Surroundings, calls: Calls) -> None:
        project = f"/projects/{place.project}"
        self._calls, self._changes, self._issues = calls, f"{project}/merge_requests", f"{project}/issues"

    @cached_property
    def _own(self) -> Any:
        """The user that the token is of."""
        return self._calls.get("/user").get("id")

    def comments(self, change: int) -> Iterator[Post]:
        """Yield those that were written with the same token, or another one of its user."""
        for each in self._calls.all(f"{self._changes}/{change}/notes"):
            if self._is_own(each):
                yield _post(each, "id", "body", "")

    def add_comment(self, change: int, text: str) -> Post:
        """Comment on a merge request."""
        return _post(self._calls.send("POST", f"{self._changes}/{change}/notes", body=text), "id", "body", "")

    def change_comment(self, change: int, comment: int, text: str) -> Post:
        """Give a comment another text."""
        changed = self._calls.send("PUT", f"{self._changes}/{change}/notes/{comment}", body=text)
        return _post(changed, "id", "body", "")

    def issues(self) -> Iterator[Post]:
        """Yield the open ones that were written with the same token, or another one of its user."""
        for each in self._calls.all(self._issues, state="opened", labels=LABEL):
            if self._is_own(each):
                yield _post(each, "iid", "description", "web_url")

    def open_issue(self, title: str, text: str) -> Post:
        """Open an issue; GitLab makes the label where there is none."""
        made = self._calls.send("POST", self._issues, title=title, description=text, labels=LABEL)
        return _post(made, "iid", "description", "web_url")

    def change_issue(self, issue: int, text: str) -> Post:
        """Give an issue another text."""
        changed = self._calls.send("PUT", f"{self._issues}/{issue}", description=text)
        return _post(changed, "iid", "description", "web_url")

    def close_issue(self, issue: int, last_words: str) -> Post:
        """Close an issue with a comment."""
        self._calls.send("POST", f"{self._issues}/{issue}/notes", body=last_words)
        closed = self._calls.send("PUT", f"{self._issues}/{issue}", state_event="close")
        return _post(closed, "iid", "description", "web_url")

    def _is_own(self, found: dict[str, Any]) -> bool:
        author = found.get("author")
        return isinstance(author, dict) and author.get("id") == self._own


def _is_of_bot(found: dict[str, Any]) -> bool:
    user = found.get("user")
    return isinstance(user, dict) and user.get("type") == "Bot"


def _post(found: dict[str, Any], number: str, text: str, url: str) -> Post:
    told = found.get(number)
    return Post(told if isinstance(told, int) else 0, str(found.get(text) or ""), str(found.get(url) or ""))
