"""The project's shape, held by tests: who may import whom, a pure core, a test for every module."""

import ast
import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "config", "connectors", "dataflows", "evaluation", "examples",
    "operators", "simulator", "sinks",
)  # fmt: skip

# Import direction: a package or module, and the prefixes of ours it may import. The longest
# matching name on the left rules.
MAY_IMPORT = {
    "operators": {"operators"},
    "connectors": {"connectors", "operators.model"},
    "sinks": {"sinks", "operators.model"},
    # The config classes of components, which each component's module holds.
    "config": {"config", "operators", "connectors", "sinks"},
    "simulator": {"simulator", "operators.model", "connectors.databento"},
    "evaluation": {"evaluation", "operators", "simulator"},
    # Whoever reads the topics has the topics and their schemas alone.
    "examples": {"examples"},
    "dataflows": set(PACKAGES) - {"examples"},
}
BYTEWAX = ("dataflows", "connectors.dbn_file", "connectors.databento.source", "sinks")
OPERATORS_OUTSIDE = {"numpy", "numba", "llvmlite"}  # the last is numba's own
IMPURE = {
    "asyncio", "builtins", "getpass", "glob", "http", "io", "logging", "multiprocessing", "os",
    "pathlib", "queue", "random", "secrets", "select", "shutil", "signal", "socket", "sqlite3",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "warnings",
}  # fmt: skip
"""Of the standard library: what reads a clock, file, socket, chance, environment or log."""
IMPURE_CALLS = {"open", "input", "print", "eval", "exec", "now", "utcnow", "today", "default_rng"}


