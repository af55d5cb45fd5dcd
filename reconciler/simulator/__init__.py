"""A stateful Kea endpoint in memory, with faults; held against real daemons by contract tests."""
