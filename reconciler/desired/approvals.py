"""What people approved by merging a file: approvals/FINGERPRINT.yaml, for the plan with that fingerprint alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.desired.decode import decode
from reconciler.desired.explain import findings
from reconciler.desired.limits import LIMITS, Limits
from reconciler.desired.reader import read_documents
from reconciler.model import Approval, Position, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from reconciler.desired.documents import Document

FOLDER = "approvals"
_NAME = re.compile(r"([0-9a-f]{32})\.ya?ml")


def approvals_in(
    contents: Mapping[str, bytes], directory: Path, limits: Limits = LIMITS
) -> tuple[dict[str, tuple[Approval, ...]], list[Problem]]:
    """Return the approvals in files of a directory's FOLDER by the fingerprint of the plan that they are for, and what
    is wrong. `contents` are the files' bytes by their paths below the directory.

    They ask for nothing, so they count neither in the revision nor in a fingerprint.
    """
    problems: list[Problem] = []
    approvals: dict[str, tuple[Approval, ...]] = {}
    for name, content in contents.items():
        file = str(directory / name)
        fingerprint = _NAME.fullmatch(name.rpartition("/")[2])
        if fingerprint is None:
            advice = "Name it FINGERPRINT.yaml, by the 32 digits that the blocked plan shows."
            problems.append(Problem(Position(file, 1, 1), "approval-name", "the file is named after no plan", advice))
            continue
        text = decode(content, file)
        if isinstance(text, Problem):
            problems.append(text)
            continue
        documents, found = read_documents(text, file, limits)
        problems += found
        approvals[fingerprint[1]] = tuple(
            approval for document in documents for approval in _approvals(document, problems)
        )
    return approvals, problems


def _approvals(document: Document, problems: list[Problem]) -> Iterator[Approval]:
    """Yield what a document approves; nothing of one that doesn't follow the schema."""
    found = [finding.problem for finding in findings(document, "approvals")]
    problems += found
    if found or document.faulty or not isinstance(document.data, dict):
        return
    for place, each in enumerate(document.data["approve"]):
        yield Approval(each["code"], each["reason"], document.at(("approve", place)))