@cache
def modules() -> dict[str, Path]:
    """Dotted name → file of every module of the packages, `__init__` left out."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name != "__init__.py":
                found[".".join(path.relative_to(ROOT).with_suffix("").parts)] = path
    assert len(found) > 20, f"saw only {len(found)} modules under {ROOT}"
    return found


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a file imports, also inside functions."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def within(name: str, prefixes: Iterator[str] | set[str] | tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def rule_of(module: str) -> set[str]:
    return MAY_IMPORT[max((name for name in MAY_IMPORT if within(module, (name,))), key=len)]


def test_imports_point_in_one_direction():
    wrong, seen = [], 0
    for module, path in modules().items():
        for line, name in imports(path):
            if name.partition(".")[0] in PACKAGES:
                seen += 1
                if not within(name, rule_of(module)):
                    wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert seen > 20
    assert not wrong, "\n".join(wrong)


def test_settings_take_only_config_classes():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for module, path in modules().items()
        if within(module, ("config",))
        for line, name in imports(path)
        if within(name, ("operators", "connectors", "sinks"))
        and not within(name, ("operators.model", "operators.calendar"))
        and not name.endswith("Config")
    ]
    assert not wrong, "\n".join(wrong)


def test_bytewax_is_imported_where_core_meets_engine_only():
    users = {
        m for m, path in modules().items() for _, n in imports(path) if within(n, ("bytewax",))
    }
    wrong = sorted(module for module in users if not within(module, BYTEWAX))
    assert not wrong, wrong


def test_the_core_needs_numpy_numba_and_the_standard_library_only():
    wrong, seen = [], 0
    for module, path in modules().items():
        if not within(module, ("operators",)):
            continue
        seen += 1
        for line, name in imports(path):
            top = name.partition(".")[0]
            allowed = (
                top in OPERATORS_OUTSIDE or top == "operators" or top in sys.stdlib_module_names
            )
            if not allowed or top in IMPURE:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert seen > 5
    assert not wrong, "\n".join(wrong)


def test_the_core_reads_no_clock_file_or_chance():
    wrong, calls = [], 0
    for module, path in modules().items():
        if not within(module, ("operators",)):
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                calls += 1
                name = ast.unparse(node.func).rpartition(".")[2]
                if name in IMPURE_CALLS:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} calls {name}")
            elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.random"):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} uses np.random")
    assert calls > 100
    assert not wrong, "\n".join(wrong)


def test_only_commands_and_the_end_of_a_process_print():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for module, path in modules().items()
        if not within(module, ("dataflows.cli", "dataflows.process", "examples"))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]
    assert not wrong, wrong


def homes_of_tests(module: str) -> Iterator[Path]:
    """Where a module's tests may be: at its mirrored place, under its own name or its whole's.

    `operators/book_orders.py` is a part of `book`, so `test_book.py` may test it; the tests of a
    folder of plain data may be one file beside it.
    """
    *folders, name = module.split(".")
    here = ROOT.joinpath("tests", *folders)
    parts = name.split("_")
    for length in range(len(parts), 0, -1):
        yield here / f"test_{'_'.join(parts[:length])}.py"
    yield here.with_name(f"test_{folders[-1]}.py")


@cache
def imported_by_tests() -> set[str]:
    """Every module that a test imports something from."""
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.name != "__init__.py"]
    assert len(files) > 10
    named = {name for path in files for _, name in imports(path)}
    return {module for module in modules() if any(within(name, (module,)) for name in named)}


def test_every_module_has_its_tests():
    missing = [
        str(path.relative_to(ROOT))
        for module, path in modules().items()
        if module not in imported_by_tests()
        and not any(place.exists() for place in homes_of_tests(module))
    ]
    assert not missing, "without a test: " + ", ".join(missing)


def test_packages_have_one_docstring_line():
    seen = 0
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            seen += 1
            body = parsed(path).body
            assert ast.get_docstring(parsed(path)), path
            # Compiled kernels must find their place before the first of them is imported.
            assert len(body) == 1 or path == ROOT / "dataflows" / "__init__.py", path
    assert seen >= len(PACKAGES)


def test_folders_with_modules_are_packages():
    folders = {path.parent for path in modules().values()}
    assert not [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_dependency_shadows_a_package(package):
    file = importlib.import_module(package).__file__
    assert file is not None
    assert Path(file).resolve().is_relative_to(ROOT)


def hops() -> list[tuple[str, str]]:
    """File and function of every row of the hop table in ARCHITECTURE.md."""
    rows = re.findall(
        r"^\| \d+ \| `([\w/.]+\.\w+) : ([\w.]+)`",
        (ROOT / "ARCHITECTURE.md").read_text(),
        re.MULTILINE,
    )
    assert len(rows) >= 8, rows
    return rows


def functions(path: Path) -> set[str]:
    """Names of functions and methods of a file, methods as `Class.method` and alone."""
    if path.suffix == ".mjs":
        return set(re.findall(r"^export function (\w+)", path.read_text(), re.MULTILINE))
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            found |= {f"{node.name}.{n.name}" for n in methods} | {n.name for n in methods}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


def test_every_hop_of_the_architecture_exists():
    missing = [
        f"{file} : {function}"
        for file, function in hops()
        if not (ROOT / file).exists() or function not in functions(ROOT / file)
    ]
    assert not missing, "ARCHITECTURE.md names what is not there: " + ", ".join(missing)


def test_one_record_walks_every_hop_in_order():
    text = (ROOT / "tests" / "test_one_record.py").read_text()
    walked = re.findall(r"^    # \d+ ([\w/.]+\.\w+) : ([\w.]+)$", text, re.MULTILINE)
    assert walked == hops()


def test_every_link_of_the_pages_leads_somewhere():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(pages) >= 4
    broken, seen = [], 0
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)[^)]*\)", page.read_text()):
            seen += 1
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert seen > 3
    assert not broken, "\n".join(broken)


def test_locks_hold_hashes_and_no_addresses():
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert [f.name for f in files] == ["base.txt", "bootstrap.txt", "dev.txt", "node.txt"]
    for file in files:
        text = file.read_text()
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text), file
        pinned = re.findall(r"^[\w.-]+==", text, re.MULTILINE)
        assert pinned
        assert all(
            "--hash=sha256:" in entry
            for entry in re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
        )


def test_types_are_passed_over_for_kernels_only():
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    passed_over = [m for table in tables if table.get("ignore_errors") for m in table["module"]]
    assert len(passed_over) > 5
    for module in passed_over:
        decorators = {
            ast.unparse(decorator)
            for node in parsed(modules()[module]).body
            if isinstance(node, ast.FunctionDef)
            for decorator in node.decorator_list
        }
        assert decorators or module == "operators.kernels", f"{module} compiles nothing"


def test_text_is_free_of_places_of_one_machine():
    seen = 0
    for path in tracked_texts():
        seen += 1
        for number, line in enumerate(path.read_text().splitlines(), 1):
            # Written in pieces, so that this line is not itself one of them.
            assert not re.search(
                r"(?<![\w.])/(?:" + "|".join(("wo" + "rk", "ro" + "ot")) + ")/", line
            ), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
    assert seen > 30


def tracked_texts() -> Iterator[Path]:
    suffixes = {".py", ".md", ".toml", ".yml", ".yaml", ".sh", ".json", ".txt"}
    for folder in (*PACKAGES, "tests", "docs", "benchmarks", "deploy", ".ci"):
        yield from (p for p in (ROOT / folder).rglob("*") if p.suffix in suffixes and p.is_file())
    yield from (p for p in ROOT.glob("*") if p.suffix in suffixes or p.name == "Makefile")
