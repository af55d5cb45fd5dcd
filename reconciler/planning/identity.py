"""Is it the server that is meant? Objections to servers that answer at an address and aren't who they should be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.kea import ha
from reconciler.kea.objects import subnets_of
from reconciler.kea.stamps import read_stamps
from reconciler.model import Objection, Peer, Relationship, Role, Snapshot
from reconciler.planning.declared import entries_of
from reconciler.planning.pretence import hears
from reconciler.planning.server_plan import stamp_of
from reconciler.planning.standing import name_each_other, own_entry, standing
from reconciler.planning.wanted import block_of

if TYPE_CHECKING:
    from reconciler.planning.guard import Case


def _another_name(case: Case) -> Iterator[Objection]:
    for peer, snapshot in case.read:
        block = block_of(snapshot)
        name = block.get("this-server-name") if block else peer.name
        if name != peer.name and not _is_renamed(case, peer, name):
            yield Objection(
                "identity",
                f"{peer.server} says it is {name!r}, not {peer.name!r}: its address leads to another server, "
                "or another server's configuration was copied onto it",
                f"check the control address of {peer.server} in the inventory; approve only if it was copied",
                object=peer.server,
            )


def _another_partner(case: Case) -> Iterator[Objection]:
    """A server that hears its partner, which is another one than the relationship's of that name: of another pair.

    It has another url than desired for itself too, and the relationship's server of that name hears a partner as well.
    Where one of this isn't so, a change is on its way, or was cut off between the two.
    """
    own = {peer.name: str(entry.get("url")) for peer, snapshot in case.read if (entry := own_entry(snapshot))}
    hearing = {peer.name for peer, snapshot in case.read if _is_in_touch(snapshot)}
    wanted = {peer.name: peer.url for peer in case.relationship.peers}
    for peer, snapshot in case.read:
        if peer.name not in hearing or ha.same_url(own.get(peer.name, peer.url), peer.url):
            continue
        for name, url in _partners(snapshot):
            if (
                name in hearing
                and name in own
                and not ha.same_url(url, own[name])
                and not ha.same_url(url, wanted[name])
            ):
                yield Objection(
                    "identity",
                    f"{peer.server} hears a partner {name} at {url}, and {name} of this relationship says it is at "
                    f"{own[name]}: one of the two addresses leads to a server of another pair",
                    "check the control addresses in the inventory; approve only if the two are meant for each other",
                    object=peer.server,
                )


def _strangers_partner(case: Case) -> Iterator[Objection]:
    """A server that is at another url than it should, is not known to be of this relationship by its stamp, and hears a
    partner where none of this one's is or is to be: it is of another pair, be our other server at work or not.
    """
    own = {peer.name: str(entry.get("url")) for peer, snapshot in case.read if (entry := own_entry(snapshot))}
    known = [*own.values(), *(peer.url for peer in case.relationship.peers)]
    for peer, snapshot in case.read:
        is_there = ha.same_url(own.get(peer.name, peer.url), peer.url)
        if is_there or stamp_of(case.relationship, snapshot) is not None or not hears(snapshot):
            continue
        for name, url in _partners(snapshot):
            if not any(ha.same_url(url, each) for each in known):
                yield Objection(
                    "identity",
                    f"{peer.server} hears a partner {name} at {url}, where no server of this relationship is or is to "
                    "be: its address leads to a server of another pair",
                    f"check the control address of {peer.server} in the inventory; approve only if it is meant",
                    object=peer.server,
                )


def _strangers_entry(case: Case) -> Iterator[Objection]:
    """A server in whose entry no peer is where one of this relationship is or is to be, and that has no stamp of it: it
    is of another pair, which may have the same names, and be the only one of it that is at work.

    Urls that all change at once are those that the others have still, or, where only some have been set so far, nobody
    hears a partner. Neither counts for one that another relationship has stamped, as its partner may be at hand in the
    same way.
    """
    urls = {
        peer.name: [str(each.get("url")) for each in (block_of(snapshot) or {}).get("peers") or ()]
        for peer, snapshot in case.read
    }
    wanted = [peer.url for peer in case.relationship.peers]
    for peer, snapshot in case.read:
        if not urls[peer.name] or stamp_of(case.relationship, snapshot) is not None:
            continue
        stamps = [each.relationship for each in read_stamps(snapshot.config)]
        others = [url for name, theirs in urls.items() if name != peer.name for url in theirs]
        known = wanted if stamps else [*wanted, *others]
        if not stamps and not _is_any_in_touch(case, peer):
            continue
        if not any(ha.same_url(url, each) for url in urls[peer.name] for each in known):
            of = f"of {stamps[0]}" if stamps else "of another pair"
            yield Objection(
                "identity",
                f"{peer.server} has an HA entry with peers at {', '.join(urls[peer.name])}, where no server of this "
                f"relationship is or is to be: its address leads to a server {of}",
                f"check the control address of {peer.server} in the inventory; approve only if it is to leave those",
                object=peer.server,
            )


def _somebody_elses(case: Case) -> Iterator[Objection]:
    """A server that others of the relationship have for a peer, at the url where it is to be, and that shows nothing of
    it: no entry, no stamp, and other subnets than theirs. One that was installed anew has no subnets yet, or some of
    those that it had.
    """
    stamped = [each for _, each in case.read if stamp_of(case.relationship, each) is not None]
    key = case.relationship.service.subnets
    for peer, snapshot in case.read:
        if block_of(snapshot) is not None or stamp_of(case.relationship, snapshot) is not None:
            continue
        naming = [each for each in stamped if _names(each, peer)]
        subnets = subnets_of(snapshot.config, key).keys()
        if naming and subnets and not any(subnets & subnets_of(each.config, key).keys() for each in naming):
            yield Objection(
                "identity",
                f"{peer.server} has no HA entry, no stamp and no subnet of this relationship, which it is in, but "
                f"{len(subnets)} of its own: its address leads to somebody else's server",
                f"check the control address of {peer.server} in the inventory; approve only if what it has may go",
                object=peer.server,
            )


def _silent_partner(case: Case) -> Iterator[Objection]:
    """A server without an entry and a stamp of the relationship, while another one is in its normal state and hears
    its partner at the very url where this one is to be: that partner is somebody else. One that was installed anew, or
    lost its entry, looks the same until the silence is noticed. In any other state a creation may have been cut off, of
    which one server was put back a moment ago.
    """
    hearing = [
        (peer, snapshot)
        for peer, snapshot in case.read
        if hears(snapshot) and _is_normal(case.relationship, peer, snapshot)
    ]
    for peer, snapshot in case.read:
        if block_of(snapshot) is not None or stamp_of(case.relationship, snapshot) is not None:
            continue
        for witness, other in hearing:
            if any(ha.same_url(url, peer.url) for _, url in _partners(other)):
                yield Objection(
                    "identity",
                    f"{peer.server} has no HA entry and no stamp of this relationship, while {witness.server} hears "
                    f"its partner at {peer.url}: the address of {peer.server} leads to somebody else's server, or it "
                    "lost all that just now",
                    f"check the control address of {peer.server} in the inventory; where it is right, plan again as "
                    f"soon as {witness.server} has noticed that its partner is gone",
                    approvable=False,
                    object=peer.server,
                )


def _is_normal(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> bool:
    normal = ha.normal_state(*standing(relationship, peer, snapshot))
    return snapshot.ha is not None and snapshot.ha.state == normal


def _names(snapshot: Snapshot, peer: Peer) -> bool:
    """Whether a server has this peer, at the url where it is to be."""
    entries = entries_of([block_of(snapshot) or {}])
    return peer.name in entries and ha.same_url(str(entries[peer.name].get("url")), peer.url)


def _is_in_touch(snapshot: Snapshot) -> bool:
    return snapshot.ha is not None and snapshot.ha.hears_partner


def _partners(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield the name and url by which a server has its partner."""
    block = block_of(snapshot) or {}
    for entry in block.get("peers") or ():
        if entry.get("role") != Role.BACKUP and entry.get("name") != block.get("this-server-name"):
            yield str(entry.get("name")), str(entry.get("url"))


