"""One entry of the HA hook's list: its parameters and their defaults, reading it, and making it for a peer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv6Address
from typing import Any

from reconciler.kea.versions import Version, parse_version
from reconciler.model import Mode, Peer, Relationship, Role

# Peer parameters that hold a credential or name its file on the Kea host. A password that a server already holds
# stays there when desired names the same user and no file: it can't stand in git.
PASSWORD = "basic-auth-password"  # noqa: S105 - the name of a parameter

PEER_DEFAULTS: Mapping[str, Any] = {
    "auto-failover": True,
    "basic-auth-user": "",
    "basic-auth-password-file": "",
    "basic-auth-user-file": "",
    "trust-anchor": "",
    "cert-file": "",
    "key-file": "",
}

# Paths on the Kea host, where each server may keep its files elsewhere. What desired does not name stays as it is on
# the server; an empty string in desired takes it away.
FILES = ("trust-anchor", "cert-file", "key-file", "basic-auth-password-file", "basic-auth-user-file")

# The table of what HA parameters Kea versions know (those of DHCP stand in `parameters`, capabilities in `versions`).
# The first version that knows a parameter; one that is absent here is as old as the hook (Kea manual, "High
# Availability"; source of the HA hook). Older versions take unknown parameters without a word and without effect.
SINCE: Mapping[str, str] = {
    "delayed-updates-limit": "1.9.4",
    "trust-anchor": "1.9.7",
    "cert-file": "1.9.7",
    "key-file": "1.9.7",
    "multi-threading": "1.9.7",
    "require-client-certs": "2.1.7",
    "restrict-commands": "2.1.7",
    "max-rejected-lease-updates": "2.3.1",
    "basic-auth-password-file": "2.1.2",
    "basic-auth-user-file": "3.1.2",
}


# The versions that changed a default, and two on either side of all these changes.
MULTI_THREADED: Version = (2, 3, 7)  # `multi-threading` on; ChangeLog 2124
RESTRICTED: Version = (3, 0, 0)  # `restrict-commands` on
OLDEST, NEWEST = "2.2.0", "3.0.0"


def differing_defaults(mode: str, versions: Iterable[str]) -> list[str]:
    """Return the relationship parameters whose defaults are not the same in all these versions, sorted."""
    first, *others = [defaults(mode, version) for version in versions]
    return sorted(name for name in first if any(each[name] != first[name] for each in others))


def defaults(mode: str, version: str) -> dict[str, Any]:
    """Return Kea's defaults of every relationship parameter for a mode and version; times are in milliseconds."""
    number = parse_version(version)
    multi_threaded = number >= MULTI_THREADED
    return {
        "heartbeat-delay": 10000,
        "max-response-delay": 60000,
        "max-ack-delay": 10000,
        "max-unacked-clients": 10,
        "delayed-updates-limit": 100 if mode == Mode.LOAD_BALANCING else 0,
        "max-rejected-lease-updates": 10,
        "send-lease-updates": True,
        "sync-leases": True,
        "sync-timeout": 60000,
        "sync-page-limit": 10000,
        "wait-backup-ack": False,
        "trust-anchor": "",
        "cert-file": "",
        "key-file": "",
        "require-client-certs": True,
        "restrict-commands": number >= RESTRICTED,
        "multi-threading": {
            "enable-multi-threading": multi_threaded,
            "http-dedicated-listener": multi_threaded,
            "http-listener-threads": 0,
            "http-client-threads": 0,
        },
        "state-machine": {"states": []},
    }


