"""The wheel holds the program, its schemas and its types, and nothing else; the program works from it."""

from __future__ import annotations

import email
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import reconciler

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SCHEMAS = {path.name for path in (ROOT / "schemas").iterdir()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel as pip builds it, with what is installed here and nothing from the network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--no-index"]
    options = ["--quiet", "--disable-pip-version-check", "--wheel-dir", str(folder)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.iterdir()
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_it_holds_the_program_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"reconciler", f"kea_reconciler-{reconciler.__version__}.dist-info"}


def test_it_holds_every_module_and_file_of_the_program(wheel: zipfile.ZipFile) -> None:
    tracked = subprocess.run(["git", "ls-files", "reconciler"], cwd=ROOT, capture_output=True, text=True, check=False)
    here = set(tracked.stdout.split()) or {
        str(path.relative_to(ROOT)) for path in (ROOT / "reconciler").rglob("*.*") if "__pycache__" not in path.parts
    }
    assert "reconciler/py.typed" in here
    assert {name for name in here if (ROOT / name).exists()} <= set(wheel.namelist())


def test_it_holds_the_schemas_as_they_are(wheel: zipfile.ZipFile) -> None:
    inside = {name.rpartition("/")[2] for name in wheel.namelist() if name.startswith("reconciler/schemas/")}
    assert inside == SCHEMAS
    for name in SCHEMAS:
        assert wheel.read(f"reconciler/schemas/{name}") == (ROOT / "schemas" / name).read_bytes()


def test_it_says_who_it_is_and_what_it_needs(wheel: zipfile.ZipFile) -> None:
    folder = f"kea_reconciler-{reconciler.__version__}.dist-info"
    about = email.message_from_bytes(wheel.read(f"{folder}/METADATA"))
    assert (about["Name"], about["Version"], about["Requires-Python"]) == (
        "kea-reconciler",
        reconciler.__version__,
        ">=3.11",
    )
    assert about["License-Expression"] == "Apache-2.0"
    assert any(name.endswith("/LICENSE") for name in wheel.namelist())
    needed = [text for text in about.get_all("Requires-Dist", []) if "extra ==" not in text]
    assert any(text.startswith("click") for text in needed)
    script = wheel.read(f"{folder}/entry_points.txt").decode()
    assert "kea-reconciler = reconciler.cli:main" in script


def test_the_program_runs_from_it(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """From elsewhere, and with the checkout out of sight: what it needs must be in the wheel."""
    wheel.extractall(tmp_path / "site")
    (tmp_path / "elsewhere").mkdir()
    start = "import sys; sys.path.insert(0, sys.argv.pop(1)); from reconciler.cli import main; main()"
    for arguments in (["schema", "servers"], ["validate", "--desired", str(ROOT / "desired")], ["version"]):
        command = [sys.executable, "-c", start, str(tmp_path / "site"), *arguments]
        done = subprocess.run(command, cwd=tmp_path / "elsewhere", capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    first = ["--name", "hq", "--ha-mode", "passive-backup", "--peer", "a", "unix:/run/kea4", "http://192.0.2.1:8001/"]
    command = [sys.executable, "-c", start, str(tmp_path / "site"), "init", *first]
    subprocess.run(command, cwd=tmp_path / "elsewhere", capture_output=True, check=True)
    written = {path.name for path in (tmp_path / "elsewhere" / "desired" / ".schemas").iterdir()}
    assert written == {"servers.schema.json", "relationship.schema.json", "approvals.schema.json"}
    where = [sys.executable, "-c", start.replace("; main()", "; print(main.__globals__['__file__'])")]
    done = subprocess.run([*where, str(tmp_path / "site")], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path / "site"))
