"""Whether an editor finds the schema that a file names in its first line."""

from __future__ import annotations

import json
import re
from pathlib import Path

from reconciler.desired.schema import schema


def assert_schemas_resolve(desired: Path) -> None:
    """The first line of every file leads to a copy of the schema that the program itself goes by."""
    files = {desired / "servers.yaml": "servers"}
    files |= dict.fromkeys((desired / "relationships").iterdir(), "relationship")
    for path, name in files.items():
        found = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
        assert found is not None, path
        assert json.loads((path.parent / found[1]).read_text()) == schema(name)
