"""Room for thousands of servers in one process."""

from __future__ import annotations

import resource


def raise_open_files(wanted: int = 65536) -> int:
    """Raise this process's limit of open files as far as it may be raised, at most to `wanted`; the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < room:
        resource.setrlimit(resource.RLIMIT_NOFILE, (room, hard))
        return room
    return soft
