"""desired/ from disk into `Desired`, or every problem that it has at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.desired import rules
from reconciler.desired.approvals import FOLDER, approvals_in
from reconciler.desired.decode import decode
from reconciler.desired.documents import Document, Positions, Trail
from reconciler.desired.draft import Draft, Drafts, Inventory, draft_inventory, draft_relationship
from reconciler.desired.explain import findings
from reconciler.desired.files import NOTHING_DESIRED, SERVERS, Files, read_files, read_folder
from reconciler.desired.limits import LIMITS, Limits
from reconciler.desired.reader import read_documents
from reconciler.desired.revision import digest_of, named, not_of, revision_of
from reconciler.errors import FixInputError, NotCommittedError
from reconciler.model import Approval, Desired, Endpoint, Peer, Problem, Relationship, Service, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from reconciler.desired.schema import InputSchema


_SHOWN = 5  # files that are named where they are not those of a commit


def load(directory: Path, *, limits: Limits = LIMITS, commit: str | None = None) -> Desired:
    """Read, check and return the desired state in a directory; relationships are sorted by name.

    With `commit`, what was read, approvals included, has to be what that commit of the work tree has, byte for byte,
    whatever is checked out or written meanwhile.

    Raises FixInputError with everything that is wrong in any file, warnings included, sorted by position; and
    NotCommittedError. Problems that are only warnings come back in `Desired.warnings`.
    """
    files, drafts, problems = _read(directory, limits)
    contents, unread = read_folder(directory, FOLDER, limits)
    approvals, found = approvals_in(contents, directory, limits)
    problems = sorted({*problems, *unread, *found})
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise FixInputError(problems)
    if commit is not None:
        _must_be_of(commit, directory, files.contents, contents)
    relationships = [relationship for draft in drafts.relationships if (relationship := _relationship(draft))]
    return Desired(
        endpoints=drafts.inventory.endpoints if drafts.inventory else {},
        relationships=tuple(_with_hubs(sorted(relationships, key=lambda relationship: relationship.name))),
        revision=named(commit) if commit is not None else revision_of(directory, files.contents),
        warnings=tuple(problems),
        approvals=approvals,
        digest=f"sha256:{digest_of(files.contents)}",
    )


def load_inventory(directory: Path, *, limits: Limits = LIMITS) -> Mapping[tuple[str, Service], Endpoint]:
    """Return the servers of a desired state that may still be without any relationship, as `import` begins from.

    Raises FixInputError with everything else that is wrong.
    """
    _, drafts, problems = _read(directory, limits)
    problems = [problem for problem in problems if problem.rule != NOTHING_DESIRED]
    if any(problem.severity is Severity.ERROR for problem in problems) or drafts.inventory is None:
        raise FixInputError(problems)
    return drafts.inventory.endpoints


def load_approvals(directory: Path, *, limits: Limits = LIMITS) -> Mapping[str, tuple[Approval, ...]]:
    """Return what files approve, by the fingerprint of the plan. Raises FixInputError with what is wrong in them."""
    contents, unread = read_folder(directory, FOLDER, limits)
    found, problems = approvals_in(contents, directory, limits)
    if unread or problems:
        raise FixInputError(sorted((*unread, *problems)))
    return found


def _must_be_of(commit: str, directory: Path, desired: Mapping[str, bytes], approvals: Mapping[str, bytes]) -> None:
    """Raise NotCommittedError where files that were read are not those of a commit."""
    strange = not_of(commit, directory, desired, approvals)
    if strange:
        shown = ", ".join(strange[:_SHOWN]) + (f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else "")
        raise NotCommittedError(
            f"below {directory}, {shown} {'is' if len(strange) == 1 else 'are'} not as in commit {commit[:12]}, and "
            "only what a signed commit has may be used: commit it, signed (git commit -S), or put it back (git status "
            "shows what differs)"
        )


def load_described(directory: Path, *, limits: Limits = LIMITS) -> tuple[Relationship, ...]:
    """Return the relationships that files describe already, as far as these can be read; whatever is wrong is passed
    over.
    """
    _, drafts, _ = _read(directory, limits)
    found = (_relationship(draft) for draft in drafts.relationships)
    return tuple(each for each in found if each is not None)


def load_listed(directory: Path, *, limits: Limits = LIMITS) -> Mapping[tuple[str, Service], Endpoint]:
    """Return the servers that the inventory lists, as far as it can be read; whatever is wrong is passed over."""
    _, drafts, _ = _read(directory, limits)
    return drafts.inventory.endpoints if drafts.inventory else {}


def _read(directory: Path, limits: Limits) -> tuple[Files, Drafts, list[Problem]]:
    """Read and check the files; what is wrong is returned, sorted, not raised."""
    files = read_files(directory, limits)
    problems = list(files.problems)
    documents = {
        name: _documents(content, str(directory / name), limits, problems) for name, content in files.contents.items()
    }
    drafts = Drafts(
        relationships=tuple(_relationship_drafts(documents, problems)),
        inventory=_inventory_draft(documents.get(SERVERS, ()), problems),
    )
    problems.extend(rules.broken(drafts))
    problems = sorted(set(problems))
    return files, drafts, problems


def _documents(content: bytes, file: str, limits: Limits, problems: list[Problem]) -> list[Document]:
    text = decode(content, file)
    if isinstance(text, Problem):
        problems.append(text)
        return []
    documents, found = read_documents(text, file, limits)
    problems.extend(found)
    return documents


def _relationship_drafts(documents: dict[str, list[Document]], problems: list[Problem]) -> list[Draft]:
    drafts = (
        draft_relationship(document, _checked(document, "relationship", problems))
        for name, members in documents.items()
        if name != SERVERS
        for document in members
    )
    return [draft for draft in drafts if draft is not None]


def _inventory_draft(documents: list[Document] | tuple[()], problems: list[Problem]) -> Inventory | None:
    for extra in documents[1:]:
        message, advice = "the inventory has a second document", "Write all servers under one key servers."
        problems.append(Problem(extra.at(()), "servers-once", message, advice))
    if not documents:
        return None
    return draft_inventory(documents[0], _checked(documents[0], "servers", problems))


def _checked(document: Document, schema_name: InputSchema, problems: list[Problem]) -> set[Trail]:
    """Hold a document against its schema; return the values that were refused, having added their problems."""
    found = list(findings(document, schema_name))
    problems.extend(finding.problem for finding in found)
    return {finding.faulty for finding in found if finding.faulty is not None}


def _with_hubs(relationships: list[Relationship]) -> Iterator[Relationship]:
    """Yield the relationships with those peers marked whose server is in several of them, for one service."""
    standing = [each for each in relationships if not each.is_absent]
    counts = Counter((peer.server, each.service) for each in standing for peer in each.peers)
    for each in relationships:
        peers = tuple(replace(peer, is_hub=counts[peer.server, each.service] > 1) for peer in each.peers)
        yield replace(each, peers=peers)


def _relationship(draft: Draft) -> Relationship | None:
    """Return the relationship that a draft without errors describes."""
    peers = tuple(
        Peer(peer.server, peer.name, peer.role, peer.url, peer.options, draft.at("peers", peer.index))
        for peer in draft.peers
        if peer.server is not None and peer.name is not None and peer.role is not None and peer.url is not None
    )
    if draft.name is None or draft.service is None or draft.mode is None:
        return None
    return Relationship(
        name=draft.name,
        service=draft.service,
        mode=draft.mode,
        peers=peers,
        parameters=draft.parameters,
        replicate=draft.replicate,
        local=tuple(pattern for pattern in draft.local if pattern is not None),
        pools=draft.pools,
        on_remove=draft.on_remove,
        is_absent=draft.is_absent,
        on_primary_return=draft.on_primary_return,
        position=draft.at(),
        positions=Positions(draft.document),
    )
