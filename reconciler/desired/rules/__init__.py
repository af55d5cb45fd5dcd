"""Checks beyond JSON Schema, a function for each rule; `RULES` lists them all.

A rule takes everything that could be read and yields a problem for each place where it is broken. It never raises,
and passes over what the reader or the schema has refused already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.desired.draft import Draft, Drafts
from reconciler.desired.rules import addresses, inventory, local, parameters, peers
from reconciler.model import Problem

Rule = Callable[[Drafts], Iterator[Problem]]


def each(rule: Callable[[Draft], Iterator[Problem]]) -> Rule:
    """Return a rule over everything from one about a single relationship."""

    def over_all(drafts: Drafts) -> Iterator[Problem]:
        for draft in drafts.relationships:
            yield from rule(draft)

    over_all.__name__ = rule.__name__
    return over_all


RULES: tuple[Rule, ...] = (
    inventory.relationship_names_are_unique,
    inventory.servers_are_known,
    inventory.hubs_are_hot_standby,
    inventory.names_are_unique_on_hubs,
    inventory.hubs_listen_apart,
    inventory.control_urls_are_sound,
    inventory.control_urls_are_distinct,
    each(peers.roles_suit_the_mode),
    each(peers.peer_names_are_unique),
    each(peers.pools_suit_the_mode),
    each(peers.users_are_sound),
    each(addresses.peer_urls_are_literal),
    each(addresses.peer_urls_are_distinct),
    each(addresses.https_has_tls),
    addresses.listeners_have_ports_of_their_own,
    addresses.listeners_are_distinct,
    each(parameters.heartbeats_are_on),
    each(parameters.response_delay_allows_for_heartbeats),
    each(parameters.delays_are_within_limits),
    each(parameters.delayed_updates_suit_the_mode),
    each(parameters.backups_are_not_waited_for),
    each(parameters.states_are_unique),
    each(parameters.pauses_come_to_an_end),
    each(local.patterns_are_sound),
)


def broken(drafts: Drafts) -> Iterator[Problem]:
    """Yield every problem that any rule finds."""
    for rule in RULES:
        yield from rule(drafts)
