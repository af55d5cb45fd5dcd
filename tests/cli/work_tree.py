"""git as a person uses it, with a name."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    """What `git ARGUMENTS` in a folder prints; it must go well."""
    line = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(folder), *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()
