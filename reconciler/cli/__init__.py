"""One file a command: flags in, one call, a report and an exit code out."""
