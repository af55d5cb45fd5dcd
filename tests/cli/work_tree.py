"""git as a person uses it, with a name."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    """What `git ARGUMENTS` in a folder prints; it must go well."""
    line = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(folder), *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()


def sign_with_a_key(folder: Path, *trees: Path, address: str = "ada@example.com") -> None:
    """Have git sign in work trees with a new ssh key, which is put into a folder, and take no other's signature."""
    key, allowed = folder / "key", folder / "allowed"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed.write_text(f"{address} {key.with_suffix('.pub').read_text()}")
    for tree in trees:
        git(tree, "config", "gpg.format", "ssh")
        git(tree, "config", "user.signingkey", str(key))
        git(tree, "config", "gpg.ssh.allowedSignersFile", str(allowed))
