"""What the objects and parameters of a DHCP configuration are for, in a sentence each.

The sentences are our own; what they say is what Kea's Administrator Reference Manual says of them in its chapters on
the two servers (`chapter`). Parameters of the HA hook are explained by the schema.
"""

from __future__ import annotations

from reconciler.model import Service

_KINDS = {
    "subnet": "A network that clients are on. It is chosen by where a request comes from; its id ties leases to it, so "
    "that another id makes the leases of the old one those of no subnet.",
    "pool": "A range of addresses that are handed out to clients without a reservation.",
    "pd-pool": "A range of prefixes that are delegated to routers, each of the length `delegated-len`.",
    "shared-network": "Subnets on one link: a client gets an address of any of them that has one left.",
    "reservation": "What one client gets, known by an identifier such as its hardware address: an address, prefixes, a "
    "hostname, options or classes.",
    "option": "A value that clients are sent when they ask for it. Of the same option the nearest counts: reservation, "
    "pool, subnet, shared network, class, global.",
    "option-def": "What an option of one's own is called, which code it has, and which types its value is made of.",
    "client-class": "Clients in groups, by a test of what they send; pools, subnets and options can be for one alone. "
    "Classes are evaluated in their order.",
    "global": "A parameter of the whole server, which networks and subnets inherit unless they say otherwise.",
}

