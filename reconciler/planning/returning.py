"""Bringing back the data that a relationship had earlier: what the authority is to have, and what stands against it.

The configuration that was kept is one server's, whole. Of it only what follows the authority comes back, in the words
of the Kea that the authority runs now; what is local to a server, and the relationship itself, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.kea import hooks, pools
from reconciler.kea.locality import replicated
from reconciler.kea.stamps import read_stamps
from reconciler.kea.translation import Inexpressible
from reconciler.model import Earlier, Past, PastServer, Relationship, ServerPlan, Snapshot
from reconciler.planning import wanted
from reconciler.planning.places import located
from reconciler.planning.renaming import moved

_OF_THE_RELATIONSHIP = frozenset({"relationship", "hook", "clients"})


@dataclass(frozen=True, slots=True)
class Returned:
    """An authority with its earlier data, the very same where it has them, and what of them could not be said."""

    authority: Snapshot
    inexpressible: tuple[Inexpressible, ...] = ()


def returned(relationship: Relationship, source: Snapshot) -> Returned:
    """Return the authority `source` as it is to be in a rollback, and as it is in every other plan."""
    if relationship.earlier is None:
        return Returned(source)
    kept = _as_read(relationship, relationship.earlier, source)
    config = pools.renamed(kept.config, relationship.service, moved(relationship, kept))
    said = wanted.in_words_of(relationship, replace(kept, config=config), source.version)
    merged = replace(source, config=wanted.with_data(relationship, source, said.part))
    same = wanted.replicated_part(relationship, merged) == wanted.replicated_part(relationship, source)
    return Returned(source if same else merged, said.inexpressible)


def _as_read(relationship: Relationship, earlier: Earlier, source: Snapshot) -> Snapshot:
    """Return the kept configuration as if it had been read of its server, or of the authority where that is gone."""
    names = {peer.server for peer in relationship.peers}
    endpoint = source.endpoint
    if earlier.server in names:
        endpoint = replace(endpoint, server=earlier.server)
    read = replace(source, endpoint=endpoint, version=earlier.version, config=earlier.config, views=(), commands=None)
    return located(relationship, read)


def refusals(
    relationship: Relationship,
    truth: Snapshot,
    found: Sequence[Inexpressible] | None,
    servers: Sequence[ServerPlan],
    primary: str,
) -> Iterator[str]:
    """Yield why earlier data can't be brought back to the authority `truth`; `found` is what it can't say of them, None
    where the relationship's data are not replicated; `primary` is the server that is the primary now.
    """
    earlier, name = relationship.earlier, truth.endpoint.server
    if earlier is None:
        return
    if found is None:
        yield "the data of this relationship are not replicated, so there are none to be brought back"
        return
    if name != primary:
        yield f"{name} is the authority now, and {primary}, the primary, would overwrite its data"
    if any(change.path[0][0] in _OF_THE_RELATIONSHIP for server in servers for change in server.changes):
        yield "the relationship itself is not as desired yet; apply first, then roll back"
    entries = len(hooks.relationships_of(earlier.config))
    if not relationship.is_spoke and entries > 1:
        yield f"{earlier.server} was in {entries} relationships then, and its data can't be told apart any more"
    if relationship.is_spoke and earlier.server not in {peer.server for peer in relationship.peers}:
        yield f"{earlier.server}, whose data these are, is no peer of the relationship any more"
    lost = [str(each) for each in found]
    if lost:
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        yield f"{name} runs Kea {truth.version}, which can't say what was there: {'; '.join(lost[:3])}{more}"


def note(earlier: Earlier) -> str:
    """Return in words where the data come from."""
    return (
        f"a rollback: the data are those that {earlier.server} had before {earlier.entry} of the history, under Kea "
        f"{earlier.version}; the relationship itself, and what is local to a server, stay as they are"
    )


def chosen(past: Past, server: str | None) -> PastServer | str:
    """Return whose data an entry of the history brings back, or in words why that can't be said.

    Those of a server that was to be overwritten: of the one that is asked for, else of the only one, else of the one
    whose data were the truth. Several that had the same data are as good as one.
    """
    number = past.entry.number
    overwritten = _overwritten(past.servers)
    names = ", ".join(each.server for each in overwritten)
    if not overwritten:
        return f"nothing was overwritten by {number}, so there is nothing to be brought back"
    if server is not None:
        asked = [each for each in overwritten if each.server == server]
        return asked[0] if asked else f"--server {server}: what {number} overwrote was on {names}"
    choice = _choice(overwritten)
    return choice[0] if len(choice) == 1 else f"{number} overwrote different data on {names}; choose with --server"


def ways_back(relationship: str, number: int, servers: Sequence[PastServer]) -> list[str]:
    """Return the commands that bring back what an entry of the history overwrote on `servers`: one for each of those
    whose data differed, where it is not certain which are meant; none where nothing was overwritten.
    """
    command = f"kea-reconciler rollback {relationship} --to {number}"
    choice = _choice(_overwritten(servers))
    return [f"{command} --server {each.server}" for each in choice] if len(choice) > 1 else [command] * len(choice)


def _overwritten(servers: Sequence[PastServer]) -> list[PastServer]:
    return [each for each in servers if each.planned is not None and each.before is not None]


def _choice(overwritten: Sequence[PastServer]) -> list[PastServer]:
    """Return the one of these servers whose data come back if none is asked for, or those of which one has to be."""
    truths = [each for each in overwritten if each.authority]
    different: list[PastServer] = []
    for each in () if truths else overwritten:
        if not any(_data(each) == _data(other) for other in different):
            different.append(each)
    return truths[:1] or different


def _data(server: PastServer) -> object:
    return replicated(server.before or {}, server.service)


def version_of(server: PastServer, relationship: str) -> str | None:
    """Return the Kea that a server ran then, as was written down, else as our stamp says; None where neither does."""
    stamps = [*read_stamps(server.planned or {}), *read_stamps(server.before or {})]
    told = [stamp.version for stamp in stamps if stamp.relationship == relationship and stamp.version]
    return server.version or next(iter(told), None)
