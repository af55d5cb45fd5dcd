"""The HA hook library: its parameters, its state machine and its commands."""
