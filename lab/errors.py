"""What the lab raises."""

from __future__ import annotations


class LabError(Exception):
    """Something in the lab is not as it has to be; the text ends with a piece of the daemon's log where it helps."""
