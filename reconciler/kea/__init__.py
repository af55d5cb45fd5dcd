"""Everything that knows Kea: channels, reading a configuration, what is local, the HA hook, versions."""