def _is_renamed(case: Case, peer: Peer, name: object) -> bool:
    """Whether a server that goes by another name is the one meant all the same.

    It says it is at the peer's url; or, where the name isn't another one's (two addresses may be swapped then), it is
    at the peer's address and no other server of the relationship hears its partner, or all have each other for peers
    under the names that they have now, which can't be told unless all could be read.
    """
    own = own_entry(case.snapshots[peer.server]) or {}
    if own.get("url") and ha.same_url(str(own["url"]), peer.url):
        return True
    if name in {each.name for each in case.relationship.peers}:
        return False
    is_there = urlsplit(str(own.get("url"))).hostname == urlsplit(peer.url).hostname
    if is_there and not _is_any_in_touch(case, peer):
        return True
    return len(case.read) < len(case.relationship.peers) or name_each_other(each for _, each in case.read)


def _is_any_in_touch(case: Case, peer: Peer) -> bool:
    """Whether another server of the relationship hears its partner: that is somebody else then than the one at hand."""
    return any(_is_in_touch(snapshot) for each, snapshot in case.read if each is not peer)


def _another_pair(case: Case) -> Iterator[Objection]:
    return _each_server_once(_another_partner(case), _strangers_partner(case), _strangers_entry(case))


def _a_stranger(case: Case) -> Iterator[Objection]:
    return _each_server_once(_silent_partner(case), _somebody_elses(case))


def _each_server_once(*rules: Iterable[Objection]) -> Iterator[Objection]:
    """Yield what these rules say, of each server what the first that says anything does."""
    told = set[str]()
    for rule in rules:
        found = list(rule)
        yield from (each for each in found if each.object not in told)
        told |= {each.object for each in found}


RULES = (_another_name, _another_pair, _a_stranger)
