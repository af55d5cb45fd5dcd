"""What the variables of a job say of where it runs: which forge, which project, which change."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from reconciler.errors import UsageError

_ADDRESS = re.compile(r"https://[\w.-]+(?::\d+)?(?:/[\w./%~-]*)?|http://127\.0\.0\.1:\d+(?:/[\w./-]*)?")
_PROJECT = re.compile(r"[\w-]+/(?!\.\.?$)[\w.-]+|\d+")


class Kind(StrEnum):
    """Whose interface is spoken."""

    GITHUB = "GitHub"
    GITLAB = "GitLab"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a job runs. `change` is the number of the pull or merge request that it is about, None outside of one."""

    kind: Kind
    address: str
    project: str
    change: int | None
    token: str = field(repr=False)


def may_be_asked(address: str) -> bool:
    """Whether an address is one that things may be fetched from: https, or this very machine."""
    return _ADDRESS.fullmatch(address) is not None


def surroundings(variables: Mapping[str, str]) -> Surroundings:
    """Return where a job with these variables runs. Raises UsageError where that can't be told, or without a token."""
    if variables.get("GITHUB_ACTIONS") == "true":
        address = variables.get("GITHUB_API_URL") or "https://api.github.com"
        project, change = variables.get("GITHUB_REPOSITORY", ""), _pull_request(variables.get("GITHUB_EVENT_PATH"))
        return _checked(Kind.GITHUB, address, project, change, variables.get("GITHUB_TOKEN", ""))
    if variables.get("GITLAB_CI") == "true":
        number = variables.get("CI_MERGE_REQUEST_IID", "")
        change = int(number) if re.fullmatch(r"[1-9][0-9]{0,17}", number) else None
        address, project = variables.get("CI_API_V4_URL", ""), variables.get("CI_PROJECT_ID", "")
        return _checked(Kind.GITLAB, address, project, change, variables.get("GITLAB_TOKEN", ""))
    raise UsageError(
        "this is no job of GitHub Actions or GitLab CI, as far as its variables tell; publish is for those"
    )


def _checked(kind: Kind, address: str, project: str, change: int | None, token: str) -> Surroundings:
    """Refuse what is missing, and an address that a token must not be sent to."""
    names = {
        Kind.GITHUB: ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL"),
        Kind.GITLAB: ("GITLAB_TOKEN", "CI_PROJECT_ID", "CI_API_V4_URL"),
    }
    of_token, of_project, of_address = names[kind]
    if not token:
        raise UsageError(f"there is no token in {of_token}; the job has to pass one on to this step")
    if not _PROJECT.fullmatch(project):
        raise UsageError(f"{of_project} names no project of {kind}")
    if not may_be_asked(address):
        raise UsageError(f"{of_address} is no https:// address; a token is sent to no other")
    return Surroundings(kind, address.rstrip("/"), project, change, token)


def _pull_request(path: str | None) -> int | None:
    """Return the number of the pull request that an event is about, None for other events."""
    if not path:
        return None
    try:
        event = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise UsageError(f"{path}, which GITHUB_EVENT_PATH names, holds no event: it is no JSON") from error
    pull = event.get("pull_request") if isinstance(event, dict) else None
    number = pull.get("number") if isinstance(pull, dict) else None
    return number if type(number) is int and number > 0 else None  # JSON's true is an int too
