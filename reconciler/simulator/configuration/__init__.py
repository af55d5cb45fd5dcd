"""Kea's reading of a configuration: refused with Kea's words, or turned into what config-get shows.

Every rule in this package was measured on kea-dhcp4 and kea-dhcp6 of each release; tests/contract holds it to them.
"""
