"""The rules of the house, read from the code itself; CONTRIBUTING.md says why they are there."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*/compute_ref_*"))
SOURCES = [ROOT / "compute_ref", ROOT / "backends", ROOT / "conformance", *EXAMPLES]
MODULES = sorted(path for source in SOURCES for path in source.rglob("*.py"))
OURS = ("compute_ref", "compute_conformance")
BUILT = {
    ".git",
    ".hypothesis",
    ".tox",
    ".venv",
    "build",
    "dist",
    "mutants",
    "node_modules",
    "__pycache__",
    "reports",
}
TEXTS = {
    ".py",
    ".md",
    ".toml",
    ".cfg",
    ".ini",
    ".json",
    ".csv",
    ".txt",
    ".mjs",
    ".yml",
    ".yaml",
    "",
}

#: modules beside the rooms that any room may import: plain values, events, waiting for the disk
GROUND = {"clock", "ranges", "refusals", "settings", "syncing"}
#: room: what else of compute_ref it may import, besides itself
ROOMS = {
    "plugins": set(),
    "identity": {"plugins"},
    "assets": {"plugins", "identity"},
    "jobs": {"plugins", "identity", "assets"},
    "http": {"plugins", "identity", "assets", "jobs", "services"},
    "client": {"identity"},
    "demo": {"identity"},
    "judged": {"assets", "plugins", "app"},
}
#: rooms of guests: how deep in them a guest's package lies
GUESTS = {"backends": 0, "examples": 1}
LIBRARIES = {
    "falcon": ("compute_ref/http/",),
    "marshmallow": ("compute_ref/http/",),
    "apispec": ("compute_ref/http/",),
    "tinydb": ("compute_ref/jobs/store.py", "compute_ref/jobs/tables.py"),
    "waitress": ("compute_ref/serving.py", "compute_ref/channels.py"),
    "docker": ("backends/compute_ref_docker/",),
    "requests": ("backends/compute_ref_docker/",),
    "rich": ("compute_ref/cli/", "conformance/compute_conformance/cli/"),
    "click": ("compute_ref/cli/", "conformance/compute_conformance/cli/"),
    "kubernetes": ("backends/compute_ref_kubernetes/cluster.py",),
}
ONE_MACHINE = re.compile(r"(?<![\w.:/~-])/(?:home|Users|work|opt|mnt)/[\w.-]+")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def absolute(node: ast.ImportFrom, path: Path) -> str:
    """The module of a ``from`` import, also where it is written relative."""
    if not node.level:
        return node.module or ""
    parts = name_of(path).removesuffix(".py").removeprefix("backends/").split("/")
    return ".".join((*parts[: -node.level], node.module or ""))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of the modules that a module imports, anywhere in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from imported_from(node, path)


def imported_from(node: ast.ImportFrom, path: Path) -> Iterator[str]:
    """The module; where it is compute_ref itself, the parts of it that are meant."""
    module = absolute(node, path)
    if module == "compute_ref":
        yield from (f"{module}.{alias.name}" for alias in node.names)
    else:
        yield module


def room_of(module: str) -> str:
    """``jobs`` for compute_ref.jobs.store, ``app`` for compute_ref.app, "" for strangers."""
    parts = module.split(".")
    return parts[1] if parts[0] == "compute_ref" and len(parts) > 1 else ""


def public_definitions(path: Path) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    """Public functions and classes of a module, and public methods of those."""
    nodes: list[ast.stmt] = list(tree(path).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            nodes += node.body


def inherited(path: Path) -> set[str]:
    """Names of methods that a base class or a decorator has described already."""
    return {
        definition.name
        for definition in public_definitions(path)
        if any(ast.unparse(mark).endswith("override") for mark in definition.decorator_list)
    }


each_module = pytest.mark.parametrize("path", MODULES, ids=name_of)


def test_the_suite_is_a_stranger() -> None:
    for path in MODULES:
        first = name_of(path).split("/")[0]
        for module in imports(path):
            if first == "conformance":
                assert module.split(".")[0] != "compute_ref", name_of(path)
            else:
                assert module.split(".")[0] != "compute_conformance", name_of(path)


@each_module
def test_a_backend_is_a_guest(path: Path) -> None:
    name = name_of(path)
    room, *parts = name.split("/")
    if room in GUESTS:
        own = parts[GUESTS[room]]
        for module in imports(path):
            if module.startswith("compute_ref") and module.split(".")[0] != own:
                assert module.startswith("compute_ref.plugins"), f"{name} imports {module}"
    elif name.startswith("compute_ref/"):
        named = [m for m in imports(path) if re.match(r"compute_ref_\w+", m)]
        assert named == [], f"{name} names a backend"


@each_module
def test_imports_lead_one_way_down(path: Path) -> None:
    parts = name_of(path).removesuffix(".py").split("/")
    if parts[0] != "compute_ref" or len(parts) < 3 or parts[1] not in ROOMS:
        return
    allowed = ROOMS[parts[1]] | GROUND | {parts[1], ""}
    for module in imports(path):
        plain = module == "compute_ref.jobs.model"  # values, which plug-ins see as well
        assert plain or room_of(module) in allowed, f"{name_of(path)} imports {module}"


def test_the_job_model_imports_nothing_of_ours() -> None:
    found = [m for m in imports(ROOT / "compute_ref/jobs/model.py") if m.startswith(OURS)]
    assert found == []


def test_there_are_no_circles_between_modules() -> None:
    known = {
        name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
        for path in MODULES
        if name_of(path).startswith("compute_ref/")
    }
    above: list[str] = []
    done: set[str] = set()

    def visit(module: str) -> None:
        assert module not in above, f"circle: {' -> '.join((*above, module))}"
        if module in done:
            return
        above.append(module)
        for needed in top_imports(known[module]):
            if needed in known and needed != module:
                visit(needed)
        above.pop()
        done.add(module)

    for module in known:
        visit(module)


def top_imports(path: Path) -> Iterator[str]:
    """Modules that are imported while a module is imported."""
    for node in tree(path).body:
        if isinstance(node, ast.ImportFrom):
            yield absolute(node, path)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@each_module
def test_each_library_stays_in_its_room(path: Path) -> None:
    for module in imports(path):
        rooms = LIBRARIES.get(module.split(".")[0])
        if rooms:
            assert name_of(path).startswith(rooms), f"{name_of(path)} imports {module}"


@each_module
def test_modules_are_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 350, f"{name_of(path)} has {lines} lines"


@each_module
def test_functions_are_short(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= 50, f"{name_of(path)}: {node.name} has {lines} lines"


@each_module
def test_what_is_public_says_what_it_means(path: Path) -> None:
    if path.stat().st_size == 0:
        return
    assert ast.get_docstring(tree(path)), f"{name_of(path)} has no docstring"
    for node in public_definitions(path):
        described = ast.get_docstring(node) or node.name in inherited(path)
        assert described, f"{name_of(path)}: {node.name} has no docstring"


@each_module
def test_no_module_is_a_drawer(path: Path) -> None:
    assert path.stem not in ("utils", "util", "common", "helpers", "manager", "misc")


def test_setup_cfg_lists_every_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = setup["options"]["packages"].split()
    found = [
        ".".join(path.parent.relative_to(source).parts)
        for source in (ROOT, ROOT / "backends", ROOT / "conformance")
        for path in source.glob("compute_*/**/__init__.py")
    ]
    assert sorted(listed) == sorted(found)


def test_no_file_names_a_place_of_one_machine() -> None:
    for path in ROOT.rglob("*"):
        parts = set(path.relative_to(ROOT).parts)
        built = parts & BUILT or any(part.endswith((".egg-info", "_cache")) for part in parts)
        if built or not path.is_file() or path.suffix not in TEXTS or path == Path(__file__):
            continue
        found = ONE_MACHINE.search(path.read_text(encoding="utf-8", errors="replace"))
        assert found is None, f"{name_of(path)} names {found and found[0]}"
