"""A value as it came from, or goes to, JSON."""

from typing import Any

Json = Any  # dict, list, str, int, float, bool or None
