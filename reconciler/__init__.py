"""kea-reconciler: a declarative GitOps reconciler for Kea DHCP failover relationships."""

__version__ = "0.2.0"