_LIFETIMES = "Clients that have an address keep it for as long as they were told then."
_PARAMETERS = {
    "valid-lifetime": f"How many seconds a lease is good for. {_LIFETIMES}",
    "min-valid-lifetime": "The shortest lifetime, in seconds, that a client that asks for one is given.",
    "max-valid-lifetime": "The longest lifetime, in seconds, that a client that asks for one is given.",
    "preferred-lifetime": "DHCPv6: after how many seconds a client should begin no new connections from an address.",
    "min-preferred-lifetime": "DHCPv6: the shortest preferred lifetime, in seconds, that a client that asks is given.",
    "max-preferred-lifetime": "DHCPv6: the longest preferred lifetime, in seconds, that a client that asks is given.",
    "renew-timer": "After how many seconds a client asks its own server for more time (T1).",
    "rebind-timer": "After how many seconds a client asks any server for more time (T2).",
    "calculate-tee-times": "Whether T1 and T2 are worked out as parts of the lifetime where no timers are set.",
    "t1-percent": "Which part of the lifetime T1 is.",
    "t2-percent": "Which part of the lifetime T2 is.",
    "id": "The number by which leases and statistics know a subnet.",
    "subnet": "The prefix of the network.",
    "pool": "The range of addresses.",
    "interface": "The interface of the server on which requests for the subnet come in. It belongs to each server.",
    "interface-id": "DHCPv6: the interface-id option of relayed requests that the subnet is for.",
    "relay": "The addresses of relays whose requests the subnet is for.",
    "client-class": "The class that may use this; nobody else does. Up to Kea 2.6, one.",
    "client-classes": "The classes that may use this, or that a reservation puts its client into.",
    "require-client-classes": "Classes that are evaluated only once this was chosen (up to Kea 2.6).",
    "evaluate-additional-classes": "Classes that are evaluated only once this was chosen (from Kea 2.7.4).",
    "allocator": "How a free address is picked: one after the other, by chance, or from a list of the free ones.",
    "pd-allocator": "How a free prefix is picked: one after the other, by chance, or from a list of the free ones.",
    "authoritative": "DHCPv4: whether a client that asks for an address that is none of ours is told to give it up.",
    "match-client-id": "DHCPv4: whether clients are told apart by the identifier they send, or by hardware address.",
    "echo-client-id": "DHCPv4: whether the client's identifier is sent back to it.",
    "next-server": "DHCPv4: the address of the server to boot from (siaddr).",
    "server-hostname": "DHCPv4: the name of the server to boot from (sname).",
    "boot-file-name": "DHCPv4: the file to boot.",
    "rapid-commit": "DHCPv6: whether a client that asks for it gets its address in two messages instead of four.",
    "reservation-mode": "Which reservations are looked for: all, those outside of pools, global ones, or none. Three "
    "newer parameters that begin with `reservations-` say the same.",
    "reservations-global": "Whether reservations at the top of the configuration are looked for.",
    "reservations-in-subnet": "Whether reservations of the subnet are looked for.",
    "reservations-out-of-pool": "Whether reserved addresses lie outside of pools, so that none is looked for inside.",
    "reservations-lookup-first": "Whether reservations are looked up before leases, as they are with several threads.",
    "early-global-reservations-lookup": "Whether global reservations are looked up before the subnet is chosen, so "
    "that the classes they give count in that choice.",
    "ip-reservations-unique": "Whether an address or prefix may be reserved for one client of a subnet only.",
    "host-reservation-identifiers": "By which identifiers reservations are looked for, and in which order.",
    "decline-probation-period": "For how many seconds an address that a client found in use is left alone.",
    "cache-threshold": "Up to which part of its lifetime a lease that is renewed is given again without being written.",
    "cache-max-age": "Up to which age, in seconds, a lease that is renewed is given again without being written.",
    "expired-leases-processing": "How often leases that ran out are taken back, how many at once, and how long they "
    "are remembered after that.",
    "sanity-checks": "What becomes of leases that don't fit the subnets, and of what they keep of relays.",
    "extended-info-checks": "How strictly what a lease keeps of relays is checked when it is read.",
    "parked-packet-limit": "How many requests may wait at once for something outside, such as the partner's word that "
    "it has the lease; more are dropped.",
    "stash-agent-options": "DHCPv4: whether what a relay said is kept with the lease, for renewals that lack it.",
    "mac-sources": "DHCPv6: from where a client's hardware address is taken, in which order.",
    "relay-supplied-options": "DHCPv6: which options a relay may have sent to clients.",
    "adaptive-lease-time-threshold": "From which fullness of the pools on leases get the shortest lifetime.",
    "store-extended-info": "Whether leases keep what relays said of the client.",
    "offer-lifetime": "DHCPv4: for how many seconds an offered address is kept for the client.",
    "hw-address": "The hardware address that the client is known by.",
    "client-id": "The client identifier that the client is known by.",
    "duid": "The DUID that the client is known by.",
    "circuit-id": "What a relay says of the circuit that the client is on, by which it is known.",
    "flex-id": "What an expression of the flex-id hook makes of a request, by which the client is known.",
    "hostname": "The name that the client gets.",
    "ip-address": "The address that the client gets.",
    "ip-addresses": "The addresses that the client gets.",
    "prefixes": "The prefixes that are delegated to the client.",
    "prefix": "The prefix that delegated ones are taken from.",
    "prefix-len": "The length of the prefix that delegated ones are taken from.",
    "delegated-len": "The length of the prefixes that are delegated.",
    "excluded-prefix": "The part of a delegated prefix that the router must not use behind itself.",
    "excluded-prefix-len": "The length of the part of a delegated prefix that the router must not use behind itself.",
    "excluded-prefixes": "For each of `prefixes` the part that the router must not use behind itself.",
    "pool-id": "The number by which statistics know a pool.",
    "4o6-interface": "DHCPv4 over DHCPv6: the interface on which requests for the subnet come in.",
    "4o6-interface-id": "DHCPv4 over DHCPv6: the interface-id option of relayed requests that the subnet is for.",
    "4o6-subnet": "DHCPv4 over DHCPv6: the prefix whose clients the subnet is for.",
    "name": "What it is called in other parts of the configuration.",
    "code": "The option's number in its space.",
    "space": "In which space of options the code counts: the service's own, a vendor's, or one made up.",
    "type": "Of which type the option's value is; `record` for several fields.",
    "array": "Whether the option's value is a list of the type, as long as it likes.",
    "record-types": "The types of the fields, where `type` is `record`.",
    "encapsulate": "The space of the options that stand inside this one.",
    "data": "The option's value, as text or, without `csv-format`, in hexadecimal digits.",
    "always-send": "Whether clients get the option that did not ask for it.",
    "never-send": "Whether the option is kept from clients that ask for it, whatever else sets it.",
    "csv-format": "Whether `data` is text, or hexadecimal digits.",
    "test": "The expression that a client's request has to meet.",
    "template-test": "An expression that makes a class of each of its values.",
    "only-if-required": "Whether the class is evaluated only where something asks for it (up to Kea 2.6).",
    "only-in-additional-list": "The same from Kea 2.7.4 on.",
    "shared-network": "The shared network that the subnet is in.",
    "user-context": "Notes of people and programs, which Kea keeps and does nothing with.",
    "comment": "A note of people, which Kea keeps and does nothing with.",
    "metadata": "Notes of Kea's configuration backend, such as which servers an object is for.",
    "order": "The order, which counts among client classes.",
}

_ALIKE = (
    ("ddns-", "How names in the DNS follow leases; sent to the D2 daemon, where one is set up."),
    ("hostname-char-", "What is put in place of characters that a hostname can't have."),
)


def kind_meaning(kind: str) -> str | None:
    """Return what objects of a kind are for, by the first part of a change's path; None for one that isn't known."""
    return _KINDS.get(kind)


def parameter_meaning(name: str) -> str | None:
    """Return what a parameter of an object is for; None for one that isn't known."""
    own = _PARAMETERS.get(name)
    return own or next((text for beginning, text in _ALIKE if name.startswith(beginning)), None)


def chapter(service: Service) -> str:
    """Return where Kea's manual explains the objects of a service."""
    return (
        f"Kea Administrator Reference Manual, chapter The {'DHCPv4' if service is Service.DHCP4 else 'DHCPv6'} Server"
    )


HA_CHAPTER = "Kea Administrator Reference Manual, libdhcp_ha: High Availability"
