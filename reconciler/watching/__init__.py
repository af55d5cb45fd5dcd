"""The daemon: when to look, what may be done about what is found, and what is told of it."""