def normal_form(block: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return a relationship entry with every default filled in and `peers` as a map by name, ready to compare.

    Kea fills most defaults in config-get itself; which ones differs by version, so both sides are brought here.
    """
    filled = {**defaults(str(block.get("mode")), version), **block}
    threads = defaults(str(block.get("mode")), version)["multi-threading"]
    filled["multi-threading"] = {**threads, **(block.get("multi-threading") or {})}
    filled["state-machine"] = pauses(block)
    filled["peers"] = {str(peer.get("name")): _peer_form(peer) for peer in block.get("peers") or ()}
    return filled


def pauses(block: Mapping[str, Any]) -> dict[str, str]:
    """Return the states in which a relationship entry has its server pause, and whether `once` or `always`."""
    states = (block.get("state-machine") or {}).get("states") or ()
    told = {str(state.get("state")): str(state.get("pause", "never")) for state in states}
    return {state: pause for state, pause in told.items() if pause != "never"}


def _peer_form(peer: Mapping[str, Any]) -> dict[str, Any]:
    filled = {"name": "", **PEER_DEFAULTS, **peer}
    filled["url"] = _normal_url(str(peer.get("url", "")))
    if not filled.get(PASSWORD):  # an empty one means none, and config-get keeps it (seen on 2.2.0)
        filled.pop(PASSWORD, None)
    del filled["name"]
    return filled


def with_new_peers_in_short(form: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry in its normal form, in which peers that the other form lacks say only what is not the default."""
    known = other.get("peers") or {}
    peers = {
        name: peer if name in known else {k: v for k, v in peer.items() if PEER_DEFAULTS.get(k, ...) != v}
        for name, peer in form["peers"].items()
    }
    return {**form, "peers": peers}


def same_url(one: str, other: str) -> bool:
    """Whether two urls mean the same to Kea."""
    return _normal_url(one) == _normal_url(other)


def _normal_url(url: str) -> str:
    """A url with and without a final slash means the same to Kea, and so does another way to write an IPv6 address."""
    whole = url if url.endswith("/") else url + "/"
    before, _, inside = whole.partition("[")
    address, end, after = inside.partition("]")
    try:
        return f"{before}[{IPv6Address(address)}]{after}" if end else whole
    except ValueError:  # no address: Kea refuses it
        return whole


def wanted_block(
    relationship: Relationship, me: Peer, standing: Mapping[str, Any] | None, version: str | None = None
) -> dict[str, Any]:
    """Return the entry of the HA hook for one peer, of what a version of Kea knows where one is given.

    `standing` is the entry that the server has now: parameters that we don't know (another version's, a person's
    remark) are kept from it, and so are the files that desired does not name, and a password that it has no file for.
    """
    relationship = in_version(relationship, version)
    known = {"this-server-name", "mode", "peers", *defaults(relationship.mode, "0")} - set(FILES)
    known = {name for name in known if not is_unknown(name, version)}
    block = {key: value for key, value in (standing or {}).items() if key not in known}
    block |= {"this-server-name": me.name, "mode": relationship.mode.value, **relationship.parameters}
    for name in _INSIDE:
        remarks = _remarks(name, standing or {})
        if remarks and name in known:
            block[name] = {**remarks, **block.get(name, {})}
    before = _by_new_names(relationship, me, standing or {})
    block["peers"] = [_wanted_peer(peer, before.get(peer.name, {})) for peer in relationship.peers]
    return block


# What may stand in a parameter that is a map itself.
_INSIDE: Mapping[str, frozenset[str]] = {
    "multi-threading": frozenset(defaults("", "0")["multi-threading"]),
    "state-machine": frozenset({"states"}),
}


def _remarks(name: str, block: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in a parameter of an entry that we don't know."""
    inside = block.get(name)
    return {k: v for k, v in inside.items() if k not in _INSIDE[name]} if isinstance(inside, Mapping) else {}


def _by_new_names(relationship: Relationship, me: Peer, standing: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the peers that a server has now by the names that they are to have.

    One that was renamed is known by its url, and the server itself by being this-server-name.
    """
    names = {peer.name for peer in relationship.peers}
    by_name = {str(peer.get("name")): peer for peer in standing.get("peers") or ()}
    renamed = {name: peer for name, peer in by_name.items() if name not in names}
    by_url = {_normal_url(str(peer.get("url", ""))): peer for peer in renamed.values()}
    own = renamed.get(str(standing.get("this-server-name")))
    found = {peer.name: by_name.get(peer.name) or by_url.get(_normal_url(peer.url)) for peer in relationship.peers}
    if own is not None and not found[me.name]:
        found[me.name] = own
    return {name: peer for name, peer in found.items() if peer}


def _wanted_peer(peer: Peer, standing: Mapping[str, Any]) -> dict[str, Any]:
    known = {"name", "role", "url", PASSWORD, *PEER_DEFAULTS} - set(FILES)
    if standing.get("basic-auth-user", "") != peer.options.get("basic-auth-user", ""):
        known |= {"basic-auth-password-file", "basic-auth-user-file"}  # another user's
    entry = {key: value for key, value in standing.items() if key not in known}
    entry |= {"name": peer.name, "role": peer.role.value, "url": peer.url, **peer.options}
    if PASSWORD in standing and holds_password(peer, standing):
        entry[PASSWORD] = standing[PASSWORD]
    return entry


def holds_password(peer: Peer, standing: Mapping[str, Any]) -> bool:
    """Whether a password that the server holds for this peer is to stay: same user, and no file named instead."""
    user = peer.options.get("basic-auth-user", "")
    return bool(user) and user == standing.get("basic-auth-user") and "basic-auth-password-file" not in peer.options


def is_unknown(name: str, version: str | None) -> bool:
    """Whether a version of Kea does not know a parameter; one that can't be read, or is none, knows all."""
    number = parse_version(version or "")
    return name in SINCE and (0, 0, 0) < number < parse_version(SINCE[name])


def in_version(relationship: Relationship, version: str | None) -> Relationship:
    """Return a relationship without the parameters that a version of Kea does not know: it would take them without a
    word, and without effect.
    """
    parameters = {name: value for name, value in relationship.parameters.items() if not is_unknown(name, version)}
    peers = tuple(
        replace(peer, options={name: value for name, value in peer.options.items() if not is_unknown(name, version)})
        for peer in relationship.peers
    )
    if len(parameters) == len(relationship.parameters) and peers == relationship.peers:
        return relationship
    return replace(relationship, parameters=parameters, peers=peers)


def comparable(block: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return the normal form of an entry without what a version does not know: there it is a remark without effect."""
    form = {name: value for name, value in normal_form(block, version).items() if not is_unknown(name, version)}
    form["peers"] = {
        name: {key: value for key, value in peer.items() if not is_unknown(key, version)}
        for name, peer in form["peers"].items()
    }
    return form


# What a server does that does not know a parameter; with the newer versions' default it is left to each version.
_WITHOUT: Mapping[str, Any] = {"max-rejected-lease-updates": 0}


def unknown(relationship: Relationship, version: str) -> tuple[list[str], list[str]]:
    """Return the parameters of a relationship that this version does not know, each with the first that does: those
    that would have an effect there, and those that are what it does anyway, or what each version has by default.
    """
    usual = {**defaults(relationship.mode, version), **PEER_DEFAULTS}
    named = [(name, value, "") for name, value in relationship.parameters.items()]
    named += [
        (name, value, f" of peer {peer.name}") for peer in relationship.peers for name, value in peer.options.items()
    ]
    lacking: list[str] = []
    spared: list[str] = []
    for name, value, whose in named:
        if is_unknown(name, version):
            is_spared = value in (usual.get(name), _WITHOUT.get(name, usual.get(name)))
            (spared if is_spared else lacking).append(f"`{name}`{whose} (since Kea {SINCE[name]})")
    return lacking, spared


def heartbeat_delay(relationship: Relationship) -> float:
    """Return the relationship's heartbeat-delay in seconds."""
    return beat(relationship.parameters)


def patience_to_meet(relationship: Relationship) -> float:
    """Return how long, in seconds, servers that were set together are waited for until they have heard each other."""
    return 10 + 6 * heartbeat_delay(relationship)


def max_response_delay(relationship: Relationship) -> float:
    """Return the relationship's max-response-delay in seconds."""
    name = "max-response-delay"
    return float(relationship.parameters.get(name, defaults(relationship.mode, "0")[name])) / 1000


def beat(parameters: Mapping[str, Any]) -> float:
    """Return the heartbeat-delay, in seconds, that a relationship's parameters or a whole entry of the hook give."""
    delay = parameters.get("heartbeat-delay")
    return float(delay if isinstance(delay, int) else defaults("", "0")["heartbeat-delay"]) / 1000


def sync_timeout(relationship: Relationship) -> float:
    """Return the relationship's sync-timeout in seconds."""
    return float(relationship.parameters.get("sync-timeout", defaults(relationship.mode, "0")["sync-timeout"])) / 1000


def sync_page_limit(relationship: Relationship) -> int:
    """Return how many leases a server fetches from its partner at a time."""
    name = "sync-page-limit"
    return max(1, int(relationship.parameters.get(name, defaults(relationship.mode, "0")[name])))


def normal_state(mode: Mode, role: Role) -> str:
    """Return the state that a peer has while all is well: a backup's is its role's name, any other's its mode's."""
    return role.value if role is Role.BACKUP else mode.value


def hears_a_partner(mode: Mode, role: Role) -> bool:
    """Whether a peer exchanges heartbeats: backups don't, and in passive-backup nobody does (Kea shows no `remote`)."""
    return mode is not Mode.PASSIVE_BACKUP and role is not Role.BACKUP


def talking_peers(relationship: Relationship) -> list[Peer]:
    """Return the two peers that exchange heartbeats, none in passive-backup."""
    return [peer for peer in relationship.peers if hears_a_partner(relationship.mode, peer.role)]


def default_scopes(peer: Peer) -> tuple[str, ...]:
    """Return the scopes that a peer serves in its normal state, as peer names.

    Load-balancing: each its own. Hot-standby and passive-backup: the primary its own, the others none (seen on 2.2.0).
    """
    return () if peer.role in {Role.STANDBY, Role.BACKUP} else (peer.name,)
