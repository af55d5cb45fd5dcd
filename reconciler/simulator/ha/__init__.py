"""The HA hook library of Kea 2.2.0: its parameters, its state machine and its commands."""
