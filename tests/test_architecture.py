"""The table of rooms in docs/architecture.md is true of every module of the package.

Only imports that happen when the program runs count: those inside functions do, those under `if TYPE_CHECKING:` don't.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "reconciler"
PAGE = ROOT / "docs" / "architecture.md"

FORBIDDEN_NAMES = frozenset({"utils", "util", "helpers", "helper", "manager", "handler", "handlers"})


@dataclass(frozen=True, slots=True)
class Room:
    """A row of the table."""

    name: str
    modules: tuple[str, ...]
    allowed: frozenset[str]


# ------------------------------------------------------------------------------------------ the table


def rooms() -> dict[str, Room]:
    """Read the rooms from the page, by name."""
    table = PAGE.read_text().split("<!-- rooms -->")[1].split("<!-- /rooms -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
    assert rows[0] == ["Room", "Modules", "Holds", "May import"]
    found = {}
    for name, modules, _, allowed in rows[2:]:
        others = frozenset() if allowed == "nothing" else frozenset(allowed.split(", "))
        found[name] = Room(name, tuple(re.findall(r"`([^`]+)`", modules)), others)
    return found


def room_of(module: str) -> str:
    """Return the room that names the longest beginning of a module's dotted name."""
    inside = module.removeprefix("reconciler").removeprefix(".")
    if not inside:
        return "model"
    named = [(prefix, room.name) for room in rooms().values() for prefix in room.modules]
    fitting = [(len(prefix), name) for prefix, name in named if inside == prefix or inside.startswith(f"{prefix}.")]
    assert fitting, f"{module} is in no room of docs/architecture.md"
    return max(fitting)[1]


# ---------------------------------------------------------------------------------------- the modules


def modules() -> dict[str, ast.Module]:
    """Return every module of the package by dotted name, parsed."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("reconciler", *path.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = ast.parse(path.read_text(), str(path))
    return found


def nodes_at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node but those under `if TYPE_CHECKING:`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def imported(tree: ast.AST, name: str, known: Mapping[str, ast.Module], *, at_the_top: bool = False) -> set[str]:
    """Return the dotted names of what a module imports; of ours, the very modules.

    With `at_the_top`, only what is imported as soon as the module itself is.
    """
    found = set()
    for node in nodes_at_the_top(tree) if at_the_top else nodes_at_run_time(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            source = str(node.module)
            found |= {full if (full := f"{source}.{alias.name}") in known else source for alias in node.names}
    return found


def nodes_at_the_top(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that are executed while a module is being imported, bodies of functions left out."""
    inside = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    return (node for node in nodes_at_run_time(tree) if node not in inside)


MODULES = modules()


# ------------------------------------------------------------------------------------------ the tests


def test_the_table_speaks_only_of_rooms_and_modules_that_exist() -> None:
    table = rooms()
    assert set(table) >= {"model", "desired", "kea", "planning", "running", "reports", "cli", "simulator"}
    for room in table.values():
        assert room.allowed <= set(table) - {room.name}
        assert [prefix for prefix in room.modules if f"reconciler.{prefix}" not in MODULES] == []


def test_every_room_has_a_module_of_its_own() -> None:
    assert {room_of(module) for module in MODULES} == set(rooms())


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_what_its_room_may(module: str) -> None:
    room = rooms()[room_of(module)]
    ours = {name for name in imported(MODULES[module], module, MODULES) if name.split(".")[0] == "reconciler"}
    assert sorted(name for name in ours if room_of(name) not in room.allowed | {room.name}) == []


def test_the_table_allows_no_circle_of_rooms() -> None:
    assert circle({room.name: set(room.allowed) for room in rooms().values()}) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: imported(tree, name, MODULES, at_the_top=True) & MODULES.keys() for name, tree in MODULES.items()}
    assert circle(graph) == []


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the members of a circle, empty where there is none."""
    finished: set[str] = set()

    def follow(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name not in finished:
            for other in sorted(graph[name]):
                found = follow(other, [*way, name])
                if found:
                    return found
            finished.add(name)
        return []

    return next((found for name in sorted(graph) if (found := follow(name, []))), [])


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def outside_cli() -> dict[str, ast.Module]:
    return {name: tree for name, tree in MODULES.items() if room_of(name) != "cli"}


def test_only_the_command_line_knows_click() -> None:
    using = {name for name, tree in outside_cli().items() if "click" in imported(tree, name, MODULES)}
    assert using == set()


def test_nothing_but_the_command_line_prints() -> None:
    """A module called __main__ is a program of its own."""
    silent = {name: tree for name, tree in outside_cli().items() if not name.endswith(".__main__")}
    assert sorted(name for name, tree in silent.items() if any(map(prints, ast.walk(tree)))) == []


def prints(node: ast.AST) -> bool:
    """Whether a node calls print, or takes hold of a standard stream."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "print"
    return isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout", "sys.stderr"}


def test_no_module_is_named_after_nothing() -> None:
    assert sorted(name for name in MODULES if FORBIDDEN_NAMES & set(name.split("."))) == []


def test_the_page_names_the_pure_half_of_kea_in_full() -> None:
    """A new module of `kea` is in the room of the edges until somebody says that it is pure."""
    pure = {module for module in MODULES if room_of(module) == "kea"}
    for module in pure:
        outside = {name.split(".")[0] for name in imported(MODULES[module], module, MODULES)}
        assert not outside & {"asyncio", "httpx", "socket", "ssl", "time", "os", "pathlib"}, module
